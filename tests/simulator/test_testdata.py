"""Test data, limits, rights, tokens and authentication sessions."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from enrolling import Subject, person, token_login
from harness import (
    NIP,
    Api,
    adapted,
    auth_request,
    code_of,
    key_pair,
    login,
    new_challenge,
    open_session,
    submit,
    today,
)
from ksef_client.services.xades import sign_xades_enveloped
from test_auth import outcome

PESEL = "30112206276"
OTHER = "1111111111"


def put(api: Api, path: str, token: str | None = None, **body: Any) -> httpx.Response:
    return api.call("POST", f"/testdata/{path}", token, json=body)


def grant(**changes: Any) -> dict[str, Any]:
    return {
        "contextIdentifier": {"type": "Nip", "value": NIP},
        "authorizedIdentifier": {"type": "Nip", "value": OTHER},
        "permissions": [{"permissionType": "InvoiceRead", "description": "do testu"}],
        **changes,
    }


def verdict(api: Api, pair: tuple[str, str], nip: str = NIP) -> dict[str, Any]:
    """The status that a login in the context of ``nip`` ends with."""
    return outcome(api, sign_xades_enveloped(auth_request(new_challenge(api), nip), *pair))


def test_granted_rights_admit_and_are_listed(api: Api) -> None:
    pair = key_pair(api, OTHER)
    assert verdict(api, pair)["code"] == 415
    assert put(api, "permissions", **grant()).status_code == 200
    token = login(api, NIP, pair)["access"]
    path = "/permissions/query/personal/grants"
    (held,) = api.call("POST", path, token, json={}).json()["permissions"]
    assert (held["permissionScope"], held["permissionState"]) == ("InvoiceRead", "Active")
    none = api.call("POST", path, token, json={"permissionTypes": ["InvoiceWrite"]}).json()
    assert none["permissions"] == []
    inactive = api.call("POST", path, token, json={"permissionState": "Inactive"}).json()
    assert inactive["permissions"] == []
    for wrong in ({"permissionTypes": ["x"]}, {"permissionState": "x"}):
        assert code_of(api.call("POST", path, token, json=wrong)) == 21405
    refused = api.call("POST", "/sessions/online", token, json={})
    assert refused.status_code == 403
    assert refused.json()["reasonCode"] == "missing-permissions"
    assert put(api, "permissions/revoke", **grant()).status_code == 200
    assert verdict(api, pair)["code"] == 415


def test_lost_rights_end_the_refresh_token(api: Api) -> None:
    put(api, "permissions", **grant())
    tokens = login(api, NIP, key_pair(api, OTHER))
    put(api, "permissions/revoke", **grant())
    assert code_of(api.call("POST", "/auth/token/refresh", tokens["refresh"])) == 21301


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("permissions", grant(contextIdentifier={"type": "nip", "value": NIP})),
        ("permissions", grant(authorizedIdentifier={"type": "Pesel", "value": "1"})),
        ("permissions", grant(permissions=None)),
        ("permissions", grant(permissions=[{"permissionType": "X", "description": "do testu"}])),
        ("permissions", grant(permissions=[{"permissionType": "InvoiceRead"}])),
        ("subject", {"subjectNip": "1", "subjectType": "JST", "description": "gmina"}),
        ("subject", {"subjectNip": NIP, "subjectType": "X", "description": "gmina"}),
        ("subject", {"subjectNip": NIP, "subjectType": "JST", "description": "x"}),
        ("person", {"nip": NIP, "pesel": PESEL, "description": "osoba"}),
        ("person", {"nip": NIP, "pesel": "x", "isBailiff": False, "description": "osoba"}),
        ("attachment", {"nip": "x"}),
        ("attachment/revoke", {"nip": NIP, "expectedEndDate": "x"}),
        ("context/block", {}),
        ("context/block", {"contextIdentifier": {"type": "Nip", "value": "x"}}),
    ],
)
def test_bad_test_data(api: Api, path: str, body: dict[str, Any]) -> None:
    assert code_of(put(api, path, **body)) == 21405


def test_person_owns_the_context(api: Api) -> None:
    made = {"nip": NIP, "pesel": PESEL, "isBailiff": True, "description": "osoba"}
    assert put(api, "person", **made).status_code == 200
    assert code_of(put(api, "person", **made)) == 30001
    tokens = login(api, NIP, person_pair(api))
    path = "/permissions/query/personal/grants"
    owner = api.call("POST", path, tokens["access"], json={}).json()["ownerPermissions"]
    assert {"InvoiceWrite", "EnforcementOperations"} < set(owner)
    put(api, "person/remove", nip=NIP)
    put(api, "person", **made, isDeceased=True)
    assert verdict(api, person_pair(api))["code"] == 470
    assert code_of(api.call("POST", "/auth/token/refresh", tokens["refresh"])) == 21308


def person_pair(api: Api) -> tuple[str, str]:
    import base64

    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    made = api.control("POST", "certificates", pesel=PESEL, kind="Authentication")
    certificate = x509.load_der_x509_certificate(base64.b64decode(made["certificate"]))
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), made["key"]


def test_subject_of_enforcement(api: Api) -> None:
    made = {"subjectNip": NIP, "subjectType": "EnforcementAuthority", "description": "urząd"}
    path = "/permissions/query/personal/grants"
    before = api.call("POST", path, login(api)["access"], json={}).json()["ownerPermissions"]
    assert "EnforcementOperations" not in before
    assert put(api, "subject", **made, subunits=[]).status_code == 200
    assert code_of(put(api, "subject", **made)) == 30001
    after = api.call("POST", path, login(api)["access"], json={}).json()["ownerPermissions"]
    assert "EnforcementOperations" in after
    assert put(api, "subject/remove", subjectNip=NIP).status_code == 200
    assert put(api, "subject", **made).status_code == 200


def test_blocked_context(api: Api) -> None:
    where = {"contextIdentifier": {"type": "Nip", "value": NIP}}
    assert put(api, "context/block", **where).status_code == 200
    assert verdict(api, key_pair(api))["code"] == 480
    assert verdict(api, key_pair(api, OTHER), OTHER)["code"] == 200
    put(api, "context/unblock", **where)
    assert verdict(api, key_pair(api))["code"] == 200


def test_attachments(api: Api) -> None:
    token, path = login(api)["access"], "/permissions/attachments/status"
    assert api.call("GET", path, token).json() == {"isAttachmentAllowed": False}
    put(api, "attachment", nip=NIP)
    assert api.call("GET", path, token).json() == {"isAttachmentAllowed": True}
    put(api, "attachment/revoke", nip=NIP, expectedEndDate="2099-01-01")
    later = api.call("GET", path, token).json()
    assert later["isAttachmentAllowed"] is True
    assert later["revokedDate"].startswith("2099-01-01")
    put(api, "attachment/revoke", nip=NIP)
    assert api.call("GET", path, token).json()["isAttachmentAllowed"] is False


def session_limits(size: int = 2, invoices: int = 5) -> dict[str, dict[str, int]]:
    one = {
        "maxInvoiceSizeInMB": size,
        "maxInvoiceWithAttachmentSizeInMB": 4,
        "maxInvoices": invoices,
    }
    return {"onlineSession": one, "batchSession": one}


def test_session_limits_of_a_context(api: Api) -> None:
    token, path = login(api)["access"], "/testdata/limits/context/session"
    other = login(api, OTHER)["access"]
    assert api.call("POST", path, token, json=session_limits()).status_code == 200
    seen = api.call("GET", "/limits/context", token).json()
    assert seen["onlineSession"] == session_limits()["onlineSession"]
    untouched = api.call("GET", "/limits/context", other).json()
    assert untouched["batchSession"]["maxInvoices"] == 10_000
    for wrong in (session_limits(6), session_limits(1, 100_001), {"onlineSession": {}}):
        assert code_of(api.call("POST", path, token, json=wrong)) == 21405
    assert api.call("DELETE", path, token).status_code == 200
    seen = api.call("GET", "/limits/context", token).json()
    assert seen["onlineSession"]["maxInvoiceSizeInMB"] == 1


def test_certificate_limits_of_a_subject(api: Api) -> None:
    token, path = login(api)["access"], "/testdata/limits/subject/certificate"
    body = {"enrollment": {"maxEnrollments": 4}, "certificate": {"maxCertificates": 0}}
    assert api.call("POST", path, token, json=body).status_code == 200
    assert api.call("GET", "/limits/subject", token).json() == body
    limits = api.call("GET", "/certificates/limits", token).json()
    assert (limits["canRequest"], limits["enrollment"]["limit"]) == (False, 4)
    for wrong in ({"subjectIdentifierType": "Pesel"}, {"enrollment": {"maxEnrollments": -1}}):
        assert code_of(api.call("POST", path, token, json=wrong)) == 21405
    assert api.call("DELETE", path, token).status_code == 200
    limits = api.call("GET", "/certificates/limits", token).json()
    assert limits["certificate"]["limit"] == 100


def test_rate_limits_of_a_context(api: Api) -> None:
    token, path = login(api)["access"], "/testdata/rate-limits"
    usual = api.call("GET", "/rate-limits", token).json()
    changed = {group: dict.fromkeys(values, 7) for group, values in usual.items()}
    assert api.call("POST", path, token, json={"rateLimits": changed}).status_code == 200
    assert api.call("GET", "/rate-limits", token).json() == changed
    assert api.call("GET", "/rate-limits", login(api, OTHER)["access"]).json() == usual
    del changed["invoiceSend"]
    assert code_of(api.call("POST", path, token, json={"rateLimits": changed})) == 21405
    assert api.call("POST", path + "/production", token).status_code == 200
    assert api.call("GET", "/rate-limits", token).json() == usual
    assert api.call("DELETE", path, token).status_code == 200


def test_shortened_certificate(api: Api) -> None:
    company = Subject(api, login(api)["access"])
    serial = company.listed()[0]["certificateSerialNumber"]

    def shorten(moment: str) -> httpx.Response:
        path = f"/testdata/certificates/{serial}"
        return api.call("PUT", path, company.token, json={"validTo": moment})

    assert code_of(shorten("2999-01-01T00:00:00Z")) == 21405
    assert code_of(shorten("x")) == 21405
    assert shorten("2026-01-01T00:00:00Z").status_code == 200
    assert company.listed(certificateSerialNumber=serial)[0]["status"] == "Expired"


def test_others_rights_are_nobodys_business(api: Api) -> None:
    token = login(api)["access"]
    refused = api.call("POST", "/permissions/persons/grants", token, json={})
    assert refused.status_code == 403
    assert refused.json()["reasonCode"] == "missing-permissions"


def test_tokens(api: Api) -> None:
    token = login(api)["access"]
    body = {"permissions": ["InvoiceRead"], "description": "dla testu"}
    made = api.call("POST", "/tokens", token, json=body)
    assert made.status_code == 202
    reference, text = made.json()["referenceNumber"], made.json()["token"]
    assert text.startswith(f"{reference}|nip-{NIP}|")
    assert len(text) <= 160
    (row,) = api.call("GET", "/tokens", token, params={"description": "DLA"}).json()["tokens"]
    assert (row["status"], row["requestedPermissions"]) == ("Active", ["InvoiceRead"])
    assert text not in str(row)
    assert api.call("GET", "/tokens", token, params={"status": "Revoked"}).json()["tokens"] == []
    assert api.call("GET", f"/tokens/{reference}", token).json() == row
    assert api.call("DELETE", f"/tokens/{reference}", token).status_code == 204
    assert api.call("GET", f"/tokens/{reference}", token).json()["status"] == "Revoked"
    assert code_of(api.call("DELETE", f"/tokens/{reference}", token)) == 21405
    for wrong in ({"permissions": []}, {"permissions": ["X"]}, {"description": "x"}):
        assert code_of(api.call("POST", "/tokens", token, json={**body, **wrong})) == 21405
    assert code_of(api.call("GET", "/tokens", token, params={"description": "x"})) == 21405
    bearer = token_login(api)
    refused = bearer.call("POST", "/tokens", json=body)
    assert (refused.status_code, refused.json()["reasonCode"]) == (403, "auth-method-not-allowed")
    # a token without the right to manage sees only itself
    assert len(bearer.call("GET", "/tokens").json()["tokens"]) == 1


def test_token_takes_no_more_rights_than_its_author_has(api: Api) -> None:
    put(api, "permissions", **grant())
    token = login(api, NIP, key_pair(api, OTHER))["access"]
    body = {"permissions": ["InvoiceWrite"], "description": "dla testu"}
    assert code_of(api.call("POST", "/tokens", token, json=body)) == 26001


def test_authentication_sessions(api: Api) -> None:
    first, second = login(api), login(api)
    login(api, OTHER)
    submit(api, sign_xades_enveloped(auth_request(new_challenge(api)), *key_pair(api)))
    listed = api.call("GET", "/auth/sessions", second["access"]).json()["items"]
    assert [(row["referenceNumber"], row["isCurrent"]) for row in listed] == [
        (second["reference"], True),
        (first["reference"], False),
    ]
    path = f"/auth/sessions/{first['reference']}"
    assert api.call("DELETE", path, second["access"]).status_code == 204
    assert code_of(api.call("DELETE", path, second["access"])) == 21405
    assert code_of(api.call("DELETE", "/auth/sessions/x", second["access"])) == 21405
    assert code_of(api.call("POST", "/auth/token/refresh", first["refresh"])) == 21301
    listed = api.call("GET", "/auth/sessions", second["access"]).json()["items"]
    assert len(listed) == 1
    wrong = api.call("GET", "/auth/sessions", second["access"], params={"pageSize": 101})
    assert code_of(wrong) == 21405


def test_authentication_sessions_by_pages(api: Api) -> None:
    access = [login(api)["access"] for _ in range(11)][-1]
    first = api.call("GET", "/auth/sessions", access).json()
    header = {"x-continuation-token": first["continuationToken"]}
    second = api.call("GET", "/auth/sessions", access, headers=header).json()
    assert (len(first["items"]), len(second["items"])) == (10, 1)
    assert "continuationToken" not in second
    header = {"x-continuation-token": "eA=="}
    assert code_of(api.call("GET", "/auth/sessions", access, headers=header)) == 21418


def test_peppol_context_needs_a_peppol_certificate(api: Api) -> None:
    xml = auth_request(new_challenge(api)).replace(
        f"<Nip>{NIP}</Nip>", "<PeppolId>PPL123456</PeppolId>"
    )
    assert code_of(submit(api, sign_xades_enveloped(xml, *key_pair(api)))) == 21117


def test_person_sees_its_own_limits(api: Api) -> None:
    assert person(api).call("GET", "/limits/subject").json()["certificate"] == {
        "maxCertificates": 6
    }


def test_lowered_limits_are_enforced(api: Api, invoice_template: bytes) -> None:
    token, path = login(api)["access"], "/testdata/limits/context/session"
    api.call("POST", path, token, json=session_limits(0, 1))
    session = open_session(api, token)
    reference = session.send(adapted(invoice_template, P_1=today()))
    status = session.status(reference)["status"]
    assert (status["code"], status["details"]) == (
        430,
        ["Przekroczono dozwolony rozmiar pliku faktury."],
    )
    assert code_of(session.post(session.payload(invoice_template))) == 21155


def test_linked_nip_and_pesel_are_one_subject(api: Api) -> None:
    human = person(api)
    serial = human.listed()[0]["certificateSerialNumber"]
    body = {"permissions": ["InvoiceRead"], "description": "dla testu"}
    reference = human.call("POST", "/tokens", json=body).json()["referenceNumber"]
    company = Subject(api, login(api)["access"])
    assert code_of(company.revoke(serial)) == 25008
    made = {"nip": NIP, "pesel": PESEL, "isBailiff": False, "description": "osoba"}
    put(api, "person", **made)
    assert company.call("GET", f"/tokens/{reference}").status_code == 200
    assert company.revoke(serial).status_code == 204


def test_newer_operations_by_version(api: Api) -> None:
    token = login(api)["access"]
    for version, status in (("2.6", 404), ("2.8", 403)):
        api.control("POST", "profile", api_version=version)
        path = "/collective-identifiers/query"
        assert api.call("POST", path, token, json={}).status_code == status

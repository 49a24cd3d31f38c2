"""VAT groups and local governments: who may issue for whom, log in where, and what is told."""

from __future__ import annotations

from typing import Any

import pytest
from harness import NIP, Api, adapted, code_of, key_pair, login, open_session, sha, today
from test_qr import Issuer, failed
from test_testdata import put, verdict

#: the parent; NIP is below it
PARENT = "3755747347"
SIBLING = "8225900795"
STRANGER = "1111111111"
SINCE = "2026-02-01T00:00:00+01:00"


def relation(api: Api, kind: str, **more: Any) -> None:
    units = [
        {"subjectNip": NIP, "description": "Jednostka pierwsza"},
        {"subjectNip": SIBLING, "description": "Jednostka druga"},
    ]
    body = {
        "subjectNip": PARENT,
        "subjectType": kind,
        "description": "Podmiot nadrzędny",
        "createdDate": SINCE,
        "subunits": units,
        **more,
    }
    answer = put(api, "subject", **body)
    assert answer.status_code == 200, answer.text


def issued_by(template: bytes, role: str | None, nip: str = NIP, number: str = "R/1") -> bytes:
    """An invoice of the parent that names ``nip`` in a role."""
    xml = adapted(template, NIP=PARENT, P_1=today(), P_2=number)
    if role is None:
        return xml
    third = (
        f"</Podmiot2><Podmiot3><DaneIdentyfikacyjne><NIP>{nip}</NIP><Nazwa>X</Nazwa>"
        f"</DaneIdentyfikacyjne><Rola>{role}</Rola></Podmiot3>"
    )
    return xml.replace(b"</Podmiot2>", third.encode(), 1)


def send(api: Api, xml: bytes, nip: str = NIP) -> tuple[int, str | None]:
    session = open_session(api, login(api, nip)["access"])
    status = session.status(session.send(xml))
    return status["status"]["code"], status.get("ksefNumber")


@pytest.mark.parametrize(("kind", "role"), [("JST", "7"), ("VatGroup", "9")])
def test_a_unit_issues_for_its_parent(
    api: Api, invoice_template: bytes, kind: str, role: str
) -> None:
    xml = issued_by(invoice_template, role)
    assert send(api, xml) == (410, None), "no relation yet"
    relation(api, kind)
    code, number = send(api, xml)
    assert code == 200
    assert number is not None
    assert number.startswith(f"{PARENT}-"), "the number begins with the seller's NIP"
    assert put(api, "subject/remove", subjectNip=PARENT).status_code == 200
    assert send(api, issued_by(invoice_template, role, number="R/2")) == (410, None)


@pytest.mark.parametrize(
    ("kind", "role", "named"),
    [
        ("JST", None, NIP),
        # the other kind's role, the roles of a recipient, and another unit
        ("JST", "9", NIP),
        ("JST", "8", NIP),
        ("VatGroup", "7", NIP),
        ("VatGroup", "10", NIP),
        ("VatGroup", "9", SIBLING),
    ],
)
def test_the_invoice_must_name_the_unit_as_issuer(
    api: Api, invoice_template: bytes, kind: str, role: str | None, named: str
) -> None:
    relation(api, kind)
    assert send(api, issued_by(invoice_template, role, named)) == (410, None)


def test_a_refused_relation_is_no_technical_matter(api: Api, invoice_template: bytes) -> None:
    """korekta-techniczna.md: not for relations of local governments or VAT groups."""
    session = open_session(api, login(api)["access"])
    refused = issued_by(invoice_template, "9")
    assert session.status(session.send(refused, offlineMode=True))["status"]["code"] == 410
    relation(api, "VatGroup")
    named = {"offlineMode": True, "hashOfCorrectedInvoice": sha(refused)}
    assert code_of(session.post(session.payload(refused, **named))) == 21167


def test_nobody_else_issues(api: Api, invoice_template: bytes) -> None:
    relation(api, "VatGroup")
    # the parent in its own name, the unit in its own name: as any taxpayer
    assert send(api, issued_by(invoice_template, None), PARENT)[0] == 200
    own = adapted(invoice_template, P_1=today(), P_2="R/3")
    assert send(api, own)[0] == 200
    # the parent does not issue for the unit, a stranger for nobody, a unit not for its sibling
    assert send(api, adapted(own, P_2="R/4"), PARENT)[0] == 410
    stranger = issued_by(invoice_template, "9", STRANGER, "R/5")
    assert send(api, stranger, STRANGER)[0] == 410
    sibling = adapted(own, NIP=SIBLING, P_2="R/6")
    assert send(api, sibling)[0] == 410


def test_the_unit_sees_what_it_issued(api: Api, invoice_template: bytes) -> None:
    relation(api, "VatGroup")
    xml = issued_by(invoice_template, "9")
    session = open_session(api, login(api)["access"])
    reference = session.send(xml)
    for _look in range(2):
        number = session.status(reference)["ksefNumber"]
    path = f"/invoices/ksef/{number}"
    assert api.call("GET", path, session.token).content == xml
    assert api.call("GET", path, login(api, PARENT)["access"]).content == xml
    assert code_of(api.call("GET", path, login(api, SIBLING)["access"])) == 21164


def test_rights_do_not_follow_the_relation(api: Api) -> None:
    """An administrator is appointed or granted; owning the parent's NIP is not enough."""
    relation(api, "JST")
    assert verdict(api, key_pair(api, NIP), NIP)["code"] == 200
    assert verdict(api, key_pair(api, PARENT), NIP)["code"] == 415
    assert verdict(api, key_pair(api, NIP), PARENT)["code"] == 415
    assert verdict(api, key_pair(api, SIBLING), NIP)["code"] == 415
    granted = {
        "contextIdentifier": {"type": "Nip", "value": NIP},
        "authorizedIdentifier": {"type": "Nip", "value": PARENT},
        "permissions": [{"permissionType": "CredentialsManage", "description": "administrator"}],
    }
    assert put(api, "permissions", **granted).status_code == 200
    assert verdict(api, key_pair(api, PARENT), NIP)["code"] == 200


def test_second_code_of_a_unit(api: Api) -> None:
    issuer = Issuer(api)
    assert failed(issuer.result(issuer.text(nip=PARENT))) == {"seller"}
    relation(api, "VatGroup")
    assert issuer.result(issuer.text(nip=PARENT))["result"] == "valid"
    assert failed(issuer.result(issuer.text(nip=SIBLING))) == {"seller"}


def roles(api: Api, nip: str) -> list[dict[str, Any]]:
    answer = api.call("GET", "/permissions/query/entities/roles", login(api, nip)["access"])
    assert answer.status_code == 200, answer.text
    return answer.json()["roles"]


@pytest.mark.parametrize(
    ("kind", "above", "below"),
    [
        ("JST", "LocalGovernmentUnit", "LocalGovernmentSubUnit"),
        ("VatGroup", "VatGroupUnit", "VatGroupSubUnit"),
    ],
)
def test_roles_are_told(api: Api, kind: str, above: str, below: str) -> None:
    assert roles(api, NIP) == roles(api, PARENT) == []
    relation(api, kind)
    since = "2026-01-31T23:00:00.0000000+00:00"
    assert roles(api, PARENT) == [
        {"role": above, "description": "Podmiot nadrzędny", "startDate": since}
    ]
    assert roles(api, NIP) == [
        {
            "role": below,
            "description": "Jednostka pierwsza",
            "parentEntityIdentifier": {"type": "Nip", "value": PARENT},
            "startDate": since,
        }
    ]
    path, token = "/permissions/query/subordinate-entities/roles", login(api, PARENT)["access"]
    listed = api.call("POST", path, token, json={}).json()
    assert listed["hasMore"] is False
    assert [
        (item["subordinateEntityIdentifier"]["value"], item["role"]) for item in listed["roles"]
    ] == [(NIP, below), (SIBLING, below)]
    one = {"subordinateEntityIdentifier": {"type": "Nip", "value": SIBLING}}
    (found,) = api.call("POST", path, token, json=one).json()["roles"]
    assert found["description"] == "Jednostka druga"
    assert api.call("POST", path, login(api, NIP)["access"], json={}).json()["roles"] == []
    wrong = {"subordinateEntityIdentifier": {"type": "Pesel", "value": "30112206276"}}
    assert code_of(api.call("POST", path, token, json=wrong)) == 21405
    assert code_of(api.call("POST", f"{path}?pageSize=9", token, json={})) == 21405


def test_roles_of_enforcement(api: Api) -> None:
    body = {"subjectNip": NIP, "subjectType": "EnforcementAuthority", "description": "urząd"}
    assert put(api, "subject", **body).status_code == 200
    person = {"nip": NIP, "pesel": "30112206276", "isBailiff": True, "description": "komornik"}
    assert put(api, "person", **person).status_code == 200
    assert {item["role"] for item in roles(api, NIP)} == {"EnforcementAuthority", "CourtBailiff"}


def test_roles_need_a_right(api: Api) -> None:
    granted = {
        "contextIdentifier": {"type": "Nip", "value": PARENT},
        "authorizedIdentifier": {"type": "Nip", "value": STRANGER},
        "permissions": [{"permissionType": "SubunitManage", "description": "jednostki"}],
    }
    put(api, "permissions", **granted)
    token = login(api, PARENT, key_pair(api, STRANGER))["access"]
    refused = api.call("GET", "/permissions/query/entities/roles", token)
    assert refused.status_code == 403
    assert refused.json()["security"]["requiredAnyOfPermissions"] == [
        "CredentialsManage",
        "CredentialsRead",
    ]
    path = "/permissions/query/subordinate-entities/roles"
    assert api.call("POST", path, token, json={}).status_code == 200


def unit(nip: str) -> dict[str, str]:
    return {"subjectNip": nip, "description": "Jednostka"}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        # of an enforcement authority the contract knows no units
        ({"subjectType": "EnforcementAuthority", "subunits": [unit(STRANGER)]}, 21405),
        ({"subunits": [{"subjectNip": STRANGER}]}, 21405),
        ({"subunits": [unit("1")]}, 21405),
        # a NIP has one place
        ({"subunits": [unit(NIP)]}, 30001),
        ({"subunits": [unit(PARENT)]}, 30001),
        ({"subjectNip": NIP, "subunits": []}, 30001),
        ({"subjectNip": STRANGER, "subunits": [unit(STRANGER)]}, 30001),
    ],
)
def test_relations_that_cannot_be_made(api: Api, changes: dict[str, Any], code: int) -> None:
    relation(api, "JST")
    body = {"subjectNip": STRANGER, "subjectType": "JST", "description": "Druga gmina"}
    assert code_of(put(api, "subject", **{**body, **changes})) == code


@pytest.mark.parametrize("path", ["subject", "person"])
def test_each_creation_is_later_than_the_last(api: Api, path: str) -> None:
    bodies = {
        "subject": {"subjectNip": NIP, "subjectType": "JST", "description": "gmina"},
        "person": {
            "nip": NIP,
            "pesel": "30112206276",
            "isBailiff": False,
            "description": "osoba",
        },
    }
    name = "subjectNip" if path == "subject" else "nip"
    assert put(api, path, **bodies[path], createdDate=SINCE).status_code == 200
    put(api, f"{path}/remove", **{name: NIP})
    for moment in (SINCE, "2026-01-01T00:00:00Z"):
        assert code_of(put(api, path, **bodies[path], createdDate=moment)) == 21405
    later = "2026-02-01T00:00:01+01:00"
    assert put(api, path, **bodies[path], createdDate=later).status_code == 200

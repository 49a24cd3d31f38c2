"""Refusals of sections 2, 3, 5, 6 and 9 that no other file shows; ``test_rows`` has them all."""

from __future__ import annotations

import re
from typing import Any

import pytest
from batches import Batch, make_zip
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from exporting import Export, window
from harness import (
    NIP,
    Api,
    Session,
    adapted,
    auth_request,
    code_of,
    key_pair,
    login,
    new_challenge,
    open_session,
    sha,
    submit,
    today,
    wrap,
)
from lxml import etree
from signing import NAMESPACES, certificate, sign

SEAL = {"C": "PL", "O": "Firma", "id": f"VATPL-{NIP}", "CN": "Firma"}
PERSON = {"C": "PL", "GN": "Jan", "SN": "Nowak", "serial": "PNOPL-30112206276", "CN": "Jan Nowak"}


@pytest.fixture
def token(api: Api) -> str:
    return login(api)["access"]


@pytest.fixture
def xml(invoice_template: bytes) -> bytes:
    return adapted(invoice_template, P_1=today(), P_2="N/1")


def p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def request_xml(api: Api, **changes: str) -> str:
    """An unsigned request; ``changes``: pattern by name, replaced by the value's ``=>`` part."""
    text = auth_request(new_challenge(api))
    for change in changes.values():
        old, _arrow, new = change.partition("=>")
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


# -- section 2 ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("version", "code"), [("2.8", 21405), ("2.9", 21001)])
@pytest.mark.parametrize("content", [b"", b"{", b"\xff{}", b'{"a": NaN}', b"[" * 5000])
def test_unreadable_bodies(api: Api, token: str, content: bytes, version: str, code: int) -> None:
    api.control("POST", "profile", api_version=version)
    headers = {"Content-Type": "application/json"}
    for path in ("/sessions/online", "/sessions/batch", "/invoices/exports", "/auth/ksef-token"):
        answer = api.call("POST", path, token, content=content, headers=headers)
        assert code_of(answer) == code, path


@pytest.mark.parametrize("content", [b"[]", b"null", b'"x"', b"7", b"{}"])
def test_bodies_of_another_shape(api: Api, token: str, content: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    for path in ("/sessions/online", "/sessions/batch", "/invoices/exports", "/auth/ksef-token"):
        answer = api.call("POST", path, token, content=content, headers=headers)
        assert code_of(answer) == 21405, path


TAKING_JSON = [
    "/auth/ksef-token",
    "/sessions/online",
    "/sessions/batch",
    "/invoices/exports",
    "/invoices/query/metadata",
    "/certificates/enrollments",
    "/certificates/retrieve",
    "/certificates/query",
    "/tokens",
    "/permissions/query/personal/grants",
]


@pytest.mark.parametrize("path", TAKING_JSON)
def test_misspelt_properties(api: Api, token: str, path: str) -> None:
    """The Ministry passes over them; an option that silently does nothing helps nobody."""
    good: dict[str, Any] = {}
    if path == "/invoices/query/metadata":
        good = {"subjectType": "Subject1", "dateRange": window()}
    answer = api.call("POST", path, token, json={**good, "offlinemode": True})
    assert code_of(answer) == 21405
    assert "offlinemode" in answer.text


def test_misspelt_properties_inside(api: Api, token: str, xml: bytes) -> None:
    session = open_session(api, token)
    assert code_of(session.post(session.payload(xml, offlinemode=True))) == 21405
    batch = Batch(api, token, make_zip({"a.xml": xml}))
    assert code_of(batch.post(batch.payload(compressiontype="Zip"))) == 21405
    export = Export(api, token)
    strange = {"subjectType": "Subject1", "dateRange": window(until="now")}
    assert code_of(export.post(export.payload(strange))) == 21405
    payload = export.payload()
    payload["encryption"]["keyId"] = "x"
    assert code_of(export.post(payload)) == 21405


def test_null_is_no_truth_value(api: Api, token: str, xml: bytes) -> None:
    """The contract lets other fields be null, not these."""
    session = open_session(api, token)
    assert code_of(session.post(session.payload(xml, offlineMode=None))) == 21405
    batch = Batch(api, token, make_zip({"a.xml": xml}))
    assert code_of(batch.post({**batch.payload(), "offlineMode": None})) == 21405
    export = Export(api, token)
    assert code_of(export.post({**export.payload(), "onlyMetadata": None})) == 21405


# -- section 3 ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        "<Challenge>=><Challenge kind='x'>",
        "</Challenge>=></Challenge>text",
        "<Nip>=><Nip> ",
        "<Challenge>=><Other/><Challenge>",
        "</SubjectIdentifierType>=></SubjectIdentifierType><AuthorizationPolicy/>",
        "</SubjectIdentifierType>=></SubjectIdentifierType><Other/>",
        "certificateSubject=>certificateSubject<x/>",
        "<ContextIdentifier>=><ContextIdentifier><Nip>1111111111</Nip>",
        "<Nip>=><Nip xmlns='urn:x'>",
        "<AuthTokenRequest=><AuthTokenRequest version='1'",
        "</ContextIdentifier>=></ContextIdentifier><ContextIdentifier/>",
    ],
)
def test_valid_signature_of_a_wrong_document(api: Api, change: str) -> None:
    signed = sign(request_xml(api, change=change), key_pair(api))
    assert code_of(submit(api, signed)) == 21401


def policy(*items: str) -> str:
    text = "".join(items)
    return (
        "</SubjectIdentifierType>=></SubjectIdentifierType><AuthorizationPolicy><AllowedIps>"
        f"{text}</AllowedIps></AuthorizationPolicy>"
    )


@pytest.mark.parametrize(
    "items",
    [
        ("<Ip4Address>127.0.0</Ip4Address>",),
        ("<Ip4Address>127.0.0.256</Ip4Address>",),
        ("<Ip4Mask>10.0.0.0/33</Ip4Mask>",),
        ("<Ip4Range>10.0.0.1</Ip4Range>",),
        ("<Ip4Mask>10.0.0.0/8</Ip4Mask>", "<Ip4Address>127.0.0.1</Ip4Address>"),
        ("<Ip4Address>127.0.0.1</Ip4Address>",) * 11,
        ("<Ip6Address>::1</Ip6Address>",),
    ],
)
def test_wrong_policy(api: Api, items: tuple[str, ...]) -> None:
    signed = sign(request_xml(api, change=policy(*items)), key_pair(api))
    assert code_of(submit(api, signed)) == 21401


@pytest.mark.parametrize(
    ("items", "admitted"),
    [
        (("<Ip4Address>127.0.0.1</Ip4Address>",), True),
        (("<Ip4Range>127.0.0.0-127.0.0.9</Ip4Range>",), True),
        (("<Ip4Mask>127.0.0.0/8</Ip4Mask>",), True),
        (("<Ip4Address>127.0.0.2</Ip4Address>",), False),
        (("<Ip4Address>10.0.0.1</Ip4Address>", "<Ip4Mask>10.0.0.0/8</Ip4Mask>"), False),
    ],
)
def test_policy_of_addresses(api: Api, items: tuple[str, ...], admitted: bool) -> None:
    signed = sign(request_xml(api, change=policy(*items)), key_pair(api))
    started = submit(api, signed).json()
    bearer = started["authenticationToken"]["token"]
    answers = [
        api.call("GET", f"/auth/{started['referenceNumber']}", bearer),
        api.call("POST", "/auth/token/redeem", bearer),
    ]
    assert {answer.status_code for answer in answers} == ({200} if admitted else {403})
    if not admitted:
        refused = answers[0].json()
        assert refused["reasonCode"] == "ip-not-allowed"
        assert refused["security"] == {"clientIp": "127.0.0.1"}


def test_detached_signature(api: Api) -> None:
    root = etree.fromstring(sign(request_xml(api), key_pair(api)))
    signature = root.find("ds:Signature", NAMESPACES)
    assert signature is not None
    inner = etree.SubElement(root[1], "{urn:x}box")
    inner.append(signature)
    assert code_of(submit(api, etree.tostring(root))) in (9105, 21401)
    assert code_of(submit(api, etree.tostring(signature))) == 21401


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(public_exponent=65537, key_size=1024),
        ec.generate_private_key(ec.SECP224R1()),
    ],
    ids=["rsa1024", "p224"],
)
def test_weak_keys(api: Api, key: Any) -> None:
    assert code_of(submit(api, sign(request_xml(api), certificate(SEAL, key)))) == 9105


@pytest.mark.parametrize(
    ("pattern", "algorithm"),
    [
        (r"(SignatureMethod Algorithm=\")[^\"]*", "http://www.w3.org/2000/09/xmldsig#hmac-sha1"),
        (r"(SignatureMethod Algorithm=\")[^\"]*", "http://www.w3.org/2001/04/xmldsig-more#rsa-md5"),
        (r"(DigestMethod Algorithm=\")[^\"]*", "http://www.w3.org/2001/04/xmldsig-more#md5"),
        (r"(CanonicalizationMethod Algorithm=\")[^\"]*", "urn:none"),
        (r"(Transform Algorithm=\")[^\"]*", "http://www.w3.org/TR/1999/REC-xslt-19991116"),
    ],
)
def test_foreign_algorithms(api: Api, pattern: str, algorithm: str) -> None:
    signed = sign(request_xml(api), key_pair(api)).decode()
    changed = re.sub(pattern, rf"\g<1>{algorithm}", signed, count=1)
    assert changed != signed
    assert code_of(submit(api, changed)) == 9105


def no_certificate(properties: etree._Element) -> None:
    found = properties.find(".//xades:SigningCertificate", NAMESPACES)
    assert found is not None
    parent = found.getparent()
    assert parent is not None
    parent.remove(found)


def setter(path: str, text: str) -> Any:
    def change(properties: etree._Element) -> None:
        found = properties.find(f".//{path}", NAMESPACES)
        assert found is not None, path
        found.text = text

    return change


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (lambda properties: None, None),
        (no_certificate, 9105),
        (setter("xades:CertDigest/ds:DigestValue", "A" * 43 + "="), 9105),
        (setter("ds:X509SerialNumber", "1"), 9105),
        (setter("ds:X509IssuerName", "CN=Ktoś inny"), 9105),
        (setter("xades:SigningTime", "2099-01-01T00:00:00Z"), 9105),
        (setter("xades:SigningTime", ""), 9105),
    ],
)
def test_wrong_properties(api: Api, edit: Any, code: int | None) -> None:
    answer = submit(api, sign(request_xml(api), key_pair(api), edit))
    if code is None:
        # signed again without a change it passes: what fails below fails for its content
        assert answer.status_code == 202
    else:
        assert code_of(answer) == code


def test_wrong_key_usage(api: Api) -> None:
    for usage, status in (({"digital_signature": True}, 202), ({"key_encipherment": True}, 400)):
        answer = submit(api, sign(request_xml(api), certificate(SEAL, p256(), usage=usage)))
        assert answer.status_code == status
    assert code_of(answer) == 21115


@pytest.mark.parametrize(
    ("subject", "code"),
    [
        (SEAL, None),
        (PERSON, None),
        ({**PERSON, "serial": "TINPL-5265877635"}, None),
        ({**SEAL, "id": "5265877635"}, 21406),
        ({**PERSON, "serial": "IDCPL-ABC123"}, 21406),
        ({"C": "PL", "CN": "Nikt"}, 21406),
        ({**SEAL, "GN": "Jan"}, 21115),
        ({key: value for key, value in SEAL.items() if key != "O"}, 21115),
        ({key: value for key, value in SEAL.items() if key != "C"}, 21115),
        ({key: value for key, value in PERSON.items() if key != "SN"}, 21115),
    ],
)
def test_wrong_subjects(api: Api, subject: dict[str, str], code: int | None) -> None:
    answer = submit(api, sign(request_xml(api), certificate(subject, p256())))
    if code is None:
        assert answer.status_code == 202
    else:
        assert code_of(answer) == code


def test_deceased_person(api: Api) -> None:
    person = {"nip": NIP, "pesel": "30112206276", "isBailiff": False, "description": "zmarły"}
    made = api.call("POST", "/testdata/person", json={**person, "isDeceased": True})
    assert made.status_code == 200, made.text
    started = submit(api, sign(request_xml(api), certificate(PERSON, p256()))).json()
    bearer = started["authenticationToken"]["token"]
    status = api.call("GET", f"/auth/{started['referenceNumber']}", bearer).json()["status"]
    assert status["code"] == 470


@pytest.mark.parametrize(
    ("policy_of_token", "code"),
    [
        ({"allowedIps": {"ip4Addresses": ["127.0.0.1"]}}, 200),
        ({"allowedIps": {"ip4Ranges": ["10.0.0.1-10.0.0.9"]}}, 403),
        ({"allowedIps": {"ip4Masks": ["10.0.0.0/40"]}}, 400),
        ({"allowedIps": {"ip4Addresses": ["127.0.0.1"] * 11}}, 400),
        ({"allowedIps": ["127.0.0.1"]}, 400),
        ({}, 400),
    ],
)
def test_policy_of_a_token(api: Api, policy_of_token: dict[str, Any], code: int) -> None:
    token = api.control("POST", "tokens", nip=NIP)["token"]
    issued = api.call("POST", "/auth/challenge").json()
    text = f"{token}|{issued['timestampMs']}".encode()
    secret, identifier = wrap(api, text, "KsefTokenEncryption")
    payload = {
        "challenge": issued["challenge"],
        "encryptedToken": secret,
        "publicKeyId": identifier,
        "contextIdentifier": {"type": "Nip", "value": NIP},
        "authorizationPolicy": policy_of_token,
    }
    answer = api.call("POST", "/auth/ksef-token", json=payload)
    if code == 400:
        assert code_of(answer) == 21405
    else:
        bearer = answer.json()["authenticationToken"]["token"]
        asked = api.call("GET", f"/auth/{answer.json()['referenceNumber']}", bearer)
        assert asked.status_code == code


# -- sections 5, 6 and 9 ------------------------------------------------------------------------


@pytest.mark.parametrize(("content", "code"), [(None, 440), (b"<x/>", 445), (b"good", 200)])
def test_end_after_twelve_hours(
    api: Api, token: str, xml: bytes, content: bytes | None, code: int
) -> None:
    session = open_session(api, token)
    if content is not None:
        session.send(xml if content == b"good" else content)
    api.control("POST", "clock", advance=12 * 3600 + 1)
    session.token = login(api)["access"]
    path = f"/sessions/{session.reference}"
    codes = [api.call("GET", path, session.token).json()["status"]["code"] for _look in range(2)]
    assert codes[-1] == code


ATTACHMENT = (
    b"<Zalacznik><BlokDanych><MetaDane><ZKlucz>a</ZKlucz><ZWartosc>b</ZWartosc></MetaDane>"
    b"</BlokDanych></Zalacznik></Faktura>"
)


def test_attachment_in_a_session(api: Api, token: str, xml: bytes) -> None:
    session = open_session(api, token)
    api.control("POST", "attachments", nip=NIP, allowed=True)
    attached = xml.replace(b"</Faktura>", ATTACHMENT)
    assert session.status(session.send(attached))["status"]["code"] == 415
    # a technical correction of it may go interactively
    named = session.payload(attached, offlineMode=True)["invoiceHash"]
    again = attached.replace(b"N/1", b"N/2")
    fixed = session.send(again, offlineMode=True, hashOfCorrectedInvoice=named)
    assert session.status(fixed)["status"]["code"] == 200


def test_duplicates_of_ten_years(api: Api, xml: bytes) -> None:
    """Ten full years after the end of the year of issue the number is free again."""
    old = adapted(xml, P_1="2026-11-05", P_2="OLD/1")

    def send_in(year: int) -> int:
        api.control("POST", "clock", set=f"{year}-12-31T10:00:00Z")
        api.control("POST", "rotate-keys", mode="emergency")
        session: Session = open_session(api, login(api)["access"])
        code: int = session.status(session.send(old))["status"]["code"]
        return code

    assert [send_in(year) for year in (2026, 2036, 2037)] == [200, 440, 200]


def test_no_technical_correction_in_a_batch(api: Api, token: str, xml: bytes) -> None:
    """There is no field for it; a corrected file is simply another invoice."""
    broken = xml.replace(b"<P_12>23</P_12>", b"<P_12>24</P_12>")
    batch = Batch(api, token, make_zip({"a.xml": broken}))
    batch.submit(offline=True)
    assert batch.rows()[0]["status"]["code"] == 430
    batch = Batch(api, token, make_zip({"a.xml": xml}))
    named = {**batch.payload(), "hashOfCorrectedInvoice": sha(broken)}
    assert code_of(batch.post(named)) == 21405
    assert batch.submit()["status"]["code"] == 200
    rows = api.call(
        "POST",
        "/invoices/query/metadata",
        token,
        json={"subjectType": "Subject1", "dateRange": window("Invoicing")},
    ).json()["invoices"]
    assert ["hashOfCorrectedInvoice" in row for row in rows] == [False]


def test_export_of_a_unit(api: Api) -> None:
    change = f"<Nip>{NIP}</Nip>=><InternalId>{NIP}-00001</InternalId>"
    started = submit(api, sign(request_xml(api, change=change), key_pair(api))).json()
    bearer = started["authenticationToken"]["token"]
    api.call("GET", f"/auth/{started['referenceNumber']}", bearer)
    tokens = api.call("POST", "/auth/token/redeem", bearer).json()
    export = Export(api, tokens["accessToken"]["token"])
    refused = export.post(export.payload())
    assert code_of(refused) == 21181
    third = {"subjectType": "Subject3", "dateRange": window()}
    assert export.post(export.payload(third)).status_code == 201

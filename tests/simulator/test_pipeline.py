"""The verdicts on invoices, modes, numbers, duplicates, technical corrections, UPO and pages."""

from __future__ import annotations

import base64
import re
from datetime import date, timedelta
from pathlib import Path

import pytest
from harness import NIP, Api, Session, adapted, code_of, key_pair, login, open_session, sha, today
from lxml import etree
from signxml.exceptions import InvalidDigest
from signxml.xades import XAdESVerifier


@pytest.fixture
def session(api: Api) -> Session:
    return open_session(api, login(api)["access"])


@pytest.fixture
def xml(invoice_template: bytes) -> bytes:
    return adapted(invoice_template, P_1=today(), P_2="FV/1")


def verdict(session: Session, xml: bytes, **changes: object) -> dict[str, object]:
    status = session.status(session.send(xml, **changes))["status"]
    assert isinstance(status, dict)
    return status


def crc8(text: str) -> str:
    """An own CRC-8, bit by bit from the definition."""
    bits = int.from_bytes(text.encode(), "big") << 8
    for position in range(bits.bit_length() - 1, 7, -1):
        if bits >> position & 1:
            bits ^= 0x107 << (position - 8)
    return f"{bits:02X}"


def test_accepted_invoice(session: Session, xml: bytes) -> None:
    status = session.status(session.send(xml))
    assert status["status"]["code"] == 200
    number = status["ksefNumber"]
    assert re.fullmatch(rf"{NIP}-{today().replace('-', '')}-[0-9A-F]{{12}}-[0-9A-F]{{2}}", number)
    assert number[-2:] == crc8(number[:32])
    assert status["invoicingMode"] == "Online"
    assert status["acquisitionDate"] > status["invoicingDate"]
    assert re.fullmatch(r".*\.\d{7}\+00:00", status["invoicingDate"])
    assert status["invoiceHash"] == sha(xml)


def test_statuses_in_order(api: Api, session: Session, xml: bytes) -> None:
    api.control("POST", "speed", polls=[1, 2])
    reference = session.send(xml)
    codes = [session.status(reference)["status"]["code"] for _look in range(5)]
    assert codes == [100, 150, 150, 200, 200]


def test_unobserved_work_goes_on(api: Api, session: Session, xml: bytes) -> None:
    api.control("POST", "speed", polls=[5, 5])
    reference = session.send(xml)
    api.control("POST", "clock", advance=61)
    assert session.status(reference)["status"]["code"] == 200


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<?xml", b"\xef\xbb\xbf<?xml"),
        (b"UTF-8", b"ISO-8859-2"),
        (b"Widget", b"Wid\xff"),
        (b"</Faktura>", b""),
        (b"<Faktura", b"<?go now?><Faktura"),
        (b"Widget", b"Wid\x7fget"),
        (b"Widget", "Wid\ufdd0get".encode()),
        (b"Widget", b"Wid&#x85;&#x86;get"),
        (b"<Faktura", b"<!DOCTYPE Faktura><Faktura"),
        (b'wersjaSchemy="1-0E"', b'wersjaSchemy="1-1E"'),
        (b"<P_12>23</P_12>", b"<P_12>24</P_12>"),
        (b"<P_7>Widget</P_7>", b"<P_7>Widget</P_7><P_99>1</P_99>"),
        (b"wzor/2025/06/25/13775", b"wzor/2023/06/29/12648"),
    ],
)
def test_bad_file(session: Session, xml: bytes, old: bytes, new: bytes) -> None:
    changed = xml.replace(b"encoding='UTF-8'", b'encoding="UTF-8"').replace(old, new, 1)
    assert changed != xml
    status = verdict(session, changed)
    assert status["code"] == 430
    assert status["details"]


def test_too_big(session: Session, xml: bytes) -> None:
    padded = xml + b" " * (1_000_001 - len(xml))
    assert verdict(session, padded)["code"] == 430


def test_bad_encryption(session: Session, xml: bytes) -> None:
    good_iv = session.iv
    encrypted = good_iv + session.encrypt(xml)
    prefixed = {
        "encryptedInvoiceContent": base64.b64encode(encrypted).decode(),
        "encryptedInvoiceHash": sha(encrypted),
        "encryptedInvoiceSize": len(encrypted),
    }
    assert verdict(session, xml, **prefixed)["code"] == 435
    session.key = bytes(32)
    assert verdict(session, xml)["code"] in (430, 435)


def test_declared_plain_hash_must_be_true(session: Session, xml: bytes) -> None:
    assert verdict(session, xml, invoiceHash=sha(b"other"))["code"] == 430


def test_dates(api: Api, session: Session, invoice_template: bytes) -> None:
    tomorrow = (date.fromisoformat(today()) + timedelta(days=1)).isoformat()
    future = adapted(invoice_template, P_1=tomorrow, P_2="D/1")
    assert verdict(session, future)["code"] == 450
    past = adapted(invoice_template, P_1="2026-11-05", P_2="D/2")
    assert session.status(session.send(past))["invoicingMode"] == "Offline"
    now = adapted(invoice_template, P_1=today(), P_2="D/3")
    assert session.status(session.send(now, offlineMode=True))["invoicingMode"] == "Offline"


def test_day_is_counted_in_poland(api: Api, invoice_template: bytes) -> None:
    # 23:30 UTC in winter is half past midnight in Warsaw
    token = login(api)["access"]
    api.control("POST", "clock", set="2026-11-20T23:30:00+00:00")
    session = open_session(api, token)
    fresh = adapted(invoice_template, P_1="2026-11-21", P_2="D/4")
    status = session.status(session.send(fresh))
    assert (status["status"]["code"], status["invoicingMode"]) == (200, "Online")
    assert status["ksefNumber"].startswith(f"{NIP}-20261121-")


def test_midnight_between_opening_and_sending(api: Api, invoice_template: bytes) -> None:
    token = login(api)["access"]
    api.control("POST", "clock", set="2026-11-19T22:59:00+00:00")
    session = open_session(api, token)
    same_day = adapted(invoice_template, P_1="2026-11-19", P_2="D/5")
    api.control("POST", "clock", advance=120)
    status = session.status(session.send(same_day))
    assert (status["status"]["code"], status["invoicingMode"]) == (200, "Offline")


def test_foreign_seller(api: Api, session: Session, invoice_template: bytes) -> None:
    foreign = adapted(invoice_template, NIP="1111111111", P_1=today())
    status = verdict(session, foreign)
    assert (status["code"], status["details"]) == (410, ["Brak uprawnienia fakturowego"])
    # a refused right is no technical reason for a correction
    refused = session.post(
        session.payload(foreign, offlineMode=True, hashOfCorrectedInvoice=sha(foreign))
    )
    assert code_of(refused) == 21167
    api.control("POST", "subjects", nip="1111111111", issuer=NIP)
    assert verdict(session, foreign)["code"] == 200


def test_rights_lost_meanwhile(api: Api, xml: bytes) -> None:
    pair = key_pair(api, "1111111111")
    api.control("POST", "subjects", nip=NIP, subject="1111111111", permissions=["InvoiceWrite"])
    session = open_session(api, login(api, NIP, pair)["access"])
    reference = session.send(xml)
    api.control("POST", "subjects", nip=NIP, subject="1111111111", permissions=["InvoiceRead"])
    assert session.status(reference)["status"]["code"] == 410


def test_checksums_only_on_demand(api: Api, session: Session, xml: bytes) -> None:
    wrong = xml.replace(b"1111111111", b"1111111112")
    assert verdict(session, wrong)["code"] == 200
    strict = open_session(
        api, session.token, headers={"X-KSeF-Feature": "subject-identifier-validation"}
    )
    assert verdict(strict, wrong.replace(b"FV/1", b"FV/2"))["code"] == 450


@pytest.mark.parametrize(
    ("internal", "code"),
    [
        (f"{NIP}-00004", 200),
        (f"{NIP}-00009", 450),
        # its own last digit is right, that of the NIP inside is not
        ("5265877636-00007", 450),
    ],
)
def test_checksums_of_internal_identifiers(
    api: Api, session: Session, xml: bytes, internal: str, code: int
) -> None:
    third = (
        f"</Podmiot2><Podmiot3><DaneIdentyfikacyjne><IDWew>{internal}</IDWew><Nazwa>X</Nazwa>"
        "</DaneIdentyfikacyjne><Rola>2</Rola></Podmiot3>"
    ).encode()
    strict = open_session(
        api, session.token, headers={"X-KSeF-Feature": "subject-identifier-validation"}
    )
    assert verdict(strict, xml.replace(b"</Podmiot2>", third))["code"] == code


def test_duplicate(api: Api, session: Session, xml: bytes) -> None:
    first = session.status(session.send(xml))
    changed = xml.replace(b"Widget", b"Gadget")
    other = open_session(api, session.token)
    status = verdict(other, changed)
    assert status["code"] == 440
    assert status["extensions"] == {
        "originalSessionReferenceNumber": session.reference,
        "originalKsefNumber": first["ksefNumber"],
    }
    assert verdict(other, xml.replace(b"FV/1", b"fv/1"))["code"] == 200


def test_first_to_finish_wins(api: Api, session: Session, xml: bytes) -> None:
    api.control("POST", "speed", polls=[1, 1])
    one, two = session.send(xml), session.send(xml)
    for _look in range(3):
        second = session.status(two)["status"]["code"]
    for _look in range(3):
        first = session.status(one)["status"]["code"]
    assert (first, second) == (440, 200)


def test_technical_correction(api: Api, session: Session, xml: bytes) -> None:
    broken = xml.replace(b"<P_12>23</P_12>", b"<P_12>24</P_12>")
    assert verdict(session, broken, offlineMode=True)["code"] == 430
    fixed = {"offlineMode": True, "hashOfCorrectedInvoice": sha(broken)}
    status = session.status(session.send(xml, **fixed))
    assert status["status"]["code"] == 200
    assert code_of(session.post(session.payload(xml, **fixed))) == 21166
    accepted = {"offlineMode": True, "hashOfCorrectedInvoice": sha(xml)}
    assert code_of(session.post(session.payload(broken, **accepted))) == 21167
    page = api.get(page_url(api, broken), headers={"Accept": "application/json"}).json()
    assert (page["result"], page["ksefNumber"]) == ("corrected", status["ksefNumber"])


def page_url(api: Api, xml: bytes) -> str:
    digest = sha(xml).rstrip("=").replace("+", "-").replace("/", "_")
    day = date.fromisoformat(today()).strftime("%d-%m-%Y")
    return f"{api.url}/qr/invoice/{NIP}/{day}/{digest}"


def test_verification_page(api: Api, session: Session, xml: bytes) -> None:
    address = page_url(api, xml)
    assert api.get(address + "?format=json").json()["result"] == "not-found"
    number = session.status(session.send(xml))["ksefNumber"]
    assert api.get(address + "?format=json").json()["ksefNumber"] == number
    html = api.get(address)
    assert html.headers["content-type"].startswith("text/html")
    assert number in html.text
    for wrong in ("=", "/", "A"):
        assert api.get(address + wrong).status_code == 404
    assert api.get(address.replace(f"/{NIP}/", "/0123456789/")).status_code == 404


def test_upo(api: Api, session: Session, xml: bytes) -> None:
    reference = session.send(xml)
    path = f"/sessions/{session.reference}/invoices/{reference}/upo"
    assert code_of(api.call("GET", path, session.token)) == 21178
    status = session.status(reference)
    by_reference = api.call("GET", path, session.token)
    assert by_reference.headers["x-ms-meta-hash"] == sha(by_reference.content)
    number = status["ksefNumber"]
    by_number = api.call(
        "GET", f"/sessions/{session.reference}/invoices/ksef/{number}/upo", session.token
    )
    assert by_number.content == by_reference.content
    link = status["upoDownloadUrl"]
    assert api.get(link).content == by_reference.content
    assert api.get(link, headers={"Authorization": "Bearer x"}).status_code == 401
    assert api.get(link.replace("sig=", "sig=0")).status_code == 403
    session.close()
    for _look in range(2):
        answer = api.call("GET", f"/sessions/{session.reference}", session.token).json()
    page = answer["upo"]["pages"][0]
    upo_path = f"/sessions/{session.reference}/upo/{page['referenceNumber']}"
    whole = api.call("GET", upo_path, session.token)
    assert api.get(page["downloadUrl"]).content == whole.content


def test_upo_against_the_schema(api: Api, session: Session, xml: bytes, upo_schema: Path) -> None:
    reference = session.send(xml)
    session.status(reference)
    path = f"/sessions/{session.reference}/invoices/{reference}/upo"
    body = api.call("GET", path, session.token).content
    schema = etree.XMLSchema(etree.parse(str(upo_schema)))
    assert not schema.validate(etree.fromstring(body)), "the suffix of TEST must break it"
    plain = body.replace(" - środowisko testowe (TE)".encode(), b"")
    schema.assertValid(etree.fromstring(plain))


def test_signed_upo(api: Api, session: Session, xml: bytes, upo_schema: Path) -> None:
    api.control("POST", "settings", signed_upo=True)
    reference = session.send(xml)
    link = session.status(reference)["upoDownloadUrl"]
    path = f"/sessions/{session.reference}/invoices/{reference}/upo"
    body = api.call("GET", path, session.token).content
    assert api.get(link).content == body, "signed once, then always the same bytes"
    root = etree.fromstring(body)
    [signature] = root.findall("{http://www.w3.org/2000/09/xmldsig#}Signature")
    certificate = signature.findtext(".//{*}X509Certificate") or ""
    pem = f"-----BEGIN CERTIFICATE-----\n{certificate.strip()}\n-----END CERTIFICATE-----\n"
    XAdESVerifier().verify(body, x509_cert=pem, expect_references=3)
    changed = body.replace(sha(xml).encode(), sha(b"other").encode())
    with pytest.raises(InvalidDigest):
        XAdESVerifier().verify(changed, x509_cert=pem, expect_references=3)
    # the schema has no place for it; without it only the suffix of TEST is wrong
    schema = etree.XMLSchema(etree.parse(str(upo_schema)))
    receiver = root.find("{*}NazwaPodmiotuPrzyjmujacego")
    assert receiver is not None
    receiver.text = "Ministerstwo Finansów"
    assert not schema.validate(root)
    root.remove(signature)
    schema.assertValid(root)
    session.close()
    for _look in range(2):
        answer = api.call("GET", f"/sessions/{session.reference}", session.token).json()
    [page] = answer["upo"]["pages"]
    assert b"SignatureValue" in api.get(page["downloadUrl"]).content


def test_lists_and_continuation(api: Api, session: Session, xml: bytes) -> None:
    for index in range(12):
        session.send(xml.replace(b"FV/1", f"FV/{index}".encode()))
    session.send(b"<x/>")
    path = f"/sessions/{session.reference}/invoices"
    first = api.call("GET", path, session.token).json()
    assert len(first["invoices"]) == 10
    more = {"x-continuation-token": first["continuationToken"]}
    second = api.call("GET", path, session.token, headers=more).json()
    assert [row["ordinalNumber"] for row in second["invoices"]] == [11, 12, 13]
    assert "continuationToken" not in second
    failed = api.call("GET", path + "/failed", session.token).json()["invoices"]
    assert [row["ordinalNumber"] for row in failed] == [13]
    assert code_of(api.call("GET", path + "/failed", session.token, headers=more)) == 21418
    for size in ("9", "1001", "x"):
        assert code_of(api.call("GET", f"{path}?pageSize={size}", session.token)) == 21405


def test_download_and_metadata(api: Api, session: Session, xml: bytes) -> None:
    api.control("POST", "speed", storage=1)
    reference = session.send(xml)
    number = session.status(reference)["ksefNumber"]
    download = f"/invoices/ksef/{number}"
    assert code_of(api.call("GET", download, session.token)) == 21165
    session.status(reference)
    assert api.call("GET", download, session.token).content == xml
    unknown = "/invoices/ksef/5265877635-20250826-0100001AF629-AF"
    assert code_of(api.call("GET", unknown, session.token)) == 21164
    window = {"dateType": "Invoicing", "from": f"{today()}T00:00:00"}
    filters = {"subjectType": "Subject1", "dateRange": window, "invoiceNumber": "FV/1"}
    found = api.call("POST", "/invoices/query/metadata", session.token, json=filters).json()
    assert [row["invoiceHash"] for row in found["invoices"]] == [sha(xml)]
    assert found["invoices"][0]["grossAmount"] == 1291.49
    filters["dateRange"] = {"dateType": "Issue", "from": "2026-01-01", "to": "2026-11-01"}
    refused = api.call("POST", "/invoices/query/metadata", session.token, json=filters)
    assert code_of(refused) == 21405

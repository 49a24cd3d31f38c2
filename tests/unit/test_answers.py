"""Reading what KSeF sends: times, statuses, certificates, confirmations, error tables."""

from __future__ import annotations

import base64
import json
import re
from datetime import datetime, timedelta, timezone

import pytest
from cryptography import x509
from keys import ec_key, rsa_key, self_signed
from vectors import shared

from ksef import der, environment, errors, routes
from ksef.auth import CertificateCredentials, Token, TokenCredentials, Tokens
from ksef.errors import LocalError, ProtocolError, Verdict
from ksef.signer import Signer
from ksef.types import InvoiceStatus, SessionStatus, parse_datetime
from ksef.upo import parse_upo

UTC = timezone.utc
UPO_FILES = [
    "upo-faktura-kontekst-id-nip.xml",
    "upo-sesja-kontekst-id-nip.xml",
    "upo-faktura-internal-id.xml",
    "upo-faktura-id-zlozony-vat-ue.xml",
]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025-07-11T12:23:56.0154302+00:00", datetime(2025, 7, 11, 12, 23, 56, 15430, UTC)),
        ("2025-07-11T12:23:56Z", datetime(2025, 7, 11, 12, 23, 56, 0, UTC)),
        ("2025-07-11T12:23:56.5", datetime(2025, 7, 11, 12, 23, 56, 500000, UTC)),
        ("2025-07-11T12:23", datetime(2025, 7, 11, 12, 23, 0, 0, UTC)),
        (
            "2025-07-11T12:23:56+02:00",
            datetime(2025, 7, 11, 12, 23, 56, 0, timezone(timedelta(hours=2))),
        ),
        (
            "2025-07-11T12:23:56-0130",
            datetime(2025, 7, 11, 12, 23, 56, 0, timezone(-timedelta(hours=1, minutes=30))),
        ),
    ],
)
def test_parse_datetime(text, moment):
    assert parse_datetime(text) == moment
    assert parse_datetime(text).utcoffset() == moment.utcoffset()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2025-07-11",
        "2025-02-30T00:00:00Z",
        "now",
        "2025-07-11T25:00:00Z",
        "2025-07-11T12:00:00+99:00",
    ],
)
def test_bad_datetime(text):
    with pytest.raises(ValueError):
        parse_datetime(text)


def test_invoice_status_is_tolerant():
    least = {"referenceNumber": "EE", "status": {"code": 100}}
    status = InvoiceStatus.from_json(least)
    assert (status.invoice_hash, status.mode, status.details) == ("", None, ())
    assert not status.is_final
    full = InvoiceStatus.from_json(
        {
            **least,
            "invoiceHash": "h",
            "invoicingMode": "Offline",
            "unknown": {},
            "ksefNumber": None,
            "acquisitionDate": "2025-07-11T12:23:56.0154302+00:00",
            "invoicingDate": "rubbish",
            "status": {
                "code": 440,
                "description": "Duplikat",
                "details": ["a", None, 1],
                "extensions": {
                    "originalKsefNumber": "K",
                    "originalSessionReferenceNumber": "S",
                    "x": None,
                },
            },
        }
    )
    assert (full.code, full.details, full.mode) == (440, ("a",), "Offline")
    assert (full.original_ksef_number, full.original_session_reference) == ("K", "S")
    assert full.acquired_at is not None
    assert full.invoicing_date is None
    assert full.is_final and not full.is_accepted


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"status": None},
        {"status": {"code": "100"}},
        {"status": {"code": True}},
        {"status": {"code": 100}},
        {"status": {"code": 100}, "referenceNumber": ""},
    ],
)
def test_unusable_invoice_status(data):
    with pytest.raises(ProtocolError):
        InvoiceStatus.from_json(data)


def test_session_status():
    status = SessionStatus.from_json(
        {
            "status": {"code": 200, "description": "ok", "details": None},
            "invoiceCount": 2,
            "successfulInvoiceCount": 1,
            "upo": {
                "pages": [{"referenceNumber": "EU", "downloadUrl": "https://x?sig=secret"}, None]
            },
        }
    )
    assert (status.invoice_count, status.successful, status.failed) == (2, 1, None)
    assert status.upo_pages[0].reference == "EU"
    assert "secret" not in repr(status)
    assert SessionStatus.from_json({"status": {"code": 100}, "upo": None}).upo_pages == ()


@pytest.mark.parametrize("key", [rsa_key(), ec_key("p256"), ec_key("p384")])
@pytest.mark.parametrize("name", ["Zwykła", 'Ż, "A" + <B>; \\ # = ', "#x", " x ", "\U0001f600"])
def test_der_reads_what_cryptography_reads(key, name):
    data = self_signed(key, name)
    info, known = der.parse_certificate(data), x509.load_der_x509_certificate(data)
    assert info.serial == known.serial_number
    assert info.issuer == known.issuer.rfc4514_string()
    assert info.subject == known.subject.rfc4514_string()
    assert info.not_before == known.not_valid_before_utc
    assert info.not_after == known.not_valid_after_utc
    assert (info.digital_signature, info.non_repudiation) == (True, False)
    assert info.serial_hex == "01F20A5D352AE590"


def test_der_reads_the_quirky_certificate_of_the_test_authority():
    text = shared("spec", "vectors", "kod2-rsa-cert.der.b64").read_text(encoding="ascii")
    info = der.parse_certificate(base64.b64decode(text))
    assert info.serial_hex == "01F20A5D352AE590"
    assert info.issuer == (
        "CN=TI CCK KSeF,OU=Krajowa Administracja Skarbowa,O=Ministerstwo Finansów,C=PL"
    )
    assert info.subject == "CN=5265877635,O=Beta,2.5.4.97=VATPL-5265877635,C=PL"
    assert info.not_after == datetime(2027, 7, 29, 9, 28, 37, tzinfo=UTC)
    assert info.digital_signature


def test_der_survives_any_damage():
    data = self_signed(ec_key())
    for size in range(len(data)):
        with pytest.raises(ValueError):
            der.parse_certificate(data[:size])
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 0xFF
        try:
            der.parse_certificate(bytes(changed))
        except ValueError:
            continue


def test_offline_certificate_never_authenticates():
    key = ec_key()
    with pytest.raises(LocalError, match="offline"):
        CertificateCredentials("5265877635", Signer(key, self_signed(key, usage="offline")))
    CertificateCredentials("5265877635", Signer(key, self_signed(key, usage=None)))


def test_secret_holders_print_their_type_only():
    key = ec_key()
    token = Token("secret", datetime(2026, 1, 1, tzinfo=UTC))
    holders = [
        token,
        Tokens(token, token),
        TokenCredentials("5265877635", "secret"),
        CertificateCredentials("5265877635", Signer(key, self_signed(key))),
    ]
    for holder in holders:
        assert repr(holder) == str(holder) == f"{type(holder).__name__}()"


@pytest.mark.parametrize("name", UPO_FILES)
def test_upo_samples(name):
    upo = parse_upo(shared("ksef", "upo", name).read_bytes())
    assert upo.receiver.startswith("Ministerstwo Finansów")
    assert len(upo.documents) == (2 if "sesja" in name else 1)
    last = upo.documents[-1]
    assert last.mode == "Online"
    assert last.numbered_at > last.sent_at
    assert last.numbered_at.tzinfo is not None


def test_upo_values():
    upo = parse_upo(shared("ksef", "upo", UPO_FILES[0]).read_bytes())
    document = upo.documents[0]
    assert upo.session_reference == "36950822-93-9D5A28BFDA-47C899773E-5C"
    assert document.ksef_number == "5265877635-20250916-0200A0D6723E-C2"
    assert document.invoice_number == "FA/XVQUD-9997622510/04/2027"
    assert document.issue_date.isoformat() == "2025-09-16"
    assert document.sha256 == "GZMGNVzs3krF6URKgvaw77OOeG3nJ+WGziT5xguliQ8="


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<x",
        b"<x/>",
        b"<Potwierdzenie/>",
        b"{}",
        b"\xff",
        b'<!DOCTYPE Potwierdzenie [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
        b"<Potwierdzenie>&e;</Potwierdzenie>",
    ],
)
def test_no_upo(content):
    with pytest.raises(ProtocolError):
        parse_upo(content)


def test_upo_with_a_bad_date():
    content = shared("ksef", "upo", UPO_FILES[0]).read_bytes()
    with pytest.raises(ProtocolError, match="date"):
        parse_upo(content.replace(b"2025-09-16T11:05:40", b"2025-13-16T11:05:40"))


def test_every_documented_exception_code_has_a_verdict():
    """Codes stand in tables of the descriptions: ``| 21405 | ...``."""
    operations = json.loads(shared("ksef", "open-api.json").read_text(encoding="utf-8"))["paths"]
    bodies = "".join(
        json.dumps(operation.get("responses", {}).get("400", {}))
        for path in operations.values()
        for operation in path.values()
        if isinstance(operation, dict)
    )
    codes = {int(code) for code in re.findall(r"\|\s*(\d{4,5})\s*\|", bodies)}
    assert len(codes) > 20
    assert codes <= set(errors.CODES)


def test_verdicts():
    assert errors.INVOICE_STATUS[440] is Verdict.QUESTION
    assert Verdict("retry") is Verdict.RETRY
    assert errors.OutcomeUnknown("x").outcome_unknown
    assert not errors.NotSent("x").outcome_unknown
    assert issubclass(errors.BudgetExceeded, errors.NotSent)
    problem = errors.Problem(400, 21405, "t", ("d",))
    error = errors.RequestRejected("x", problem=problem)
    assert (error.code, error.details) == (21405, ("d",))


@pytest.mark.parametrize("key", ["test", "demo", "prod"])
def test_environments(key):
    found = environment.environment(key)
    assert found.key == key
    assert found.api.startswith("https://api") and found.api.endswith("/v2")
    assert found.owns("https://storage.ksef.mf.gov.pl/x?sig=1")
    for foreign in (
        "http://api.ksef.mf.gov.pl/x",
        "https://ksef.mf.gov.pl.evil.example/",
        "https://evilksef.mf.gov.pl/",
        "https://api.ksef.mf.gov.pl:8443/",
        "https://a@api.ksef.mf.gov.pl/",
        "https://[::1",
        "x",
        "",
        "https://api.ksef.mf.gov.pl:99999/",
    ):
        assert not found.owns(foreign)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "127.0.0.1:8899",
        "ftp://x",
        "http://",
        "http://u:p@h",
        "http://h:x",
        "http://h?x=1",
        "http://h#x",
    ],
)
def test_bad_simulator(url):
    with pytest.raises(LocalError):
        environment.environment("simulator", url)


def test_simulator():
    found = environment.environment("simulator", "http://127.0.0.1:8899/")
    assert (found.api, found.qr) == ("http://127.0.0.1:8899/v2", "http://127.0.0.1:8899/qr")
    assert found.owns("http://127.0.0.1:8899/storage/x")
    assert not found.owns("http://127.0.0.1:8898/storage/x")
    for key in ("", "TEST", "production"):
        with pytest.raises(LocalError):
            environment.environment(key)


def test_references_stay_in_their_segment():
    assert routes.fill(routes.SESSION, session="a/../b?c#d") == "/sessions/a%2F..%2Fb%3Fc%23d"
    for bad in ("", ".", ".."):
        with pytest.raises(ValueError):
            routes.fill(routes.SESSION, session=bad)
    assert routes.is_repeatable("POST", "/sessions/online/x/close")
    assert not routes.is_repeatable("POST", "/sessions/online/x/invoices")
    assert not routes.is_repeatable("POST", "/sessions/online/x/y/close")
    assert not routes.is_repeatable("PATCH", "/x")

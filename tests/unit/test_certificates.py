"""Certificate requests, checks of what comes back, limits: without a conversation."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from keys import ec_key, rsa_key, self_signed
from vectors import shared

from ksef import der, enrollment, keys, xades
from ksef.certificates import CertificateEntry, Limits, enroll, revoke, room_again_at
from ksef.enrollment import AUTHENTICATION, OFFLINE, csr, findings, subject_identifier
from ksef.errors import LocalError, ProtocolError

NOW = datetime(2026, 11, 21, 12, tzinfo=timezone.utc)
# The answer of GET /certificates/enrollments/data in the OpenAPI file, whose CSR is the vector.
SAMPLE = {
    "commonName": "Firma Kowalski Certyfikat",
    "countryName": "PL",
    "serialNumber": "ABC123456789",
    "uniqueIdentifier": "d9d22724-4696-460c-9e5e-b9e3aafb0af3",
    "organizationName": "Firma Kowalski Sp. z o.o.",
    "organizationIdentifier": "7762811692",
}
PERSON = {
    "commonName": "Zażółć Gęślą-Jaźń",
    "countryName": "PL",
    "givenName": "Zażółć",
    "surname": "Gęślą-Jaźń",
    "serialNumber": "PNOPL-30112206276",
}
UTF8, PRINTABLE = 0x0C, 0x13


def vector(name: str) -> bytes:
    return base64.b64decode(shared("spec", "vectors", name).read_text())


def encodings(request: bytes) -> list[tuple[str, int, bytes]]:
    """Attribute, ASN.1 type and value of a request's subject, read without a library."""
    name = der._sequence(der._items(der._sequence(request)[0].content)[1].raw)
    found = []
    for relative in name:
        oid, value = der._items(der._items(relative.content)[0].content)
        found.append((der._oid(oid.content), value.tag, value.content))
    return found


@pytest.mark.parametrize("kind", keys.KINDS)
def test_request_is_the_official_one(kind):
    key = keys.generate(kind)
    request = csr(SAMPLE, key)
    official = vector("csr-openapi.der.b64")
    assert encodings(request) == encodings(official)
    loaded = x509.load_der_x509_csr(request)
    assert loaded.is_signature_valid
    assert loaded.public_key() == key.public_key()
    assert not list(loaded.extensions)
    if kind == "rsa":
        assert isinstance(key, rsa.RSAPrivateKey) and key.key_size == 2048
    else:
        assert isinstance(key.curve, ec.SECP256R1)


def test_request_of_a_person():
    assert encodings(csr(PERSON, ec_key())) == [
        ("2.5.4.3", UTF8, PERSON["commonName"].encode()),
        ("2.5.4.4", UTF8, PERSON["surname"].encode()),
        ("2.5.4.42", UTF8, PERSON["givenName"].encode()),
        ("2.5.4.6", PRINTABLE, b"PL"),
        ("2.5.4.5", PRINTABLE, b"PNOPL-30112206276"),
    ]


def test_request_that_cannot_be_made():
    with pytest.raises(LocalError, match="do not fit"):
        csr({**SAMPLE, "countryName": "Polska"}, ec_key())
    with pytest.raises(ValueError):
        keys.generate("dsa")


@pytest.mark.parametrize(
    ("usage", "wanted", "wrong"),
    [
        ("authentication", AUTHENTICATION, ()),
        ("offline", OFFLINE, ()),
        ("authentication", OFFLINE, ("kind",)),
        ("offline", AUTHENTICATION, ("kind",)),
        (None, OFFLINE, ("kind",)),
        ("neither", AUTHENTICATION, ("kind",)),
    ],
)
def test_kind_of_certificate(usage, wanted, wrong):
    key = ec_key()
    assert findings(self_signed(key, usage=usage), kind=wanted, now=NOW, key=key) == wrong


def test_findings():
    key = ec_key()
    certificate = self_signed(key, name="Test")
    right = {
        "kind": AUTHENTICATION,
        "now": NOW,
        "key": key,
        "serial": "01F20A5D352AE590",
        "data": {"commonName": "Test", "organizationIdentifier": "VATPL-5265877635"},
    }
    assert findings(certificate, **right) == ()
    # KSeF gives the identifier with and without its prefix.
    bare = {"commonName": "Test", "organizationIdentifier": "5265877635"}
    assert findings(certificate, **{**right, "data": bare}) == ()
    assert findings(certificate, **{**right, "data": {"commonName": "Test"}}) == ()
    cases = {
        "key": {"key": ec_key()},
        "serial": {"serial": "01F20A5D352AE591"},
        "not_yet": {"now": datetime(2024, 12, 31, tzinfo=timezone.utc)},
        "expired": {"now": datetime(2036, 1, 1, tzinfo=timezone.utc)},
    }
    for name, change in cases.items():
        assert findings(certificate, **{**right, **change}) == (name,)
    for other in (
        {"commonName": "Test", "organizationIdentifier": "VATPL-1111111111"},
        {"commonName": "Test", "serialNumber": "PNOPL-30112206276"},
        {"commonName": "Other"},
    ):
        assert findings(certificate, **{**right, "data": other}) == ("subject",)
    assert findings(b"0\x03abc", **right) == ("unreadable",)
    assert findings(certificate, kind=OFFLINE, now=cases["expired"]["now"], key=ec_key()) == (
        "key",
        "kind",
        "expired",
    )


def test_certificate_of_the_test_environment():
    """Its algorithm identifier carries NULL; the library of tomorrow refuses to load it."""
    certificate = vector("kod2-rsa-cert.der.b64")
    info = der.parse_certificate(certificate)
    assert info.serial_hex == "01F20A5D352AE590"
    assert dict(info.attributes) == {
        "2.5.4.6": "PL",
        "2.5.4.97": "VATPL-5265877635",
        "2.5.4.10": "Beta",
        "2.5.4.3": "5265877635",
    }
    assert enrollment.kind_of(info) == AUTHENTICATION
    assert findings(certificate, kind=AUTHENTICATION, now=NOW) == ()
    assert findings(certificate, kind=OFFLINE, now=NOW) == ("kind",)
    assert subject_identifier(certificate) == ("Nip", "5265877635")
    assert keys.certificate_der(certificate) == certificate


def person(serial_number: str | None) -> bytes:
    """A self-signed certificate of a person with that serialNumber."""
    key = ec_key()
    name = [x509.NameAttribute(x509.NameOID.COMMON_NAME, "Jan Kowalski")]
    if serial_number:
        name.append(x509.NameAttribute(x509.NameOID.SERIAL_NUMBER, serial_number))
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name(name))
        .issuer_name(x509.Name(name))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.DER)
    )


@pytest.mark.parametrize(
    ("serial_number", "expected"),
    [
        ("PNOPL-30112206276", ("Pesel", "30112206276")),
        ("PESEL: 30112206276", ("Pesel", "30112206276")),
        ("TINPL-5265877635", ("Nip", "5265877635")),
        ("NIP 5265877635", ("Nip", "5265877635")),
    ],
)
def test_whose_limits(serial_number, expected):
    assert subject_identifier(person(serial_number)) == expected


@pytest.mark.parametrize("serial_number", [None, "IDCDE-123456"])
def test_limits_of_a_fingerprint(serial_number):
    kind, value = subject_identifier(person(serial_number))
    assert kind == "Fingerprint"
    assert len(value) == 64 and value == value.upper()


def limits(requests: int, certificates: int, can_request: bool = True) -> Limits:
    return Limits.from_json(
        {
            "canRequest": can_request,
            "enrollment": {"remaining": requests, "limit": 12},
            "certificate": {"remaining": certificates, "limit": 6},
            "new": None,
        }
    )


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        (limits(2, 2), ()),
        (limits(300, 100), ()),
        (limits(1, 6), ("requests",)),
        (limits(12, 1), ("certificates",)),
        (limits(0, 0), ("requests", "certificates")),
        (limits(12, 6, can_request=False), ("can_request",)),
        (limits(0, 0, can_request=False), ("can_request", "requests", "certificates")),
    ],
)
def test_shortages(found, wrong):
    assert found.shortages(2) == wrong


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"canRequest": True, "enrollment": {"remaining": 1, "limit": 2}},
        {
            "canRequest": True,
            "enrollment": {"remaining": "1", "limit": 2},
            "certificate": {"remaining": 1, "limit": 2},
        },
    ],
)
def test_limits_that_say_nothing(data):
    with pytest.raises(ProtocolError):
        Limits.from_json(data)


def entry(requested: int, expires: int = 700, status: str = "Active") -> CertificateEntry:
    """A certificate requested and expiring so many days from NOW."""
    return CertificateEntry.from_json(
        {
            "certificateSerialNumber": "0123456789ABCDEF",
            "type": "Offline",
            "status": status,
            "validFrom": "2026-01-01T00:00:00.1234567+00:00",
            "validTo": (NOW + timedelta(days=expires)).isoformat(),
            "requestDate": (NOW + timedelta(days=requested)).isoformat(),
        }
    )


def test_when_there_is_room_again():
    recent = [entry(-1), entry(-29), entry(-10), entry(-40)]
    days = {
        # one request must become free: the oldest of the last 30 days; two: the next one
        (1, 6): 1,
        (0, 6): 20,
        (2, 2): None,
        # a place is free when a certificate expires
        (12, 1): 700,
    }
    for (requests, places), expected in days.items():
        moment = room_again_at(limits(requests, places), recent, 2, NOW)
        assert moment == (expected and NOW + timedelta(days=expected))
    # a place that a revoked certificate took is free already: it tells nothing
    assert room_again_at(limits(12, 1), [entry(-40, 9, "Revoked")], 2, NOW) is None
    # the list does not account for what is used up: no promise
    assert room_again_at(limits(0, 6), [entry(-1)], 2, NOW) is None
    assert room_again_at(limits(1, 1), [entry(-5, 60)], 2, NOW) == NOW + timedelta(days=60)


@pytest.mark.parametrize("name", ["abcd", "a" * 101, "faktura/2026", "żółw!", "Odoo\n2026"])
def test_bad_name_is_never_sent(name):
    with pytest.raises(ValueError):
        enroll(None, name, AUTHENTICATION, b"")


def test_bad_arguments_are_never_sent():
    with pytest.raises(ValueError):
        enroll(None, "Odoo 2026", "authentication", b"")
    with pytest.raises(ValueError):
        revoke(None, "1" * 15, "Superseded")
    with pytest.raises(ValueError):
        revoke(None, "1" * 16, "superseded")


@pytest.mark.parametrize("password", [None, "żółw ß".encode()])
@pytest.mark.parametrize("kind", keys.KINDS)
def test_key_files(kind, password):
    key = keys.generate(kind)
    pem = keys.to_pem(key, password)
    assert (b"ENCRYPTED" in pem) == bool(password)
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    binary = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, encryption)
    for data in (pem, binary):
        assert keys.spki(keys.load(data, password).public_key()) == keys.spki(key.public_key())
    if password:
        for wrong in (None, b"", b"other"):
            with pytest.raises(LocalError, match="password"):
                keys.load(pem, wrong)
            with pytest.raises(LocalError, match="password|read"):
                keys.load(binary, wrong)
    for bad in (b"", b"nonsense", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"):
        with pytest.raises(LocalError):
            keys.load(bad, password)


def test_key_of_another_sort():
    with pytest.raises(LocalError, match="RSA and elliptic"):
        keys.load(keys.to_pem(Ed25519PrivateKey.generate()))


@pytest.mark.parametrize("password", [None, b"secret"])
def test_pkcs12(password):
    key = rsa_key()
    certificate = self_signed(key)
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    file = pkcs12.serialize_key_and_certificates(
        b"seal", key, x509.load_der_x509_certificate(certificate), None, encryption
    )
    loaded, found = keys.load_pkcs12(file, password)
    assert found == certificate
    assert keys.spki(loaded.public_key()) == keys.spki(key.public_key())
    with pytest.raises(LocalError, match="password"):
        keys.load_pkcs12(file, b"other")
    bare = pkcs12.serialize_key_and_certificates(
        None, None, x509.load_der_x509_certificate(certificate), None, NoEncryption()
    )
    with pytest.raises(LocalError, match="private key and its certificate"):
        keys.load_pkcs12(bare)


def test_file_signed_elsewhere():
    challenge = "20260101-CR-0123456789-0123456789-AB"
    request = xades.auth_token_request(challenge, "5265877635")
    assert xades.challenge_of(request) == challenge
    assert xades.check_signed(request, challenge) == "not_signed"
    enveloped = request.replace(
        b"</AuthTokenRequest>",
        f'<s:Signature xmlns:s="{xades.DS_NS}"/></AuthTokenRequest>'.encode(),
    )
    assert xades.check_signed(enveloped, challenge) is None
    body = request.split(b"?>\n", 1)[1]
    enveloping = (
        f'<s:Signature xmlns:s="{xades.DS_NS}"><s:Object>'.encode()
        + body
        + b"</s:Object></s:Signature>"
    )
    assert xades.check_signed(enveloping, challenge) is None
    assert xades.check_signed(enveloped, challenge[:-1] + "C") == "other_challenge"
    assert xades.check_signed(b"<a/>", challenge) == "not_request"
    assert xades.check_signed(b"%PDF-1.7", challenge) == "not_xml"
    bomb = b'<!DOCTYPE a [<!ENTITY x "y">]>' + body.replace(challenge.encode(), b"&x;")
    assert xades.check_signed(bomb, "y") == "other_challenge"

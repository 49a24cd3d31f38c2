"""Official and own vectors: numbers, digests, encryption, links, QR symbols."""

from __future__ import annotations

import base64
import io
from datetime import date, datetime, timedelta, timezone

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)
from keys import ec_key, rsa_key
from PIL import Image
from vectors import vectors

from ksef import crypto, links, numbers, qr
from ksef.errors import LocalError, ProtocolError

DATA = vectors()
NOW = datetime(2026, 11, 20, tzinfo=timezone.utc)
HOST = "qr-test.ksef.mf.gov.pl"
DIGEST = base64.b64decode(DATA["kod1"]["hash_b64"])
EC_URL = f"https://{DATA['own_kod2_ec']['signedText']}/{DATA['own_kod2_ec']['p1363']}"


@pytest.mark.parametrize("number", DATA["ksef_numbers_valid"])
def test_ksef_number(number):
    assert numbers.is_ksef_number(number)
    for position in range(len(number)):
        # One changed digit is always found by CRC-8, one changed hyphen by the shape.
        other = "1" if number[position] != "1" else "2"
        assert not numbers.is_ksef_number(number[:position] + other + number[position + 1 :])


@pytest.mark.parametrize(
    "number",
    [
        *DATA["ksef_numbers_invalid"],
        "",
        " ",
        "5265877635-20250826-0100001AF629-A",
        "5265877635-20250826-0100001AF629-AF\n",
        " 5265877635-20250826-0100001AF629-AF",
        "5265877635-20250826-0100001af629-AF",
        "5265877635-20250826-0100001AF629xAF",
        "5265877635-2025\u0660826-0100001AF629-AF",
    ],
)
def test_no_ksef_number(number):
    assert not numbers.is_ksef_number(number)


def test_number_with_an_impossible_date():
    text = "5265877635-20250230-0100001AF629"
    assert not numbers.is_ksef_number(f"{text}-{numbers.crc8(text)}")


def test_crc_and_legacy_number():
    assert numbers.crc8("123456789") == DATA["crc8_check"]["123456789"] == "F4"
    assert numbers.crc8("") == "00"
    assert numbers.is_legacy_ksef_number("5265877635-20250826-010000-1AF629-AF")
    assert not numbers.is_legacy_ksef_number("5265877635-20250826-0100001AF629-AF")


@pytest.mark.parametrize("nip", DATA["nip_valid"])
def test_nip(nip):
    assert numbers.is_nip(nip)
    for position in range(10):
        # Every weight is prime to 11, so one changed digit is always found.
        other = str((int(nip[position]) + 1) % 10)
        assert not numbers.is_nip(nip[:position] + other + nip[position + 1 :])


@pytest.mark.parametrize(
    "nip",
    [
        *DATA["nip_invalid"],
        "123456",
        "123456789012",
        "12345678A9",
        "0000000000",
        "",
        "5265877635\n",
        "526587763\u0665",
        "PL5265877635",
        "1007653219",
    ],
)
def test_no_nip(nip):
    assert not numbers.is_nip(nip)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5265877635", "5265877635"),
        ("PL5265877635", "5265877635"),
        ("pl 526-587-76-35", "5265877635"),
        ("526 587 76 35", "5265877635"),
        ("PL-526\u00a0587\u201376.35\n", "5265877635"),
        ("1234567890", "1234567890"),
        ("DE5265877635", None),
        ("", None),
        ("PL", None),
        ("526587763", None),
        ("0265877635", None),
        ("52658776355", None),
    ],
)
def test_normalize_nip(text, expected):
    assert numbers.normalize_nip(text) == expected


def test_internal_id():
    assert all(map(numbers.is_internal_id, DATA["internal_id_valid"]))
    assert not any(map(numbers.is_internal_id, DATA["internal_id_invalid"]))


@pytest.mark.parametrize("case", DATA["sha256"], ids=lambda case: case["text"])
def test_sha256(case):
    digest = crypto.sha256(case["text"].encode())
    assert digest.hex() == case["hex"]
    assert crypto.to_base64(digest) == case["b64"]
    assert crypto.to_base64url(digest) == case["b64url"]
    assert crypto.from_base64(case["b64"]) == digest


@pytest.mark.parametrize("text", ["a", "====", "ab=c", "a-_b", "\u0105bcd"])
def test_bad_base64(text):
    with pytest.raises(ValueError):
        crypto.from_base64(text)


def test_aes():
    own = DATA["own_aes256cbc"]
    key = crypto.SymmetricKey(bytes.fromhex(own["key_hex"]), bytes.fromhex(own["iv_hex"]))
    for case in own["cases"]:
        cipher = key.encrypt(case["plain"].encode())
        assert crypto.to_base64(cipher) == case["cipher"]
        assert crypto.to_base64(crypto.sha256(cipher)) == case["cipherHash"]
        assert key.decrypt(cipher).decode() == case["plain"]
    for size in range(65):
        plain = bytes(range(size))
        cipher = key.encrypt(plain)
        assert len(cipher) == size - size % 16 + 16
        assert key.decrypt(cipher) == plain
    with pytest.raises(ValueError):
        key.decrypt(b"short")
    assert repr(key) == "SymmetricKey()"
    assert crypto.SymmetricKey.generate() != crypto.SymmetricKey.generate()


def public_key(name: str, start: int, end: int = 100, usage=crypto.SYMMETRIC_USAGE):
    """A key valid from ``start`` to ``end`` days relative to NOW."""
    return crypto.PublicKey(
        name, (usage,), NOW + timedelta(days=start), NOW + timedelta(days=end), KEY.public_key()
    )


KEY = rsa_key()


@pytest.mark.parametrize(
    ("keys", "chosen"),
    [
        ([public_key("old", -50), public_key("new", -5)], "new"),
        ([public_key("new", -5), public_key("old", -50)], "new"),
        ([public_key("now", -50), public_key("future", 5)], "now"),
        ([public_key("lapsed", -50, -1), public_key("now", -60)], "now"),
        ([public_key("edge", 0)], "edge"),
        ([public_key("token", -5, usage=crypto.TOKEN_USAGE), public_key("sym", -9)], "sym"),
    ],
)
def test_select_key(keys, chosen):
    assert crypto.select_key(keys, crypto.SYMMETRIC_USAGE, NOW).key_id == chosen


@pytest.mark.parametrize("keys", [[], [public_key("x", 1)], [public_key("x", -9, 0)]])
def test_no_key(keys):
    with pytest.raises(ProtocolError):
        crypto.select_key(keys, crypto.SYMMETRIC_USAGE, NOW)


def test_public_key_from_json_and_wrap():
    spki = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    item = {
        "certificate": base64.b64encode(spki).decode(),
        "publicKeyId": "id",
        "extra": 1,
        "usage": ["SymmetricKeyEncryption"],
        "validFrom": "2025-01-01T00:00:00.1234567+00:00",
        "validTo": "2027-01-01T00:00:00Z",
    }
    key = crypto.PublicKey.from_json(item)
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    assert KEY.decrypt(key.wrap(b"secret"), oaep) == b"secret"
    for name in ("certificate", "validFrom", "validTo"):
        with pytest.raises(ProtocolError):
            crypto.PublicKey.from_json({**item, name: "!"})
    elliptic = ec_key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(ProtocolError):
        crypto.PublicKey.from_json({**item, "certificate": base64.b64encode(elliptic).decode()})


def test_kod1():
    vector = DATA["kod1"]
    url = links.invoice_url(
        f"https://{HOST}", vector["nip"], date.fromisoformat(vector["p1"]), DIGEST
    )
    assert url == vector["url"]
    assert len(url) == 104
    assert links.invoice_url(f"https://{HOST}/", "1111111111", date(2026, 2, 1), DIGEST) == url


def unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def pss_verify(key, signature: bytes, text: str, salt: int = 32) -> None:
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), salt)
    key.verify(signature, text.encode(), pss, hashes.SHA256())


def test_kod2_official_vector():
    vector = DATA["kod2_rsa"]
    text = links.certificate_text(
        f"https://{HOST}", "Nip", "1111111111", "1111111111", "01F20A5D352AE590", DIGEST
    )
    assert text == vector["signedText"]
    key = load_pem_public_key(vector["publicKeyPem"].encode())
    signature = unpadded(vector["signature"])
    pss_verify(key, signature, text)
    url = f"https://{text}/{crypto.to_base64url(signature)}"
    assert (url, len(url)) == (vector["url"], 472)
    hosts = ("ksef-test.mf.gov.pl", "ksef-test.mf.gov.pl/client-app", "qr.ksef.mf.gov.pl")
    wrongs = [f"https://{text}", f"{text}/", *(text.replace(HOST, host) for host in hosts)]
    wrongs += [text.replace("AE590", "AE591"), text[:-1] + "F"]
    for wrong in wrongs:
        with pytest.raises(InvalidSignature):
            pss_verify(key, signature, wrong)
    for salt in (0, 20, 222):
        with pytest.raises(InvalidSignature):
            pss_verify(key, signature, text, salt)
    with pytest.raises(InvalidSignature):
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        key.verify(signature, crypto.sha256(text.encode()), pss, hashes.SHA256())


@pytest.mark.parametrize("key", [KEY, ec_key("p256")])
def test_kod2_signature(key):
    text = links.certificate_text(
        f"https://{HOST}", "Nip", "5265877635", "5265877635", "01a1b2c3d4e5f607", DIGEST
    )
    url = links.certificate_url(
        f"https://{HOST}", "Nip", "5265877635", "5265877635", "01a1b2c3d4e5f607", DIGEST, key
    )
    start, encoded = url.rsplit("/", 1)
    assert start == f"https://{text}"
    assert "/01A1B2C3D4E5F607/" in text
    signature = unpadded(encoded)
    if key is KEY:
        pss_verify(key.public_key(), signature, text)
        assert len(encoded) == 342
        return
    assert (len(signature), len(encoded)) == (64, 86)
    key.public_key().verify(dss(signature), text.encode(), ec.ECDSA(hashes.SHA256()))


def test_kod2_halves_keep_their_length():
    """One R or S in 256 is a byte shorter; without its zero the signature would shift."""
    key = ec_key()
    short = 0
    for number in range(3000):
        signature = links.sign_text(key, str(number))
        assert len(signature) == 64
        if 0 in (signature[0], signature[32]):
            short += 1
            verifier = key.public_key()
            verifier.verify(dss(signature), str(number).encode(), ec.ECDSA(hashes.SHA256()))
    assert short


def dss(signature: bytes) -> bytes:
    """R followed by S, as the DER that the library wants."""
    return encode_dss_signature(
        int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    )


def test_kod2_own_vector_is_p1363():
    vector = DATA["own_kod2_ec"]
    text = links.certificate_text(
        f"https://{HOST}",
        "Nip",
        "5265877635",
        "5265877635",
        "01A1B2C3D4E5F607",
        crypto.sha256(b"<x/>"),
    )
    assert text == vector["signedText"]
    signature = dss(unpadded(vector["p1363"]))
    assert signature == unpadded(vector["der"])
    public = load_pem_public_key(vector["publicKeyPem"].encode())
    public.verify(signature, text.encode(), ec.ECDSA(hashes.SHA256()))
    # ours with the vector's private number verifies with the vector's key
    own = ec.derive_private_key(int("0123456789abcdef" * 4, 16), ec.SECP256R1())
    public.verify(dss(links.sign_text(own, text)), text.encode(), ec.ECDSA(hashes.SHA256()))


@pytest.mark.parametrize(
    "change",
    [
        {"qr_base": HOST},
        {"context_type": "Pesel"},
        {"context_value": "a/b"},
        {"serial": ""},
        {"seller_nip": "1 2"},
        {"sha256": b"x"},
    ],
)
def test_bad_link(change):
    good = {
        "qr_base": f"https://{HOST}",
        "context_type": "Nip",
        "context_value": "5265877635",
        "seller_nip": "5265877635",
        "serial": "01A1B2C3D4E5F607",
        "sha256": DIGEST,
    }
    links.certificate_text(**good)
    with pytest.raises(ValueError):
        links.certificate_text(**{**good, **change})


def test_key_of_another_kind_cannot_sign():
    from cryptography.hazmat.primitives.asymmetric import ed25519

    for key in (ed25519.Ed25519PrivateKey.generate(), ec_key("p384"), rsa_key(1024)):
        with pytest.raises(LocalError, match="RSA 2048 or elliptic-curve P-256"):
            links.sign_text(key, "x")


@pytest.mark.parametrize(
    ("url", "modules", "millimetres"),
    [
        (DATA["kod1"]["url"], 41, 34.3),
        (DATA["kod2_rsa"]["url"], 85, 65.1),
        (EC_URL, 61, 48.3),
        (EC_URL.replace("qr-test.", "qr."), 57, 45.5),
    ],
)
def test_symbol_size(url, modules, millimetres):
    assert qr.module_count(url) == modules
    assert qr.side_mm(url) == millimetres
    assert qr.side_mm(url, 0.5) == (modules + 8) / 2
    for scale in (1, 5):
        image = Image.open(io.BytesIO(qr.png(url, scale=scale)))
        assert image.format == "PNG"
        assert image.size == ((modules + 8) * scale,) * 2
        border = image.convert("L").crop((0, 0, image.width, 4 * scale))
        assert border.getextrema() == (255, 255)

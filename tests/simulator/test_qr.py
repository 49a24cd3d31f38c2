"""The pages behind both QR codes, with the official vectors and our own."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from conftest import SHARED
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from enrolling import Subject, key_pem, new_key
from harness import NIP, Api, code_of, login

DIGEST = "KjH0TaS9fey70939GjeuBNAuxmXiwmiIFszGVjFYbtE"
OFFICIAL_HOST = "qr-test.ksef.mf.gov.pl"


@pytest.fixture(scope="module")
def vectors() -> dict[str, Any]:
    path = SHARED / "spec" / "vectors" / "vectors.json"
    if not path.is_file():
        pytest.skip(f"no vectors in {SHARED}")
    return json.loads(path.read_text(encoding="utf-8"))


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def scan(api: Api, path: str) -> dict[str, Any]:
    """The JSON twin of the page of a KOD II; ``path`` begins after ``certificate/``."""
    answer = api.get(f"{api.url}/qr/certificate/{path}?format=json")
    assert answer.status_code == 200, answer.text
    return answer.json()


class Issuer:
    """An Offline certificate with its key, and the codes it signs."""

    def __init__(self, api: Api, *, rsa: bool = False, **more: Any) -> None:
        made = api.control(
            "POST", "certificates", **{"nip": NIP, "kind": "Offline", **more}, rsa=rsa
        )
        self.api = api
        self.serial = made["serial"]
        self.key = serialization.load_pem_private_key(made["key"].encode(), None)

    def text(self, context: str = f"Nip/{NIP}", nip: str = NIP) -> str:
        return f"{context}/{nip}/{self.serial}/{DIGEST}"

    def sign(self, message: bytes, *, salt: int = 32) -> bytes:
        """As KSeF wants it: P1363 for EC, PSS for RSA."""
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            der = self.key.sign(message, ec.ECDSA(hashes.SHA256()))
            return b"".join(number.to_bytes(32, "big") for number in decode_dss_signature(der))
        scheme = padding.PSS(padding.MGF1(hashes.SHA256()), salt)
        return self.key.sign(message, scheme, hashes.SHA256())

    def code(self, text: str | None = None, host: str | None = None, **more: Any) -> str:
        """``…/signature`` of a correctly signed code, or of one signed for another host."""
        text = text or self.text()
        base = host or self.api.url.removeprefix("http://") + "/qr"
        return f"{text}/{base64url(self.sign(f'{base}/certificate/{text}'.encode(), **more))}"

    def result(self, text: str | None = None, **more: Any) -> dict[str, Any]:
        return scan(self.api, self.code(text, **more))


@pytest.mark.parametrize(("rsa", "encoding"), [(False, "P1363"), (True, "PSS")])
def test_good_code(api: Api, rsa: bool, encoding: str) -> None:
    found = Issuer(api, rsa=rsa).result()
    assert (found["result"], found["signatureEncoding"]) == ("valid", encoding)
    assert set(found["checks"]) == {
        "certificate",
        "type",
        "status",
        "validity",
        "permission",
        "seller",
        "signature",
    }


def test_der_is_the_second_choice(api: Api) -> None:
    issuer = Issuer(api)
    text = issuer.text()
    base = api.url.removeprefix("http://") + "/qr"
    der = issuer.key.sign(f"{base}/certificate/{text}".encode(), ec.ECDSA(hashes.SHA256()))
    found = scan(api, f"{text}/{base64url(der)}")
    assert (found["result"], found["signatureEncoding"]) == ("valid", "DER")
    assert "DER" in api.control("GET", "log")[-1]["remark"]
    issuer.result()
    assert api.control("GET", "log")[-1]["remark"] is None


def test_unused_bits_of_the_signature_do_not_matter(api: Api) -> None:
    code = Issuer(api).code()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    other = code[:-1] + alphabet[alphabet.index(code[-1]) ^ 1]
    assert scan(api, other)["result"] == "valid"


@pytest.mark.parametrize("rsa", [False, True])
def test_signature_is_bound_to_every_part(api: Api, rsa: bool) -> None:
    issuer = Issuer(api, rsa=rsa)
    base = api.url.removeprefix("http://") + "/qr"
    text = issuer.text()
    for message in (
        f"http://{base}/certificate/{text}",
        f"{base}/certificate/{text}/",
        f"{OFFICIAL_HOST}/certificate/{text}",
        f"{base}/certificate/{text[:-1]}A",
    ):
        found = scan(api, f"{text}/{base64url(issuer.sign(message.encode()))}")
        assert (found["result"], found["checks"]["signature"]) == ("invalid", False), message
    digest = hashes.Hash(hashes.SHA256())
    digest.update(f"{base}/certificate/{text}".encode())
    twice = issuer.sign(digest.finalize())
    assert scan(api, f"{text}/{base64url(twice)}")["checks"]["signature"] is False


def test_salt_must_have_32_bytes(api: Api) -> None:
    issuer = Issuer(api, rsa=True)
    assert issuer.result(salt=20)["checks"]["signature"] is False


def failed(found: dict[str, Any]) -> set[str]:
    assert found["result"] == "invalid"
    return {name for name, good in found["checks"].items() if not good}


def test_certificate_is_judged_when_scanned(api: Api) -> None:
    issuer = Issuer(api)
    code = issuer.code()
    assert scan(api, code)["result"] == "valid"
    api.control("POST", "certificates", serial=issuer.serial, status="Blocked")
    assert failed(scan(api, code)) == {"status"}
    api.control("POST", "certificates", serial=issuer.serial, status="Revoked")
    assert failed(scan(api, code)) == {"status"}
    api.control("POST", "certificates", serial=issuer.serial, status="Active")
    api.control("POST", "clock", advance=731 * 86400)
    assert failed(scan(api, code)) == {"validity"}


def test_authentication_certificate_is_refused(api: Api) -> None:
    assert failed(Issuer(api, kind="Authentication").result()) == {"type"}


def test_enrolled_certificate_of_the_future(api: Api) -> None:
    api.control("POST", "speed", certificates=0)
    company = Subject(api, login(api)["access"])
    start = datetime.now(timezone.utc) + timedelta(days=3)
    issuer = Issuer(api)
    key = new_key()
    status = company.enrol(key, "Offline", validFrom=start.isoformat())
    issuer.serial, issuer.key = status["certificateSerialNumber"], key
    assert key_pem(key)
    code = issuer.code()
    assert failed(scan(api, code)) == {"validity"}
    api.control("POST", "clock", advance=4 * 86400)
    assert scan(api, code)["result"] == "valid"


def test_permission_and_seller(api: Api) -> None:
    issuer = Issuer(api)
    other = "1111111111"
    assert failed(issuer.result(issuer.text(f"Nip/{other}", other))) == {"permission"}
    assert failed(issuer.result(issuer.text(nip=other))) == {"seller"}
    api.control("POST", "subjects", nip=other, subject=NIP, permissions=["InvoiceRead"])
    assert failed(issuer.result(issuer.text(f"Nip/{other}", other))) == {"permission"}
    api.control("POST", "subjects", nip=other, subject=NIP, permissions=["InvoiceWrite"])
    assert issuer.result(issuer.text(f"Nip/{other}", other))["result"] == "valid"
    api.control("POST", "subjects", nip=other, issuer=NIP)
    assert issuer.result(issuer.text(nip=other))["result"] == "valid"
    person = Issuer(api, pesel="30112206276")
    assert failed(person.result()) == {"permission"}


def test_unknown_certificate(api: Api) -> None:
    issuer = Issuer(api)
    code = issuer.code(issuer.text().replace(issuer.serial, "0" * 16))
    assert failed(scan(api, code)) == {"certificate"}


@pytest.mark.parametrize(
    "change",
    [
        lambda code: code + "=",
        lambda code: code + "/",
        lambda code: code.replace("/0", "/0", 1).lower(),
        lambda code: code.replace(DIGEST, DIGEST + "="),
        lambda code: code.replace(DIGEST, DIGEST[:-1] + "F"),
        lambda code: code.replace("Nip/", "NIP/", 1),
        lambda code: code.replace(f"/{NIP}/", "/0123456789/"),
        lambda code: code.rpartition("/")[0],
        lambda code: code.rpartition("/")[0] + "/+++",
        lambda code: code.rpartition("/")[0] + "/ABCDE",
    ],
)
def test_malformed_address(api: Api, change: Any) -> None:
    code = Issuer(api).code()
    changed = change(code)
    assert changed != code
    assert api.get(f"{api.url}/qr/certificate/{changed}").status_code == 404


def test_page_for_people(api: Api) -> None:
    issuer = Issuer(api)
    code = issuer.code()
    page = api.get(f"{api.url}/qr/certificate/{code}")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "Certyfikat wystawcy jest prawidłowy" in page.text
    api.control("POST", "certificates", serial=issuer.serial, status="Revoked")
    assert "Nie potwierdzono wystawcy" in api.get(f"{api.url}/qr/certificate/{code}").text


def test_no_look_at_the_invoice(api: Api) -> None:
    """As in reality: the code of a file that KSeF never saw is fine."""
    digest = DIGEST.replace("K", "L", 1)
    issuer = Issuer(api)
    assert issuer.result(issuer.text().replace(DIGEST, digest))["result"] == "valid"


def official_certificate(api: Api) -> str:
    path: Path = SHARED / "spec" / "vectors" / "kod2-rsa-cert.der.b64"
    made = api.control("POST", "certificates", certificate="".join(path.read_text().split()))
    return made["serial"]


def test_official_link(api: Api, vectors: dict[str, Any]) -> None:
    """Its signature is good; its certificate is of another NIP and of the wrong type."""
    api.control("POST", "qr", host=OFFICIAL_HOST)
    assert official_certificate(api) == "01F20A5D352AE590"
    path = vectors["kod2_rsa"]["url"].partition("/certificate/")[2]
    api.control("POST", "clock", set="2026-02-01T12:00:00Z")
    found = scan(api, path)
    assert found["signedText"] == vectors["kod2_rsa"]["signedText"]
    assert found["signatureEncoding"] == "PSS"
    assert failed(found) == {"type", "permission"}
    changed = path[:-20] + ("A" if path[-20] != "A" else "B") + path[-19:]
    assert "signature" in failed(scan(api, changed))
    for host in ("ksef-test.mf.gov.pl", "ksef-test.mf.gov.pl/client-app", None):
        api.control("POST", "qr", host=host)
        assert "signature" in failed(scan(api, path))


@pytest.mark.parametrize(("form", "encoding"), [("p1363", "P1363"), ("der", "DER")])
def test_own_ec_vector(api: Api, vectors: dict[str, Any], form: str, encoding: str) -> None:
    vector = vectors["own_kod2_ec"]
    key = serialization.load_pem_public_key(vector["publicKeyPem"].encode())
    spki = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    text = vector["signedText"].partition("/certificate/")[2]
    serial = text.split("/")[3]
    made = api.control(
        "POST",
        "certificates",
        nip=NIP,
        kind="Offline",
        serial=serial,
        public_key=base64.b64encode(spki).decode("ascii"),
    )
    assert made["serial"] == serial
    api.control("POST", "qr", host=OFFICIAL_HOST)
    found = scan(api, f"{text}/{vector[form]}")
    assert (found["result"], found["signatureEncoding"]) == ("valid", encoding)


def test_official_invoice_link(api: Api, vectors: dict[str, Any]) -> None:
    path = vectors["kod1"]["url"].partition("/invoice/")[2]
    answer = api.get(f"{api.url}/qr/invoice/{path}?format=json").json()
    assert answer == {
        "result": "not-found",
        "sellerNip": vectors["kod1"]["nip"],
        "issueDate": vectors["kod1"]["p1"],
    }
    for wrong in (
        path.replace("01-02-2026", "31-02-2026"),
        path.replace("01-02-2026", "2026-02-01"),
        path.replace("01-02-2026", "1-2-2026"),
        path + "=",
        path[:-1],
        # bits that 32 bytes do not use
        path[:-1] + "F",
    ):
        assert api.get(f"{api.url}/qr/invoice/{wrong}").status_code == 404, wrong


def test_checksum_of_ksef_numbers(api: Api, vectors: dict[str, Any]) -> None:
    """Official numbers are unknown here but well-formed; the sample with a wrong CRC-8 is not."""
    token = login(api)["access"]
    codes = {
        code: {
            code_of(api.call("GET", f"/invoices/ksef/{number}", token))
            for number in vectors[f"ksef_numbers_{code}"]
        }
        for code in ("valid", "invalid")
    }
    assert codes == {"valid": {21164}, "invalid": {21405}}

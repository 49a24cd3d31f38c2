"""Certificate requests and subjects that enrol, for tests."""

from __future__ import annotations

import base64
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID
from harness import (
    NIP,
    Api,
    auth_request,
    key_pair,
    login,
    new_challenge,
    sha,
    wrap,
)
from ksef_client.services.xades import sign_xades_enveloped
from lxml import etree

OIDS = {
    "commonName": NameOID.COMMON_NAME,
    "surname": NameOID.SURNAME,
    "givenName": NameOID.GIVEN_NAME,
    "organizationName": NameOID.ORGANIZATION_NAME,
    "organizationIdentifier": x509.ObjectIdentifier("2.5.4.97"),
    "countryName": NameOID.COUNTRY_NAME,
    "serialNumber": NameOID.SERIAL_NUMBER,
    "uniqueIdentifier": x509.ObjectIdentifier("2.5.4.45"),
}
NAMESPACES = {
    "ds": "http://www.w3.org/2000/09/xmldsig#",
    "xades": "http://uri.etsi.org/01903/v1.3.2#",
}
ENROL = "/certificates/enrollments"


def new_key(kind: str = "p256") -> Any:
    if kind.startswith("rsa"):
        return rsa.generate_private_key(public_exponent=65537, key_size=int(kind[3:]))
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(ec.SECP384R1() if kind == "p384" else ec.SECP256R1())


def request_for(data: dict[str, str], key: Any, digest: Any = None, **more: Any) -> bytes:
    """A request in DER; ``more`` goes to ``sign``."""
    name = x509.Name([x509.NameAttribute(OIDS[field], value) for field, value in data.items()])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    plain = isinstance(key, ed25519.Ed25519PrivateKey)
    made = builder.sign(key, None if plain else digest or hashes.SHA256(), **more)
    return made.public_bytes(serialization.Encoding.DER)


def body(csr: bytes, kind: str = "Authentication", **changes: Any) -> dict[str, Any]:
    encoded = base64.b64encode(csr).decode("ascii")
    return {"certificateName": "Próbny 1", "certificateType": kind, "csr": encoded, **changes}


class Subject:
    """An authenticated subject and its way through enrolment."""

    def __init__(self, api: Api, token: str) -> None:
        self.api = api
        self.token = token

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self.api.call(method, path, self.token, **more)

    def data(self) -> dict[str, str]:
        return self.call("GET", ENROL + "/data").json()

    def post(self, payload: dict[str, Any]) -> httpx.Response:
        return self.call("POST", ENROL, json=payload)

    def enrol(self, key: Any, kind: str = "Authentication", **changes: Any) -> dict[str, Any]:
        """The final status of a request."""
        answer = self.post(body(request_for(self.data(), key), kind, **changes))
        assert answer.status_code == 202, answer.text
        return self.status(answer.json()["referenceNumber"]).json()

    def status(self, reference: str) -> httpx.Response:
        return self.call("GET", f"{ENROL}/{reference}")

    def retrieve(self, *serials: str) -> list[dict[str, str]]:
        asked = {"certificateSerialNumbers": list(serials)}
        return self.call("POST", "/certificates/retrieve", json=asked).json()["certificates"]

    def listed(self, **filters: Any) -> list[dict[str, Any]]:
        return self.call("POST", "/certificates/query", json=filters).json()["certificates"]

    def revoke(self, serial: str, **more: Any) -> httpx.Response:
        return self.call("POST", f"/certificates/{serial}/revoke", json=more)

    def limits(self) -> dict[str, Any]:
        return self.call("GET", "/certificates/limits").json()


def pem_of(der: bytes) -> str:
    return x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM).decode()


def key_pem(key: Any) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def person(api: Api, pesel: str = "30112206276") -> Subject:
    api.control("POST", "subjects", nip=NIP, subject=pesel, permissions=["InvoiceRead"])
    made = api.control("POST", "certificates", pesel=pesel, kind="Authentication")
    return Subject(
        api, login(api, NIP, (pem_of(base64.b64decode(made["certificate"])), made["key"]))["access"]
    )


def resigned(api: Api, der: bytes, key: Any) -> bytes:
    """A request signed by ``key`` for the certificate ``der``, which the SDK cannot read.

    The SDK signs with a stand-in; certificate, digests and signature value are then replaced.
    """
    request = sign_xades_enveloped(auth_request(new_challenge(api)), *key_pair(api))
    root = etree.fromstring(request.encode())
    find = lambda path: root.find(f".//{path}", NAMESPACES)  # noqa: E731
    find("ds:X509Certificate").text = base64.b64encode(der).decode()
    find("xades:CertDigest/ds:DigestValue").text = sha(der)
    serial = find("xades:IssuerSerial")
    serial.getparent().remove(serial)
    properties = etree.tostring(find("xades:SignedProperties"), method="c14n", exclusive=True)
    reference = root.xpath(".//ds:Reference[@Type]", namespaces=NAMESPACES)[0]
    reference.find("ds:DigestValue", NAMESPACES).text = sha(properties)
    method = find("ds:CanonicalizationMethod").get("Algorithm")
    info = etree.tostring(find("ds:SignedInfo"), method="c14n", exclusive="exc" in method)
    signature = decode_dss_signature(key.sign(info, ec.ECDSA(hashes.SHA256())))
    raw = b"".join(number.to_bytes(32, "big") for number in signature)
    find("ds:SignatureValue").text = base64.b64encode(raw).decode()
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def token_login(api: Api) -> Subject:
    token = api.control("POST", "tokens", nip=NIP)["token"]
    issued = api.call("POST", "/auth/challenge").json()
    text = f"{token}|{issued['timestampMs']}".encode()
    secret, identifier = wrap(api, text, "KsefTokenEncryption")
    payload = {
        "challenge": issued["challenge"],
        "encryptedToken": secret,
        "publicKeyId": identifier,
        "contextIdentifier": {"type": "Nip", "value": NIP},
    }
    started = api.call("POST", "/auth/ksef-token", json=payload).json()
    bearer = started["authenticationToken"]["token"]
    api.call("GET", f"/auth/{started['referenceNumber']}", bearer)
    redeemed = api.call("POST", "/auth/token/redeem", bearer).json()
    return Subject(api, redeemed["accessToken"]["token"])

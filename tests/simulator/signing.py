"""Signed requests in which anything may be wrong, and the signature still right."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from harness import sha
from ksef_client.services.xades import sign_xades_enveloped
from lxml import etree

NAMESPACES = {
    "ds": "http://www.w3.org/2000/09/xmldsig#",
    "xades": "http://uri.etsi.org/01903/v1.3.2#",
}
#: short names of the attributes of a subject
OIDS = {
    "C": "2.5.4.6",
    "CN": "2.5.4.3",
    "O": "2.5.4.10",
    "GN": "2.5.4.42",
    "SN": "2.5.4.4",
    "serial": "2.5.4.5",
    "id": "2.5.4.97",
}


def certificate(
    subject: dict[str, str], key: Any, *, usage: dict[str, bool] | None = None
) -> tuple[str, str]:
    """PEM of a certificate that nobody vouches for, and of its key."""
    name = x509.Name(
        [x509.NameAttribute(x509.ObjectIdentifier(OIDS[k]), v) for k, v in subject.items()]
    )
    now = datetime.now(timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
    )
    if usage is not None:
        names = ("digital_signature", "content_commitment", "key_encipherment")
        names += ("data_encipherment", "key_agreement", "key_cert_sign", "crl_sign")
        flags = {flag: usage.get(flag, False) for flag in (*names, "encipher_only")}
        extension = x509.KeyUsage(**flags, decipher_only=False)
        builder = builder.add_extension(extension, critical=True)
    made = builder.sign(key, hashes.SHA256())
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.public_bytes(serialization.Encoding.PEM).decode(), secret.decode()


def sign(
    request: str, pair: tuple[str, str], edit: Callable[[etree._Element], None] | None = None
) -> bytes:
    """``request`` signed; ``edit`` changes the signature's properties before they are digested."""
    signed = sign_xades_enveloped(request, *pair)
    if edit is None:
        return signed.encode()
    root = etree.fromstring(signed.encode())

    def find(path: str) -> etree._Element:
        found = root.find(f".//{path}", NAMESPACES)
        assert found is not None, path
        return found

    edit(find("xades:SignedProperties"))
    properties = etree.tostring(find("xades:SignedProperties"), method="c14n", exclusive=True)
    [reference] = root.xpath(".//ds:Reference[@Type]", namespaces=NAMESPACES)
    reference.find("ds:DigestValue", NAMESPACES).text = sha(properties)
    method = find("ds:CanonicalizationMethod").get("Algorithm") or ""
    info = etree.tostring(find("ds:SignedInfo"), method="c14n", exclusive="exc" in method)
    key = serialization.load_pem_private_key(pair[1].encode(), None)
    find("ds:SignatureValue").text = base64.b64encode(_signature(key, info)).decode()
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _signature(key: Any, data: bytes) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    numbers = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
    return b"".join(number.to_bytes(32, "big") for number in numbers)

"""Throw-away keys and certificates for tests."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

CURVES = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1()}


def rsa_key(size: int = 2048) -> rsa.RSAPrivateKey:
    """A fresh RSA key."""
    return rsa.generate_private_key(65537, size)


def ec_key(curve: str = "p256") -> ec.EllipticCurvePrivateKey:
    """A fresh elliptic-curve key."""
    return ec.generate_private_key(CURVES[curve])


def self_signed(
    key, name: str = 'Żółw, "A" + <B>; # ', usage: str | None = "authentication"
) -> bytes:
    """A self-signed seal certificate in DER for NIP 5265877635, valid 2025 to 2035."""
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "PL"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test sp. z o.o."),
            x509.NameAttribute(NameOID.ORGANIZATION_IDENTIFIER, "VATPL-5265877635"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    start = datetime(2025, 1, 1, tzinfo=timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(0x01F20A5D352AE590)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=3650))
    )
    if usage is not None:
        builder = builder.add_extension(
            x509.KeyUsage(
                digital_signature=usage == "authentication",
                content_commitment=usage == "offline",
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=False,
                crl_sign=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)

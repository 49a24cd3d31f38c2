"""Keys and certificates of the simulated Ministry: encryption keys and the KSeF certificate CA."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from .clock import stamp

ORGANIZATION_IDENTIFIER = x509.ObjectIdentifier("2.5.4.97")
_DAY = timedelta(days=1)


def ministry_name(common_name: str) -> x509.Name:
    """The issuer's name on KSeF certificates, marked as simulated."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "PL"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Ministerstwo Finansów"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "KSeF simulator"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


@dataclass
class EncryptionKey:
    """One RSA key that clients encrypt to, for one usage."""

    usage: str
    private_key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    @classmethod
    def generate(cls, usage: str, now: datetime) -> EncryptionKey:
        """A fresh 2048-bit key, valid from a day ago for two years."""
        private_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = ministry_name(f"Simulator {usage}")
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(private_key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _DAY)
            .not_valid_after(now + 730 * _DAY)
            .sign(private_key, hashes.SHA256())
        )
        return cls(usage, private_key, certificate)

    @property
    def public_key_id(self) -> str:
        """Base64 SHA-256 of the SubjectPublicKeyInfo."""
        spki = self.certificate.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return base64.b64encode(hashlib.sha256(spki).digest()).decode("ascii")

    def decrypt(self, wrapped: bytes) -> bytes:
        """Undo RSA-OAEP with SHA-256 in both places; raises ValueError."""
        scheme = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), label=None)
        return self.private_key.decrypt(wrapped, scheme)

    def describe(self) -> dict[str, object]:
        """The entry of ``GET /security/public-key-certificates``."""
        der = self.certificate.public_bytes(serialization.Encoding.DER)
        return {
            "certificate": base64.b64encode(der).decode("ascii"),
            "certificateId": base64.b64encode(hashlib.sha256(der).digest()).decode("ascii"),
            "publicKeyId": self.public_key_id,
            "validFrom": stamp(self.certificate.not_valid_before_utc),
            "validTo": stamp(self.certificate.not_valid_after_utc),
            "usage": [self.usage],
        }


@dataclass
class IssuedCertificate:
    """A KSeF certificate of this simulator. ``kind``: Authentication or Offline."""

    certificate: x509.Certificate
    kind: str
    nip: str
    status: str = "Active"

    @property
    def serial(self) -> str:
        return f"{self.certificate.serial_number:016X}"


class Authority:
    """The CA behind KSeF certificates."""

    def __init__(self, now: datetime) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.name = ministry_name("CCK KSeF simulator")
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(self.name)
            .issuer_name(self.name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _DAY)
            .not_valid_after(now + 3650 * _DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.issued: dict[int, IssuedCertificate] = {}

    def issue(
        self, nip: str, kind: str, now: datetime, *, rsa_key: bool = False
    ) -> tuple[IssuedCertificate, bytes]:
        """A throw-away certificate of a company seal and its unencrypted PKCS#8 PEM key."""
        key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
        if rsa_key:
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        else:
            key = ec.generate_private_key(ec.SECP256R1())
        offline = kind == "Offline"
        usage = x509.KeyUsage(
            digital_signature=not offline,
            content_commitment=offline,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=False,
            crl_sign=False,
            encipher_only=False,
            decipher_only=False,
        )
        certificate = (
            x509.CertificateBuilder()
            .subject_name(
                x509.Name(
                    [
                        x509.NameAttribute(NameOID.COUNTRY_NAME, "PL"),
                        x509.NameAttribute(ORGANIZATION_IDENTIFIER, f"VATPL-{nip}"),
                        x509.NameAttribute(NameOID.ORGANIZATION_NAME, f"Simulated {nip}"),
                        x509.NameAttribute(NameOID.COMMON_NAME, nip),
                    ]
                )
            )
            .issuer_name(self.name)
            .public_key(key.public_key())
            # first byte 01, as the Ministry's serials: 16 hex digits, leading zero included
            .serial_number(int.from_bytes(b"\x01" + secrets.token_bytes(7), "big"))
            .not_valid_before(now - timedelta(minutes=1))
            .not_valid_after(now + 730 * _DAY)
            .add_extension(usage, critical=True)
            .sign(self._key, hashes.SHA256())
        )
        entry = IssuedCertificate(certificate, kind, nip)
        self.issued[certificate.serial_number] = entry
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return entry, pem

    def find(self, certificate: x509.Certificate) -> IssuedCertificate | None:
        """Our own record of ``certificate``, if this CA really issued these very bytes."""
        entry = self.issued.get(certificate.serial_number)
        return entry if entry is not None and entry.certificate == certificate else None

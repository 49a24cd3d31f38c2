"""Keys and certificates of the simulated Ministry: encryption keys and the KSeF certificate CA."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from . import der
from .clock import stamp

ORGANIZATION_IDENTIFIER = x509.ObjectIdentifier("2.5.4.97")
_DAY = timedelta(days=1)
#: How long a KSeF certificate is valid.
LIFE = 730 * _DAY


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


def _key_der(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


@dataclass
class EncryptionKey:
    """One RSA key that clients encrypt to, for one usage."""

    usage: str
    private_key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    @classmethod
    def generate(cls, usage: str, valid_from: datetime) -> EncryptionKey:
        """A fresh 2048-bit key, valid for two years."""
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return cls(usage, key, cls._certify(usage, key, valid_from))

    def export(self) -> tuple[str, bytes, bytes]:
        """Usage, key and certificate in DER."""
        return (
            self.usage,
            _key_der(self.private_key),
            self.certificate.public_bytes(serialization.Encoding.DER),
        )

    @classmethod
    def restored(cls, usage: str, key: bytes, certificate: bytes) -> EncryptionKey:
        """The inverse of :meth:`export`."""
        private_key = serialization.load_der_private_key(key, password=None)
        if not isinstance(private_key, rsa.RSAPrivateKey):
            raise TypeError("an encryption key is an RSA key")
        return cls(usage, private_key, x509.load_der_x509_certificate(certificate))

    def certified_again(self, valid_from: datetime) -> EncryptionKey:
        """The same key under a new certificate."""
        return EncryptionKey(
            self.usage, self.private_key, self._certify(self.usage, self.private_key, valid_from)
        )

    @staticmethod
    def _certify(usage: str, key: rsa.RSAPrivateKey, valid_from: datetime) -> x509.Certificate:
        name = ministry_name(f"Simulator {usage}")
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(valid_from)
            .not_valid_after(valid_from + 730 * _DAY)
            .sign(key, hashes.SHA256())
        )

    def valid(self, now: datetime) -> bool:
        """Whether clients may use it now."""
        certificate = self.certificate
        return certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc

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
    """A KSeF certificate of this simulator.

    ``kind``: Authentication or Offline. ``subject``: who it belongs to, ``Nip:…``, ``Pesel:…`` or
    ``Fingerprint:…``. ``enrolment``: the request it came from, None for a throw-away one.
    """

    der: bytes
    kind: str
    subject: str
    name: str
    requested_at: datetime
    enrolment: str | None = None
    status: str = "Active"
    looks_until_revoked: int = 0
    revoked_at: datetime | None = None
    used_at: datetime | None = None
    #: shortened by ``PUT /testdata/certificates/{serial}``
    ends_early: datetime | None = None

    @cached_property
    def certificate(self) -> x509.Certificate:
        return der.load_certificate(self.der)

    def __getstate__(self) -> dict[str, object]:
        """Without the parsed certificate, which cannot be written down and need not be."""
        return {name: value for name, value in vars(self).items() if name != "certificate"}

    @property
    def serial(self) -> str:
        return f"{self.certificate.serial_number:016X}"

    @property
    def valid_to(self) -> datetime:
        return self.ends_early or self.certificate.not_valid_after_utc

    def status_at(self, moment: datetime) -> str:
        """Active, Blocked, Revoked or Expired."""
        return "Expired" if self.status == "Active" and moment > self.valid_to else self.status

    @property
    def public_key(self) -> bytes:
        """SubjectPublicKeyInfo in DER."""
        return self.certificate.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )


def _key_usage(kind: str) -> x509.KeyUsage:
    offline = kind == "Offline"
    return x509.KeyUsage(
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


def seal_name(nip: str) -> x509.Name:
    """Subject of a company's certificate."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "PL"),
            x509.NameAttribute(ORGANIZATION_IDENTIFIER, f"VATPL-{nip}"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, f"Simulated {nip}"),
            x509.NameAttribute(NameOID.COMMON_NAME, nip),
        ]
    )


def person_name(pesel: str) -> x509.Name:
    """Subject of a person's certificate."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "PL"),
            x509.NameAttribute(NameOID.GIVEN_NAME, "Łucja"),
            x509.NameAttribute(NameOID.SURNAME, "Próbna"),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, f"PNOPL-{pesel}"),
            x509.NameAttribute(NameOID.COMMON_NAME, "Łucja Próbna"),
        ]
    )


def subject_name(subject: str) -> x509.Name:
    """The name on a certificate of ``subject`` (``Nip:…`` or ``Pesel:…``)."""
    owner, _colon, value = subject.partition(":")
    return seal_name(value) if owner == "Nip" else person_name(value)


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
        self.issued: dict[str, IssuedCertificate] = {}

    def export(self) -> tuple[bytes, bytes, dict[str, IssuedCertificate]]:
        """Key and certificate in DER, and what was issued."""
        return (
            _key_der(self._key),
            self.certificate.public_bytes(serialization.Encoding.DER),
            self.issued,
        )

    def restore(self, key: bytes, certificate: bytes, issued: dict[str, IssuedCertificate]) -> None:
        """The inverse of :meth:`export`."""
        private_key = serialization.load_der_private_key(key, password=None)
        if not isinstance(private_key, ec.EllipticCurvePrivateKey):
            raise TypeError("the authority's key is an EC key")
        self._key, self.issued = private_key, issued
        self.certificate = x509.load_der_x509_certificate(certificate)

    def sign(
        self,
        name: x509.Name,
        public_key: bytes,
        kind: str,
        valid_from: datetime,
        *,
        serial: int,
        null_parameter: bool = False,
    ) -> bytes:
        """DER of a certificate valid for two years from ``valid_from``.

        ``null_parameter`` writes the algorithm the way the Ministry's test authority does.
        """
        key = serialization.load_der_public_key(public_key)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self.name)
            .public_key(key)  # type: ignore[arg-type]
            .serial_number(serial)
            .not_valid_before(valid_from)
            .not_valid_after(valid_from + LIFE)
            .add_extension(_key_usage(kind), critical=True)
            .sign(self._key, hashes.SHA512())
        )
        if not null_parameter:
            return made.public_bytes(serialization.Encoding.DER)
        tbs = der.with_null_parameter(made.tbs_certificate_bytes, null=True)
        signature = self._key.sign(tbs, ec.ECDSA(hashes.SHA512()))
        return der.write(
            der.SEQUENCE,
            tbs + der.ECDSA_SHA512_WITH_NULL + der.write(der.BIT_STRING, b"\0" + signature),
        )

    def add(self, entry: IssuedCertificate) -> IssuedCertificate:
        self.issued[entry.serial] = entry
        return entry

    def forget_enrolled(self) -> None:
        """Drop what was enrolled through the API; throw-away certificates stay."""
        self.issued = {key: item for key, item in self.issued.items() if item.enrolment is None}

    def throw_away(
        self,
        subject: str,
        kind: str,
        now: datetime,
        *,
        serial: int,
        rsa_key: bool = False,
        null_parameter: bool = False,
    ) -> tuple[IssuedCertificate, bytes]:
        """A certificate that nobody had to enrol, and its unencrypted PKCS#8 PEM key."""
        key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
        if rsa_key:
            key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        else:
            key = ec.generate_private_key(ec.SECP256R1())
        spki = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        made = self.sign(
            subject_name(subject),
            spki,
            kind,
            now - timedelta(minutes=1),
            serial=serial,
            null_parameter=null_parameter,
        )
        entry = self.add(IssuedCertificate(made, kind, subject, "Simulated certificate", now))
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return entry, pem

    def find(self, certificate_der: bytes) -> IssuedCertificate | None:
        """Our own record of a certificate, if this CA really issued these very bytes."""
        return next((item for item in self.issued.values() if item.der == certificate_der), None)

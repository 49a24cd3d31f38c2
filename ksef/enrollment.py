"""The certificate request, and the check of the certificate that comes back for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from . import der, keys
from .crypto import sha256
from .errors import LocalError
from .links import PrivateKey

AUTHENTICATION, OFFLINE = "Authentication", "Offline"
KINDS = (AUTHENTICATION, OFFLINE)

_COMMON_NAME = "2.5.4.3"
_ORGANIZATION_IDENTIFIER = "2.5.4.97"
_SERIAL_NUMBER = "2.5.4.5"

# Field of the enrolment data → attribute of the subject, in the order of the official sample.
ATTRIBUTES = {
    "commonName": _COMMON_NAME,
    "surname": "2.5.4.4",
    "givenName": "2.5.4.42",
    "organizationName": "2.5.4.10",
    "organizationIdentifier": _ORGANIZATION_IDENTIFIER,
    "countryName": "2.5.4.6",
    "serialNumber": _SERIAL_NUMBER,
    "uniqueIdentifier": "2.5.4.45",
}


def csr(data: Mapping[str, str], key: PrivateKey) -> bytes:
    """PKCS#10 in DER with exactly the enrolment data, nothing added, nothing left out.

    Country and serial number are PrintableString, all else UTF8String: KSeF refuses other
    encodings (25004) and other values (25003). Raises LocalError.
    """
    try:
        attributes = [
            # The library's own choice of encoding is the one that KSeF asks for.
            x509.NameAttribute(x509.ObjectIdentifier(oid), data[field])
            for field, oid in ATTRIBUTES.items()
            if field in data
        ]
    except ValueError as error:
        raise LocalError(f"KSeF's data do not fit a certificate request: {error}") from error
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(attributes))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def read(certificate: bytes) -> der.CertificateInfo:
    """The fields of a certificate in DER. Raises LocalError."""
    try:
        return der.parse_certificate(certificate)
    except ValueError:
        raise LocalError("The certificate cannot be read") from None


def common_name(info: der.CertificateInfo) -> str:
    """The subject's common name, empty if it has none."""
    return dict(info.attributes).get(_COMMON_NAME, "")


def kind_of(info: der.CertificateInfo) -> str | None:
    """Authentication or Offline by the key usage; None if it says neither or both."""
    if info.digital_signature and not info.non_repudiation:
        return AUTHENTICATION
    if info.non_repudiation and not info.digital_signature:
        return OFFLINE
    return None


def findings(
    certificate: bytes,
    *,
    kind: str,
    now: datetime,
    key: PrivateKey | None = None,
    data: Mapping[str, str] | None = None,
    serial: str | None = None,
) -> tuple[str, ...]:
    """What is wrong with a certificate in DER, in words of this list, nothing if it is fine:

    unreadable, key (not ours), kind, subject (not that of the enrolment data), serial, not_yet,
    expired. ``now`` is aware.
    """
    try:
        info = der.parse_certificate(certificate)
    except ValueError:
        return ("unreadable",)
    checks = {
        "key": key is None or info.spki == keys.spki(key.public_key()),
        "kind": kind_of(info) == kind,
        "subject": data is None or _is_subject(dict(info.attributes), data),
        "serial": serial is None or info.serial_hex == serial,
        "not_yet": info.not_before <= now,
        "expired": now <= info.not_after,
    }
    return tuple(name for name, passed in checks.items() if not passed)


def _is_subject(attributes: Mapping[str, str], data: Mapping[str, str]) -> bool:
    """Whether the certificate names the subject of the enrolment data.

    Its identifiers decide; KSeF prefixes them ("VATPL-") in some certificates and not in others.
    The common name decides for a subject that has none.
    """
    wanted = {
        ATTRIBUTES[field]: data[field]
        for field in ("organizationIdentifier", "serialNumber")
        if field in data
    }
    if not wanted:
        wanted = {_COMMON_NAME: data["commonName"]}
    return all(
        oid in attributes and (attributes[oid] == text or attributes[oid].endswith(f"-{text}"))
        for oid, text in wanted.items()
    )


# As the authentication documents give them; the digits are the identifier.
_IDENTIFIERS = (
    (_ORGANIZATION_IDENTIFIER, "Nip", re.compile(r"VATPL.*?(\d{10})", re.ASCII)),
    (_SERIAL_NUMBER, "Pesel", re.compile(r"(?:PNOPL|PESEL).*?(\d{11})", re.ASCII)),
    (_SERIAL_NUMBER, "Nip", re.compile(r"(?:TINPL|NIP).*?(\d{10})", re.ASCII)),
)


def subject_identifier(certificate: bytes) -> tuple[str, str]:
    """Whose limits a login with this certificate (DER) uses: (Nip, Pesel or Fingerprint, value).

    Raises ValueError if it cannot be read.
    """
    attributes = dict(der.parse_certificate(certificate).attributes)
    for oid, kind, pattern in _IDENTIFIERS:
        match = pattern.search(attributes.get(oid, ""))
        if match is not None:
            return kind, match[1]
    return "Fingerprint", sha256(certificate).hex().upper()

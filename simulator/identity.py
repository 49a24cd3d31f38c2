"""Who a certificate is: the identifier in its subject, and whether it may authenticate at all."""

from __future__ import annotations

import hashlib
import re

from cryptography import x509
from cryptography.x509.oid import NameOID

from .messages import BadRequest
from .pki import ORGANIZATION_IDENTIFIER

_PESEL = re.compile(r"(PNOPL|PESEL).*?(\d{11})", re.ASCII)
_NIP = re.compile(r"(TINPL|NIP).*?(\d{10})", re.ASCII)
_SEAL = re.compile(r"(VATPL).*?(\d{10})", re.ASCII)


def _value(name: x509.Name, oid: x509.ObjectIdentifier) -> str | None:
    found = name.get_attributes_for_oid(oid)
    return str(found[0].value) if found else None


def subject_of(certificate: x509.Certificate, sent: bytes, subject_type: str) -> str:
    """``Nip:…``, ``Pesel:…`` or ``Fingerprint:…``; raises 21406 or 21115.

    ``sent``: the certificate's own bytes, whose SHA-256 in upper-case hex is the fingerprint.
    """
    if subject_type == "certificateFingerprint":
        return f"Fingerprint:{hashlib.sha256(sent).hexdigest().upper()}"
    name = certificate.subject
    required = (NameOID.COMMON_NAME, NameOID.COUNTRY_NAME)
    if any(_value(name, oid) is None for oid in required):
        raise BadRequest(21115, "Brak wymaganych atrybutów podmiotu.")
    organization = _value(name, ORGANIZATION_IDENTIFIER)
    personal = _value(name, NameOID.GIVEN_NAME), _value(name, NameOID.SURNAME)
    serial = _value(name, NameOID.SERIAL_NUMBER)
    if organization is not None:
        if any(personal) or _value(name, NameOID.ORGANIZATION_NAME) is None:
            raise BadRequest(21115, "Atrybuty pieczęci i osoby wykluczają się.")
        found = _SEAL.search(organization)
        if found:
            return f"Nip:{found[2]}"
    elif serial is not None:
        if not all(personal):
            raise BadRequest(21115, "Brak imienia lub nazwiska.")
        found = _PESEL.search(serial)
        if found:
            return f"Pesel:{found[2]}"
        found = _NIP.search(serial)
        if found:
            return f"Nip:{found[2]}"
    raise BadRequest(21406, "Certyfikat nie zawiera identyfikatora podmiotu.")


def may_sign(certificate: x509.Certificate) -> bool:
    """Key usage, when stated, must include digitalSignature: Offline certificates do not."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return usage.digital_signature

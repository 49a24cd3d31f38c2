"""The links behind the two QR codes of an invoice.

KOD I leads to the document, KOD II proves who issued it before KSeF had it. ``qr_base`` is
``Environment.qr``; ``sha256`` always the 32-byte digest of the frozen file.
"""

from __future__ import annotations

import re
from datetime import date

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from .crypto import to_base64url
from .errors import LocalError

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

_DIGEST_SIZE = 32
_PSS_SALT = 32
_LEAST_RSA_BITS = 2048
_CURVE_BYTES = 32  # P-256; the Ministry certifies no other curve
_SEGMENT = re.compile(r"[A-Za-z0-9.+*-]+")
_CONTEXT_TYPES = frozenset({"Nip", "InternalId", "NipVatUe", "PeppolId"})


def _base(qr_base: str) -> str:
    if not qr_base.startswith(("https://", "http://")):
        raise ValueError("The base of a QR link needs a scheme")
    return qr_base.rstrip("/")


def _digest(sha256: bytes) -> str:
    if len(sha256) != _DIGEST_SIZE:
        raise ValueError("A SHA-256 digest has 32 bytes")
    return to_base64url(sha256)


def _segment(value: str) -> str:
    if _SEGMENT.fullmatch(value) is None:
        raise ValueError(f"{value!r} cannot stand in a QR link")
    return value


def invoice_url(qr_base: str, seller_nip: str, issue_date: date, sha256: bytes) -> str:
    """KOD I: ``{base}/invoice/{NIP}/{DD-MM-YYYY}/{digest}``. Raises ValueError."""
    day = f"{issue_date.day:02d}-{issue_date.month:02d}-{issue_date.year:04d}"
    return f"{_base(qr_base)}/invoice/{_segment(seller_nip)}/{day}/{_digest(sha256)}"


def certificate_text(
    qr_base: str,
    context_type: str,
    context_value: str,
    seller_nip: str,
    serial: str,
    sha256: bytes,
) -> str:
    """The text that KOD II signs: its link without scheme, signature and trailing slash.

    ``context_type`` is Nip, InternalId, NipVatUe or PeppolId; ``serial`` the certificate's number
    in hexadecimal. Raises ValueError.
    """
    if context_type not in _CONTEXT_TYPES:
        raise ValueError(f"There is no context type {context_type!r}")
    host = _base(qr_base).split("://", 1)[1]
    segments = (context_type, context_value, seller_nip, serial.upper())
    path = "/".join(_segment(segment) for segment in segments)
    return f"{host}/certificate/{path}/{_digest(sha256)}"


def certificate_url(
    qr_base: str,
    context_type: str,
    context_value: str,
    seller_nip: str,
    serial: str,
    sha256: bytes,
    private_key: PrivateKey,
) -> str:
    """KOD II with its signature, ready for the symbol. Raises ValueError and LocalError."""
    text = certificate_text(qr_base, context_type, context_value, seller_nip, serial, sha256)
    scheme = qr_base.split("://", 1)[0]
    return f"{scheme}://{text}/{to_base64url(sign_text(private_key, text))}"


def sign_text(private_key: PrivateKey, text: str) -> bytes:
    """Signature of ``text``: RSA-PSS (SHA-256, MGF1-SHA-256, salt 32) or ECDSA as R followed by S.

    Raises LocalError for a key that no Offline certificate can have: neither RSA of at least 2048
    bits nor P-256. Its code would be printed, and refused when it is scanned.
    """
    # The library hashes once; handing it a digest is the well-known way to fail verification.
    data = text.encode("ascii")
    if isinstance(private_key, rsa.RSAPrivateKey) and private_key.key_size >= _LEAST_RSA_BITS:
        pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=_PSS_SALT)
        return private_key.sign(data, pss, hashes.SHA256())
    if isinstance(private_key, ec.EllipticCurvePrivateKey) and isinstance(
        private_key.curve, ec.SECP256R1
    ):
        r, s = decode_dss_signature(private_key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(_CURVE_BYTES, "big") + s.to_bytes(_CURVE_BYTES, "big")
    raise LocalError("The key of an Offline certificate must be RSA 2048 or elliptic-curve P-256")

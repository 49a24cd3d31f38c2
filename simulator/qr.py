"""The public pages behind the QR codes: KOD I shows an invoice, KOD II judges its issuer.

Like the real ones they judge at the moment of scanning: a certificate that was revoked or expired
since does not verify any more. KOD II never looks at the invoice. A JSON twin for tests comes with
``?format=json`` or ``Accept: application/json``.
"""

from __future__ import annotations

import base64
import re
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from . import permissions, roles
from .auth_request import CONTEXTS
from .markup import page, section, table
from .messages import Request, Response, reply
from .numbers import NIP_PATTERN
from .pki import IssuedCertificate
from .routing import Route
from .store import Context

if TYPE_CHECKING:
    from .app import Simulator

_DIGEST = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_DAY = re.compile(r"(\d\d)-(\d\d)-(\d{4})", re.ASCII)
_SERIAL = re.compile(r"[0-9A-F]{16}", re.ASCII)
_SIGNATURE = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_PSS_SALT = 32
_COORDINATE = 32
_TITLE = "Weryfikacja faktury (symulator KSeF)"
_HEADINGS = {
    "found": "Faktura znajduje się w KSeF",
    "corrected": "Faktura została skorygowana technicznie; w KSeF jest nowa",
    "not-found": "Nie znaleziono faktury",
    "valid": "Certyfikat wystawcy jest prawidłowy",
    "invalid": "Nie potwierdzono wystawcy",
    "malformed": "Nieprawidłowy adres weryfikacyjny",
}
_LABELS = {
    "sellerNip": "NIP sprzedawcy",
    "issueDate": "Data wystawienia",
    "ksefNumber": "Numer KSeF",
    "invoiceNumber": "Numer faktury",
    "certificate": "Certyfikat jest znany",
    "type": "Certyfikat jest typu Offline",
    "status": "Certyfikat jest aktywny",
    "validity": "Certyfikat jest w okresie ważności",
    "signature": "Podpis jest prawidłowy",
    "permission": "Wystawca ma uprawnienie w kontekście",
    "seller": "Kontekst może wystawiać za sprzedawcę",
}


def _answer(request: Request, found: dict[str, Any], status: int = 200) -> Response:
    wants_json = "application/json" in (request.headers.get("Accept") or "")
    if wants_json or request.param("format") == "json":
        return reply(found, status)
    facts = {**found, **found.get("checks", {})}
    rows = [
        (label, {True: "tak", False: "nie"}.get(facts[name], facts[name]))
        for name, label in _LABELS.items()
        if facts.get(name) is not None
    ]
    body = section(_HEADINGS[found["result"]], table(("", ""), rows) if rows else "")
    return page(_TITLE, f"Serwer: {request.base_url}", body, status=status)


def _malformed(request: Request) -> Response:
    return _answer(request, {"result": "malformed"}, 404)


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _digest(text: str) -> bytes | None:
    """The 32 bytes of 43 characters without padding; the unused bits must be zero."""
    if not _DIGEST.fullmatch(text):
        return None
    raw = _decode(text)
    return raw if base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=") == text else None


def _date(text: str) -> date | None:
    found = _DAY.fullmatch(text)
    if found is None:
        return None
    try:
        return date(int(found[3]), int(found[2]), int(found[1]))
    except ValueError:
        return None


def invoice_page(sim: Simulator, request: Request, nip: str, day: str, digest: str) -> Response:
    """``GET /qr/invoice/{nip}/{dd-mm-yyyy}/{hash}``: found, corrected or not-found."""
    issued, raw = _date(day), _digest(digest)
    if issued is None or raw is None or not NIP_PATTERN.fullmatch(nip):
        return _malformed(request)
    wanted = base64.b64encode(raw).decode("ascii")
    found: dict[str, Any] = {
        "result": "not-found",
        "sellerNip": nip,
        "issueDate": issued.isoformat(),
    }
    for invoice in sim.store.accepted():
        if wanted not in (invoice.invoice_hash, invoice.corrected_hash):
            continue
        same = invoice.invoice_hash == wanted
        # the date of a rejected original may not even be readable, so only its hash is compared
        if invoice.seller_nip == nip and (not same or invoice.issue_date == found["issueDate"]):
            found["result"] = "found" if same else "corrected"
            found["ksefNumber"] = invoice.ksef_number
            found["invoiceNumber"] = invoice.number
    return _answer(request, found)


def certificate_page(
    sim: Simulator,
    request: Request,
    kind: str,
    value: str,
    nip: str,
    serial: str,
    digest: str,
    signature: str,
) -> Response:
    """``GET /qr/certificate/{type}/{value}/{nip}/{serial}/{hash}/{signature}``.

    ``checks`` tells each one by itself; ``result`` is valid only when all of them hold.
    """
    pattern = CONTEXTS.get(kind)
    well_formed = (
        pattern is not None
        and pattern.fullmatch(value)
        and NIP_PATTERN.fullmatch(nip)
        and _SERIAL.fullmatch(serial)
        and _digest(digest) is not None
        and _SIGNATURE.fullmatch(signature)
        and len(signature) % 4 != 1
    )
    if not well_formed:
        return _malformed(request)
    context = Context(kind, value)
    host = sim.qr_host or request.base_url.partition("://")[2] + "/qr"
    text = f"{host}/certificate/{kind}/{value}/{nip}/{serial}/{digest}"
    entry = sim.authority.issued.get(serial)
    checks = {"certificate": entry is not None}
    encoding = None
    if entry is not None:
        encoding = verify(entry, text.encode("ascii"), _decode(signature))
        checks.update(_judge(sim, entry, context, nip, sim.clock.now()))
        checks["signature"] = encoding is not None
        if encoding == "DER":
            request.remark = "KOD II: signature in DER, the second choice"
    return _answer(
        request,
        {
            "result": "valid" if all(checks.values()) else "invalid",
            "sellerNip": nip,
            "checks": checks,
            "signatureEncoding": encoding,
            "signedText": text,
        },
    )


def _judge(
    sim: Simulator, entry: IssuedCertificate, context: Context, nip: str, now: datetime
) -> dict[str, bool]:
    status = entry.status_at(now)
    return {
        "type": entry.kind == "Offline",
        "status": status in ("Active", "Expired"),
        "validity": entry.certificate.not_valid_before_utc <= now <= entry.valid_to,
        "permission": "InvoiceWrite" in permissions.of(sim, context, entry.subject),
        "seller": (
            context.nip == nip
            or (nip, context.nip) in sim.store.authorisations
            or roles.may_stand_for(sim, context, nip)
        ),
    }


def verify(entry: IssuedCertificate, text: bytes, signature: bytes) -> str | None:
    """How the signature of ``text`` is encoded (P1363, DER or PSS), None when it is wrong.

    ECDSA over SHA-256 once, as R and S of 32 bytes each or, second choice of the Ministry, in DER;
    RSASSA-PSS with SHA-256, MGF1-SHA-256 and a salt of 32 bytes.
    """
    key = entry.certificate.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            scheme = padding.PSS(padding.MGF1(hashes.SHA256()), _PSS_SALT)
            key.verify(signature, text, scheme, hashes.SHA256())
            return "PSS"
        if not isinstance(key, ec.EllipticCurvePublicKey):
            return None
        fixed = len(signature) == 2 * _COORDINATE
        der = _to_der(signature) if fixed else signature
        key.verify(der, text, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return None
    return "P1363" if fixed else "DER"


def _to_der(signature: bytes) -> bytes:
    r, s = signature[:_COORDINATE], signature[_COORDINATE:]
    return encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))


ROUTES = [
    Route("GET", "/qr/invoice/{nip}/{day}/{digest}", invoice_page),
    Route(
        "GET",
        "/qr/certificate/{kind}/{value}/{nip}/{serial}/{digest}/{signature}",
        certificate_page,
    ),
]

"""Reading a session: its status, its invoices, their UPO."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from . import pipeline, upo
from .clock import stamp
from .messages import XML_TYPE, BadRequest, NotFound, Request, Response, Unauthorized, reply
from .numbers import KSEF_NUMBER_PATTERN, REFERENCE_PATTERN
from .sessions import find
from .store import Invoice, Session

if TYPE_CHECKING:
    from .app import Simulator

READ_RIGHTS = ("InvoiceWrite", "Introspection", "PefInvoiceWrite", "EnforcementOperations")
_LINK_LIFE = timedelta(days=3)
_TEXT = {
    100: "Sesja interaktywna otwarta",
    170: "Sesja interaktywna zamknięta",
    200: "Sesja interaktywna przetworzona pomyślnie",
    415: "Błąd odszyfrowania dostarczonego klucza",
    440: "Sesja anulowana",
    445: "Błąd weryfikacji, brak poprawnych faktur",
}


def session_status(sim: Simulator, request: Request, ref: str) -> Response:
    """``GET /sessions/{ref}``; looking moves every invoice of the session a step."""
    session = find(sim, request, ref)
    if session.key is None:
        session.code = 415
    for invoice in session.invoices:
        pipeline.advance(sim, invoice)
    pages = None
    if session.upo_reference:
        link, expires = sim.storage_link(session.upo_reference, _LINK_LIFE, request.base_url)
        page = {
            "referenceNumber": session.upo_reference,
            "downloadUrl": link,
            "downloadUrlExpirationDate": stamp(expires),
        }
        pages = {"pages": [page]}
    shown = {
        "status": {
            "code": session.code,
            "description": _TEXT[session.code],
            "details": ["Nie przesłano faktur"] if session.code == 440 else None,
        },
        "dateCreated": stamp(session.created_at),
        "dateUpdated": stamp(session.updated_at),
        "validUntil": None if session.closed else stamp(session.valid_until),
        "upo": pages,
        "invoiceCount": len(session.invoices),
        "successfulInvoiceCount": sum(item.code == 200 for item in session.invoices),
        "failedInvoiceCount": sum(item.final and item.code != 200 for item in session.invoices),
    }
    answer = reply(shown)
    # the look that sees the last verdict still shows 170; the next one shows the result
    pipeline.settle_session(sim, session)
    return answer


def invoice_list(sim: Simulator, request: Request, ref: str) -> Response:
    """``GET /sessions/{ref}/invoices``."""
    return _page(sim, request, find(sim, request, ref), "all")


def failed_list(sim: Simulator, request: Request, ref: str) -> Response:
    """``GET /sessions/{ref}/invoices/failed``."""
    return _page(sim, request, find(sim, request, ref), "failed")


def _page(sim: Simulator, request: Request, session: Session, kind: str) -> Response:
    size_text = request.param("pageSize", "10") or ""
    if not size_text.isascii() or not size_text.isdigit() or not 10 <= int(size_text) <= 1000:
        raise BadRequest(21405, "Parametr pageSize musi być z zakresu 10-1000.")
    size = int(size_text)
    start = 0
    token = request.headers.get("x-continuation-token")
    if token:
        start = _read_continuation(token, f"{session.reference}|{kind}|")
    for invoice in (
        session.invoices[start:] if kind == "failed" else session.invoices[start : start + size]
    ):
        pipeline.advance(sim, invoice)
    rows = [item for item in session.invoices if kind == "all" or (item.final and item.code != 200)]
    shown = rows[start : start + size]
    following = None
    if start + size < len(rows):
        text = f"{session.reference}|{kind}|{start + size}"
        following = base64.b64encode(text.encode()).decode("ascii")
    pipeline.settle_session(sim, session)
    items = [describe(sim, item, request.base_url) for item in shown]
    return reply({"continuationToken": following, "invoices": items})


def _read_continuation(token: str, prefix: str) -> int:
    try:
        text = base64.b64decode(token, validate=True).decode("ascii")
        if not text.startswith(prefix):
            raise ValueError("token of another list")
        return int(text[len(prefix) :])
    except ValueError as error:
        raise BadRequest(21418) from error


def describe(sim: Simulator, invoice: Invoice, base_url: str) -> dict[str, Any]:
    """One invoice as lists and the single status show it."""
    link = expires = None
    if invoice.code == 200:
        link, expires = sim.storage_link(invoice.reference, _LINK_LIFE, base_url)
    return {
        "ordinalNumber": invoice.ordinal,
        "invoiceNumber": invoice.number if invoice.final else None,
        "ksefNumber": invoice.ksef_number,
        "referenceNumber": invoice.reference,
        "invoiceHash": invoice.invoice_hash,
        "acquisitionDate": stamp(invoice.acquired_at),
        "invoicingDate": stamp(invoice.invoicing_date),
        "permanentStorageDate": stamp(invoice.stored_at),
        "upoDownloadUrl": link,
        "upoDownloadUrlExpirationDate": stamp(expires),
        "invoicingMode": invoice.mode,
        "status": {
            "code": invoice.code,
            "description": pipeline.DESCRIPTIONS.get(invoice.code, "Nieznany błąd"),
            "details": invoice.details or None,
            "extensions": invoice.extensions,
        },
    }


def _invoice(session: Session, reference: str) -> Invoice:
    for invoice in session.invoices:
        if invoice.reference == reference:
            return invoice
    raise BadRequest(21405, "W sesji nie ma faktury o podanym numerze referencyjnym.")


def invoice_status(sim: Simulator, request: Request, ref: str, invoice_ref: str) -> Response:
    """``GET /sessions/{ref}/invoices/{invoice_ref}``."""
    found = _invoice(find(sim, request, ref), invoice_ref)
    pipeline.advance(sim, found)
    answer = reply(describe(sim, found, request.base_url))
    pipeline.settle_session(sim, found.session)
    return answer


def upo_by_invoice(sim: Simulator, request: Request, ref: str, invoice_ref: str) -> Response:
    """``GET /sessions/{ref}/invoices/{invoice_ref}/upo``."""
    _check(REFERENCE_PATTERN.fullmatch(invoice_ref), "invoiceReferenceNumber")
    session = find(sim, request, ref)
    for item in session.invoices:
        if item.reference == invoice_ref and item.code == 200:
            return _xml(upo.confirmation(sim, session, [item]))
    raise BadRequest(21178)


def upo_by_number(sim: Simulator, request: Request, ref: str, number: str) -> Response:
    """``GET /sessions/{ref}/invoices/ksef/{number}/upo``."""
    _check(KSEF_NUMBER_PATTERN.fullmatch(number), "ksefNumber")
    session = find(sim, request, ref)
    for item in session.invoices:
        if item.ksef_number == number:
            return _xml(upo.confirmation(sim, session, [item]))
    raise BadRequest(21178)


def upo_page(sim: Simulator, request: Request, ref: str, upo_ref: str) -> Response:
    """``GET /sessions/{ref}/upo/{upo_ref}``: one page with every accepted invoice."""
    session = find(sim, request, ref)
    if not session.upo_reference or session.upo_reference != upo_ref:
        raise BadRequest(21178)
    return _xml(_session_upo(sim, session))


def _session_upo(sim: Simulator, session: Session) -> bytes:
    good = [item for item in session.invoices if item.code == 200]
    return upo.confirmation(sim, session, good, paged=True)


def storage(sim: Simulator, request: Request, name: str) -> Response:
    """``GET /storage/{name}?sig=…``: a signed link; it must not be given a token."""
    if request.headers.get("Authorization"):
        raise Unauthorized("Adres nie przyjmuje nagłówka Authorization.")
    if not sim.storage_link_ok(name, request.param("se") or "", request.param("sig") or ""):
        raise NotFound("Adres wygasł lub jest nieprawidłowy.")
    for session in sim.store.sessions.values():
        if session.upo_reference == name:
            return _xml(_session_upo(sim, session))
        for item in session.invoices:
            if item.reference == name:
                return _xml(upo.confirmation(sim, session, [item]))
    raise NotFound("Adres wygasł lub jest nieprawidłowy.")


def _check(good: object, name: str) -> None:
    if not good:
        raise BadRequest(21405, f"Parametr {name} ma niepoprawną wartość.")


def _xml(body: bytes) -> Response:
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode("ascii")
    return Response(200, body, XML_TYPE, {"x-ms-meta-hash": digest})

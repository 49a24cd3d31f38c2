"""Reading a session: its status, its invoices, their UPO."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from . import batch, lifecycle, oddities, paging, pipeline, upo
from .clock import stamp
from .messages import XML_TYPE, BadRequest, Request, Response, reply
from .numbers import REFERENCE_PATTERN, ksef_number_ok
from .opening import find_session
from .store import Invoice, Session

if TYPE_CHECKING:
    from .app import Simulator

READ_RIGHTS = ("InvoiceWrite", "Introspection", "PefInvoiceWrite", "EnforcementOperations")
_LINK_LIFE = timedelta(days=3)


def session_status(sim: Simulator, request: Request, ref: str) -> Response:
    """``GET /sessions/{ref}``; looking moves every invoice of the session a step."""
    session = find_session(sim, request, ref)
    if session.key is None:
        session.code = 415
    lifecycle.look(sim, session)
    pages = [_describe_page(sim, item, request.base_url) for item in session.upo_references]
    counted = session.package is None or session.package.unpacked
    answer = reply(
        {
            "status": session.status(),
            "dateCreated": stamp(session.created_at),
            "dateUpdated": stamp(session.updated_at),
            "validUntil": None if session.closed else stamp(session.valid_until),
            "upo": {"pages": pages} if pages else None,
            "invoiceCount": len(session.invoices) if counted else None,
            "successfulInvoiceCount": session.successful if counted else None,
            "failedInvoiceCount": session.failed if counted else None,
        }
    )
    # the look that sees the last verdict still shows 170; the next one shows the result
    lifecycle.settle_session(sim, session)
    return answer


def _describe_page(sim: Simulator, reference: str, base_url: str) -> dict[str, Any]:
    link, expires = sim.storage_link(reference, _LINK_LIFE, base_url)
    return {
        "referenceNumber": reference,
        "downloadUrl": link,
        "downloadUrlExpirationDate": stamp(expires),
    }


def invoice_list(sim: Simulator, request: Request, ref: str) -> Response:
    """``GET /sessions/{ref}/invoices``."""
    return _page(sim, request, find_session(sim, request, ref), "all")


def failed_list(sim: Simulator, request: Request, ref: str) -> Response:
    """``GET /sessions/{ref}/invoices/failed``."""
    return _page(sim, request, find_session(sim, request, ref), "failed")


def _page(sim: Simulator, request: Request, session: Session, kind: str) -> Response:
    name = f"{session.reference}|{kind}|"
    start, size = paging.page_start(request, name), paging.page_size(request)
    if session.package is not None:
        batch.look(sim, session)
    for invoice in (
        session.invoices[start:] if kind == "failed" else session.invoices[start : start + size]
    ):
        lifecycle.look_at(sim, invoice)
    rows = [item for item in session.invoices if kind == "all" or (item.final and item.code != 200)]
    shown, following = paging.page(request, rows, name)
    lifecycle.settle_session(sim, session)
    items = [describe(sim, item, request.base_url) for item in shown]
    return reply({"continuationToken": following, "invoices": items})


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
        "invoiceFileName": invoice.file_name,
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


def _invoice(sim: Simulator, session: Session, reference: str) -> Invoice:
    found = sim.store.by_reference.get(reference)
    if found is None or found.session is not session:
        raise BadRequest(21405, "W sesji nie ma faktury o podanym numerze referencyjnym.")
    return found


def invoice_status(sim: Simulator, request: Request, ref: str, invoice_ref: str) -> Response:
    """``GET /sessions/{ref}/invoices/{invoice_ref}``."""
    session = find_session(sim, request, ref)
    found = _invoice(sim, session, invoice_ref)
    if session.package is not None:
        batch.look(sim, session)
    lifecycle.look_at(sim, found)
    answer = reply(describe(sim, found, request.base_url))
    answer.headers.update(oddities.headers(found.ksef_number, found.odd))
    lifecycle.settle_session(sim, session)
    return answer


def upo_by_invoice(sim: Simulator, request: Request, ref: str, invoice_ref: str) -> Response:
    """``GET /sessions/{ref}/invoices/{invoice_ref}/upo``."""
    _check(REFERENCE_PATTERN.fullmatch(invoice_ref), "invoiceReferenceNumber")
    return _upo_of(sim, request, ref, sim.store.by_reference.get(invoice_ref))


def upo_by_number(sim: Simulator, request: Request, ref: str, number: str) -> Response:
    """``GET /sessions/{ref}/invoices/ksef/{number}/upo``."""
    _check(ksef_number_ok(number), "ksefNumber")
    return _upo_of(sim, request, ref, sim.store.by_number.get(number))


def _upo_of(sim: Simulator, request: Request, ref: str, invoice: Invoice | None) -> Response:
    """The UPO of one invoice; 21178 also for an unknown session, as the contract has it."""
    if (
        invoice is None
        or invoice.code != 200
        or invoice.session.reference != ref
        or invoice.session.context != request.caller.context
    ):
        raise BadRequest(21178, f"UPO o numerze referencyjnym sesji {ref} nie zostało znalezione.")
    answer = _xml(upo.of_invoice(sim, invoice))
    answer.headers.update(oddities.headers(invoice.ksef_number, invoice.odd))
    return answer


def upo_page(sim: Simulator, request: Request, ref: str, upo_ref: str) -> Response:
    """``GET /sessions/{ref}/upo/{upo_ref}``: one page of the session's accepted invoices."""
    session = find_session(sim, request, ref)
    if upo_ref not in session.upo_references:
        raise BadRequest(21178)
    return _xml(upo.page(sim, *sim.store.upo_pages[upo_ref]))


def _check(good: object, name: str) -> None:
    if not good:
        raise BadRequest(21405, f"Parametr {name} ma niepoprawną wartość.")


def _xml(body: bytes) -> Response:
    return Response(200, body, XML_TYPE, {"x-ms-meta-hash": pipeline.sha256(body)})

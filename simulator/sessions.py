"""The interactive session: open, send, close."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from . import lifecycle, limits, opening, pipeline
from .clock import stamp
from .messages import BadRequest, Request, Response, reply
from .shapes import base64_field, boolean_field, hash_field, integer_field, object_field
from .store import Invoice, Session

if TYPE_CHECKING:
    from .app import Simulator

_SEND_FIELDS = (
    "invoiceHash",
    "invoiceSize",
    "encryptedInvoiceHash",
    "encryptedInvoiceSize",
    "encryptedInvoiceContent",
    "offlineMode",
    "hashOfCorrectedInvoice",
)
SESSION_LIFE = timedelta(hours=12)
WRITE_RIGHTS = ("InvoiceWrite", "PefInvoiceWrite", "EnforcementOperations")


def open_online(sim: Simulator, request: Request) -> Response:
    """``POST /sessions/online``."""
    now = sim.clock.now()
    body = object_field(request.json(), "treść", ("formCode", "encryption"))
    form = opening.read_form(sim, body, batch=False)
    key, iv = opening.read_encryption(sim, body)
    operation = request.caller
    session = Session(
        sim.mint.reference("SO", now),
        operation.context,
        operation,
        form,
        key,
        iv,
        now,
        now,
        now + SESSION_LIFE,
    )
    session.check_identifiers = opening.wants_identifiers(request)
    sim.store.sessions[session.reference] = session
    return reply(
        {"referenceNumber": session.reference, "validUntil": stamp(session.valid_until)}, 201
    )


def _find(sim: Simulator, request: Request, reference: str) -> Session:
    """The interactive session of this context; 21173 otherwise, also for a batch."""
    session = opening.find_session(sim, request, reference)
    if session.package is not None:
        raise opening.unknown_session(reference)
    return session


def send(sim: Simulator, request: Request, ref: str) -> Response:
    """``POST /sessions/online/{ref}/invoices``: what can be judged without decrypting."""
    session = _find(sim, request, ref)
    body = object_field(request.json(), "treść", _SEND_FIELDS)
    invoice_hash = hash_field(body, "invoiceHash")
    size = integer_field(body, "invoiceSize", 1)
    encrypted_hash = hash_field(body, "encryptedInvoiceHash")
    encrypted_size = integer_field(body, "encryptedInvoiceSize", 1)
    content = base64_field(body, "encryptedInvoiceContent")
    offline = boolean_field(body, "offlineMode", default=False)
    corrected = (
        hash_field(body, "hashOfCorrectedInvoice")
        if body.get("hashOfCorrectedInvoice") is not None
        else None
    )
    if corrected is not None and not offline:
        raise BadRequest(21405, "Korekta techniczna wymaga offlineMode: true.")
    if session.key is None:
        session.code = 415
    if session.code != 100 or session.closed:
        raise BadRequest(21180, f"Status sesji {session.code} uniemożliwia wysyłkę faktur.")
    # API 2.8 brought this refusal
    if sim.api_version >= (2, 8) and sim.faults.inner("unavailable", "session"):
        session.unavailable = True
    if session.unavailable:
        raise BadRequest(21184, "Ponów próbę później lub otwórz nową sesję.")
    most = limits.of_session(sim, session.context, session.limits_key).invoices
    if len(session.invoices) >= most:
        raise BadRequest(
            21155,
            f"Sesja o numerze referencyjnym {ref} osiągnęła dozwolony limit liczby faktur {most}.",
        )
    if len(content) != encrypted_size:
        raise BadRequest(21402, "Długość treści nie zgadza się z rozmiarem pliku.")
    # Not written down as a check of the API, but no honest client can break it.
    if encrypted_size != size - size % 16 + 16 and not content.startswith(session.iv):
        raise BadRequest(21402, "Rozmiar szyfrogramu nie odpowiada rozmiarowi faktury.")
    if pipeline.sha256(content) != encrypted_hash:
        raise BadRequest(21403, "Skrót treści nie zgadza się ze skrótem pliku.")
    if corrected is not None:
        _check_correction(sim, session, corrected)
    now = sim.clock.now()
    invoice = Invoice(
        sim.mint.reference("EE", now),
        session,
        len(session.invoices) + 1,
        invoice_hash,
        size,
        content,
        offline,
        corrected,
        now,
    )
    pipeline.receive(sim, invoice)
    session.updated_at = now
    return reply({"referenceNumber": invoice.reference}, 202)


def _check_correction(sim: Simulator, session: Session, corrected: str) -> None:
    """A technical correction names the hash of a rejected invoice of this context.

    The real system does not verify that the hash was ever rejected; we do, being the stricter.
    """
    received = [item for item in sim.store.invoices() if item.session.context == session.context]
    named = [item for item in received if item.invoice_hash == corrected]
    if any(item.code == 200 and item.corrected_hash == corrected for item in received):
        raise BadRequest(21166, "Faktura posiada już przetworzoną prawidłowo korektę techniczną.")
    correctable = not sim.strict_corrections or any(
        item.code in pipeline.CORRECTABLE for item in named
    )
    if any(item.code == 200 for item in named) or not correctable:
        raise BadRequest(
            21167, "Nie można wysłać korekty technicznej do prawidłowo przetworzonej faktury."
        )


def close(sim: Simulator, request: Request, ref: str) -> Response:
    """``POST /sessions/online/{ref}/close``; again: 204 or 21180, as configured."""
    session = _find(sim, request, ref)
    if session.closed or session.code != 100 or session.key is None:
        if session.closed and sim.repeated_close_ok:
            return Response(204)
        code = 415 if session.key is None else session.code
        raise BadRequest(21180, f"Status sesji {code} uniemożliwia jej zamknięcie.")
    lifecycle.close(sim, session)
    return Response(204)

"""What happens to sessions as time passes and as clients look at them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import batch
from .pipeline import advance, conclude, finish, held, store
from .store import Invoice, Session

if TYPE_CHECKING:
    from .app import Simulator


def settle(sim: Simulator) -> None:
    """Finish what has waited longer than ``sim.settle_after``: KSeF works unobserved, too."""
    now = sim.clock.now()
    for invoice in sim.store.moving:
        waiting_since = invoice.acquired_at or invoice.invoicing_date
        if now - waiting_since < sim.settle_after:
            continue
        if not invoice.final and invoice.session.package is None and not held(sim, invoice):
            finish(sim, invoice)
        if invoice.code == 200 and invoice.stored_at is None:
            store(invoice, now)
    sim.store.moving = [item for item in sim.store.moving if not item.at_rest]
    for session in sim.store.sessions.values():
        if not session.closed and now >= session.valid_until and session.code == 100:
            close(sim, session)
        if session.code == 150 and now - session.updated_at >= sim.settle_after:
            batch.progress(sim, session)
        settle_session(sim, session)


def look(sim: Simulator, session: Session) -> None:
    """One look at a whole session."""
    if session.package is not None:
        batch.look(sim, session)
    for invoice in session.invoices:
        look_at(sim, invoice)


def look_at(sim: Simulator, invoice: Invoice) -> None:
    """One look at an invoice; those of a batch get their verdicts by the work on the batch."""
    if invoice.session.package is None or invoice.final:
        advance(sim, invoice)


def close(sim: Simulator, session: Session) -> None:
    """No more invoices; an empty session is cancelled at once, an overdue batch as well."""
    session.closed_at = session.updated_at = sim.clock.now()
    if session.package is not None:
        session.code = 440
        session.details = [batch.TOO_LATE]
    elif session.invoices:
        session.code = 170
    else:
        session.code = 440
        session.details = [batch.NOTHING_SENT]


def settle_session(sim: Simulator, session: Session) -> None:
    """Turn 170 into 200 or 445 once every invoice has its verdict."""
    if session.code == 170 and all(invoice.final for invoice in session.invoices):
        conclude(sim, session)

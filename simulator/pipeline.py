"""The asynchronous life of an invoice: 100, 150, then the verdict."""

from __future__ import annotations

import base64
import hashlib
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from . import ciphers, fa3, limits, permissions, roles
from .clock import warsaw_date
from .metadata import summarize
from .store import Invoice, Session

if TYPE_CHECKING:
    from .app import Simulator

DESCRIPTIONS = {
    100: "Faktura przyjęta do dalszego przetwarzania",
    150: "Trwa przetwarzanie",
    200: "Sukces",
    405: "Przetwarzanie anulowane z powodu błędu sesji",
    410: "Nieprawidłowy zakres uprawnień",
    415: "Brak możliwości wysyłania faktury z załącznikiem",
    430: "Błąd weryfikacji pliku faktury",
    435: "Błąd odszyfrowania pliku",
    440: "Duplikat faktury",
    450: "Błąd weryfikacji semantyki dokumentu faktury",
    500: "Nieznany błąd (500)",
    550: "Operacja została anulowana przez system",
}
#: Rejections that a technical correction may repair; a refused right (410) is none of them.
CORRECTABLE = (415, 430, 435, 440, 450)
_TICK = timedelta(milliseconds=1)
_KEEP_YEARS = 10


def receive(sim: Simulator, invoice: Invoice) -> None:
    """Enter an invoice; an order may keep it at 150 for a while, and say what comes then."""
    stuck = sim.faults.inner("stuck", "invoice")
    if stuck is not None:
        invoice.held_until = sim.clock.now() + timedelta(seconds=stuck.seconds)
        invoice.forced = stuck.code
    sim.store.add_invoice(invoice)


def advance(sim: Simulator, invoice: Invoice) -> None:
    """One look at an invoice: it moves a step when it has been looked at often enough.

    ``sim.polls`` is (looks that see 100, looks that see 150).
    """
    accepted, processing = sim.polls
    if invoice.final:
        invoice.polls += 1
        if invoice.code == 200 and invoice.stored_at is None and invoice.polls > sim.storage_polls:
            store(invoice, sim.clock.now())
        return
    if invoice.polls >= accepted + processing and not held(sim, invoice):
        finish(sim, invoice)
        return
    invoice.code = 100 if invoice.polls < accepted else 150
    invoice.polls += 1


def held(sim: Simulator, invoice: Invoice) -> bool:
    """Whether an order keeps the invoice from its verdict for now."""
    return invoice.held_until is not None and sim.clock.now() < invoice.held_until


def store(invoice: Invoice, now: datetime) -> None:
    """Permanent storage; always later than the number."""
    invoice.stored_at = max(now, (invoice.acquired_at or now) + _TICK)


def conclude(sim: Simulator, session: Session) -> None:
    """The last status of a session, and the pages of its UPO if anything was accepted."""
    good = sum(invoice.code == 200 for invoice in session.invoices)
    session.code = 200 if good else 445
    session.updated_at = sim.clock.now()
    for index in range(-(-good // sim.upo_page_size)):
        reference = sim.mint.reference("EU", session.updated_at)
        session.upo_references.append(reference)
        sim.store.upo_pages[reference] = (session, index)


def finish(sim: Simulator, invoice: Invoice) -> None:
    """Reach the verdict: the checks in the Ministry's order."""
    ordered = sim.faults.outcome("invoice")
    now = sim.clock.now()
    try:
        if ordered is not None:
            invoice.forced = ordered
        if invoice.forced not in (None, 200):
            raise fa3.Rejected(invoice.forced, "Wymuszone przez sterowanie symulatorem.")
        _judge(sim, invoice)
    except fa3.Rejected as rejection:
        invoice.code = rejection.code
        invoice.details = rejection.details
    else:
        invoice.code = 200
        invoice.acquired_at = max(now, invoice.invoicing_date + _TICK)
        invoice.ksef_number = sim.mint.ksef_number(invoice.seller_nip or "", invoice.invoicing_date)
        late = date.fromisoformat(invoice.issue_date or "") < warsaw_date(invoice.invoicing_date)
        invoice.mode = "Offline" if invoice.offline_declared or late else "Online"
        invoice.polls = 0
        sim.store.accept(invoice)
    invoice.session.updated_at = now


def _judge(sim: Simulator, invoice: Invoice) -> None:
    session = invoice.session
    _decrypt(invoice)
    if invoice.xml is None:
        raise fa3.Rejected(430, "Przekroczono dozwolony rozmiar pliku faktury.")
    most = limits.of_session(sim, session.context, session.limits_key)
    facts = fa3.check_file(
        invoice.xml,
        sim.schema,
        strict_characters=sim.profile.strict_characters,
        sizes=(most.invoice_mb * 1_000_000, most.invoice_with_attachment_mb * 1_000_000),
    )
    invoice.odd = facts.odd
    if facts.has_attachment:
        _check_attachment(sim, invoice)
    invoice.seller_nip, invoice.kind = facts.seller_nip, facts.kind
    invoice.number, invoice.issue_date = facts.number, facts.issue_date
    identifiers = session.check_identifiers or sim.profile.checks_checksum
    fa3.check_semantics(facts, invoice.invoicing_date, identifiers=identifiers)
    if not _may_issue(sim, session, facts):
        raise fa3.Rejected(410, "Brak uprawnienia fakturowego")
    _check_rights(sim, session)
    _check_unique(sim, invoice)
    invoice.summary = summarize(facts)


def _may_issue(sim: Simulator, session: Session, facts: fa3.Facts) -> bool:
    """The seller's own context, or one with an authorisation or in a relation with the seller."""
    issuer = session.context.nip
    own = facts.seller_nip == issuer
    authorised = (facts.seller_nip, issuer) in sim.store.authorisations
    return own or authorised or roles.may_issue(sim, session.context, facts)


def _decrypt(invoice: Invoice) -> None:
    """Turn the ciphertext of an interactively sent invoice into its bytes; raises 405, 435, 430."""
    session = invoice.session
    if session.key is None:
        raise fa3.Rejected(405, "Sesja zakończyła się błędem.")
    if invoice.encrypted is None:
        return
    try:
        invoice.xml = ciphers.decrypt(invoice.encrypted, session.key, session.iv)
    except ciphers.CipherError as error:
        raise fa3.Rejected(435, str(error)) from error
    invoice.encrypted = None
    # Where the real system compares the plain hash is unknown; it is an error in any case.
    if sha256(invoice.xml) != invoice.invoice_hash or len(invoice.xml) != invoice.invoice_size:
        raise fa3.Rejected(430, "Skrót lub rozmiar faktury nie zgadza się z zadeklarowanym.")


def sha256(data: bytes) -> str:
    """The digest as KSeF writes it: Base64, 44 characters."""
    return base64.b64encode(hashlib.sha256(data).digest()).decode("ascii")


def _check_attachment(sim: Simulator, invoice: Invoice) -> None:
    """Attachments need a right and a batch; a technical correction may go interactively."""
    session = invoice.session
    if session.package is None and invoice.corrected_hash is None:
        raise fa3.Rejected(415, "Załączniki są dozwolone tylko w sesji wsadowej.")
    if not permissions.attachments_allowed(sim, session.context.nip):
        raise fa3.Rejected(415, "Brak zgody na wysyłanie faktur z załącznikiem.")


def _check_rights(sim: Simulator, session: Session) -> None:
    """Rights may have been taken away since the session was opened."""
    operation = session.operation
    if operation.token_reference is not None:
        return
    rights = permissions.of(sim, session.context, operation.subject)
    if not {"InvoiceWrite", "EnforcementOperations"} & set(rights):
        raise fa3.Rejected(410, "Brak uprawnienia do wystawiania faktur")


def _check_unique(sim: Simulator, invoice: Invoice) -> None:
    """Seller, kind and exact number must be new among ten full years of accepted invoices."""
    this_year = warsaw_date(invoice.invoicing_date).year
    for other in sim.store.by_key.get(invoice.key, []):
        if this_year - date.fromisoformat(other.issue_date or "").year > _KEEP_YEARS:
            continue
        session = other.session.reference
        if sim.wrong_original_session and invoice.session.package is not None:
            # seen on production: ksef-api#450
            session = sim.mint.reference("SB", sim.clock.now())
        invoice.extensions = {
            "originalSessionReferenceNumber": session,
            "originalKsefNumber": other.ksef_number or "",
        }
        raise fa3.Rejected(
            440,
            f"Duplikat faktury. Faktura o numerze KSeF: {other.ksef_number} została już "
            f"prawidłowo przesłana do systemu w sesji: {session}",
        )

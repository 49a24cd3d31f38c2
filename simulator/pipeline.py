"""The asynchronous life of an invoice: 100, 150, then the verdict."""

from __future__ import annotations

import base64
import hashlib
from datetime import date, timedelta
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from . import fa3
from .clock import warsaw_date
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


def advance(sim: Simulator, invoice: Invoice) -> None:
    """One look at an invoice: it moves a step when it has been looked at often enough.

    ``sim.polls`` is (looks that see 100, looks that see 150).
    """
    accepted, processing = sim.polls
    if invoice.final:
        invoice.polls += 1
        if invoice.code == 200 and invoice.stored_at is None and invoice.polls > sim.storage_polls:
            invoice.stored_at = max(
                sim.clock.now(), (invoice.acquired_at or sim.clock.now()) + _TICK
            )
        return
    if invoice.polls >= accepted + processing:
        finish(sim, invoice)
        return
    invoice.code = 100 if invoice.polls < accepted else 150
    invoice.polls += 1


def settle(sim: Simulator) -> None:
    """Finish what has waited longer than ``sim.settle_after``: KSeF works unobserved, too."""
    now = sim.clock.now()
    for invoice in sim.store.moving:
        if now - invoice.invoicing_date < sim.settle_after:
            continue
        if not invoice.final:
            finish(sim, invoice)
        if invoice.code == 200 and invoice.stored_at is None:
            invoice.stored_at = max(now, (invoice.acquired_at or now) + _TICK)
    sim.store.moving = [item for item in sim.store.moving if not item.at_rest]
    for session in sim.store.sessions.values():
        if not session.closed and now >= session.valid_until and session.code == 100:
            close(sim, session)
        settle_session(sim, session)


def close(sim: Simulator, session: Session) -> None:
    """No more invoices; an empty session is cancelled at once."""
    session.closed = True
    session.code = 170 if session.invoices else 440
    session.updated_at = sim.clock.now()


def settle_session(sim: Simulator, session: Session) -> None:
    """Turn 170 into 200 or 445 once every invoice has its verdict."""
    if session.code != 170 or not all(invoice.final for invoice in session.invoices):
        return
    good = any(invoice.code == 200 for invoice in session.invoices)
    session.code = 200 if good else 445
    session.updated_at = sim.clock.now()
    if good:
        session.upo_reference = sim.mint.reference("EU", session.updated_at)


def finish(sim: Simulator, invoice: Invoice) -> None:
    """Reach the verdict: the checks in the Ministry's order."""
    override = sim.faults.outcome("invoice")
    now = sim.clock.now()
    try:
        if override is not None:
            raise fa3.Rejected(override, "Wymuszone przez sterowanie symulatorem.")
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
    if session.key is None:
        raise fa3.Rejected(405, "Sesja zakończyła się błędem.")
    invoice.xml = decrypt(invoice.encrypted, session.key, session.iv)
    digest = base64.b64encode(hashlib.sha256(invoice.xml).digest()).decode("ascii")
    # Where the real system compares the plain hash is unknown; it is an error in any case.
    if digest != invoice.invoice_hash or len(invoice.xml) != invoice.invoice_size:
        raise fa3.Rejected(430, "Skrót lub rozmiar faktury nie zgadza się z zadeklarowanym.")
    facts = fa3.check_file(invoice.xml, sim.schema, strict_characters=sim.profile.strict_characters)
    invoice.seller_nip, invoice.kind = facts.seller_nip, facts.kind
    invoice.number, invoice.issue_date = facts.number, facts.issue_date
    identifiers = session.check_identifiers or sim.profile.checks_checksum
    fa3.check_semantics(facts, invoice.invoicing_date, identifiers=identifiers)
    issuer = session.context.nip
    allowed = facts.seller_nip == issuer
    if not allowed and (facts.seller_nip, issuer) not in sim.store.authorisations:
        raise fa3.Rejected(410, "Brak uprawnienia fakturowego")
    _check_unique(sim, invoice)


def decrypt(encrypted: bytes, key: bytes, iv: bytes) -> bytes:
    """AES-256-CBC with PKCS#7; raises 435, also for a ciphertext that has the IV in front.

    The obsolete description prefixed the IV. Decrypting such a file gives one garbage block and
    then the invoice: valid padding, wrong plain text. It is named 435 so that nobody misses it.
    """
    if not encrypted or len(encrypted) % 16:
        raise fa3.Rejected(435, "Długość szyfrogramu nie jest wielokrotnością bloku.")
    decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    padded = decryptor.update(encrypted) + decryptor.finalize()
    unpadder = padding.PKCS7(128).unpadder()
    try:
        plain = unpadder.update(padded) + unpadder.finalize()
    except ValueError as error:
        raise fa3.Rejected(435, "Nieprawidłowe dopełnienie PKCS#7.") from error
    if encrypted.startswith(iv):
        raise fa3.Rejected(435, "Szyfrogram zaczyna się od wektora inicjującego.")
    return plain


def _check_unique(sim: Simulator, invoice: Invoice) -> None:
    """Seller, kind and exact number must be new among ten full years of accepted invoices."""
    this_year = warsaw_date(invoice.invoicing_date).year
    for other in sim.store.by_key.get(invoice.key, []):
        if this_year - date.fromisoformat(other.issue_date or "").year > _KEEP_YEARS:
            continue
        invoice.extensions = {
            "originalSessionReferenceNumber": other.session.reference,
            "originalKsefNumber": other.ksef_number or "",
        }
        raise fa3.Rejected(
            440,
            f"Duplikat faktury. Faktura o numerze KSeF: {other.ksef_number} została już "
            f"prawidłowo przesłana do systemu w sesji: {other.session.reference}",
        )

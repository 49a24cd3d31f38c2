"""Everything the simulator remembers, in memory, guarded by the application's one lock."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .beacon import Beacon
from .limits import SessionLimits

if TYPE_CHECKING:
    from .metadata import Summary

#: Rights of an owner: someone whose certificate carries the NIP of the context.
OWNER_RIGHTS = (
    "CredentialsManage",
    "CredentialsRead",
    "InvoiceWrite",
    "InvoiceRead",
    "Introspection",
    "SubunitManage",
    "CollectiveIdentifierManage",
)

_SHARED_TEXT = {
    415: "Błąd odszyfrowania dostarczonego klucza",
    440: "Sesja anulowana",
    445: "Błąd weryfikacji, brak poprawnych faktur",
    500: "Nieznany błąd (500)",
}
#: Descriptions of the statuses of an interactive session and of a batch.
ONLINE_TEXT = {
    100: "Sesja interaktywna otwarta",
    170: "Sesja interaktywna zamknięta",
    200: "Sesja interaktywna przetworzona pomyślnie",
    **_SHARED_TEXT,
}
BATCH_TEXT = {
    100: "Sesja wsadowa rozpoczęta",
    150: "Trwa przetwarzanie",
    200: "Sesja wsadowa przetworzona pomyślnie",
    405: "Błąd weryfikacji poprawności dostarczonych elementów paczki",
    420: "Przekroczony limit faktur w sesji",
    430: "Błąd dekompresji pierwotnego archiwum",
    435: "Błąd odszyfrowania zaszyfrowanych części archiwum",
    **_SHARED_TEXT,
}


@dataclass
class Challenge:
    """One issued challenge; ``used`` after the first submission that could be parsed."""

    value: str
    issued_at: datetime
    client_ip: str
    used: bool = False


@dataclass(frozen=True)
class Context:
    """In whose name a caller acts: Nip, InternalId, NipVatUe or PeppolId."""

    kind: str
    value: str

    @property
    def nip(self) -> str | None:
        """The NIP inside the identifier; None for Peppol."""
        return None if self.kind == "PeppolId" else self.value[:10]


@dataclass
class AuthOperation:
    """One authentication, from the submitted proof to its refresh token."""

    reference: str
    context: Context
    subject: str
    method: str
    started_at: datetime
    polls_left: int
    final_code: int
    final_details: list[str]
    rights: tuple[str, ...]
    #: DER of the certificate that signed, None after a token
    certificate: bytes | None = None
    #: whose certificates the caller sees: ``Nip:…``, ``Pesel:…`` or ``Fingerprint:…``
    owner: str = ""
    proof_hash: str | None = None
    token_reference: str | None = None
    allowed_ips: dict[str, list[str]] | None = None
    code: int = 100
    redeemed: bool = False
    deleted: bool = False
    refreshed_at: datetime | None = None
    refresh_valid_until: datetime | None = None


@dataclass
class KsefToken:
    """A KSeF token; ``text`` is the secret."""

    reference: str
    text: str
    context: Context
    rights: tuple[str, ...]
    #: subject of who made it
    author: str
    description: str
    created_at: datetime
    active: bool = True
    used_at: datetime | None = None

    @property
    def status(self) -> str:
        return "Active" if self.active else "Revoked"


@dataclass
class Enrolment:
    """One certificate request that passed the checks. ``attributes``: dotted type and value."""

    reference: str
    subject: str
    name: str
    kind: str
    attributes: tuple[tuple[str, str], ...]
    public_key: bytes
    valid_from: datetime | None
    requested_at: datetime
    looks_left: int
    code: int = 100
    detail: str | None = None
    serial: str | None = None


@dataclass(slots=True)
class Invoice:
    """One invoice received in a session.

    ``xml`` is None while it could not be decrypted; ``encrypted`` is None once it was.
    """

    reference: str
    session: Session
    ordinal: int
    invoice_hash: str
    invoice_size: int
    encrypted: bytes | None
    offline_declared: bool
    corrected_hash: str | None
    invoicing_date: datetime
    polls: int = 0
    code: int = 100
    details: list[str] = field(default_factory=list)
    extensions: dict[str, str] | None = None
    xml: bytes | None = None
    seller_nip: str | None = None
    kind: str | None = None
    number: str | None = None
    issue_date: str | None = None
    ksef_number: str | None = None
    acquired_at: datetime | None = None
    stored_at: datetime | None = None
    mode: str | None = None
    file_name: str | None = None
    summary: Summary | None = None
    #: what production warns of once the invoice has its number, as codes
    odd: tuple[str, ...] = ()
    #: an order: the verdict, and until when it is kept back
    forced: int | None = None
    held_until: datetime | None = None

    @property
    def final(self) -> bool:
        return self.code not in (100, 150)

    @property
    def at_rest(self) -> bool:
        """Nothing will happen to it any more."""
        return self.final and (self.code != 200 or self.stored_at is not None)

    @property
    def key(self) -> tuple[str | None, str | None, str | None]:
        """What must be unique among accepted invoices."""
        return (self.seller_nip, self.kind, self.number)


@dataclass
class Part:
    """One declared part of a package, of ``size`` encrypted bytes; ``content`` once uploaded."""

    ordinal: int
    size: int
    file_hash: str
    content: bytes | None = None


@dataclass
class Package:
    """The archive of a batch session. ``judged`` counts the invoices that have their verdict."""

    size: int
    file_hash: str
    compression: str
    parts: list[Part]
    offline: bool
    unpacked: bool = False
    looks: int = 0
    judged: int = 0


@dataclass
class Session:
    """One session; ``package`` only for a batch. ``valid_until`` of a batch ends the upload."""

    reference: str
    context: Context
    operation: AuthOperation
    form: tuple[str, str, str]
    key: bytes | None
    iv: bytes
    created_at: datetime
    updated_at: datetime
    valid_until: datetime
    check_identifiers: bool = False
    invoices: list[Invoice] = field(default_factory=list)
    code: int = 100
    details: list[str] = field(default_factory=list)
    closed_at: datetime | None = None
    package: Package | None = None
    upo_references: list[str] = field(default_factory=list)
    #: 21184 for every further invoice, by order
    unavailable: bool = False

    @property
    def limits_key(self) -> str:
        """Which of the context's limits hold for it."""
        return "onlineSession" if self.package is None else "batchSession"

    @property
    def closed(self) -> bool:
        return self.closed_at is not None

    @property
    def successful(self) -> int:
        return sum(item.code == 200 for item in self.invoices)

    @property
    def failed(self) -> int:
        return sum(item.final and item.code != 200 for item in self.invoices)

    def status(self) -> dict[str, object]:
        """The status object as every answer shows it."""
        texts = ONLINE_TEXT if self.package is None else BATCH_TEXT
        return {
            "code": self.code,
            "description": texts[self.code],
            "details": self.details or None,
        }


@dataclass
class ExportPart:
    """One part of an export: ``content`` encrypted, the other two of the plain bytes."""

    ordinal: int
    plain_size: int
    plain_hash: str
    content: bytes


@dataclass
class ExportPackage:
    """What an export found. ``dates``: the fields of InvoicePackage that are dates."""

    count: int
    size: int
    truncated: bool
    dates: dict[str, str | None]
    parts: list[ExportPart]


@dataclass
class Export:
    """One asynchronous export; ``key`` None could not be unwrapped; ``filters`` as they came."""

    reference: str
    context: Context
    subject: str
    key: bytes | None
    iv: bytes
    filters: dict[str, Any]
    compression: str
    only_metadata: bool
    started_at: datetime
    looks: int = 0
    code: int = 100
    details: list[str] = field(default_factory=list)
    completed_at: datetime | None = None
    expires_at: datetime | None = None
    package: ExportPackage | None = None


@dataclass(frozen=True)
class Company:
    """A test subject: EnforcementAuthority, VatGroup or JST.

    ``units``: NIP of what is below it -> description.
    """

    nip: str
    kind: str
    description: str
    since: datetime
    units: dict[str, str]


@dataclass(frozen=True)
class Person:
    """A test person who owns the context of a NIP."""

    pesel: str
    bailiff: bool
    deceased: bool
    description: str
    since: datetime


@dataclass(frozen=True)
class Trouble:
    """How a whole service fails.

    ``outage``: a kind of :data:`weather.OUTAGES`, None = it works. ``status``: of the answers while
    it is ``unavailable``. ``delay``: seconds by which answers are late. ``until``: when all this
    ends by itself, None = until further notice.
    """

    outage: str | None = None
    status: int = 503
    delay: float = 0.0
    until: datetime | None = None

    def over(self, now: datetime) -> bool:
        return self.until is not None and self.until <= now


@dataclass
class Store:
    """The tables. Keys are reference numbers unless said otherwise."""

    challenges: dict[str, Challenge] = field(default_factory=dict)
    operations: dict[str, AuthOperation] = field(default_factory=dict)
    tokens: dict[str, KsefToken] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    #: rights granted through the control API: (context NIP, subject) -> names
    grants: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    beacon: Beacon = field(default_factory=Beacon)
    #: service (``ksef``, ``latarnia``, ``qr``) -> how it is doing; what is missing is well
    weather: dict[str, Trouble] = field(default_factory=dict)
    #: test subjects and persons by NIP
    subjects: dict[str, Company] = field(default_factory=dict)
    persons: dict[str, Person] = field(default_factory=dict)
    #: NIP -> the last createdDate of a test subject or person; the next one must be later
    created: dict[str, datetime] = field(default_factory=dict)
    #: contexts in which nobody may authenticate
    blocked: set[Context] = field(default_factory=set)
    #: NIPs that may send attachments -> when that ends, None = never
    attachments: dict[str | None, datetime | None] = field(default_factory=dict)
    #: limits that the test endpoints changed
    rate_limits: dict[Context, dict[str, tuple[int, int, int]]] = field(default_factory=dict)
    session_limits: dict[Context, dict[str, SessionLimits]] = field(default_factory=dict)
    #: self-billing and the like: (seller NIP, issuer NIP)
    authorisations: set[tuple[str, str]] = field(default_factory=set)
    enrolments: dict[str, Enrolment] = field(default_factory=dict)
    #: subject -> the GUID in its enrolment data
    unique_identifiers: dict[str, str] = field(default_factory=dict)
    #: subject -> (enrolments in thirty days, certificates held) where the defaults do not hold
    certificate_limits: dict[str, tuple[int, int]] = field(default_factory=dict)
    #: received but not yet at rest: without verdict, or accepted and not stored
    moving: list[Invoice] = field(default_factory=list)
    #: accepted invoices by what must be unique
    by_key: dict[tuple[str | None, str | None, str | None], list[Invoice]] = field(
        default_factory=dict
    )
    by_number: dict[str, Invoice] = field(default_factory=dict)
    by_reference: dict[str, Invoice] = field(default_factory=dict)
    #: reference of a page of a session's UPO -> (session, index of the page)
    upo_pages: dict[str, tuple[Session, int]] = field(default_factory=dict)
    #: by the name of their link; filled only while UPOs are signed
    signed_upos: dict[str, bytes] = field(default_factory=dict)
    exports: dict[str, Export] = field(default_factory=dict)

    def add_invoice(self, invoice: Invoice) -> None:
        invoice.session.invoices.append(invoice)
        self.moving.append(invoice)
        self.by_reference[invoice.reference] = invoice

    def accept(self, invoice: Invoice) -> None:
        """Index an invoice that just got its number."""
        self.by_key.setdefault(invoice.key, []).append(invoice)
        self.by_number[invoice.ksef_number or ""] = invoice

    def invoices(self) -> list[Invoice]:
        """All invoices in order of receipt."""
        found = [invoice for session in self.sessions.values() for invoice in session.invoices]
        return sorted(found, key=lambda invoice: invoice.invoicing_date)

    def accepted(self) -> list[Invoice]:
        """Accepted invoices in order of acceptance."""
        return list(self.by_number.values())

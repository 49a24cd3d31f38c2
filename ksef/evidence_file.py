"""What the evidence of an outage holds, and the file that is made of it.

The file is JSON. Every moment stands in UTC and in Warsaw's time, days are days in Warsaw. It
proves what was measured, read, tried and issued; which legal mode follows is for the act (VAT act
art. 106nda to 106nh), not for this file. :mod:`ksef.evidence` checks it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timezone
from typing import Any

from .chain import HASH, PREVIOUS
from .evidence import FORMAT, file_bytes
from .warsaw import ZONE


@dataclass(frozen=True)
class Seller:
    """The company whose invoices are covered; ``nip`` is ten digits."""

    name: str
    nip: str


@dataclass(frozen=True)
class Outage:
    """``id``, ``kind`` and ``source`` are those of the record; ``end`` None while it lasts.

    ``announcement`` is the number or address of the Ministry's announcement, ``reason`` what a
    person wrote.
    """

    id: int
    kind: str
    source: str
    start: datetime
    end: datetime | None = None
    announcement: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Announcement:
    """A message of the beacon in one version; ``raw`` is its JSON text as it came."""

    number: str
    event_id: int | None
    category: str
    kind: str
    version: int
    raw: str
    read_at: datetime


@dataclass(frozen=True)
class Attempt:
    """A request of our own that failed; ``status`` is KSeF's HTTP status, 0 without an answer."""

    at: datetime
    kind: str
    status: int
    text: str
    invoice: str = ""


@dataclass(frozen=True)
class Invoice:
    """An invoice issued offline because of the outage.

    ``xml_sha256`` is the hash in KOD I, in Base64, empty for one that was issued outside KSeF in a
    total failure; ``deadline`` is None while ``deadline_status`` is open or lifted.
    """

    number: str
    issue_date: date
    legal_mode: str
    deadline: date | None
    deadline_status: str
    xml_sha256: str
    ksef_number: str | None = None
    acquired_at: datetime | None = None


@dataclass(frozen=True)
class Anchor:
    """The sums of an hour whose probes were thinned, and the hash of the last of them."""

    hour: datetime
    checks: int
    good: int
    last_hash: str


@dataclass(frozen=True)
class Evidence:
    """``probes`` are chained rows in their order, without a gap: fields, previous_hash, hash."""

    environment: str
    made_at: datetime
    seller: Seller
    outage: Outage
    probes: tuple[Mapping[str, Any], ...] = ()
    announcements: tuple[Announcement, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    invoices: tuple[Invoice, ...] = ()
    anchors: tuple[Anchor, ...] = ()


def build(evidence: Evidence) -> bytes:
    """The file. The same evidence gives the same bytes.

    Raises ValueError for a naive moment and for what JSON spells in more than one way (floats).
    """
    probes = [dict(row) for row in evidence.probes]
    previous = probes[0][PREVIOUS] if probes else ""
    plain = _plain(asdict(evidence))
    return file_bytes(
        {
            **plain,
            "anchors": [{**anchor, "hour": anchor["hour"]["utc"]} for anchor in plain["anchors"]],
            "format": FORMAT,
            "probes": probes,
            "chain": {
                "previous": previous,
                "head": probes[-1][HASH] if probes else previous,
                "count": len(probes),
            },
        }
    )


def moment(at: datetime) -> dict[str, str]:
    """An aware moment in UTC and in Warsaw's time, to the second. Raises ValueError if naive."""
    if at.tzinfo is None:
        raise ValueError("A moment needs its time zone")
    whole = at.astimezone(timezone.utc).replace(microsecond=0)
    return {
        "utc": whole.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "warsaw": whole.astimezone(ZONE).isoformat(),
    }


def _plain(value: Any) -> Any:
    """Dates and times as text, tuples as lists."""
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value

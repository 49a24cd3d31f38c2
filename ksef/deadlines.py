"""By when an invoice must reach KSeF.

VAT act art. 106nda (offline24), 106nh (unavailability), 106nf (failure), 106ng (total failure).
A term ends with its last day in Warsaw. Pure arithmetic: neither a clock nor "now"; whether a
term has passed is for the caller to see.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime

from . import holidays
from .holidays import IsWorkingDay
from .warsaw import day_of

MODES = ("online", "offline24", "offline", "emergency", "total_failure")

UNAVAILABILITY = "unavailability"
FAILURE = "failure"
TOTAL_FAILURE = "total_failure"
KINDS = (UNAVAILABILITY, FAILURE, TOTAL_FAILURE)

DUE = "due"
OPEN = "open"
LIFTED = "lifted"

# Working days after the end of an event of that kind.
TERMS = {UNAVAILABILITY: 1, FAILURE: 7}


@dataclass(frozen=True)
class Event:
    """An announcement of the Ministry: aware moments, ``end`` None while it lasts.

    Raises ValueError for an unknown kind, a naive moment or an end before the start.
    """

    kind: str
    start: datetime
    end: datetime | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"There is no event of the kind {self.kind!r}")
        if self.start.tzinfo is None or (self.end is not None and self.end.tzinfo is None):
            raise ValueError("The moments of an event need their time zone")
        if self.end is not None and self.end < self.start:
            raise ValueError("An event cannot end before it starts")


@dataclass(frozen=True)
class Deadline:
    """``status``: due (until the end of ``date``), open (an event lasts), lifted (no duty).

    ``date`` is None unless due. ``event`` is the announcement that decided, None if none did.
    """

    status: str
    date: date | None = None
    event: Event | None = None


class _Term:
    """A term that grows: its last day, or nothing while an event lasts."""

    def __init__(self, day: date, is_working_day: IsWorkingDay) -> None:
        self.day: date | None = day
        self.event: Event | None = None
        self._is_working_day = is_working_day

    def reached_by(self, event: Event) -> bool:
        """Whether the event was announced while the term ran; afterwards nothing revives it."""
        return self.day is None or day_of(event.start) <= self.day

    def extend(self, event: Event) -> None:
        """Count anew from the end of the event, but never to an earlier day."""
        if self.day is None:
            return
        if event.end is None:
            self.day, self.event = None, event
            return
        day = holidays.next_working_day(
            day_of(event.end), TERMS[event.kind], is_working_day=self._is_working_day
        )
        if day > self.day:
            self.day, self.event = day, event

    def extend_through(self, events: Iterable[Event]) -> None:
        """Take in every event that reaches the term, and those that reach it because of them."""
        waiting = sorted(events, key=lambda event: event.start)
        for event in waiting:
            # Sorted by start, an event that comes too late leaves only later ones behind it.
            if not self.reached_by(event):
                return
            self.extend(event)


def deadline(
    mode: str,
    issue_date: date,
    events: Iterable[Event],
    *,
    issued_at: datetime | None = None,
    is_working_day: IsWorkingDay = holidays.is_working_day,
) -> Deadline:
    """The term for an invoice of legal ``mode`` with ``issue_date`` (P_1). Raises ValueError.

    The term is the next working day. An announced unavailability or failure that reaches it makes
    it count anew from its end, one or seven working days; a total failure lifts the duty. In mode
    ``emergency`` an unavailability changes nothing: the seven days stand. An invoice meant for
    ``online`` that is not sent on its day is an offline24 invoice by law and gets that term.
    A mode that no announcement supports gets the shortest term.

    Events that ended before ``issue_date`` are irrelevant; ``issued_at`` (aware) tells those that
    ended on that very day apart, which otherwise all count.
    """
    if mode not in MODES:
        raise ValueError(f"There is no legal mode {mode!r}")
    if mode == TOTAL_FAILURE:
        return Deadline(LIFTED)
    relevant = list(filter(_lasting_after(issue_date, issued_at), events))
    term = _Term(
        holidays.next_working_day(issue_date, is_working_day=is_working_day), is_working_day
    )
    if mode != "emergency":
        term.extend_through(event for event in relevant if event.kind == UNAVAILABILITY)
    term.extend_through(event for event in relevant if event.kind == FAILURE)
    for event in relevant:
        if event.kind == TOTAL_FAILURE and term.reached_by(event):
            return Deadline(LIFTED, event=event)
    return Deadline(OPEN if term.day is None else DUE, term.day, term.event)


def _lasting_after(issue_date: date, issued_at: datetime | None) -> Callable[[Event], bool]:
    """Whether an event was not over when the invoice was issued."""

    def lasting(event: Event) -> bool:
        if event.end is None:
            return True
        last_day = day_of(event.end)
        if last_day == issue_date and issued_at is not None:
            return event.end > issued_at
        return last_day >= issue_date

    return lasting

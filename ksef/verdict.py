"""Does KSeF work, which legal mode applies, and whose trouble is it: three signals, three answers.

The signals are our own probes, the Ministry's announcements, and how long KSeF takes to number our
invoices. None stands for another: the beacon has been wrong in both directions, and KSeF has
answered every probe while invoices hung for hours. Probes decide whether to issue online;
announcements alone decide the legal mode. Pure: "now" is an argument, sentences are made elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median

from . import deadlines
from .deadlines import Deadline, Event
from .warsaw import day_of

# -- signals -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Probe:
    """One measurement of KSeF at an aware moment.

    ``ok``: a proper answer in time. ``reached``: KSeF's own machines answered at all, if only with
    an error. ``control_ok``: whether a neutral address answered then, None if it was not asked.
    ``seconds``: how long it took. ``error``: what went wrong, in a word.
    """

    at: datetime
    ok: bool
    reached: bool = True
    control_ok: bool | None = None
    seconds: float | None = None
    error: str = ""


@dataclass(frozen=True)
class Passage:
    """One of our invoices on its way: sent, and finished by KSeF or not yet (None)."""

    sent_at: datetime
    settled_at: datetime | None = None


@dataclass(frozen=True)
class Thresholds:
    """How much it takes. Probes further apart than ``gap`` are not in a row.

    Bad ones must last for ``span``: who asks again and again by hand confirms no outage in seconds.
    """

    bad: int = 2
    good: int = 3
    span: timedelta = timedelta(minutes=3)
    gap: timedelta = timedelta(minutes=30)
    stale: timedelta = timedelta(minutes=20)
    stuck: timedelta = timedelta(minutes=30)


USUAL = Thresholds()

# -- the circuit ---------------------------------------------------------------------------------

CLOSED = "closed"
OPEN = "open"


@dataclass(frozen=True)
class Circuit:
    """What the probes amount to so far; small enough to be stored with the environment.

    ``since`` is the first probe of what made the present state: the first bad one of an outage,
    the first good one after it; None while there has been no outage. ``run`` equal results
    (``run_ok``) in a row, the first at ``run_since``, the last at ``last_at``.
    """

    state: str = CLOSED
    since: datetime | None = None
    run_ok: bool = True
    run: int = 0
    run_since: datetime | None = None
    last_at: datetime | None = None


def advance(circuit: Circuit, probe: Probe, thresholds: Thresholds = USUAL) -> Circuit:
    """The circuit after one more probe. One that is not newer than the last changes nothing."""
    last = circuit.last_at
    if last is not None and probe.at <= last:
        return circuit
    in_a_row = last is not None and probe.at - last <= thresholds.gap
    if in_a_row and probe.ok == circuit.run_ok:
        circuit = replace(circuit, run=circuit.run + 1, last_at=probe.at)
    else:
        circuit = replace(circuit, run_ok=probe.ok, run=1, run_since=probe.at, last_at=probe.at)
    is_confirmed = circuit.run >= thresholds.bad and (
        circuit.run_since is not None and probe.at - circuit.run_since >= thresholds.span
    )
    if circuit.state == CLOSED and not circuit.run_ok and is_confirmed:
        return replace(circuit, state=OPEN, since=circuit.run_since)
    if circuit.state == OPEN and circuit.run_ok and circuit.run >= thresholds.good:
        return replace(circuit, state=CLOSED, since=circuit.run_since)
    return circuit


def fold(
    probes: Iterable[Probe], circuit: Circuit | None = None, thresholds: Thresholds = USUAL
) -> Circuit:
    """The circuit after several probes, oldest first."""
    circuit = circuit or Circuit()
    for probe in probes:
        circuit = advance(circuit, probe, thresholds)
    return circuit


@dataclass(frozen=True)
class Outage:
    """From the first bad probe to the first good one of the recovery, None while it lasts."""

    start: datetime
    end: datetime | None


def outages(
    probes: Iterable[Probe], circuit: Circuit | None = None, thresholds: Thresholds = USUAL
) -> list[Outage]:
    """The confirmed outages in probes, oldest first; the first may have begun before them."""
    circuit = circuit or Circuit()
    starts = [circuit.since] if circuit.state == OPEN and circuit.since is not None else []
    found: list[Outage] = []
    for probe in probes:
        before, circuit = circuit, advance(circuit, probe, thresholds)
        if before.state == circuit.state or circuit.since is None:
            continue
        if circuit.state == OPEN:
            starts = [circuit.since]
        else:
            found += [Outage(start, circuit.since) for start in starts]
            starts = []
    return found + [Outage(start, None) for start in starts]


# -- answers -------------------------------------------------------------------------------------

YES = "yes"  # KSeF answers
LATE = "late"  # it answers, but our invoices get no numbers
UNCONFIRMED = "unconfirmed"  # a first bad probe; the next one tells
NO = "no"
UNKNOWN = "unknown"  # no probe, or none recently; also for "whose"

NOBODY = "nobody"
KSEF = "ksef"
OWN_LINE = "own_line"

GO_OFFLINE = "offline"
GO_ONLINE = "online"

# What only the Ministry can declare, gravest first: kind of the event, legal mode.
_DECLARED = (
    (deadlines.TOTAL_FAILURE, "total_failure"),
    (deadlines.FAILURE, "emergency"),
    (deadlines.UNAVAILABILITY, "offline"),
)
# The only mode that a program may choose by itself.
AUTOMATIC_MODE = "offline24"


@dataclass(frozen=True)
class Figures:
    """The numbers behind a verdict. Ages and durations in seconds, None where nothing is known."""

    probe_age: float | None
    run: int
    run_ok: bool
    run_since: datetime | None
    trouble_since: datetime | None
    last_error: str
    last_seconds: float | None
    stuck: int
    oldest_stuck: float | None
    median_to_number: float | None
    beacon_age: float | None


@dataclass(frozen=True)
class Verdict:
    """The three answers.

    ``online``: YES, LATE, UNCONFIRMED, NO or UNKNOWN. ``mode``: the legal mode of an invoice that
    is issued now and not sent; ``event`` the announcement it rests on, None for offline24;
    ``deadline`` by when it must reach KSeF, as far as is known now.
    ``whose``: NOBODY, KSEF, OWN_LINE or UNKNOWN.
    """

    online: str
    mode: str
    event: Event | None
    deadline: Deadline
    whose: str
    figures: Figures

    @property
    def needs_confirmation(self) -> bool:
        """Whether a person must confirm the mode: an invoice of a total failure is never sent."""
        return self.mode == "total_failure"

    def proposal(self, company_mode: str) -> str | None:
        """What to propose to a company that issues ``online`` or ``offline``; None for nothing.

        Offline when KSeF is confirmed not to work, or a total failure is announced; an announced
        failure of a KSeF that answers keeps nobody from sending. Back online when it answers and
        no announcement stands against it; that numbers are late keeps nobody from sending either.
        """
        if company_mode == "online":
            grave = self.mode == "total_failure"
            return GO_OFFLINE if self.online == NO or grave else None
        return GO_ONLINE if self.online in (YES, LATE) and self.event is None else None


def legal_mode(now: datetime, events: Iterable[Event]) -> tuple[str, Event | None]:
    """The mode that announcements make of an invoice issued offline now, the gravest first."""
    lasting = [
        event for event in events if event.start <= now and (event.end is None or now < event.end)
    ]
    for kind, mode in _DECLARED:
        of_kind = [event for event in lasting if event.kind == kind]
        if of_kind:
            return mode, min(of_kind, key=lambda event: event.start)
    return AUTOMATIC_MODE, None


def judge(
    now: datetime,
    circuit: Circuit,
    *,
    probes: Sequence[Probe] = (),
    events: Iterable[Event] = (),
    passages: Sequence[Passage] = (),
    beacon_read_at: datetime | None = None,
    thresholds: Thresholds = USUAL,
) -> Verdict:
    """The verdict at an aware moment.

    ``circuit`` has seen all probes; ``probes`` are the latest of them and the latest good one,
    oldest first. ``events`` come from a beacon that is believed or from a person. ``passages`` are
    our invoices of the last hours. ``beacon_read_at`` is only shown: a beacon that cannot be read
    changes nothing.
    """
    events = list(events)
    stuck = _stuck(now, passages, thresholds)
    online = _online(now, circuit, thresholds)
    if online == YES and stuck and not _moving(now, stuck, passages, thresholds):
        online = LATE
    mode, event = legal_mode(now, events)
    return Verdict(
        online=online,
        mode=mode,
        event=event,
        deadline=deadlines.deadline(mode, day_of(now), events, issued_at=now),
        whose=_whose(online, event, probes, thresholds),
        figures=_figures(now, circuit, probes, passages, stuck, beacon_read_at),
    )


def _online(now: datetime, circuit: Circuit, thresholds: Thresholds) -> str:
    if circuit.last_at is None or now - circuit.last_at > thresholds.stale:
        return UNKNOWN
    if circuit.state == OPEN:
        return NO
    return YES if circuit.run_ok else UNCONFIRMED


def _stuck(now: datetime, passages: Iterable[Passage], thresholds: Thresholds) -> list[Passage]:
    """Invoices that wait for their number for too long, oldest first."""
    waiting = [
        passage
        for passage in passages
        if passage.settled_at is None and now - passage.sent_at >= thresholds.stuck
    ]
    return sorted(waiting, key=lambda passage: passage.sent_at)


def _moving(
    now: datetime, stuck: Sequence[Passage], passages: Iterable[Passage], thresholds: Thresholds
) -> bool:
    """Whether KSeF has lately finished with something that was sent after the oldest stuck one."""
    return any(
        passage.settled_at is not None
        and passage.sent_at >= stuck[0].sent_at
        and now - passage.settled_at <= thresholds.stuck
        for passage in passages
    )


def _whose(
    online: str, event: Event | None, probes: Sequence[Probe], thresholds: Thresholds
) -> str:
    if event is not None or online == LATE:
        return KSEF
    if online in (YES, UNKNOWN):
        return NOBODY if online == YES else UNKNOWN
    bad = [probe for probe in probes if not probe.ok][-thresholds.bad :]
    if any(probe.reached for probe in bad):
        return KSEF
    controls = [probe.control_ok for probe in bad if probe.control_ok is not None]
    if any(controls):
        return KSEF
    good = [probe.control_ok for probe in probes if probe.ok][-1:]
    # an address that was silent while KSeF answered tells nothing of our line
    return UNKNOWN if not controls or good == [False] else OWN_LINE


def _figures(
    now: datetime,
    circuit: Circuit,
    probes: Sequence[Probe],
    passages: Iterable[Passage],
    stuck: Sequence[Passage],
    beacon_read_at: datetime | None,
) -> Figures:
    def age(moment: datetime | None) -> float | None:
        return None if moment is None else (now - moment).total_seconds()

    times = [
        (passage.settled_at - passage.sent_at).total_seconds()
        for passage in passages
        if passage.settled_at is not None
    ]
    trouble = circuit.since if circuit.state == OPEN else None
    if trouble is None and not circuit.run_ok:
        trouble = circuit.run_since
    return Figures(
        probe_age=age(circuit.last_at),
        run=circuit.run,
        run_ok=circuit.run_ok,
        run_since=circuit.run_since,
        trouble_since=trouble,
        last_error=next((probe.error for probe in reversed(probes) if not probe.ok), ""),
        last_seconds=probes[-1].seconds if probes else None,
        stuck=len(stuck),
        oldest_stuck=age(stuck[0].sent_at) if stuck else None,
        median_to_number=median(times) if times else None,
        beacon_age=age(beacon_read_at),
    )

"""Terms: the examples of the law and of the specification, then what must hold for all of them."""

from __future__ import annotations

import random
from datetime import date, datetime, time, timedelta, timezone

import holidays as witness
import pytest

from ksef.deadlines import KINDS, MODES, Deadline, Event, deadline
from ksef.holidays import holidays, is_working_day, next_working_day
from ksef.warsaw import ZONE, day_of, end_of


def at(text: str) -> datetime:
    """A moment in Warsaw: ``2026-11-20`` (noon) or ``2026-11-20 23:59``."""
    return datetime.fromisoformat(text if " " in text else f"{text} 12:00").replace(tzinfo=ZONE)


def event(kind: str, start: str, end: str | None = None) -> Event:
    return Event(kind, at(start), at(end) if end else None)


def due(text: str, cause: Event | None = None) -> Deadline:
    return Deadline("due", date.fromisoformat(text), cause)


# -- holidays ------------------------------------------------------------------------------------


@pytest.mark.parametrize("year", range(2024, 2041))
def test_holidays_against_a_witness(year):
    assert holidays(year) == set(witness.country_holidays("PL", years=year))


def test_christmas_eve_is_free_since_2025():
    assert is_working_day(date(2024, 12, 24))
    assert not is_working_day(date(2025, 12, 24))


def test_working_days_are_counted_from_one():
    assert next_working_day(date(2026, 11, 20)) == date(2026, 11, 23)
    with pytest.raises(ValueError, match="from one"):
        next_working_day(date(2026, 11, 20), 0)


# -- the legal day -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2026-07-18T21:59:59+00:00", "2026-07-18"),
        ("2026-07-18T22:00:00+00:00", "2026-07-19"),
        ("2026-12-31T22:59:59+00:00", "2026-12-31"),
        ("2026-12-31T23:00:00+00:00", "2027-01-01"),
        ("2026-07-19T00:30:00+09:00", "2026-07-18"),
    ],
)
def test_day_in_warsaw(moment, day):
    assert day_of(datetime.fromisoformat(moment)).isoformat() == day


def test_a_naive_moment_has_no_day():
    with pytest.raises(ValueError, match="time zone"):
        day_of(datetime(2026, 7, 18))


@pytest.mark.parametrize(
    ("day", "end"),
    [
        ("2026-03-28", "2026-03-28T23:00:00+00:00"),
        ("2026-03-29", "2026-03-29T22:00:00+00:00"),
        ("2026-10-25", "2026-10-25T23:00:00+00:00"),
    ],
)
def test_end_of_a_day(day, end):
    assert end_of(date.fromisoformat(day)) == datetime.fromisoformat(end)


# -- examples ------------------------------------------------------------------------------------

# section 3.2: day of issue or of an event's end, one working day, seven working days
TABLE = [
    ("2026-02-01", "2026-02-02", "2026-02-10"),
    ("2026-02-02", "2026-02-03", "2026-02-11"),
    ("2026-04-30", "2026-05-04", "2026-05-12"),
    ("2026-06-03", "2026-06-05", "2026-06-15"),
    ("2026-07-19", "2026-07-20", None),
    ("2026-10-30", "2026-11-02", "2026-11-10"),
    ("2026-11-10", "2026-11-12", "2026-11-20"),
    ("2026-11-21", "2026-11-23", "2026-12-01"),
    ("2026-12-22", "2026-12-23", "2027-01-05"),
    ("2026-12-23", "2026-12-28", "2027-01-07"),
    ("2026-12-24", "2026-12-28", "2027-01-07"),
    ("2026-12-31", "2027-01-04", "2027-01-13"),
    ("2027-01-05", "2027-01-07", "2027-01-15"),
    # three that Odoo's own tests agree with
    ("2026-04-03", "2026-04-07", None),
]


@pytest.mark.parametrize("mode", ["online", "offline24"])
@pytest.mark.parametrize(("issued", "one_day", "_seven"), TABLE)
def test_no_announcement(mode, issued, one_day, _seven):
    assert deadline(mode, date.fromisoformat(issued), []) == due(one_day)


@pytest.mark.parametrize(("end", "one_day", "seven"), TABLE)
def test_after_an_announced_event(end, one_day, seven):
    start = (date.fromisoformat(end) - timedelta(days=5)).isoformat()
    issued = date.fromisoformat(start)
    unavailability = event("unavailability", start, end)
    assert deadline("offline", issued, [unavailability]) == due(one_day, unavailability)
    if seven is not None:
        failure = event("failure", start, end)
        assert deadline("emergency", issued, [failure]) == due(seven, failure)


def test_official_example():
    issued = date(2025, 7, 8)
    assert deadline("offline24", issued, []) == due("2025-07-09")
    announced = event("failure", "2025-07-09")
    assert deadline("offline24", issued, [announced]) == Deadline("open", event=announced)
    ended = event("failure", "2025-07-09", "2025-07-12")
    assert deadline("offline24", issued, [ended]) == due("2025-07-22", ended)


def test_chain():
    issued = date(2026, 11, 19)
    first = event("failure", "2026-11-20", "2026-11-24")
    second = event("failure", "2026-12-01", "2026-12-02")
    total = event("total_failure", "2026-12-10")
    assert deadline("offline24", issued, []) == due("2026-11-20")
    assert deadline("offline24", issued, [first]) == due("2026-12-03", first)
    assert deadline("offline24", issued, [second, first]) == due("2026-12-11", second)
    assert deadline("offline24", issued, [total, second, first]) == Deadline("lifted", event=total)
    assert deadline("offline24", issued, [second]) == due("2026-11-20")


def test_announced_maintenance_over_midnight():
    # from the Ministry's beacon: K/2026/NI/01
    window = Event(
        "unavailability",
        datetime(2026, 7, 18, 18, tzinfo=timezone.utc),
        datetime(2026, 7, 19, 2, tzinfo=timezone.utc),
    )
    assert deadline("offline", date(2026, 7, 18), [window]) == due("2026-07-20")


# -- successive announcements --------------------------------------------------------------------


def test_later_of_both_terms():
    issued = date(2026, 11, 16)
    longer = event("unavailability", "2026-11-17", "2026-11-18")
    assert deadline("offline24", issued, [longer]) == due("2026-11-19", longer)
    short = event("unavailability", "2026-11-16 08:00", "2026-11-16 09:00")
    assert deadline("offline24", issued, [short]) == due("2026-11-17")


def test_seven_days_stand_when_an_unavailability_follows():
    failure = event("failure", "2026-11-16", "2026-11-16 13:00")
    follows = event("unavailability", "2026-11-20", "2026-11-27")
    for mode in ("emergency", "offline24"):
        assert deadline(mode, date(2026, 11, 16), [failure, follows]) == due("2026-11-25", failure)
    # even when it begins before the one-day term would have ended
    soon = event("unavailability", "2026-11-17", "2026-11-27")
    assert deadline("emergency", date(2026, 11, 16), [failure, soon]) == due("2026-11-25", failure)


def test_overlapping_failures_end_with_the_last():
    long = event("failure", "2026-11-16", "2026-11-27")
    inner = event("failure", "2026-11-17", "2026-11-18")
    assert deadline("emergency", date(2026, 11, 16), [inner, long]) == due("2026-12-08", long)


def test_no_revival_after_the_term():
    issued = date(2026, 11, 16)
    last_minute = event("failure", "2026-11-17 23:59", "2026-11-18")
    assert deadline("offline24", issued, [last_minute]) == due("2026-11-27", last_minute)
    for kind in KINDS:
        too_late = event(kind, "2026-11-18 00:00", "2026-11-25")
        assert deadline("offline24", issued, [too_late]) == due("2026-11-17")


def test_events_that_were_over_do_not_count():
    issued = date(2026, 11, 16)
    before = [event(kind, "2026-11-10", "2026-11-15 23:59") for kind in KINDS]
    assert deadline("offline24", issued, before) == due("2026-11-17")
    # a mode that no announcement supports gets the shortest term
    assert deadline("emergency", issued, before) == due("2026-11-17")
    assert deadline("offline", issued, []) == due("2026-11-17")


def test_moment_of_issue_on_the_day_an_event_ends():
    issued = date(2026, 11, 16)
    ended = event("failure", "2026-11-15", "2026-11-16 10:00")
    seven = due("2026-11-25", ended)
    assert deadline("offline24", issued, [ended]) == seven
    assert deadline("offline24", issued, [ended], issued_at=at("2026-11-16 09:59")) == seven
    after = deadline("offline24", issued, [ended], issued_at=at("2026-11-16 10:00"))
    assert after == due("2026-11-17")
    # P_1 decides, not the day on which the file was made
    lasted = event("failure", "2026-11-15", "2026-11-17")
    late = deadline("offline24", issued, [lasted], issued_at=at("2026-11-19"))
    assert late == due("2026-11-26", lasted)


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "total_failure"])
def test_total_failure_lifts_the_duty(mode):
    issued = date(2026, 11, 16)
    for end in (None, "2026-11-18"):
        total = event("total_failure", "2026-11-17", end)
        assert deadline(mode, issued, [total]) == Deadline("lifted", event=total)
    # an open failure keeps the term open for as long as it takes
    failure = event("failure", "2026-11-16")
    much_later = event("total_failure", "2027-03-01")
    assert deadline(mode, issued, [failure, much_later]).status == "lifted"


def test_total_failure_as_mode_needs_no_announcement():
    assert deadline("total_failure", date(2026, 11, 16), []) == Deadline("lifted")


def test_another_calendar():
    def with_saturdays(day: date) -> bool:
        return day.weekday() < 6 and day not in holidays(day.year)

    friday = date(2026, 11, 20)
    assert deadline("offline24", friday, [], is_working_day=with_saturdays) == due("2026-11-21")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Event("storm", at("2026-11-16")),
        lambda: Event("failure", datetime(2026, 11, 16)),
        lambda: Event("failure", at("2026-11-16"), datetime(2026, 11, 17)),
        lambda: event("failure", "2026-11-16", "2026-11-15"),
        lambda: deadline("later", date(2026, 11, 16), []),
    ],
)
def test_nonsense_is_refused(make):
    with pytest.raises(ValueError, match=r"kind|time zone|before|legal mode"):
        make()


# -- what holds for every story ------------------------------------------------------------------

FIRST = date(2026, 10, 26)
STORIES = 3000


def random_event(source: random.Random, kinds: tuple[str, ...] = KINDS) -> Event:
    midnight = datetime.combine(FIRST, time(), tzinfo=timezone.utc)
    start = midnight + timedelta(minutes=source.randrange(-10 * 1440, 70 * 1440))
    lasts = timedelta(minutes=source.choice([1, 60, 600, source.randrange(1, 20 * 1440)]))
    return Event(source.choice(kinds), start, None if source.random() < 0.15 else start + lasts)


def stories(seed: int, kinds: tuple[str, ...] = KINDS):
    """(mode, day of issue, events) again and again, the same ones for the same seed."""
    source = random.Random(seed)
    for _story in range(STORIES):
        issued = FIRST + timedelta(days=source.randrange(60))
        found = [random_event(source, kinds) for _event in range(source.randrange(7))]
        yield source, source.choice(MODES), issued, found


def lateness(result: Deadline) -> tuple[int, date]:
    """Order of results: dates, then open, then lifted."""
    return ("due", "open", "lifted").index(result.status), result.date or date.max


def test_the_result_is_a_working_day_after_the_issue():
    seen = set()
    for _source, mode, issued, found in stories(1):
        result = deadline(mode, issued, found)
        seen.add(result.status)
        if result.status == "due":
            assert is_working_day(result.date)
            assert result.date >= next_working_day(issued)
        else:
            assert result.date is None
    assert seen == {"due", "open", "lifted"}


def test_another_event_never_brings_a_deadline_forward():
    moved = 0
    for source, mode, issued, found in stories(2):
        before = deadline(mode, issued, found)
        after = deadline(mode, issued, [*found, random_event(source)])
        assert lateness(after) >= lateness(before)
        moved += after != before
    assert moved > STORIES / 20


def test_a_later_end_never_brings_a_deadline_forward():
    for source, mode, issued, found in stories(3):
        if not found:
            continue
        place = source.randrange(len(found))
        old = found[place]
        later = None if old.end is None else old.end + timedelta(hours=source.randrange(200))
        changed = [*found[:place], Event(old.kind, old.start, later), *found[place + 1 :]]
        assert lateness(deadline(mode, issued, changed)) >= lateness(deadline(mode, issued, found))


def test_the_order_of_events_does_not_matter():
    for source, mode, issued, found in stories(4):
        shuffled = source.sample(found, len(found))
        assert lateness(deadline(mode, issued, shuffled)) == lateness(deadline(mode, issued, found))


def test_an_open_event_within_the_term_gives_no_date():
    for source, mode, issued, found in stories(5, ("unavailability", "failure")):
        if mode == "total_failure":
            continue
        now_open = Event("failure", datetime.combine(issued, time(12), tzinfo=ZONE))
        events = source.sample([*found, now_open], len(found) + 1)
        result = deadline(mode, issued, events)
        assert (result.status, result.date) == ("open", None)


def test_an_event_after_the_term_changes_nothing():
    for source, mode, issued, found in stories(6):
        before = deadline(mode, issued, found)
        if before.status != "due":
            continue
        start = end_of(before.date) + timedelta(minutes=source.randrange(10000))
        for kind in KINDS:
            assert deadline(mode, issued, [*found, Event(kind, start)]) == before

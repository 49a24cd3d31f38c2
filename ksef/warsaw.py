"""The legal day: KSeF's dates and terms are days in Poland, whatever zone a moment comes in."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from dateutil import tz

# dateutil brings its own copy of the zones, for machines that have none.
ZONE = tz.gettz("Europe/Warsaw")


def day_of(moment: datetime) -> date:
    """The day in Warsaw at an aware ``moment``. Raises ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError("A moment needs its time zone")
    return moment.astimezone(ZONE).date()


def end_of(day: date) -> datetime:
    """The first moment after ``day`` in Warsaw, aware: a term that ends on ``day`` is over then."""
    return datetime.combine(day + timedelta(days=1), time(), tzinfo=ZONE)

"""Working days in Poland.

Statutory days off: act of 18 January 1951 (Dz.U. 2025 poz. 296), with Christmas Eve since 2025.
Saturday is no working day: the Ministry's own example of the seven-day term skips it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import lru_cache

from dateutil.easter import easter

IsWorkingDay = Callable[[date], bool]

# (month, day, first year)
_FIXED = (
    (1, 1, 1951),
    (1, 6, 2011),
    (5, 1, 1951),
    (5, 3, 1990),
    (8, 15, 1990),
    (11, 1, 1951),
    (11, 11, 1990),
    (12, 24, 2025),
    (12, 25, 1951),
    (12, 26, 1951),
)
# days after Easter Sunday: itself, Monday, Pentecost, Corpus Christi
_MOVABLE = (0, 1, 49, 60)
_SATURDAY = 5


@lru_cache(maxsize=64)
def holidays(year: int) -> frozenset[date]:
    """The statutory days off of a year, from 1990 on, including those on a weekend."""
    sunday = easter(year)
    movable = (sunday + timedelta(days=days) for days in _MOVABLE)
    fixed = (date(year, month, day) for month, day, since in _FIXED if year >= since)
    return frozenset((*movable, *fixed))


def is_working_day(day: date) -> bool:
    """Monday to Friday and not a statutory day off."""
    return day.weekday() < _SATURDAY and day not in holidays(day.year)


def next_working_day(
    day: date, count: int = 1, *, is_working_day: IsWorkingDay = is_working_day
) -> date:
    """The ``count``-th working day strictly after ``day``. ``count`` is at least 1.

    Raises ValueError for a smaller count.
    """
    if count < 1:
        raise ValueError("Working days are counted from one")
    while count:
        day += timedelta(days=1)
        count -= is_working_day(day)
    return day

"""The simulator's own time: it ticks, and tests may set, advance or freeze it."""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

WARSAW = ZoneInfo("Europe/Warsaw")


class Clock:
    """A wall clock with an offset. All datetimes are aware and in UTC."""

    def __init__(self) -> None:
        self._offset = timedelta(0)
        self._frozen: datetime | None = None

    def now(self) -> datetime:
        """Virtual time in UTC."""
        if self._frozen is not None:
            return self._frozen
        return datetime.fromtimestamp(time.time(), timezone.utc) + self._offset

    def set(self, moment: datetime) -> None:
        """Continue from ``moment`` (aware); a frozen clock stays frozen there."""
        moment = moment.astimezone(timezone.utc)
        if self._frozen is not None:
            self._frozen = moment
        self._offset = moment - datetime.fromtimestamp(time.time(), timezone.utc)

    def advance(self, seconds: float) -> None:
        """Move by ``seconds``, which may be negative."""
        step = timedelta(seconds=seconds)
        if self._frozen is not None:
            self._frozen += step
        self._offset += step

    def freeze(self, frozen: bool) -> None:
        """Stop or release the ticking."""
        if frozen:
            self._frozen = self.now()
        elif self._frozen is not None:
            moment, self._frozen = self._frozen, None
            self.set(moment)

    def reset(self) -> None:
        """Back to the machine's time."""
        self._offset = timedelta(0)
        self._frozen = None


def stamp(moment: datetime | None) -> str | None:
    """ISO 8601 as KSeF writes it: UTC offset ``+00:00`` and seven fractional digits."""
    if moment is None:
        return None
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0+00:00"


def parse_moment(text: str) -> datetime:
    """Aware UTC datetime of an ISO 8601 text.

    A text without offset means Warsaw time, as in the Ministry's filters. Raises ValueError.
    """
    head, dot, tail = text.strip().replace("Z", "+00:00").partition(".")
    if dot:
        digits = tail[: len(tail) - len(tail.lstrip("0123456789"))]
        head += "." + (digits + "000000")[:6] + tail[len(digits) :]
    moment = datetime.fromisoformat(head)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=WARSAW)
    return moment.astimezone(timezone.utc)


def warsaw_date(moment: datetime) -> date:
    """The calendar day in Poland; all of KSeF's day comparisons use it."""
    return moment.astimezone(WARSAW).date()

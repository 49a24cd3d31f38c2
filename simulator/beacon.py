"""Announcements of the status beacon (Latarnia): the events behind its messages."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any

from .clock import WARSAW

#: A message is shown for thirty days after its event.
RETENTION = timedelta(days=30)
#: From the gravest: what holds when several events are on.
CATEGORIES = ("TOTAL_FAILURE", "FAILURE", "MAINTENANCE")
AVAILABLE = "AVAILABLE"

_TEXTS = {
    "MAINTENANCE_ANNOUNCEMENT": (
        "Niedostępność KSeF",
        "Planowana niedostępność Krajowego Systemu e-Faktur (symulator).",
    ),
    "FAILURE_START": ("Awaria KSeF", "Rozpoczęła się awaria KSeF (symulator)."),
    "FAILURE_END": ("Zakończenie awarii KSeF", "Awaria KSeF została usunięta (symulator)."),
}


@dataclass(frozen=True)
class Message:
    """One announcement. ``kind`` is its ``type``: MAINTENANCE_ANNOUNCEMENT, FAILURE_START, …"""

    number: str
    event_id: int
    category: str
    kind: str
    title: str
    text: str
    start: datetime
    end: datetime | None
    version: int
    published: datetime

    def describe(self) -> dict[str, Any]:
        """The message as the beacon shows it; ``end`` is absent while it is unknown."""
        shown: dict[str, Any] = {
            "id": self.number,
            "eventId": self.event_id,
            "category": self.category,
            "type": self.kind,
            "title": self.title,
            "text": self.text,
            "start": _local(self.start),
            "version": self.version,
            "published": self.published.astimezone(timezone.utc).isoformat(),
        }
        if self.end is not None:
            shown["end"] = _local(self.end)
        return shown


def _local(moment: datetime) -> str:
    return moment.astimezone(WARSAW).isoformat(timespec="seconds")


@dataclass
class Event:
    """One trouble. ``end`` is known in advance only for a maintenance.

    ``outage``: KSeF itself does not answer while the event lasts.
    """

    event_id: int
    category: str
    start: datetime
    end: datetime | None
    outage: bool
    messages: list[Message] = field(default_factory=list)

    def active(self, now: datetime) -> bool:
        return self.start <= now and (self.end is None or now < self.end)

    def remembered(self, now: datetime) -> bool:
        return self.end is None or now - self.end <= RETENTION


@dataclass
class Beacon:
    """All events; ``raw`` replaces an answer (``status`` or ``messages``) by any JSON."""

    events: list[Event] = field(default_factory=list)
    raw: dict[str, Any] = field(default_factory=dict)
    _next_event: int = 1001
    _numbers: dict[str, int] = field(default_factory=dict)

    def _number(self, category: str, now: datetime) -> str:
        """``K/2026/AWR/01`` for failures, ``K/2026/NI/01`` for unavailability."""
        series = f"K/{now.astimezone(WARSAW).year}/{'NI' if category == 'MAINTENANCE' else 'AWR'}"
        self._numbers[series] = self._numbers.get(series, 0) + 1
        return f"{series}/{self._numbers[series]:02d}"

    def begin(
        self, category: str, start: datetime, end: datetime | None, now: datetime, *, outage: bool
    ) -> Event:
        """Announce a maintenance (``end`` known) or the start of a failure."""
        event = Event(self._next_event, category, start, end, outage)
        self._next_event += 1
        self.events.append(event)
        maintenance = category == "MAINTENANCE"
        kind = "MAINTENANCE_ANNOUNCEMENT" if maintenance else "FAILURE_START"
        self._publish(event, kind, now)
        return event

    def escalate(self, event: Event, category: str, start: datetime, now: datetime) -> None:
        """A graver trouble under the same number; whether the Ministry keeps it is open."""
        event.category = category
        self._publish(event, "FAILURE_START", now, start)

    def finish(self, event: Event, end: datetime, now: datetime) -> None:
        """Announce the end; a maintenance is corrected instead, it has no message of its end."""
        event.end = end
        if event.category == "MAINTENANCE":
            self.correct(event, event.messages[-1].kind, now, {"end": end})
        else:
            self._publish(event, "FAILURE_END", now)

    def _publish(
        self, event: Event, kind: str, now: datetime, start: datetime | None = None
    ) -> None:
        title, text = _TEXTS[kind]
        begun = start or event.start
        end = None if kind == "FAILURE_START" else event.end
        number = self._number(event.category, now)
        version = 1 + max((old.version for old in event.messages if old.kind == kind), default=0)
        event.messages.append(
            Message(
                number,
                event.event_id,
                event.category,
                kind,
                title,
                text,
                begun,
                end,
                version,
                now,
            )
        )

    def correct(self, event: Event, kind: str, now: datetime, changes: dict[str, Any]) -> Message:
        """A new version of the last message of ``kind``; raises KeyError when there is none."""
        for index in reversed(range(len(event.messages))):
            old = event.messages[index]
            if old.kind == kind:
                new = replace(old, version=old.version + 1, published=now, **changes)
                event.messages[index] = new
                event.start, event.end = new.start, new.end or event.end
                return new
        raise KeyError(kind)

    def find(self, event_id: int | None, now: datetime) -> Event | None:
        """The event, or without a number the latest one that is not over."""
        for event in reversed(self.events):
            open_still = event.end is None or now < event.end
            if event_id == event.event_id or (event_id is None and open_still):
                return event
        return None

    def active(self, now: datetime) -> list[Event]:
        """Events that are on, the gravest first."""
        found = [event for event in self.events if event.active(now)]
        return sorted(found, key=lambda event: CATEGORIES.index(event.category))

    def status(self, now: datetime) -> dict[str, Any]:
        """``GET /status``: without messages while all is well."""
        events = self.active(now)
        if not events:
            return {"status": AVAILABLE}
        messages = [message.describe() for event in events for message in event.messages]
        return {"status": events[0].category, "messages": messages}

    def messages(self, now: datetime) -> list[dict[str, Any]]:
        """``GET /messages``: current, coming and of the last thirty days; the newest first."""
        found = [
            message for event in self.events if event.remembered(now) for message in event.messages
        ]
        found.sort(key=lambda message: message.published, reverse=True)
        return [message.describe() for message in found]

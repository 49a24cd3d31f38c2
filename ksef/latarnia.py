"""Latarnia, the Ministry's status beacon: what it says, and which announcements follow from it.

The beacon needs no login and is given none. It was down itself more than once: an error of it
means nothing about KSeF. Only its announcements (and those a person enters) make legal modes;
the act names it beside the Public Information Bulletin (art. 106ne).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from . import deadlines
from .errors import LocalError
from .http import Reply, Transport
from .types import datetime_of, integer_of, mapping, text_of

STATUS = "/status"
MESSAGES = "/messages"

AVAILABLE = "AVAILABLE"
# category -> the kind of event it announces, the gravest first
KINDS: Mapping[str, str] = {
    "TOTAL_FAILURE": deadlines.TOTAL_FAILURE,
    "FAILURE": deadlines.FAILURE,
    "MAINTENANCE": deadlines.UNAVAILABILITY,
}
STATUSES = (AVAILABLE, *reversed(KINDS))
_END = "FAILURE_END"
_YEARS = range(2000, 2200)


@dataclass(frozen=True)
class Message:
    """One message in one version. What the beacon left out or garbled is None or empty.

    ``raw`` is the message as JSON text, for evidence; :meth:`from_raw` reads it again.
    ``category`` is MAINTENANCE, FAILURE or TOTAL_FAILURE; ``kind`` its ``type``:
    MAINTENANCE_ANNOUNCEMENT, FAILURE_START or FAILURE_END. Either may be something new.
    """

    number: str
    event_id: int | None
    category: str
    kind: str
    title: str
    text: str
    start: datetime | None
    end: datetime | None
    version: int
    published: datetime | None
    raw: str = field(repr=False)

    @property
    def key(self) -> tuple[int | None, str, str, int]:
        """What tells it from every other: event, category, kind and version."""
        return (self.event_id, self.category, self.kind, self.version)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Message:
        """Read one message, however incomplete."""
        return cls(
            number=text_of(data, "id") or "",
            event_id=integer_of(data, "eventId"),
            category=text_of(data, "category") or "",
            kind=text_of(data, "type") or "",
            title=text_of(data, "title") or "",
            text=text_of(data, "text") or "",
            start=_moment_of(data, "start"),
            end=_moment_of(data, "end"),
            version=integer_of(data, "version") or 0,
            published=_moment_of(data, "published"),
            raw=_raw_of(data),
        )

    @classmethod
    def from_raw(cls, raw: str) -> Message:
        """Read what :attr:`raw` kept. Raises ValueError for anything else."""
        return cls.from_json(mapping(json.loads(raw)))


def _moment_of(data: Mapping[str, Any], key: str) -> datetime | None:
    """A moment that terms can be counted from: 9999-12-31 means that none is known."""
    found = datetime_of(data, key)
    return found if found is not None and found.year in _YEARS else None


def _raw_of(data: Mapping[str, Any]) -> str:
    """Readable where possible; half a surrogate pair has no UTF-8 and stays escaped."""
    text = json.dumps(data, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(data)
    return text


@dataclass(frozen=True)
class Announcement:
    """One event as the newest messages tell it; ``end`` is None while it is unknown.

    ``kind`` as in :class:`deadlines.Event`; ``messages`` are those that tell it, oldest first.
    """

    event_id: int
    kind: str
    start: datetime
    end: datetime | None
    messages: tuple[Message, ...]

    @property
    def event(self) -> deadlines.Event:
        """For the deadlines."""
        return deadlines.Event(self.kind, self.start, self.end)


@dataclass(frozen=True)
class Report:
    """One reading of the beacon.

    ``status`` is one of :data:`STATUSES`, None for a word that we do not know. ``believed`` is
    False where the environment's beacon is not to be believed: then nothing follows from it.
    """

    status: str | None
    messages: tuple[Message, ...]
    believed: bool

    @property
    def announcements(self) -> tuple[Announcement, ...]:
        """The events announced, in the order of their starts; none if it is not believed."""
        return announcements(self.messages) if self.believed else ()


def read(transport: Transport) -> Report:
    """Ask the beacon for status and messages. Raises KsefError, and then nothing has changed.

    Half an answer is none: without the messages a status announces nothing. LocalError where the
    environment has no beacon.
    """
    base = transport.environment.latarnia
    if base is None:
        raise LocalError("This KSeF environment has no status beacon")
    status = _get(transport, base + STATUS).object()
    listed = _messages(_get(transport, base + MESSAGES))
    word = text_of(status, "status")
    return Report(
        status=word if word in STATUSES else None,
        messages=_distinct((*listed, *map(Message.from_json, _objects(status.get("messages"))))),
        believed=transport.environment.believes_latarnia,
    )


def _get(transport: Transport, url: str) -> Reply:
    return transport.fetch(url, accept="application/json")


def _messages(reply: Reply) -> list[Message]:
    """The messages: a list, as documented, or an object around it or in its place."""
    data = reply.json()
    if isinstance(data, Mapping):
        data = data.get("messages", [data] if "eventId" in data else None)
    if not isinstance(data, list):
        raise reply.protocol_error("The status beacon's answer has no messages")
    return [Message.from_json(item) for item in _objects(data)]


def _objects(value: Any) -> list[Mapping[str, Any]]:
    if not isinstance(value, list):
        return []
    return [item for item in value if isinstance(item, Mapping)]


def _distinct(messages: Iterable[Message]) -> tuple[Message, ...]:
    """The messages without repetitions, those of ``/messages`` before those of ``/status``."""
    return tuple({message.raw: message for message in messages}.values())


def announcements(messages: Iterable[Message]) -> tuple[Announcement, ...]:
    """The events behind the messages, whatever readings they come from.

    Of one event, category and kind the highest version counts, and of one message number, so that
    a correction may change the category. A message without event, readable start or known
    category announces nothing, nor does an end that lies before the start. A failure of which
    another message makes a total failure is two events; an announced end ends both.
    """
    newest: dict[tuple[int, str, str], Message] = {}
    for message in sorted(_uncorrected(messages), key=_age):
        newest[message.event_id, message.category, message.kind] = message
    groups: dict[tuple[int, str], list[Message]] = {}
    for (event_id, category, _kind), message in newest.items():
        groups.setdefault((event_id, category), []).append(message)
    found = [
        _announcement(event_id, category, group, newest)
        for (event_id, category), group in groups.items()
    ]
    return tuple(sorted(found, key=lambda one: (one.start, one.event_id, one.kind)))


def _uncorrected(messages: Iterable[Message]) -> list[Message]:
    """The messages that can announce something and that no later version of them replaced."""
    readable = [
        message
        for message in messages
        if message.event_id is not None and message.start is not None and message.category in KINDS
    ]
    versions: dict[tuple[int, str, str], int] = {}
    for message in readable:
        key = (message.event_id, message.kind, message.number)
        versions[key] = max(message.version, versions.get(key, message.version))
    return [
        message
        for message in readable
        if not message.number
        or message.version == versions[message.event_id, message.kind, message.number]
    ]


def _age(message: Message) -> tuple[int, float]:
    """Sorts corrections after what they correct."""
    published = message.published
    return (message.version, published.timestamp() if published is not None else 0.0)


def _announcement(
    event_id: int,
    category: str,
    group: list[Message],
    newest: Mapping[tuple[int, str, str], Message],
) -> Announcement:
    """One event. The start comes from the message of the start if there is one."""
    ends = [message for message in group if message.kind == _END]
    starts = [message for message in group if message.kind != _END] or ends
    start = starts[-1].start
    if not ends:
        ends = [
            message
            for (other_id, _category, kind), message in newest.items()
            if other_id == event_id and kind == _END
        ]
    told = [message.end for message in (*ends, *reversed(starts)) if message.end is not None]
    end = next((moment for moment in told if moment >= start), None)
    return Announcement(event_id, KINDS[category], start, end, tuple(sorted(group, key=_age)))

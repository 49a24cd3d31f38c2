"""The log of requests: bounded, without secrets, and in an order that a state file can follow."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

#: Requests remembered; a demo may run for weeks.
LENGTH = 50_000
Entry = dict[str, Any]


class Journal:
    """The latest entries, numbered from 1 in the order of their arrival."""

    def __init__(
        self, entries: Iterable[Entry] = (), last: int = 0, length: int | None = LENGTH
    ) -> None:
        """``last``: the number of the last of ``entries``; ``length``: how many are kept."""
        self._entries: deque[Entry] = deque(entries, length)
        self.last = last

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def append(self, entry: Entry) -> None:
        self._entries.append(entry)
        self.last += 1

    def clear(self) -> None:
        """Forget the entries; numbers go on, so that who follows sees that they are gone."""
        self._entries.clear()

    def continued(self, entries: Iterable[Entry], last: int) -> Journal:
        """A journal of the same length that begins with what an earlier one held."""
        return Journal(entries, last, self._entries.maxlen)

    @property
    def first(self) -> int:
        """The number of the oldest entry kept; one more than the last when there is none."""
        return self.last - len(self._entries) + 1

    def after(self, number: int) -> list[tuple[int, Entry]]:
        """The entries kept that are later than ``number``, with their numbers."""
        begin = max(number + 1, self.first)
        found = islice(self._entries, begin - self.first, None)
        return list(enumerate(found, begin))

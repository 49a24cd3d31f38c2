"""Rows chained by hash: each carries the hash of the one before it.

None can be changed, left out or slipped in afterwards without a trace. Only the standard library
is imported, so that an auditor needs nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Fields of a row that hold the chain together; all others are what is hashed.
PREVIOUS = "previous_hash"
HASH = "hash"

CHANGED = "changed"
MISSING = "missing"
INSERTED = "inserted"
REORDERED = "reordered"


@dataclass(frozen=True)
class Break:
    """Where a chain is broken: ``position`` counts the rows from 0; ``at`` is the row's time.

    ``code``: CHANGED, MISSING (a row before this one), INSERTED or REORDERED.
    """

    code: str
    position: int
    at: str = ""


def canonical(value: Any, *, indent: int | None = None) -> bytes:
    """The only spelling of ``value`` as JSON: UTF-8, sorted keys, nothing escaped without need.

    Raises ValueError for what has no single spelling: floats, keys that are no strings, text that
    is no Unicode.
    """
    _refuse_floats(value)
    separators = (",", ":") if indent is None else (",", ": ")
    text = json.dumps(
        value, ensure_ascii=False, sort_keys=True, separators=separators, indent=indent
    )
    return text.encode()


def _refuse_floats(value: Any) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise ValueError(f"A key must be a text, not {key!r}")
            _refuse_floats(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            _refuse_floats(item)
    elif value is not None and not isinstance(value, (str, int)):
        raise ValueError(f"{type(value).__name__} has no single spelling in JSON")


def row_hash(previous: str, row: Mapping[str, Any]) -> str:
    """The hash (64 hex digits) of a row that follows the one with the hash ``previous``.

    ``previous`` is empty for the first row of all; ``row`` has texts, integers, booleans and None.
    """
    return hashlib.sha256(canonical([previous, dict(row)])).hexdigest()


def contents(row: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a chained row that its hash covers."""
    return {key: value for key, value in row.items() if key not in (PREVIOUS, HASH)}


def verify_chain(rows: Sequence[Mapping[str, Any]], previous: str = "") -> list[Break]:
    """Every break of a chain, in the order of its rows; none if it is whole.

    ``rows`` are dictionaries of what was hashed, with ``previous_hash`` and ``hash``;
    ``previous`` is the hash before the first of them. Rows removed from the end leave no trace in
    those that stay: compare the last hash with one that was written down elsewhere.
    """
    places: dict[Any, int] = {}
    breaks: dict[int, str] = {}
    computed = [_computed(row) for row in rows]
    for position, row in enumerate(rows):
        if computed[position] is None or computed[position] != row.get(HASH):
            breaks[position] = CHANGED
        if row.get(HASH) in places:
            breaks.setdefault(position, INSERTED)
        places.setdefault(row.get(HASH), position)
    followed = {row.get(PREVIOUS) for row in rows}
    before: tuple[Any, ...] = (previous,)
    for position, row in enumerate(rows):
        named = row.get(PREVIOUS)
        if named not in before:
            place = -1 if named == previous else places.get(named)
            is_branch = row.get(HASH) not in followed and position + 1 < len(rows)
            is_copy = places[row.get(HASH)] != position
            if place is not None and place < position and (is_branch or is_copy):
                breaks.setdefault(position, INSERTED)
                continue
            for at, code in _blame(rows, position, place):
                breaks.setdefault(at, code)
        # where only the hash itself was overwritten, the next row still names the true one
        before = (row.get(HASH), computed[position])
    return [
        Break(code, position, str(rows[position].get("at") or ""))
        for position, code in sorted(breaks.items())
    ]


def _computed(row: Mapping[str, Any]) -> str | None:
    """What the hash of a row must be; None for one that cannot be hashed."""
    previous = row.get(PREVIOUS)
    try:
        return row_hash(previous, contents(row)) if isinstance(previous, str) else None
    except ValueError:
        return None


def _blame(
    rows: Sequence[Mapping[str, Any]], position: int, place: int | None
) -> Iterable[tuple[int, str]]:
    """Which rows are to blame that the one at ``position`` does not follow the one before it.

    ``place`` is where the row stands that it names (-1: the start, None: nowhere).
    """
    if place is None:
        yield position, MISSING
        return
    branch = {rows[position].get(PREVIOUS)}
    inserted = []
    for at in range(place + 1, position):
        # chained to the same row as this one, directly or through each other
        if rows[at].get(PREVIOUS) in branch:
            branch.add(rows[at].get(HASH))
            inserted.append(at)
    for at in inserted:
        yield at, INSERTED
    if len(inserted) < position - place - 1 or place >= position:
        yield position, REORDERED

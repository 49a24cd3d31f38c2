"""How the dataclasses of the model describe their part of the schema.

Every field says what it may hold (a lexical type or another dataclass) and how often; the order of
the fields is the order of the elements. What a plain list of elements cannot say (choices, groups
that come together or not at all) stands in the class attribute ``RULES``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

#: Decorator of every element class: keyword arguments only, nothing changes after construction.
element = dataclass(frozen=True, kw_only=True)


@dataclass(frozen=True)
class Occurs:
    """What one field holds and how often it may occur (``maximum`` 1 means no tuple)."""

    type: Any
    minimum: int
    maximum: int


def one(type_: Any, default: Any = None) -> Any:
    """A mandatory element; inside a group or choice: mandatory once that part is chosen."""
    return dataclasses.field(default=default, metadata={"occurs": Occurs(type_, 1, 1)})


def opt(type_: Any) -> Any:
    """An element that may be absent (``None``)."""
    return dataclasses.field(default=None, metadata={"occurs": Occurs(type_, 0, 1)})


def many(type_: Any, minimum: int, maximum: int) -> Any:
    """A repeated element, held as a tuple."""
    return dataclasses.field(default=(), metadata={"occurs": Occurs(type_, minimum, maximum)})


@dataclass(frozen=True)
class Rule:
    """A part of a content model: several elements or nested rules."""

    parts: tuple[str | Rule, ...]
    optional: bool = False

    @cached_property
    def all_names(self) -> frozenset[str]:
        """The names of all elements in it."""
        return frozenset(self.names())

    def names(self) -> Iterator[str]:
        """The names of all elements in it, in order."""
        for part in self.parts:
            if isinstance(part, str):
                yield part
            else:
                yield from part.names()


class Group(Rule):
    """A sequence; if optional, all of it or nothing (apart from its optional members)."""

    def __init__(self, *parts: str | Rule, optional: bool = False) -> None:
        super().__init__(parts, optional)


class Choice(Rule):
    """Exactly one of the parts; if optional, at most one."""

    def __init__(self, *parts: str | Rule, optional: bool = False) -> None:
        super().__init__(parts, optional)


@cache
def occurrences(cls: type) -> dict[str, Occurs]:
    """Element name -> occurrence, in the order of the schema."""
    return {field.name: field.metadata["occurs"] for field in dataclasses.fields(cls)}


@cache
def content(cls: type) -> Group:
    """The whole content model of an element class: its rules and, for the rest, its fields."""
    rules: tuple[Rule, ...] = getattr(cls, "RULES", ())
    ruled = {name: rule for rule in rules for name in rule.names()}
    parts: list[str | Rule] = []
    for name in occurrences(cls):
        part = ruled.get(name, name)
        if part not in parts:
            parts.append(part)
    return Group(*parts)

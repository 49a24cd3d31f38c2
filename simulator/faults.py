"""Faults that tests order: answers lost, replaced or delayed, and forced verdicts."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

KINDS = ("reset", "status", "hang", "refuse", "outcome")
#: How long a hanging answer is held back unless the order says otherwise, in seconds.
HANG_SECONDS = 120.0


@dataclass
class Fault:
    """One order. ``when`` is before or after the handler did its work; ``times`` counts down.

    ``endpoint`` is ``METHOD /template`` without ``/v2``, ``*`` for any, ``invoice`` or
    ``enrolment`` for verdicts.
    """

    endpoint: str
    kind: str
    when: str = "before"
    status: int = 503
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1
    code: int = 500
    seconds: float = HANG_SECONDS

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Fault:
        """Raises ValueError for an unknown key, kind or moment."""
        unknown = set(data) - set(cls.__dataclass_fields__)
        if unknown or "endpoint" not in data or data.get("kind") not in KINDS:
            raise ValueError(f"endpoint and a kind of {KINDS} wanted; unknown: {sorted(unknown)}")
        if data.get("when", "before") not in ("before", "after"):
            raise ValueError("when: before or after")
        return cls(**data)


def _blank(endpoint: str) -> str:
    """Names of placeholders do not matter: ``{ref}`` is ``{id}``."""
    return re.sub(r"\{\w+\}", "{}", endpoint)


class Faults:
    """The orders not used up yet."""

    def __init__(self) -> None:
        self.pending: list[Fault] = []

    def take(self, endpoint: str) -> Fault | None:
        """The first order for ``endpoint``, counted down."""
        for fault in self.pending:
            if fault.kind != "outcome" and _blank(fault.endpoint) in (_blank(endpoint), "*"):
                return self._use(fault)
        return None

    def outcome(self, what: str) -> int | None:
        """The forced verdict for the next ``invoice`` or ``enrolment`` that finishes."""
        for fault in self.pending:
            if fault.kind == "outcome" and fault.endpoint in (what, "*"):
                return self._use(fault).code
        return None

    def _use(self, fault: Fault) -> Fault:
        fault.times -= 1
        if fault.times <= 0:
            self.pending.remove(fault)
        return fault

"""Faults that tests order: answers lost, replaced, maimed or delayed, and forced verdicts."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from .routing import blank

#: The answer is replaced, or there is none; ``when`` says whether the work was done before.
REPLACING = ("reset", "hang", "status", "refusal")
#: The true answer leaves in a bad state: half of the JSON, half of the announced bytes, late
#: headers, a late second half, another header.
MAIMING = ("truncate", "cut", "slow_headers", "slow_body", "warning")
#: Before anything is read: the connection is reset, or the request waits its turn.
EARLY = ("refuse", "delay")
#: Of invoices and sessions, not of requests.
INNER = ("outcome", "stuck", "unavailable")
KINDS = REPLACING + MAIMING + EARLY + INNER
#: How long a hanging answer is held back unless the order says otherwise, in seconds.
HANG_SECONDS = 120.0


@dataclass
class Fault:
    """One order.

    ``endpoint``: ``METHOD /template`` without ``/v2``, ``*`` for any; ``invoice``, ``session`` or
    ``enrolment`` for what happens inside.
    ``when``: ``before`` or ``after`` the handler did its work. ``times`` counts down; ``skip``
    lets so many pass first; ``probability`` is thrown for each.
    ``status`` and ``code``: of the answer or the verdict; ``reason``: of a 403.
    ``without`` and ``nulls``: fields of a refusal that are left out or null.
    ``seconds``: of waiting, of ``Retry-After``, or (virtual) how long an invoice is stuck.
    """

    endpoint: str
    kind: str
    when: str = "before"
    status: int = 503
    body: str = ""
    headers: dict[str, str | None] = field(default_factory=dict)
    times: int = 1
    skip: int = 0
    probability: float = 1.0
    code: int = 500
    reason: str = "missing-permissions"
    without: list[str] = field(default_factory=list)
    nulls: list[str] = field(default_factory=list)
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


class Faults:
    """The orders not used up yet."""

    def __init__(self, seed: int | None = None) -> None:
        self.pending: list[Fault] = []
        self.dice = random.Random(seed)  # noqa: S311 - no secret

    def take(self, endpoint: str) -> Fault | None:
        """The first order for ``endpoint``, counted down."""
        wanted = blank(endpoint)
        for fault in self.pending:
            fits = fault.kind not in INNER and blank(fault.endpoint) in (wanted, "*")
            if fits and self._due(fault):
                return self._use(fault)
        return None

    def inner(self, kind: str, what: str) -> Fault | None:
        """The first order of ``kind`` (outcome, stuck, unavailable) for ``what``, counted down."""
        for fault in self.pending:
            fits = fault.kind == kind and fault.endpoint in (what, "*")
            if fits and self._due(fault):
                return self._use(fault)
        return None

    def outcome(self, what: str) -> int | None:
        """The forced verdict for the next ``invoice`` or ``enrolment`` that finishes."""
        fault = self.inner("outcome", what)
        return fault.code if fault else None

    def _due(self, fault: Fault) -> bool:
        if fault.skip > 0:
            fault.skip -= 1
            return False
        return fault.probability >= 1.0 or self.dice.random() < fault.probability

    def _use(self, fault: Fault) -> Fault:
        fault.times -= 1
        if fault.times <= 0:
            self.pending.remove(fault)
        return fault

"""How long a queue takes within KSeF's limits, and which deadlines that misses.

Follows the rule of the sender: more than a few documents of one kind go as packages in batch
sessions, the others one by one; the earliest deadline first. Pure: limits, calls made lately and
the present moment come from the caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from math import ceil

from . import budget
from .warsaw import day_of, end_of

BATCH = "batchSession"
SINGLE = "invoiceSend"


@dataclass(frozen=True)
class Group:
    """``count`` documents of ``size`` bytes together that wait under one deadline (None: none).

    ``offline``: what they are declared as, never mixed in a package; ``single``: they may not go
    in a package. ``not_before``: none of them goes earlier (aware), None for at once.
    """

    count: int
    size: int
    deadline: date | None
    offline: bool = False
    single: bool = False
    not_before: datetime | None = None


@dataclass(frozen=True)
class Rule:
    """When packages are made: for more than ``batch_above``, each at most so large."""

    batch_above: int
    most_documents: int
    most_bytes: int


@dataclass(frozen=True)
class Forecast:
    """``done_at`` is when the last one may go, None for an empty queue.

    ``overdue`` are past their deadline now, ``at_risk`` those that will be when their turn comes.
    """

    count: int
    done_at: datetime | None
    overdue: int
    at_risk: int


def forecast(
    groups: Iterable[Group],
    rule: Rule,
    rates: budget.RateLimits,
    calls: Mapping[str, Iterable[datetime]],
    now: datetime,
    *,
    blocked_until: datetime | None = None,
) -> Forecast:
    """What becomes of the queue if it is sent from ``now`` on.

    ``calls`` are those made in the last hour, by counter (:data:`BATCH`, :data:`SINGLE`);
    ``blocked_until`` is when KSeF is asked again at the earliest. All moments aware.
    """
    waiting = sorted(groups, key=lambda group: group.deadline or date.max)
    packed = _packed(waiting, rule)
    openings = _moments(rates, BATCH, calls, now, blocked_until, sum(packed.values()))
    singles = _Lane(rule, packed)
    sendings = _moments(rates, SINGLE, calls, now, blocked_until, singles.total(waiting))
    today, done, overdue, at_risk = day_of(now), now, 0, 0
    for group in waiting:
        package, last = singles.place(group)
        moment = max(
            now,
            group.not_before or now,
            openings[package - 1] if package else now,
            sendings[last - 1] if last else now,
        )
        done = max(done, moment)
        if group.deadline and group.deadline < today:
            overdue += group.count
        elif group.deadline and moment >= end_of(group.deadline):
            at_risk += group.count
    count = sum(group.count for group in waiting)
    return Forecast(count, done if count else None, overdue, at_risk)


def _packed(waiting: list[Group], rule: Rule) -> dict[bool, int]:
    """Packages that each kind (declared offline or not) takes; 0 where all go one by one."""
    packages = {}
    for offline in (False, True):
        kind = [group for group in waiting if not group.single and group.offline == offline]
        count = sum(group.count for group in kind)
        size = sum(group.size for group in kind)
        packages[offline] = (
            max(ceil(count / rule.most_documents), ceil(size / rule.most_bytes))
            if count > rule.batch_above
            else 0
        )
    return packages


class _Lane:
    """Counts the packages and single sendings that are needed up to a group."""

    def __init__(self, rule: Rule, packed: Mapping[bool, int]) -> None:
        self._rule = rule
        self._packed = packed
        self._counts = {False: 0, True: 0}
        self._sizes = {False: 0, True: 0}
        self._singles = 0

    def _goes_alone(self, group: Group) -> bool:
        return group.single or not self._packed[group.offline]

    def total(self, waiting: Iterable[Group]) -> int:
        """Documents that go one by one."""
        return sum(group.count for group in waiting if self._goes_alone(group))

    def place(self, group: Group) -> tuple[int, int]:
        """(packages opened, documents sent one by one) when the last of the group has gone."""
        if self._goes_alone(group):
            self._singles += group.count
            return 0, self._singles
        self._counts[group.offline] += group.count
        self._sizes[group.offline] += group.size
        opened = sum(
            max(
                ceil(self._counts[kind] / self._rule.most_documents),
                ceil(self._sizes[kind] / self._rule.most_bytes),
            )
            for kind in self._counts
        )
        return opened, 0


def _moments(
    rates: budget.RateLimits,
    counter: str,
    calls: Mapping[str, Iterable[datetime]],
    now: datetime,
    blocked_until: datetime | None,
    count: int,
) -> list[datetime]:
    """When each of the next ``count`` calls may be made."""
    ahead = budget.moments(
        rates.rate(counter), calls.get(counter, ()), now, blocked_until=blocked_until
    )
    return list(islice(ahead, count))

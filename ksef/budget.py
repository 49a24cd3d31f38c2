"""How many requests KSeF takes, and when the next one may go.

KSeF counts in sliding windows of a second, a minute and an hour, per context and address, all at
once; whoever goes over gets 429 and a block that grows. Pure: the calls of the last hour come
from the caller (rows that all workers share), with the present moment; what comes out is the wait.
KSeF 2.0 API, "limits".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from types import MappingProxyType
from typing import Any

from . import routes
from .types import integer_of, mapping

# Calls are counted when they arrive, which is a little later than they were noted, and not the
# same little for each: every window is kept longer by this.
MARGIN = timedelta(seconds=2)
# Calls noted longer ago than this count in no window.
HORIZON = timedelta(hours=1) + MARGIN

_SECONDS = (1, 60, 3600)
_NAMES = ("perSecond", "perMinute", "perHour")


@dataclass(frozen=True)
class Rate:
    """Calls allowed in a second, a minute and an hour; None where there is no limit."""

    per_second: int | None
    per_minute: int | None
    per_hour: int | None

    def __post_init__(self) -> None:
        if any(limit is not None and limit < 1 for limit in self._limits):
            raise ValueError("A limit allows at least one call")

    @property
    def _limits(self) -> tuple[int | None, ...]:
        return (self.per_second, self.per_minute, self.per_hour)

    @property
    def windows(self) -> list[tuple[int, timedelta]]:
        """(calls, length) of each window that is limited, shortest first."""
        return [
            (limit, timedelta(seconds=seconds))
            for limit, seconds in zip(self._limits, _SECONDS, strict=True)
            if limit is not None
        ]

    @classmethod
    def from_json(cls, data: Mapping[str, Any], default: Rate) -> Rate:
        """Read one group of ``GET /rate-limits``. Negative means no limit (KSeF's own -1).

        A missing value and 0, which would forbid the call altogether, keep the default.
        """
        limits: list[int | None] = []
        for name, usual in zip(_NAMES, default._limits, strict=True):
            value = integer_of(data, name)
            limits.append(value if value and value > 0 else (None if value else usual))
        return cls(*limits)


OTHER = "other"
ANONYMOUS = "anonymous"

PRODUCTION: Mapping[str, Rate] = MappingProxyType(
    {
        "onlineSession": Rate(10, 30, 120),
        "onlineSessionClose": Rate(20, 60, 240),
        "invoiceSend": Rate(10, 30, 180),
        "batchSession": Rate(10, 20, 60),
        "batchSessionClose": Rate(20, 40, 120),
        "invoiceStatus": Rate(30, 120, 1200),
        "sessionList": Rate(5, 10, 60),
        "sessionInvoiceList": Rate(10, 20, 200),
        "sessionMisc": Rate(10, 120, 1200),
        "invoiceMetadata": Rate(8, 16, 20),
        "invoiceExport": Rate(8, 16, 20),
        "invoiceExportStatus": Rate(10, 60, 600),
        "invoiceDownload": Rate(8, 16, 64),
        "collectiveIdentifier": Rate(20, 120, 240),
        OTHER: Rate(10, 30, 120),
        ANONYMOUS: Rate(60, None, None),
    }
)
# Before API 2.8 closing counted together with opening, and had no group of its own.
_SHARED = {"onlineSessionClose": "onlineSession", "batchSessionClose": "batchSession"}

_OPERATIONS = (
    ("POST", routes.ONLINE_OPEN, "onlineSession"),
    ("POST", routes.ONLINE_CLOSE, "onlineSessionClose"),
    ("POST", routes.ONLINE_SEND, "invoiceSend"),
    ("POST", routes.BATCH_OPEN, "batchSession"),
    ("POST", routes.BATCH_CLOSE, "batchSessionClose"),
    ("GET", routes.SESSION_INVOICES, "sessionInvoiceList"),
    ("GET", routes.SESSION_INVOICE, "invoiceStatus"),
    ("GET", routes.SESSION_INVOICE_UPO, "sessionMisc"),
    ("GET", routes.SESSION, "sessionMisc"),
    ("GET", routes.INVOICE, "invoiceDownload"),
    ("POST", routes.INVOICE_METADATA, "invoiceMetadata"),
    ("POST", routes.AUTH_CHALLENGE, ANONYMOUS),
    ("POST", routes.AUTH_XADES, ANONYMOUS),
    ("POST", routes.AUTH_KSEF_TOKEN, ANONYMOUS),
    ("POST", routes.AUTH_REDEEM, ANONYMOUS),
    ("POST", routes.AUTH_REFRESH, ANONYMOUS),
    ("GET", routes.AUTH_STATUS, ANONYMOUS),
    ("GET", routes.PUBLIC_KEYS, ANONYMOUS),
    ("DELETE", routes.AUTH_CURRENT_SESSION, OTHER),
    ("POST", routes.PERSONAL_GRANTS, OTHER),
    ("GET", routes.CONTEXT_LIMITS, OTHER),
    ("GET", routes.RATE_LIMITS, OTHER),
    ("GET", routes.CERTIFICATE_LIMITS, OTHER),
    ("GET", routes.ENROLLMENT_DATA, OTHER),
    ("POST", routes.ENROLLMENTS, OTHER),
    ("GET", routes.ENROLLMENT, OTHER),
    ("POST", routes.CERTIFICATE_RETRIEVE, OTHER),
    ("POST", routes.CERTIFICATE_QUERY, OTHER),
    ("POST", routes.CERTIFICATE_REVOKE, OTHER),
)
_PATTERNS = tuple(
    (method, re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template))), template, group)
    for method, template, group in _OPERATIONS
)


@dataclass(frozen=True)
class RateLimits:
    """The limits in force, by group."""

    rates: Mapping[str, Rate]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RateLimits:
        """Read ``GET /rate-limits``. A missing group keeps production's limits.

        Without groups of their own, closing a session counts as opening one.
        """
        return cls(
            {
                group: Rate.from_json(mapping(data.get(group)), default)
                for group, default in PRODUCTION.items()
                if group in data or group not in _SHARED
            }
        )

    def counter(self, method: str, path: str) -> str:
        """What a request is counted as: equal texts share a budget.

        Most groups are one counter; every other and anonymous operation has its own. What is not
        known shares the counter ``other``: too strict rather than too lax.
        """
        for known_method, pattern, template, group in _PATTERNS:
            if method == known_method and pattern.fullmatch(path):
                if group in (OTHER, ANONYMOUS):
                    return f"{group} {method} {template}"
                return group if group in self.rates else _SHARED[group]
        return OTHER

    def rate(self, counter: str) -> Rate:
        """The limits of a counter. Raises KeyError for a text that is none."""
        return self.rates[counter.partition(" ")[0]]


DEFAULT = RateLimits(PRODUCTION)


def moments(
    rate: Rate,
    calls: Iterable[datetime],
    now: datetime,
    *,
    blocked_until: datetime | None = None,
    margin: timedelta = MARGIN,
) -> Iterator[datetime]:
    """The earliest moments of the next calls, without end, if each is made at once.

    ``calls`` are those made, at least of the last :data:`HORIZON`, in any order; one from a clock
    that runs ahead counts as made now. ``blocked_until`` is when a 429 lets go. All aware.
    """
    made = sorted(min(call, now) for call in calls)
    moment = now if blocked_until is None else max(now, blocked_until + margin)
    while True:
        for limit, length in rate.windows:
            if len(made) >= limit:
                moment = max(moment, made[-limit] + length + margin)
        yield moment
        made.append(moment)


def wait_seconds(
    rate: Rate,
    calls: Iterable[datetime],
    now: datetime,
    *,
    blocked_until: datetime | None = None,
    margin: timedelta = MARGIN,
) -> float:
    """Seconds until the next call may be made, 0 for now. Arguments as :func:`moments`."""
    return drain_seconds(1, rate, calls, now, blocked_until=blocked_until, margin=margin)


def drain_seconds(
    count: int,
    rate: Rate,
    calls: Iterable[datetime],
    now: datetime,
    *,
    blocked_until: datetime | None = None,
    margin: timedelta = MARGIN,
) -> float:
    """Seconds until the last of ``count`` more calls may be made; 0 for none of them."""
    if count < 1:
        return 0.0
    ahead = moments(rate, calls, now, blocked_until=blocked_until, margin=margin)
    last = next(islice(ahead, count - 1, None))
    return (last - now).total_seconds()

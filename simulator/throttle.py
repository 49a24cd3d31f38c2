"""Request limits as the Ministry counts them: sliding windows per context and address."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

from .routing import Route

_PERIODS = ((1, "sekundę"), (60, "minutę"), (3600, "godzinę"))
#: The block after a breach, doubled with every call that comes too early, in seconds. The Ministry
#: says only that it grows; an hour without a breach starts again from the shortest.
FIRST_BLOCK = 30
LONGEST_BLOCK = 3600
_FORGET_AFTER = 3600

_ONE = "/sessions/{}"
#: operation (without names of placeholders) -> group; what is missing is "other" or "anonymous"
GROUPS = {
    "POST /sessions/online": "onlineSession",
    "POST /sessions/online/{}/close": "onlineSessionClose",
    "POST /sessions/online/{}/invoices": "invoiceSend",
    "POST /sessions/batch": "batchSession",
    "POST /sessions/batch/{}/close": "batchSessionClose",
    "GET /sessions": "sessionList",
    f"GET {_ONE}": "sessionMisc",
    f"GET {_ONE}/upo/{{}}": "sessionMisc",
    f"GET {_ONE}/invoices/{{}}/upo": "sessionMisc",
    f"GET {_ONE}/invoices/ksef/{{}}/upo": "sessionMisc",
    f"GET {_ONE}/invoices": "sessionInvoiceList",
    f"GET {_ONE}/invoices/failed": "sessionInvoiceList",
    f"GET {_ONE}/invoices/{{}}": "invoiceStatus",
    "GET /invoices/ksef/{}": "invoiceDownload",
    "POST /invoices/query/metadata": "invoiceMetadata",
    "POST /invoices/exports": "invoiceExport",
    "GET /invoices/exports/{}": "invoiceExportStatus",
    "POST /collective-identifiers": "collectiveIdentifier",
    "POST /collective-identifiers/query": "collectiveIdentifier",
    "POST /collective-identifiers/invoices": "collectiveIdentifier",
    "GET /collective-identifiers/ksef/{}": "collectiveIdentifier",
    # without a token, and yet not among the anonymous
    "POST /testdata/context/block": "other",
    "POST /testdata/context/unblock": "other",
}
#: Before API 2.8 closing was counted together with opening.
_SHARED_BEFORE_2_8 = {
    "onlineSessionClose": "onlineSession",
    "batchSessionClose": "batchSession",
}


def group_of(route: Route, api_version: tuple[int, int]) -> str | None:
    """The group whose limits hold for an operation; None for addresses outside the API."""
    if not route.template.startswith("/v2/"):
        return None
    group = GROUPS.get(route.blank)
    if group is None:
        return "other" if "access" in route.token else "anonymous"
    return _SHARED_BEFORE_2_8.get(group, group) if api_version < (2, 8) else group


def counter_of(route: Route, group: str) -> str:
    """What is counted together: a group, but every other and anonymous operation by itself."""
    return route.blank if group in ("other", "anonymous") else group


@dataclass
class _Window:
    """The calls of the last hour, and the block with how often it was earned."""

    calls: list[float] = field(default_factory=list)
    breaches: int = 0
    last_breach: float = 0.0
    blocked_until: float = 0.0


class Throttle:
    """Counts calls by virtual time."""

    def __init__(self) -> None:
        self._windows: dict[tuple[str, str, str], _Window] = {}

    def admit(
        self, key: tuple[str, str, str], limits: tuple[int, ...], now: float
    ) -> tuple[str, int] | None:
        """None and count the call, or the reason in Polish and the seconds to wait.

        ``key``: context, address, counter. ``limits``: per second, minute, hour; -1 = none. A call
        during a block makes the block longer and is not counted.
        """
        horizon = max(
            (s for n, (s, _name) in zip(limits, _PERIODS, strict=True) if n >= 0), default=0
        )
        window = self._windows.setdefault(key, _Window())
        if now - window.last_breach > _FORGET_AFTER:
            window.breaches = 0
        # a clock set back must not count what lies ahead
        window.calls = [call for call in window.calls if now - horizon < call <= now]
        reason = self._breach(window, limits, now)
        if reason is None:
            window.calls.append(now)
            return None
        window.breaches += 1
        window.last_breach = now
        wait = min(FIRST_BLOCK * 2 ** (window.breaches - 1), LONGEST_BLOCK)
        window.blocked_until = now + wait
        return f"{reason} Spróbuj ponownie po {wait} sekundach.", wait

    def _breach(self, window: _Window, limits: tuple[int, ...], now: float) -> str | None:
        for limit, (seconds, name) in zip(limits, _PERIODS, strict=True):
            recent = len(window.calls) - bisect_right(window.calls, now - seconds)
            if 0 <= limit <= recent:
                return f"Przekroczono limit {limit} żądań na {name}."
        if now < window.blocked_until:
            return "Żądanie w czasie blokady po przekroczeniu limitu."
        return None

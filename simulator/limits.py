"""Limits of requests and of sessions as they hold for one context, and reading them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .messages import Request, Response, reply

if TYPE_CHECKING:
    from .app import Simulator
    from .store import Context

#: group -> requests per second, minute, hour (API 2.8, production; TEST has the same since 2.5)
LIMITS = {
    "onlineSession": (10, 30, 120),
    "onlineSessionClose": (20, 60, 240),
    "batchSession": (10, 20, 60),
    "batchSessionClose": (20, 40, 120),
    "invoiceSend": (10, 30, 180),
    "invoiceStatus": (30, 120, 1200),
    "sessionList": (5, 10, 60),
    "sessionInvoiceList": (10, 20, 200),
    "sessionMisc": (10, 120, 1200),
    "invoiceMetadata": (8, 16, 20),
    "invoiceExport": (8, 16, 20),
    "invoiceExportStatus": (10, 60, 600),
    "invoiceDownload": (8, 16, 64),
    "collectiveIdentifier": (20, 120, 240),
    "other": (10, 30, 120),
    "anonymous": (60, -1, -1),
    "global": (-1, -1, -1),
}
#: Groups that came with API 2.8 or 2.7; before, closing was counted with opening.
NEWER_GROUPS = {
    "onlineSessionClose": "onlineSession",
    "batchSessionClose": "batchSession",
    "collectiveIdentifier": "other",
    "anonymous": "anonymous",
    "global": "global",
}
PERIODS = ("perSecond", "perMinute", "perHour")


@dataclass(frozen=True)
class SessionLimits:
    """What one session may hold. Sizes in MB of 1,000,000 bytes."""

    invoice_mb: int = 1
    invoice_with_attachment_mb: int = 3
    invoices: int = 10_000

    def describe(self) -> dict[str, int]:
        return {
            "maxInvoiceSizeInMB": self.invoice_mb,
            "maxInvoiceWithAttachmentSizeInMB": self.invoice_with_attachment_mb,
            "maxInvoices": self.invoices,
        }


def of_requests(sim: Simulator, context: Context) -> dict[str, tuple[int, int, int]]:
    """The limits of every group for ``context``; -1 = none."""
    return {**LIMITS, **sim.store.rate_limits.get(context, {})}


def of_session(sim: Simulator, context: Context, kind: str) -> SessionLimits:
    """The limits of a session of ``kind`` (``onlineSession`` or ``batchSession``)."""
    changed = sim.store.session_limits.get(context)
    return changed[kind] if changed else SessionLimits(invoices=sim.max_invoices)


def rate_limits(sim: Simulator, request: Request) -> Response:
    """``GET /rate-limits``."""
    shown = of_requests(sim, request.caller.context)
    if sim.api_version < (2, 8):
        shown = {group: values for group, values in shown.items() if group not in NEWER_GROUPS}
    return reply(
        {group: dict(zip(PERIODS, values, strict=True)) for group, values in shown.items()}
    )


def context_limits(sim: Simulator, request: Request) -> Response:
    """``GET /limits/context``."""
    context = request.caller.context
    body: dict[str, Any] = {
        kind: of_session(sim, context, kind).describe()
        for kind in ("onlineSession", "batchSession")
    }
    if sim.api_version >= (2, 8):
        body["collectiveIdentifier"] = {"maxInvoices": 500}
    return reply(body)

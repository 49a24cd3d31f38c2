"""Request limits as ``GET /rate-limits`` tells them (values of API 2.8, production)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .messages import Request, Response, reply

if TYPE_CHECKING:
    from .app import Simulator

#: group -> requests per second, minute, hour
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


def rate_limits(_sim: Simulator, _request: Request) -> Response:
    """``GET /rate-limits``."""
    names = ("perSecond", "perMinute", "perHour")
    return reply({group: dict(zip(names, values, strict=True)) for group, values in LIMITS.items()})

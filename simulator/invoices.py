"""Accepted invoices: download and metadata query."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import metadata, oddities, query
from .clock import stamp
from .messages import XML_TYPE, BadRequest, Request, Response, reply
from .numbers import ksef_number_ok
from .pipeline import advance, sha256
from .shapes import object_field

if TYPE_CHECKING:
    from .app import Simulator

_MAX_OFFSET = 1_000_000


def download(sim: Simulator, request: Request, number: str) -> Response:
    """``GET /invoices/ksef/{number}``: the very bytes received."""
    if not ksef_number_ok(number):
        raise BadRequest(21405, "Parametr ksefNumber ma niepoprawną wartość.")
    invoice = query.visible(sim.store, request.caller.context, number)
    if invoice is None:
        raise BadRequest(21164, f"Faktura o numerze KSeF {number} nie została znaleziona.")
    if invoice.stored_at is None:
        advance(sim, invoice)
        raise BadRequest(
            21165,
            f"Faktura o numerze KSeF {number} została przetworzona, ale nie jest jeszcze dostępna "
            "do pobrania. Spróbuj ponownie później.",
        )
    body = invoice.xml or b""
    headers = {"x-ms-meta-hash": sha256(body), **oddities.headers(number, invoice.odd)}
    return Response(200, body, XML_TYPE, headers)


def find(sim: Simulator, request: Request) -> Response:
    """``POST /invoices/query/metadata``."""
    filters = query.read(object_field(request.json(), "treść"), sim.clock.now(), sim.api_version)
    offset = _integer(request, "pageOffset", "0", 0, _MAX_OFFSET)
    size = _integer(request, "pageSize", "10", 10, 250)
    order = request.param("sortOrder", "Asc")
    if order not in ("Asc", "Desc"):
        raise BadRequest(21405, "Parametr sortOrder musi mieć wartość Asc lub Desc.")
    if filters.beyond(sim):
        raise BadRequest(
            21183,
            "Parametr dateRange.from jest późniejszy niż PermanentStorageHwmDate przy włączonym "
            "restrictToPermanentStorageHwmDate.",
        )
    rows = filters.rows(sim, request.caller.context)
    if order == "Desc":
        rows.reverse()
    start, end = offset * size, min((offset + 1) * size, sim.query_cap)
    if start >= sim.query_cap:
        raise BadRequest(21405, f"Zapytanie zwraca najwyżej {sim.query_cap} faktur.")
    return reply(
        {
            "hasMore": end < len(rows),
            # told on the last page that can be had, as a sign to move the range
            "isTruncated": end < len(rows) and end == sim.query_cap,
            "permanentStorageHwmDate": stamp(filters.high_water(sim)),
            "invoices": [metadata.describe(invoice) for _moment, invoice in rows[start:end]],
        }
    )


def _integer(request: Request, name: str, default: str, low: int, high: int) -> int:
    text = request.param(name, default) or ""
    if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
        raise BadRequest(21405, f"Parametr {name} musi być z zakresu {low}-{high}.")
    return int(text)

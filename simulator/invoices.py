"""Accepted invoices: download, metadata query, and the public verification page (KOD I)."""

from __future__ import annotations

import base64
import html
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from . import metadata, query
from .clock import stamp
from .messages import XML_TYPE, BadRequest, NotFound, Request, Response, reply
from .numbers import KSEF_NUMBER_PATTERN, NIP_PATTERN
from .pipeline import advance, sha256
from .shapes import object_field

if TYPE_CHECKING:
    from .app import Simulator

_MAX_OFFSET = 1_000_000
_DIGEST = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


def download(sim: Simulator, request: Request, number: str) -> Response:
    """``GET /invoices/ksef/{number}``: the very bytes received."""
    if not KSEF_NUMBER_PATTERN.fullmatch(number):
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
    return Response(200, body, XML_TYPE, {"x-ms-meta-hash": sha256(body)})


def find(sim: Simulator, request: Request) -> Response:
    """``POST /invoices/query/metadata``."""
    filters = query.read(object_field(request.json(), "treść"), sim.clock.now())
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


def verification_page(
    sim: Simulator, request: Request, nip: str, day: str, digest: str
) -> Response:
    """``GET /qr/invoice/{nip}/{dd-mm-yyyy}/{hash}``: what a person sees who scans KOD I.

    JSON instead of HTML for ``?format=json`` or ``Accept: application/json``.
    """
    try:
        issued = datetime.strptime(day, "%d-%m-%Y").date().isoformat()  # noqa: DTZ007
    except ValueError as error:
        raise NotFound("Niepoprawna data w adresie.") from error
    strict = re.fullmatch(r"\d\d-\d\d-\d{4}", day, re.ASCII) and _DIGEST.fullmatch(digest)
    if not strict or not NIP_PATTERN.fullmatch(nip):
        raise NotFound("Niepoprawny adres weryfikacyjny.")
    raw = base64.urlsafe_b64decode(digest + "=")
    if base64.urlsafe_b64encode(raw).decode().rstrip("=") != digest:
        raise NotFound("Niepoprawny skrót w adresie.")
    wanted = base64.b64encode(raw).decode("ascii")
    found: dict[str, Any] = {"result": "not-found", "sellerNip": nip, "issueDate": issued}
    for invoice in sim.store.accepted():
        if wanted not in (invoice.invoice_hash, invoice.corrected_hash):
            continue
        same = invoice.invoice_hash == wanted
        if invoice.seller_nip == nip and (not same or invoice.issue_date == issued):
            found["result"] = "found" if same else "corrected"
            found["ksefNumber"] = invoice.ksef_number
            found["invoiceNumber"] = invoice.number
    wants_json = "application/json" in (request.headers.get("Accept") or "")
    if wants_json or request.param("format") == "json":
        return reply(found)
    rows = "".join(
        f"<dt>{html.escape(k)}</dt><dd>{html.escape(str(v))}</dd>" for k, v in found.items()
    )
    page = f"<!doctype html><title>KSeF simulator</title><h1>{found['result']}</h1><dl>{rows}</dl>"
    return Response(200, page.encode("utf-8"), "text/html; charset=utf-8")

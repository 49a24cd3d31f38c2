"""Accepted invoices: download, metadata query, and the public verification page (KOD I)."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from . import fa3
from .clock import parse_moment, stamp
from .messages import XML_TYPE, BadRequest, NotFound, Request, Response, reply
from .numbers import KSEF_NUMBER_PATTERN, NIP_PATTERN
from .pipeline import advance
from .shapes import enum_field, object_field, text_field
from .store import Invoice

if TYPE_CHECKING:
    from .app import Simulator

#: Three months at most; the Ministry counts in UTC or in Warsaw time, so an hour is given.
MAX_RANGE = timedelta(days=92, hours=2)
HIGH_WATER_LAG = timedelta(seconds=90)
_TYPES = {
    "VAT": "Vat",
    "KOR": "Kor",
    "ZAL": "Zal",
    "ROZ": "Roz",
    "UPR": "Upr",
    "KOR_ZAL": "KorZal",
    "KOR_ROZ": "KorRoz",
}
_SUBJECTS = ("Subject1", "Subject2", "Subject3", "SubjectAuthorized")
_DIGEST = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)


def _root(invoice: Invoice) -> fa3.Facts:
    return fa3.check_file(invoice.xml or b"", None, strict_characters=False)


def download(sim: Simulator, request: Request, number: str) -> Response:
    """``GET /invoices/ksef/{number}``: the very bytes received."""
    if not KSEF_NUMBER_PATTERN.fullmatch(number):
        raise BadRequest(21405, "Parametr ksefNumber ma niepoprawną wartość.")
    nip = request.caller.context.nip
    invoice = sim.store.by_number.get(number)
    if invoice is None or not _visible(invoice, nip):
        raise BadRequest(21164)
    if invoice.stored_at is None:
        advance(sim, invoice)
        raise BadRequest(21165)
    body = invoice.xml or b""
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode("ascii")
    return Response(200, body, XML_TYPE, {"x-ms-meta-hash": digest})


def _visible(invoice: Invoice, nip: str | None) -> bool:
    buyer = _root(invoice).text("Podmiot2/DaneIdentyfikacyjne/NIP")
    return nip in (invoice.seller_nip, buyer)


def query(sim: Simulator, request: Request) -> Response:
    """``POST /invoices/query/metadata``."""
    body = object_field(request.json(), "treść")
    subject = enum_field(body, "subjectType", _SUBJECTS)
    window = object_field(body.get("dateRange"), "dateRange")
    date_type = enum_field(window, "dateType", ("Issue", "Invoicing", "PermanentStorage"))
    now = sim.clock.now()
    start = _moment(text_field(window, "from"), "dateRange.from")
    end = _moment(window["to"], "dateRange.to") if window.get("to") else now
    if end < start:
        raise BadRequest(21405, "Pole dateRange.to jest wcześniejsze niż dateRange.from.")
    if end - start > MAX_RANGE:
        raise BadRequest(21405, "Zakres dat przekracza 3 miesiące.")
    high_water = now - HIGH_WATER_LAG
    if window.get("restrictToPermanentStorageHwmDate"):
        if start > high_water:
            raise BadRequest(21183)
        end = min(end, high_water)
    offset = _integer(request, "pageOffset", "0", 0, 1_000_000)
    size = _integer(request, "pageSize", "10", 10, 250)
    nip = request.caller.context.nip
    rows = []
    for invoice in sim.store.accepted():
        facts = _root(invoice)
        moment = _date_of(invoice, date_type)
        if moment is None or not start <= moment <= end or invoice.stored_at is None:
            continue
        if _party(facts, subject) == nip and _matches(body, invoice, facts):
            rows.append((moment, _metadata(invoice, facts)))
    rows.sort(key=lambda row: row[0], reverse=request.param("sortOrder", "Asc") == "Desc")
    shown = rows[offset * size : (offset + 1) * size]
    return reply(
        {
            "hasMore": (offset + 1) * size < len(rows),
            "isTruncated": False,
            "permanentStorageHwmDate": stamp(high_water),
            "invoices": [row[1] for row in shown],
        }
    )


def _moment(text: object, name: str) -> datetime:
    try:
        return parse_moment(str(text))
    except ValueError as error:
        raise BadRequest(21405, f"Pole {name} nie jest datą.") from error


def _integer(request: Request, name: str, default: str, low: int, high: int) -> int:
    text = request.param(name, default) or ""
    if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
        raise BadRequest(21405, f"Parametr {name} musi być z zakresu {low}-{high}.")
    return int(text)


def _date_of(invoice: Invoice, date_type: str) -> datetime | None:
    if date_type == "Issue":
        return parse_moment(f"{invoice.issue_date}T00:00:00")
    return invoice.invoicing_date if date_type == "Invoicing" else invoice.stored_at


def _party(facts: fa3.Facts, subject: str) -> str | None:
    element = {
        "Subject1": "Podmiot1",
        "Subject2": "Podmiot2",
        "Subject3": "Podmiot3",
        "SubjectAuthorized": "PodmiotUpowazniony",
    }[subject]
    return facts.text(f"{element}/DaneIdentyfikacyjne/NIP")


def _matches(body: dict[str, Any], invoice: Invoice, facts: fa3.Facts) -> bool:
    """The optional filters; one that the simulator does not know refuses the query."""
    wanted = {
        "ksefNumber": invoice.ksef_number,
        "invoiceNumber": invoice.number,
        "sellerNip": invoice.seller_nip,
        "invoicingMode": invoice.mode,
    }
    known = {
        "subjectType",
        "dateRange",
        "currencyCodes",
        "invoiceTypes",
        "formType",
        "buyerIdentifier",
        "isSelfInvoicing",
        "hasAttachment",
        "amount",
        *wanted,
    }
    if set(body) - known:
        raise BadRequest(21405, f"Nieobsługiwane filtry: {sorted(set(body) - known)}.")
    if any(body.get(name) not in (None, value) for name, value in wanted.items()):
        return False
    if body.get("currencyCodes") and facts.text("Fa/KodWaluty") not in body["currencyCodes"]:
        return False
    if body.get("invoiceTypes") and _TYPES.get(invoice.kind or "") not in body["invoiceTypes"]:
        return False
    if body.get("formType") not in (None, "FA") or body.get("hasAttachment") is True:
        return False
    buyer = body.get("buyerIdentifier")
    if buyer and buyer.get("value") not in (None, _buyer(facts)["identifier"].get("value")):
        return False
    own = facts.text("Fa/Adnotacje/P_17") == "1"
    if body.get("isSelfInvoicing") not in (None, own):
        return False
    if body.get("amount"):
        raise BadRequest(21405, "Symulator nie obsługuje filtra amount.")
    return True


def _buyer(facts: fa3.Facts) -> dict[str, Any]:
    base = "Podmiot2/DaneIdentyfikacyjne/"
    for kind, path in (("Nip", "NIP"), ("VatUe", "NrVatUE"), ("Other", "NrID")):
        value = facts.text(base + path)
        if value:
            return {
                "identifier": {"type": kind, "value": value},
                "name": facts.text(base + "Nazwa"),
            }
    return {"identifier": {"type": "None"}, "name": facts.text(base + "Nazwa")}


def _metadata(invoice: Invoice, facts: fa3.Facts) -> dict[str, Any]:
    fields = list(facts.root.find(f"{{{fa3.NAMESPACE}}}Fa") or [])
    sums = {item.tag.rpartition("}")[2]: item.text for item in fields if isinstance(item.tag, str)}
    net = sum(float(text or 0) for name, text in sums.items() if name.startswith("P_13_"))
    vat = sum(
        float(text or 0)
        for name, text in sums.items()
        if name.startswith("P_14_") and (name.endswith("W") or f"{name}W" not in sums)
    )
    return {
        "ksefNumber": invoice.ksef_number,
        "invoiceNumber": invoice.number,
        "issueDate": invoice.issue_date,
        "invoicingDate": stamp(invoice.invoicing_date),
        "acquisitionDate": stamp(invoice.acquired_at),
        "permanentStorageDate": stamp(invoice.stored_at),
        "seller": {
            "nip": invoice.seller_nip,
            "name": facts.text("Podmiot1/DaneIdentyfikacyjne/Nazwa"),
        },
        "buyer": _buyer(facts),
        "netAmount": round(net, 2),
        "grossAmount": float(facts.text("Fa/P_15") or 0),
        "vatAmount": round(vat, 2),
        "currency": facts.text("Fa/KodWaluty"),
        "invoicingMode": invoice.mode,
        "invoiceType": _TYPES.get(invoice.kind or ""),
        "formCode": {"systemCode": "FA (3)", "schemaVersion": "1-0E", "value": "FA"},
        "isSelfInvoicing": facts.text("Fa/Adnotacje/P_17") == "1",
        "hasAttachment": False,
        "invoiceHash": invoice.invoice_hash,
        "hashOfCorrectedInvoice": invoice.corrected_hash,
    }


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

"""Filters of the metadata query and of exports: read, checked, applied."""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from . import currencies
from .clock import WARSAW, parse_moment
from .messages import BadRequest
from .metadata import SUBJECTS, TYPES
from .numbers import KSEF_NUMBER_PATTERN, NIP_PATTERN
from .shapes import enum_field, object_field, text_field
from .store import Context, Invoice, Store

if TYPE_CHECKING:
    from .app import Simulator

_MONTHS = 3
_RANGE = ("dateType", "from", "to", "restrictToPermanentStorageHwmDate")
_DATE_TYPES = ("Issue", "Invoicing", "PermanentStorage")
_AMOUNTS = {"Brutto": "grossAmount", "Netto": "netAmount", "Vat": "vatAmount"}
_OTHER_TYPES = ("VatPef", "VatPefSp", "KorPef", "VatRr", "KorVatRr")
_Test = Callable[[Invoice, dict[str, Any]], bool]


@dataclass(frozen=True)
class Query:
    """Checked filters. ``start`` and ``end`` are inclusive; ``high_water`` only for storage dates.

    ``tests`` get the invoice and the part of its metadata that comes from the file.
    """

    subject: str
    date_type: str
    start: datetime
    end: datetime
    restricted: bool
    tests: tuple[_Test, ...]

    def high_water(self, sim: Simulator) -> datetime | None:
        """Everything stored up to here is complete; None for the other kinds of dates."""
        if self.date_type != "PermanentStorage":
            return None
        return min(sim.clock.now() - sim.high_water_lag, self.end)

    def beyond(self, sim: Simulator) -> bool:
        """The range starts where completeness is not assured, although that was demanded."""
        return self.restricted and self.start > sim.clock.now() - sim.high_water_lag

    def rows(self, sim: Simulator, context: Context) -> list[tuple[datetime, Invoice]]:
        """The accepted invoices that match and that ``context`` may see, oldest first."""
        limit = self.high_water(sim) if self.restricted else None
        end = min(self.end, limit) if limit else self.end
        rows = []
        for invoice in sim.store.accepted():
            moment = date_of(invoice, self.date_type)
            if invoice.summary is None or moment is None or invoice.stored_at is None:
                continue
            seen = context.value in invoice.summary.parties[self.subject]
            if seen and self.start <= moment <= end:
                fixed = invoice.summary.fixed
                if all(test(invoice, fixed) for test in self.tests):
                    rows.append((moment, invoice))
        rows.sort(key=lambda row: (row[0], row[1].ksef_number))
        return rows


def date_of(invoice: Invoice, date_type: str) -> datetime | None:
    """The date that a query counts by; the day of issue begins at midnight in Poland."""
    if date_type == "Issue":
        return parse_moment(f"{invoice.issue_date}T00:00:00")
    return invoice.invoicing_date if date_type == "Invoicing" else invoice.stored_at


def visible(store: Store, context: Context, number: str) -> Invoice | None:
    """The accepted invoice of this number, if ``context`` is any party of it or sent it."""
    invoice = store.by_number.get(number)
    if invoice is None or invoice.summary is None:
        return None
    own = invoice.session.context == context
    seen = any(context.value in values for values in invoice.summary.parties.values())
    return invoice if own or seen else None


def read(body: dict[str, Any], now: datetime, api_version: tuple[int, int]) -> Query:
    """InvoiceQueryFilters; raises 21405."""
    subject = enum_field(body, "subjectType", tuple(SUBJECTS))
    window = object_field(body.get("dateRange"), "dateRange", _RANGE)
    date_type = enum_field(window, "dateType", _DATE_TYPES)
    start = _moment(text_field(window, "from"), "dateRange.from")
    end = _moment(window["to"], "dateRange.to") if window.get("to") is not None else now
    if end < start:
        raise BadRequest(21405, "Pole dateRange.to jest wcześniejsze niż dateRange.from.")
    if all(end > _later(start.astimezone(zone)) for zone in (timezone.utc, WARSAW)):
        raise BadRequest(21405, f"Zakres dat przekracza {_MONTHS} miesiące.")
    restricted = _flag(window, "restrictToPermanentStorageHwmDate") or False
    if restricted and date_type != "PermanentStorage":
        raise BadRequest(21405, "restrictToPermanentStorageHwmDate wymaga PermanentStorage.")
    tests = []
    for name in sorted(set(body) - {"subjectType", "dateRange"}):
        # the Ministry ignores a name it does not know; a filter that does nothing helps nobody
        if name not in _FILTERS:
            raise BadRequest(21405, f"Nieznany filtr: {name}.")
        if body[name] is not None:
            tests.append(_FILTERS[name](body, name))
    for code in body.get("currencyCodes") or ():
        if not currencies.known(code, api_version):
            raise BadRequest(21405, f"Nieznana waluta: {code}.")
    return Query(subject, date_type, start, end, restricted, tuple(tests))


def _moment(text: object, name: str) -> datetime:
    try:
        return parse_moment(str(text))
    except ValueError as error:
        raise BadRequest(21405, f"Pole {name} nie jest datą.") from error


def _later(moment: datetime) -> datetime:
    """Three calendar months after, on the last day where the month is shorter."""
    month = moment.month - 1 + _MONTHS
    year, month = moment.year + month // 12, month % 12 + 1
    day = min(moment.day, calendar.monthrange(year, month)[1])
    return moment.replace(year=year, month=month, day=day)


def _flag(body: dict[str, Any], name: str) -> bool | None:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise BadRequest(21405, f"Pole {name} musi być wartością logiczną.")
    return value


def _texts(body: dict[str, Any], name: str, allowed: Callable[[str], object]) -> list[str]:
    values = body[name]
    good = isinstance(values, list) and all(
        isinstance(value, str) and allowed(value) for value in values
    )
    if not good:
        raise BadRequest(21405, f"Pole {name} ma niedozwoloną wartość.")
    return list(values)


def _pattern(pattern: re.Pattern[str], attribute: str) -> Callable[[dict[str, Any], str], _Test]:
    def make(body: dict[str, Any], name: str) -> _Test:
        wanted = text_field(body, name)
        if not pattern.fullmatch(wanted):
            raise BadRequest(21405, f"Pole {name} ma niepoprawną wartość.")
        return lambda invoice, _fixed: getattr(invoice, attribute) == wanted

    return make


def _boolean(body: dict[str, Any], name: str) -> _Test:
    wanted = _flag(body, name)
    return lambda _invoice, fixed: fixed[name] == wanted


def _invoice_number(body: dict[str, Any], name: str) -> _Test:
    wanted = text_field(body, name)
    if len(wanted) > 256:
        raise BadRequest(21405, f"Pole {name} może mieć 256 znaków.")
    return lambda invoice, _fixed: invoice.number == wanted


def _mode(body: dict[str, Any], name: str) -> _Test:
    wanted = enum_field(body, name, ("Online", "Offline"))
    return lambda invoice, _fixed: invoice.mode == wanted


def _form(body: dict[str, Any], name: str) -> _Test:
    wanted = enum_field(body, name, ("FA", "PEF", "FA_RR"))
    return lambda _invoice, fixed: fixed["formCode"]["value"] == wanted


def _currencies(body: dict[str, Any], name: str) -> _Test:
    wanted = _texts(body, name, len)
    return lambda _invoice, fixed: not wanted or fixed["currency"] in wanted


def _types(body: dict[str, Any], name: str) -> _Test:
    known = {*TYPES.values(), *_OTHER_TYPES}
    wanted = _texts(body, name, known.__contains__)
    return lambda _invoice, fixed: not wanted or fixed["invoiceType"] in wanted


def _buyer(body: dict[str, Any], name: str) -> _Test:
    buyer = object_field(body[name], name, ("type", "value"))
    kind = enum_field(buyer, "type", ("Nip", "VatUe", "Other", "None"))
    value = None
    if buyer.get("value") is not None:
        value = text_field(buyer, "value")
        if len(value) > 50:
            raise BadRequest(21405, f"Pole {name}.value może mieć 50 znaków.")

    def test(_invoice: Invoice, fixed: dict[str, Any]) -> bool:
        identifier = fixed["buyer"]["identifier"]
        return identifier["type"] == kind and value in (None, identifier.get("value"))

    return test


def _amount(body: dict[str, Any], name: str) -> _Test:
    amount = object_field(body[name], name, ("type", "from", "to"))
    key = _AMOUNTS[enum_field(amount, "type", tuple(_AMOUNTS))]
    bounds = [amount.get("from"), amount.get("to")]
    for bound in bounds:
        if bound is not None and (isinstance(bound, bool) or not isinstance(bound, (int, float))):
            raise BadRequest(21405, f"Pole {name} musi zawierać liczby.")
    low, high = bounds

    def test(_invoice: Invoice, fixed: dict[str, Any]) -> bool:
        value = fixed[key]
        return (low is None or value >= low) and (high is None or value <= high)

    return test


_FILTERS: dict[str, Callable[[dict[str, Any], str], _Test]] = {
    "ksefNumber": _pattern(KSEF_NUMBER_PATTERN, "ksef_number"),
    "invoiceNumber": _invoice_number,
    "amount": _amount,
    "sellerNip": _pattern(NIP_PATTERN, "seller_nip"),
    "buyerIdentifier": _buyer,
    "currencyCodes": _currencies,
    "invoicingMode": _mode,
    "isSelfInvoicing": _boolean,
    "formType": _form,
    "invoiceTypes": _types,
    "hasAttachment": _boolean,
}

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ..ksef.fa3.lexical import rounded


@dataclass(frozen=True)
class Problem:
    """One thing that keeps an invoice from becoming an FA(3) file.

    ``code`` is KS01..KS31, ``record`` and ``field`` say where it is mended, ``text`` (translated)
    says what is wrong and the way out.
    """

    code: str
    record: Any
    field: str | None
    text: str

    def message(self):
        """One translated line: code, record, field, text."""
        where = []
        if self.record:
            where.append(self.record.display_name or self.record._description)
        if self.record and self.field in self.record._fields:
            label = self.record._fields[self.field]._description_string(self.record.env)
            where.append(label)
        return f"{self.code} · {' / '.join(where)}: {self.text}"


@dataclass
class Row:
    """A product line of the invoice with the amounts that are booked for it.

    Amounts are in the currency and the perspective of the document: positive on an ordinary line.
    """

    line: Any
    base_line: dict
    tax: Any = None
    category: str | None = None
    net: Decimal = Decimal(0)
    vat: Decimal = Decimal(0)


@dataclass
class Draft:
    """What is known about one invoice while its FA(3) document is being built."""

    move: Any
    problems: list[Problem] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    #: Cash rounding booked as a line of its own, outside the amount of the invoice.
    rounding: Decimal = Decimal(0)

    _seen: set = field(default_factory=set)

    def problem(self, code, record, field_name, text):
        """Remember a problem once; the same text for the same record is not repeated."""
        key = (code, record._name, tuple(record.ids), field_name, text)
        if key not in self._seen:
            self._seen.add(key)
            self.problems.append(Problem(code, record, field_name, text))


def decimal(value, decimals=2):
    """A float of Odoo as an exact decimal, half up; ``repr`` keeps what the user typed."""
    return rounded(Decimal(repr(float(value or 0.0))), decimals)

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ..ksef.fa3.categories import CATEGORIES
from ..ksef.fa3.lexical import rounded


@dataclass(frozen=True)
class Problem:
    """One thing that keeps an invoice from becoming an FA(3) file, or that a person should know.

    ``code`` is KS01..KS31, ``record`` and ``field`` say where it is mended, ``text`` (translated)
    says what is wrong and the way out.
    """

    code: str
    record: Any
    field: str | None
    text: str

    def place(self):
        """The record to open in order to mend it; a line is mended in its invoice."""
        if self.record._name == "account.move.line":
            return self.record.move_id
        return self.record

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

    Amounts have the sign of the document: positive on an ordinary line of an invoice, negative on
    one of a credit note. ``vat_pln`` is in the company's currency, the others in the invoice's.
    """

    line: Any
    base_line: dict
    tax: Any = None
    category: str | None = None
    net: Decimal = Decimal(0)
    vat: Decimal = Decimal(0)
    vat_pln: Decimal = Decimal(0)

    @property
    def kind(self):
        """The `Category` of the row; only for rows that have one."""
        return CATEGORIES[self.category]


@dataclass
class Draft:
    """What is known about one invoice while its FA(3) document is being built."""

    move: Any
    #: 1 for invoices and debit notes, -1 for credit notes.
    sign: int = 1
    #: RodzajFaktury
    kind: str = "VAT"
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    #: Rows that deduct advances: in the totals, not among the rows of the document.
    deductions: list[Row] = field(default_factory=list)
    #: (amount, reason) outside the amount of the invoice: deposits, cash rounding.
    settlements: list[tuple[Decimal, str]] = field(default_factory=list)
    #: PLN for one unit of the invoice's currency; None for invoices in PLN.
    rate: Decimal | None = None
    #: What the corrected document(s) say, see `Origin`; None for anything but corrections.
    origin: Any = None
    #: UU_ID of a row -> line of the invoice.
    lines: dict = field(default_factory=dict)
    #: Identification of the buyer, as keyword arguments of `TPodmiot2`.
    buyer: dict = field(default_factory=dict)
    #: `DodatkowyOpis` of what did not fit into the rows of an order.
    overflow: list = field(default_factory=list)
    #: The file is only shown: a draft invoice may lack its number and date.
    preview: bool = False

    _seen: set = field(default_factory=set)

    @property
    def foreign(self):
        """Whether the invoice is in another currency than PLN."""
        return self.move.currency_id.name != "PLN"

    @property
    def all_rows(self):
        """Every row that counts in the totals."""
        return [*self.rows, *self.deductions]

    @property
    def categories(self):
        """The VAT categories that occur."""
        return {row.category for row in self.all_rows if row.category}

    def problem(self, code, record, field_name, text):
        """Remember a problem once; the same text for the same record is not repeated."""
        self._add(self.problems, code, record, field_name, text)

    def warning(self, code, record, field_name, text):
        """Remember what a person should look at; the document is made all the same."""
        self._add(self.warnings, code, record, field_name, text)

    def _add(self, target, code, record, field_name, text):
        key = (code, record._name, tuple(record.ids), field_name, text)
        if key not in self._seen:
            self._seen.add(key)
            target.append(Problem(code, record, field_name, text))


def decimal(value, decimals=2):
    """A float of Odoo as an exact decimal, half up; ``repr`` keeps what the user typed."""
    return rounded(Decimal(repr(float(value or 0.0))), decimals)

"""VAT categories: what a sale of each kind is called in FA(3) and what else it brings with it.

Source: fa3 mapping, table of categories; the keys are those of the field on the tax.
"""

from __future__ import annotations

from dataclasses import dataclass

from .arithmetic import MARGIN_FIELDS, OSS_FIELDS, RATE_FIELDS

#: Value of the margin annotation -> element that names the procedure.
MARGINS = {
    "margin_travel": "P_PMarzy_2",
    "margin_used": "P_PMarzy_3_1",
    "margin_art": "P_PMarzy_3_2",
    "margin_antiques": "P_PMarzy_3_3",
}


@dataclass(frozen=True)
class Category:
    """``rate`` is P_12 (None: one-stop shop, margin), ``base`` and ``tax`` the totals it goes into.

    ``taxed``: Polish VAT is charged, so that a foreign currency needs PLN and a rate.
    """

    rate: str | None
    base: str
    tax: str | None
    margin: str | None = None

    @property
    def taxed(self) -> bool:
        return self.tax is not None and self.rate is not None


def _rated(rate: str) -> Category:
    return Category(rate, *RATE_FIELDS[rate])


CATEGORIES: dict[str, Category] = {
    **{rate: _rated(rate) for rate in ("23", "22", "8", "7", "5", "4", "3")},
    "0kr": _rated("0 KR"),
    "wdt": _rated("0 WDT"),
    "export": _rated("0 EX"),
    "exempt": _rated("zw"),
    "np1": _rated("np I"),
    "triangular": _rated("np I"),
    "np2": _rated("np II"),
    "oo": _rated("oo"),
    "oss": Category(None, *OSS_FIELDS),
    **{key: Category(None, *MARGIN_FIELDS, margin=name) for key, name in MARGINS.items()},
}

#: The buyer accounts for the tax (np I only when the buyer is a business).
REVERSE_CHARGE = frozenset({"np2", "oo", "triangular"})
#: Reported in the recapitulative statement: both parties with their EU VAT numbers.
INTRA_COMMUNITY = frozenset({"wdt", "np2", "triangular"})

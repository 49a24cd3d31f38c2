"""The arithmetic of a document. KSeF accepts a wrong sum; then only a correction repairs it.

Source: fa3 mapping, self-check: totals, rows against totals, quantity times price.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from .findings import Finding
from .lexical import rounded
from .model import Fa, Faktura, FaWiersz

CENT = Decimal("0.01")

#: P_12 -> base element, tax element.
RATE_FIELDS: dict[str, tuple[str, str | None]] = {
    "23": ("P_13_1", "P_14_1"),
    "22": ("P_13_1", "P_14_1"),
    "8": ("P_13_2", "P_14_2"),
    "7": ("P_13_2", "P_14_2"),
    "5": ("P_13_3", "P_14_3"),
    "4": ("P_13_4", "P_14_4"),
    "3": ("P_13_4", "P_14_4"),
    "0 KR": ("P_13_6_1", None),
    "0 WDT": ("P_13_6_2", None),
    "0 EX": ("P_13_6_3", None),
    "zw": ("P_13_7", None),
    "np I": ("P_13_8", None),
    "np II": ("P_13_9", None),
    "oo": ("P_13_10", None),
}
#: Rows of the foreign rates of the one-stop shop carry P_12_XII, those of a margin nothing.
OSS_FIELDS = ("P_13_5", "P_14_5")
MARGIN_FIELDS = ("P_13_11", None)

BASES = tuple(dict.fromkeys([base for base, _ in RATE_FIELDS.values()] + ["P_13_5", "P_13_11"]))
TAXES = ("P_14_1", "P_14_2", "P_14_3", "P_14_4", "P_14_5")

#: Kinds whose rows do not add up to the totals: they show the whole order, or no amounts.
_ROWS_APART = frozenset({"ZAL", "ROZ", "KOR_ZAL", "KOR_ROZ", "UPR"})


def check_arithmetic(faktura: Faktura) -> list[Finding]:
    """Findings with code KS28; the document must be sound otherwise."""
    fa = faktura.Fa
    if fa is None:
        return []
    return [*_total(fa), *_rows(fa), *_each_row(fa)]


def _total(fa: Fa) -> Iterator[Finding]:
    computed = sum((_amount(fa, name) for name in (*BASES, *TAXES)), Decimal(0))
    if fa.P_15 is not None and computed != fa.P_15 and fa.RodzajFaktury != "UPR":
        yield Finding("KS28", "Fa/P_15", "total", {"computed": computed, "stated": fa.P_15})


def _rows(fa: Fa) -> Iterator[Finding]:
    if fa.RodzajFaktury in _ROWS_APART or not fa.FaWiersz:
        return
    groups: dict[tuple[str, str | None], list[FaWiersz]] = {}
    for row in fa.FaWiersz:
        groups.setdefault(_fields(row), []).append(row)
    for base in BASES:
        if _amount(fa, base) and all(fields[0] != base for fields in groups):
            stated = _amount(fa, base)
            yield Finding("KS28", f"Fa/{base}", "rows", {"computed": Decimal(0), "stated": stated})
    for (base, tax), rows in groups.items():
        net, vat = _amount(fa, base), _amount(fa, tax)
        expected = [("P_11", base, net), ("P_11Vat", tax or base, vat)]
        expected.append(("P_11A", base, net + vat))
        for name, place, stated in expected:
            if any(getattr(row, name) is None for row in rows):
                continue
            computed = sum(_signed(row, name) for row in rows)
            if computed != stated:
                args = {"computed": computed, "stated": stated}
                yield Finding("KS28", f"Fa/{place}", "rows", args)


def _each_row(fa: Fa) -> Iterator[Finding]:
    numbers = [row.NrWierszaFa for row in fa.FaWiersz]
    # a correction keeps the numbers of the rows that it corrects
    corrects = (fa.RodzajFaktury or "").startswith("KOR")
    if not corrects and numbers != list(range(1, len(numbers) + 1)):
        yield Finding("KS28", "Fa/FaWiersz", "numbering")
    for index, row in enumerate(fa.FaWiersz, start=1):
        for price, amount in ((row.P_9A, row.P_11), (row.P_9B, row.P_11A)):
            if price is None or amount is None or row.P_8B is None:
                continue
            computed = rounded(row.P_8B * (price - (row.P_10 or 0)), 2)
            if abs(computed - amount) > CENT + price_slack(row.P_8B):
                args = {"computed": computed, "stated": amount}
                yield Finding("KS28", f"Fa/FaWiersz[{index}]", "row", args)


def price_slack(quantity: Decimal) -> Decimal:
    """What a price of eight decimals cannot express when multiplied by the quantity."""
    return abs(quantity) * Decimal("0.000000005")


def _fields(row: FaWiersz) -> tuple[str, str | None]:
    if row.P_12 is not None:
        return RATE_FIELDS[row.P_12]
    return OSS_FIELDS if row.P_12_XII is not None else MARGIN_FIELDS


def _amount(fa: Fa, name: str | None) -> Decimal:
    return (getattr(fa, name) if name else None) or Decimal(0)


def _signed(row: FaWiersz, name: str) -> Decimal:
    value: Decimal = getattr(row, name)
    return -value if row.StanPrzed else value

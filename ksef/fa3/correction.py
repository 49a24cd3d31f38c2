"""Corrections: the rows before and after, or their differences.

Source: fa3 mapping, section on corrections. On a correction every field shows the state after, the
totals are differences. A row is known by its ``UU_ID``, which all corrections of it repeat.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from .arithmetic import CENT, price_slack
from .lexical import rounded
from .model import Faktura, FaWiersz

#: Two prices that differ less than this part of the price are the same price.
SAME_PRICE = Decimal("0.000001")
ZERO = Decimal(0)


@dataclass(frozen=True)
class Line:
    """One line of a correction as it was entered.

    ``row`` has the quantity as typed (positive on a credit note), the unit price and the amounts
    with the sign of the document (negative on a credit note); ``vat`` likewise.
    """

    row: FaWiersz
    vat: Decimal = ZERO


@dataclass
class Outcome:
    """Rows of a correction. ``rows`` is None when before and after cannot be told.

    ``lumped`` are rows whose price changed in a way that may also have been meant as a return.
    ``overdrawn`` are rows of which more is taken back than was left, with what was left.
    """

    rows: list[FaWiersz] | None = field(default_factory=list)
    lumped: list[FaWiersz] = field(default_factory=list)
    overdrawn: list[FaWiersz] = field(default_factory=list)


def before_and_after(state: Sequence[FaWiersz], lines: Iterable[Line], sign: int) -> Outcome:
    """Pairs of rows before (``StanPrzed``) and after, for the rows that the lines change.

    ``sign`` is -1 for a credit note, 1 for a debit note. Lines without a row of the state are new
    rows on a debit note; on a credit note they make before and after impossible.
    """
    by_key: dict[str | None, list[Line]] = {}
    for line in lines:
        by_key.setdefault(line.row.UU_ID, []).append(line)
    known = {row.UU_ID for row in state if row.UU_ID}
    outcome = Outcome()
    rows: list[FaWiersz] = []
    for before in state:
        changes = by_key.get(before.UU_ID) if before.UU_ID else None
        if not changes:
            continue
        after = _after(before, changes, sign, outcome)
        if after is None:
            return replace(outcome, rows=None)
        rows += [replace(before, StanPrzed=1), after]
    number = max((row.NrWierszaFa or 0 for row in state), default=0)
    for key, added in by_key.items():
        if key in known and key:
            continue
        if sign < 0:
            return replace(outcome, rows=None)
        for line in added:
            number += 1
            rows.append(replace(line.row, NrWierszaFa=number))
    return replace(outcome, rows=rows)


def differences(
    state: Sequence[FaWiersz], lines: Iterable[Line], sign: int, price: bool = False
) -> list[FaWiersz]:
    """One row for each line: a negative quantity for a return, a negative price for a reduction.

    ``price``: everything is meant as a change of price, whatever the lines look like.
    """
    known = {row.UU_ID: row for row in state if row.UU_ID}
    rows = []
    for number, line in enumerate(lines, start=1):
        row = line.row
        before = known.get(row.UU_ID)
        if price or (before is not None and not same_price(before, row)):
            rows.append(_price_difference(line, number))
        else:
            quantity = sign * (row.P_8B or ZERO)
            rows.append(replace(row, NrWierszaFa=number, P_8B=quantity))
    return rows


def apply(state: list[FaWiersz], correction: Faktura) -> list[FaWiersz] | None:
    """The state after a correction that was issued; None when its rows do not tell it."""
    fa = correction.Fa
    if fa is None or (not fa.FaWiersz and fa.P_15):
        return None
    paired = any(row.StanPrzed for row in fa.FaWiersz)
    result = {row.UU_ID: row for row in state}
    for row in fa.FaWiersz:
        before = result.get(row.UU_ID)
        if row.StanPrzed:
            continue
        if row.UU_ID is None:
            return None
        if paired or before is None:
            result[row.UU_ID] = row
        else:
            result[row.UU_ID] = _add_difference(before, row)
    return list(result.values())


def same_price(before: FaWiersz, row: FaWiersz) -> bool:
    """Whether the row's unit price after discount is that of the corrected row."""
    first, second = _unit_price(before), _unit_price(row)
    return abs(first - second) <= max(abs(first) * SAME_PRICE, Decimal("1e-8"))


def _unit_price(row: FaWiersz) -> Decimal:
    return (getattr(row, _price_name(row)) or ZERO) - (row.P_10 or ZERO)


def _after(before: FaWiersz, changes: list[Line], sign: int, outcome: Outcome) -> FaWiersz | None:
    same = [line for line in changes if _rate(line.row) == _rate(before)]
    others = [line for line in changes if _rate(line.row) != _rate(before)]
    after: FaWiersz | None = before
    if same:
        after = _changed(before, same, sign, outcome)
    if not others or after is None:
        return after
    # another rate: the old row must come to nothing, then one line in the new rate replaces it
    rates = {_rate(line.row) for line in others}
    if len(rates) > 1 or len(others) > 1 or _amount(after):
        return None
    line = others[0].row
    quantity = sign * (line.P_8B or ZERO)
    return replace(line, NrWierszaFa=before.NrWierszaFa, UU_ID=before.UU_ID, P_8B=quantity)


def _changed(before: FaWiersz, lines: list[Line], sign: int, outcome: Outcome) -> FaWiersz | None:
    """Lines at the row's own price change the quantity, all others the price of what is left."""
    returned = [line for line in lines if same_price(before, line.row)]
    repriced = [line for line in lines if not same_price(before, line.row)]
    old_quantity, old_amount = before.P_8B or ZERO, _amount(before)
    after = replace(before, P_8B=old_quantity + sign * _quantity(returned), **_added(before, lines))
    quantity, amount = after.P_8B or ZERO, _amount(after)
    if quantity * old_quantity < 0 or amount * old_amount < 0 or (repriced and not old_quantity):
        outcome.overdrawn.append(before)
        return before
    if repriced and quantity:
        after = _priced(after, rounded(amount / quantity, 8))
        if _quantity(repriced) not in (old_quantity, quantity, 1):
            outcome.lumped.append(before)
    if not quantity and amount:
        return None
    return _consistent(after)


def _quantity(lines: list[Line]) -> Decimal:
    return sum((line.row.P_8B or ZERO for line in lines), ZERO)


def _consistent(row: FaWiersz) -> FaWiersz:
    """The row with a price that gives its amount, if its own misses it by more than a cent."""
    quantity, amount = row.P_8B or ZERO, _amount(row)
    price = getattr(row, _price_name(row)) or ZERO
    computed = rounded(quantity * (price - (row.P_10 or ZERO)), 2)
    if quantity and abs(computed - amount) > CENT + price_slack(quantity):
        return _priced(row, rounded(amount / quantity, 8))
    return row


def _priced(row: FaWiersz, price: Decimal) -> FaWiersz:
    """The row with a new unit price, the discount already taken off."""
    return replace(row, P_10=None, **{_price_name(row): price})


def _added(before: FaWiersz, lines: list[Line]) -> dict[str, Decimal]:
    """Amounts of the row with those of the lines added."""
    net = sum((line.row.P_11 or ZERO for line in lines), ZERO)
    vat = sum((line.vat for line in lines), ZERO)
    gross = sum((_gross(line) for line in lines), ZERO)
    changes = {"P_11": net, "P_11A": gross, "P_11Vat": vat}
    old = {name: getattr(before, name) for name in changes}
    return {name: old[name] + changes[name] for name in changes if old[name] is not None}


def _gross(line: Line) -> Decimal:
    if line.row.P_11A is not None:
        return line.row.P_11A
    return (line.row.P_11 or ZERO) + line.vat


def _add_difference(before: FaWiersz, row: FaWiersz) -> FaWiersz:
    """The state after one row of a correction that told only the difference."""
    names = ("P_11", "P_11A", "P_11Vat")
    pairs = [(name, getattr(before, name), getattr(row, name)) for name in names]
    amounts = {name: old + (new or ZERO) for name, old, new in pairs if old is not None}
    after = replace(before, **amounts)
    if same_price(before, row):
        return replace(after, P_8B=(before.P_8B or ZERO) + (row.P_8B or ZERO))
    if before.P_8B:
        return _priced(after, rounded(_amount(after) / before.P_8B, 8))
    return after


def _price_difference(line: Line, number: int) -> FaWiersz:
    row = replace(line.row, NrWierszaFa=number, P_8B=Decimal(1))
    return _priced(row, _amount(row))


def _price_name(row: FaWiersz) -> str:
    return "P_9B" if row.P_9B is not None else "P_9A"


def _amount(row: FaWiersz) -> Decimal:
    """The amount that belongs to the row's unit price: gross beside a gross price."""
    return (row.P_11A if row.P_9B is not None else row.P_11) or ZERO


def _rate(row: FaWiersz) -> tuple[str | None, Decimal | None]:
    return row.P_12, row.P_12_XII

"""Before and after, differences, and the state that they leave behind."""

from decimal import Decimal

from fa3_cases import faktura, row

from ksef.fa3.correction import Line, apply, before_and_after, differences

D = Decimal


def entered(quantity, price, amount, **values):
    """A line of a correction at 23 % of the row `a`; the amount has the document's sign."""
    values = {"UU_ID": "a", **values}
    made = row(P_8B=D(quantity), P_9A=D(price), P_11=D(amount), **values)
    return Line(made, vat=D(amount) * D("0.23"))


def shown(rows):
    return [(r.NrWierszaFa, r.StanPrzed, str(r.P_8B), str(r.P_9A), str(r.P_11)) for r in rows]


STATE = [row(UU_ID="a"), row(NrWierszaFa=2, UU_ID="b", P_8B=D(1), P_9A=D(5), P_11=D("5.00"))]
BEFORE = (1, 1, "10", "100.00", "1000.00")


def test_return_keeps_the_price():
    rows = before_and_after(STATE, [entered(3, 100, "-300.00")], -1).rows
    assert shown(rows) == [BEFORE, (1, None, "7", "100.00", "700.00")]


def test_later_delivery_on_a_debit_note():
    rows = before_and_after(STATE, [entered(2, 100, "200.00")], 1).rows
    assert shown(rows) == [BEFORE, (1, None, "12", "100.00", "1200.00")]


def test_other_price_lowers_the_price_of_what_is_left():
    rows = before_and_after(STATE, [entered(10, 3, "-30.00")], -1).rows
    assert shown(rows)[1] == (1, None, "10", "97.00000000", "970.00")
    both = [entered(2, 100, "-200.00"), entered(8, 5, "-40.00")]
    assert shown(before_and_after(STATE, both, -1).rows)[1] == (
        1,
        None,
        "8",
        "95.00000000",
        "760.00",
    )


def test_odd_quantities_are_told_as_a_price_but_asked_about():
    outcome = before_and_after(STATE, [entered(3, 50, "-150.00")], -1)
    assert shown(outcome.rows)[1] == (1, None, "10", "85.00000000", "850.00")
    assert [item.UU_ID for item in outcome.lumped] == ["a"]
    assert before_and_after(STATE, [entered(1, 150, "-150.00")], -1).lumped == []


def test_more_than_was_left():
    for line in (entered(11, 100, "-1100.00"), entered(1, 2000, "-2000.00")):
        outcome = before_and_after(STATE, [line], -1)
        assert [item.UU_ID for item in outcome.overdrawn] == ["a"]


def test_residue_of_a_cent_and_unknown_lines_need_the_difference():
    assert before_and_after(STATE, [entered(10, 100, "-999.99")], -1).rows is None
    assert before_and_after(STATE, [entered(1, 5, "-5.00", UU_ID="new")], -1).rows is None


def test_new_row_on_a_debit_note():
    rows = before_and_after(STATE, [entered(1, 5, "5.00", UU_ID="new")], 1).rows
    assert shown(rows) == [(3, None, "1", "5", "5.00")]


def test_other_rate_replaces_a_row_that_comes_to_nothing():
    lines = [entered(10, 100, "-1000.00"), entered(-10, 100, "1000.00", P_12="8")]
    rows = before_and_after(STATE, lines, -1).rows
    assert [(r.P_12, r.StanPrzed, str(r.P_8B)) for r in rows] == [
        ("23", 1, "10"),
        ("8", None, "10"),
    ]
    partial = [entered(4, 100, "-400.00"), entered(-4, 100, "400.00", P_12="8")]
    assert before_and_after(STATE, partial, -1).rows is None


def test_differences():
    lines = [entered(3, 100, "-300.00"), entered(1, 30, "-30.00")]
    rows = differences(STATE, lines, -1)
    assert shown(rows) == [
        (1, None, "-3", "100", "-300.00"),
        (2, None, "1", "-30.00", "-30.00"),
    ]
    rows = differences([], [entered(2, 10, "-20.00")], -1, price=True)
    assert shown(rows) == [(1, None, "1", "-20.00", "-20.00")]


def test_gross_rows_are_compared_by_their_gross_price():
    gross = {"P_9A": None, "P_9B": D("123"), "P_11A": D("1230.00")}
    state = [row(UU_ID="a", **gross)]
    line = Line(
        row(UU_ID="a", P_8B=D(2), P_9A=None, P_9B=D(123), P_11=D("-200.00"), P_11A=D("-246.00")),
        vat=D("-46.00"),
    )
    after = before_and_after(state, [line], -1).rows[1]
    assert (after.P_8B, after.P_9B, after.P_11, after.P_11A) == (8, 123, 800, 984)


def test_state_after_pairs_and_after_differences():
    pairs = before_and_after(STATE, [entered(3, 100, "-300.00")], -1).rows
    after = apply(STATE, faktura(FaWiersz=tuple(pairs)))
    assert shown(after)[0] == (1, None, "7", "100.00", "700.00")
    lowered = differences(after, [entered(7, 10, "-70.00")], -1)
    after = apply(after, faktura(FaWiersz=tuple(lowered)))
    assert shown(after)[0] == (1, None, "7", "90.00000000", "630.00")
    returned = differences(after, [entered(7, 90, "-630.00")], -1)
    assert shown(apply(after, faktura(FaWiersz=tuple(returned))))[0][2:] == (
        "0",
        "90.00000000",
        "0.00",
    )


def test_state_is_unknown_after_a_correction_without_rows():
    assert apply(STATE, faktura(FaWiersz=())) is None
    assert apply(STATE, faktura(FaWiersz=(), P_15=D(0))) == STATE
    assert apply(STATE, faktura(FaWiersz=(row(),))) is None

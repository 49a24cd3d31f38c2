"""The log is bounded, and a state file can follow it entry by entry."""

from __future__ import annotations

from simulator.journal import LENGTH, Journal


def entries(journal: Journal) -> list[int]:
    return [entry["n"] for entry in journal]


def test_only_the_latest_are_kept() -> None:
    journal = Journal()
    for number in range(LENGTH + 3):
        journal.append({"n": number})
    assert len(journal) == LENGTH
    assert (journal.first, journal.last) == (4, LENGTH + 3)
    assert next(iter(journal)) == {"n": 3}
    assert journal.after(LENGTH + 1) == [
        (LENGTH + 2, {"n": LENGTH + 1}),
        (LENGTH + 3, {"n": LENGTH + 2}),
    ]
    # who was away too long gets what is left
    assert [number for number, _entry in journal.after(0)][:2] == [4, 5]


def test_numbers_go_on_after_clearing() -> None:
    journal = Journal([{"n": 1}, {"n": 2}], last=7)
    assert journal.first == 6
    journal.clear()
    assert (len(journal), journal.first, journal.last) == (0, 8, 7)
    assert journal.after(0) == []
    journal.append({"n": 9})
    assert journal.after(7) == [(8, {"n": 9})]
    assert entries(journal) == [9]

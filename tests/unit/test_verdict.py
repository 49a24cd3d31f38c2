"""The verdict: stories of probes, announcements and slow numbers, then what holds for all."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from itertools import groupby

import pytest

from ksef.deadlines import KINDS, Deadline, Event
from ksef.verdict import (
    Circuit,
    Outage,
    Passage,
    Probe,
    Thresholds,
    advance,
    fold,
    judge,
    legal_mode,
    outages,
)

NOON = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
DOWN = {"reached": False, "error": "connect"}


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def series(results: str, start: float = 0, step: float = 5, **bad) -> list[Probe]:
    """A probe each five minutes: ``+`` good, ``-`` bad."""
    return [
        Probe(at(start + step * number), True, seconds=0.2)
        if result == "+"
        else Probe(at(start + step * number), False, **{"error": "timeout", **bad})
        for number, result in enumerate(results)
    ]


def verdict_of(results: str, events=(), passages=(), **bad):
    """The verdict a minute after the last of the probes."""
    probes = series(results, **bad)
    now = probes[-1].at + timedelta(minutes=1)
    return judge(now, fold(probes), probes=probes, events=events, passages=passages)


# -- the circuit ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("results", "state"),
    [
        ("", "closed"),
        ("+", "closed"),
        ("-", "closed"),
        ("--", "open"),
        ("+-+-+-+-", "closed"),
        ("+++--", "open"),
        ("--+", "open"),
        ("--++", "open"),
        ("--+++", "closed"),
        ("--++-++-++-", "open"),
        ("--++-+++", "closed"),
        ("--+++-", "closed"),
        ("--+++--", "open"),
    ],
)
def test_two_bad_open_three_good_close(results, state):
    assert fold(series(results)).state == state


def test_since():
    assert fold(series("++--")).since == at(10)
    assert fold(series("++-----")).since == at(10)
    assert fold(series("++---++")).since == at(10)
    assert fold(series("++---+++")).since == at(25)
    assert fold(series("+++")).since is None


def test_an_outage_of_three_minutes_is_none_one_of_twenty_is():
    # probes at 0, 5, 10 …: only the one at 5 fell into the three minutes
    assert outages(series("+-+++")) == []
    assert outages(series("+----+++")) == [Outage(at(5), at(25))]


def test_bad_probes_far_apart_are_not_in_a_row():
    first, second = Probe(at(0), False), Probe(at(31), False)
    assert fold([first, second]).state == "closed"
    assert fold([first, Probe(at(30), False)]).state == "open"
    # but an outage does not end because nobody looked
    late = [*series("--"), Probe(at(500), True), Probe(at(505), True)]
    assert fold(late).state == "open"
    assert fold([*late, Probe(at(510), True)]).state == "closed"


def test_a_probe_seen_twice_counts_once():
    probe = Probe(at(0), False)
    once = advance(Circuit(), probe)
    assert advance(once, probe) == once
    assert advance(once, Probe(at(-5), False)) == once


def test_outages():
    probes = series("+--++-+++----+++--")
    assert outages(probes) == [
        Outage(at(5), at(30)),
        Outage(at(45), at(65)),
        Outage(at(80), None),
    ]
    for place in range(len(probes)):
        before = fold(probes[:place])
        known = [one for one in outages(probes) if one.end is None or one.end >= at(5 * place - 10)]
        assert outages(probes[place:], before)[-len(known) :] == known


def test_asking_by_hand_confirms_no_outage():
    """A blip of half a minute in which somebody pressed Check now five times."""
    good = Probe(at(0), True)
    pressed = [Probe(at(1) + timedelta(seconds=6 * n), False) for n in range(5)]
    assert fold([good, *pressed]).state == "closed"
    assert fold([good, *pressed, Probe(at(5), True)]).state == "closed"
    confirmed = fold([good, *pressed, Probe(at(5), False)])
    assert (confirmed.state, confirmed.since) == ("open", at(1))


def test_other_thresholds():
    patient = Thresholds(bad=4, good=1)
    assert fold(series("---"), thresholds=patient).state == "closed"
    assert fold(series("----"), thresholds=patient).state == "open"
    assert fold(series("----+"), thresholds=patient).state == "closed"


# -- can I issue online? -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("results", "online", "offered_online", "offered_offline"),
    [
        ("+++", "yes", None, "online"),
        ("++-", "unconfirmed", None, None),
        ("+--", "no", "offline", None),
        ("--+", "no", "offline", None),
        ("--++", "no", "offline", None),
        ("--+++", "yes", None, "online"),
        ("-+-+", "yes", None, "online"),
    ],
)
def test_online(results, online, offered_online, offered_offline):
    verdict = verdict_of(results)
    assert verdict.online == online
    assert verdict.proposal("online") == offered_online
    assert verdict.proposal("offline") == offered_offline
    assert (verdict.mode, verdict.event) == ("offline24", None)


def test_without_recent_probes_nothing_is_known():
    for circuit, now in (
        (Circuit(), NOON),
        (fold(series("--")), at(26)),
        (fold(series("+")), at(21)),
    ):
        verdict = judge(now, circuit)
        assert (verdict.online, verdict.whose) == ("unknown", "unknown")
        assert verdict.proposal("online") is None
        assert verdict.proposal("offline") is None


# -- whose is it? --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "whose"),
    [
        ({"error": "502"}, "ksef"),
        (DOWN, "unknown"),
        ({**DOWN, "control_ok": True}, "ksef"),
        ({**DOWN, "control_ok": False}, "own_line"),
    ],
)
def test_whose(bad, whose):
    assert verdict_of("+--", **bad).whose == whose
    # also while it recovers, and after a first bad probe
    assert verdict_of("+--+", **bad).whose == whose
    assert verdict_of("++-", **bad).whose == whose
    assert verdict_of("+--+++", **bad).whose == "nobody"


def test_a_control_address_that_never_answers_proves_nothing():
    """It was silent while KSeF answered: a wrong address, not a dead line."""
    good = Probe(at(0), True, control_ok=False)
    bad = [Probe(at(5 * n), False, reached=False, control_ok=False) for n in (1, 2)]
    assert judge(at(11), fold([good, *bad]), probes=[good, *bad]).whose == "unknown"
    good = replace(good, control_ok=True)
    assert judge(at(11), fold([good, *bad]), probes=[good, *bad]).whose == "own_line"


def test_one_answer_of_the_control_address_is_enough():
    probes = [
        Probe(at(0), False, reached=False, control_ok=False),
        Probe(at(5), False, reached=False, control_ok=True),
    ]
    assert judge(at(6), fold(probes), probes=probes).whose == "ksef"


def test_an_announcement_says_whose():
    failure = Event("failure", at(-10))
    verdict = verdict_of("+--", events=[failure], **{**DOWN, "control_ok": False})
    assert verdict.whose == "ksef"


# -- which legal mode? ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kinds", "mode"),
    [
        ((), "offline24"),
        (("unavailability",), "offline"),
        (("failure",), "emergency"),
        (("total_failure",), "total_failure"),
        (("unavailability", "failure"), "emergency"),
        (("unavailability", "total_failure", "failure"), "total_failure"),
    ],
)
def test_mode(kinds, mode):
    events = [Event(kind, at(-5), at(60)) for kind in kinds]
    assert legal_mode(at(0), events)[0] == mode


def test_deadline():
    # a Friday
    assert verdict_of("+--").deadline == Deadline("due", date(2026, 11, 23))
    failure = Event("failure", at(-10))
    assert verdict_of("+--", events=[failure]).deadline == Deadline("open", event=failure)
    window = Event("unavailability", at(-10), at(24 * 60 * 4))
    assert verdict_of("+++", events=[window]).deadline == Deadline(
        "due", date(2026, 11, 25), window
    )
    ended = Event("failure", at(-60), at(-10))
    assert verdict_of("+--", events=[ended]).deadline.date == date(2026, 11, 23)
    assert verdict_of("+", events=[Event("total_failure", at(-10))]).deadline.status == "lifted"


def test_only_what_lasts_now_counts():
    failure = Event("failure", at(0), at(60))
    assert legal_mode(at(-1), [failure]) == ("offline24", None)
    assert legal_mode(at(0), [failure]) == ("emergency", failure)
    assert legal_mode(at(59), [failure]) == ("emergency", failure)
    assert legal_mode(at(60), [failure]) == ("offline24", None)
    assert legal_mode(at(900), [Event("failure", at(0))])[0] == "emergency"


def test_a_dead_ksef_without_announcement_is_offline24():
    for bad in ({"error": "502"}, DOWN, {**DOWN, "control_ok": True}):
        assert verdict_of("+-----", **bad).mode == "offline24"


def test_announced_failure_of_a_ksef_that_answers():
    failure = Event("failure", at(-10))
    verdict = verdict_of("+++", events=[failure])
    assert (verdict.online, verdict.mode, verdict.event) == ("yes", "emergency", failure)
    assert verdict.proposal("online") is None
    # who has gone offline stays until the Ministry ends it
    assert verdict.proposal("offline") is None
    assert not verdict.needs_confirmation


def test_failure_becomes_total_failure():
    failure, total = Event("failure", at(-60)), Event("total_failure", at(0))
    verdict = verdict_of("+++", events=[failure, total])
    assert (verdict.mode, verdict.event) == ("total_failure", total)
    assert verdict.needs_confirmation
    assert verdict.proposal("online") == "offline"


def test_maintenance_ahead_changes_nothing_yet():
    verdict = verdict_of("+++", events=[Event("unavailability", at(600), at(900))])
    assert (verdict.online, verdict.mode, verdict.whose) == ("yes", "offline24", "nobody")


# -- numbers that do not come --------------------------------------------------------------------


def test_stuck_invoices():
    waiting = [Passage(at(-50)), Passage(at(-40)), Passage(at(5))]
    verdict = verdict_of("+++", passages=waiting)
    assert (verdict.online, verdict.whose) == ("late", "ksef")
    assert (verdict.figures.stuck, verdict.figures.oldest_stuck) == (2, 61 * 60)
    assert verdict.proposal("online") is None
    assert verdict.proposal("offline") == "online", "KSeF takes what was issued offline"


def test_one_stuck_among_others_that_move_is_its_own_trouble():
    waiting = [Passage(at(-50)), Passage(at(-5), at(-4))]
    verdict = verdict_of("+++", passages=waiting)
    assert verdict.online == "yes"
    assert verdict.figures.stuck == 1
    # what moved before, or was sent before, is no comfort
    for old in (Passage(at(-45), at(-44)), Passage(at(-90), at(5))):
        assert verdict_of("+++", passages=[Passage(at(-50)), old]).online == "late"


def test_stuck_invoices_do_not_hide_an_outage():
    assert verdict_of("+--", passages=[Passage(at(-50))]).online == "no"


# -- figures -------------------------------------------------------------------------------------


def test_figures():
    passages = [Passage(at(-9), at(-8)), Passage(at(-7), at(-4)), Passage(at(-3), at(-1))]
    probes = series("+---", **DOWN)
    figures = judge(
        at(16), fold(probes), probes=probes, passages=passages, beacon_read_at=at(11)
    ).figures
    assert (figures.run, figures.run_ok, figures.run_since) == (3, False, at(5))
    assert (figures.probe_age, figures.trouble_since) == (60, at(5))
    assert (figures.last_error, figures.last_seconds) == ("connect", None)
    assert (figures.stuck, figures.oldest_stuck, figures.median_to_number) == (0, None, 120)
    assert figures.beacon_age == 300


def test_figures_of_nothing():
    figures = judge(NOON, Circuit()).figures
    assert (figures.probe_age, figures.run, figures.trouble_since) == (None, 0, None)
    assert (figures.last_error, figures.median_to_number, figures.beacon_age) == ("", None, None)


# -- what holds for every story ------------------------------------------------------------------


def stories(seed: int):
    """Random probes, mostly five minutes apart, in runs as outages make them."""
    source = random.Random(seed)
    for _story in range(400):
        minute, probes, ok = 0.0, [], True
        for _probe in range(source.randrange(1, 60)):
            ok = ok if source.random() < 0.7 else not ok
            minute += source.choice([5, 5, 5, 5, 1, 29, 31, 300])
            reached = source.random() < 0.5
            control = source.choice([None, True, False])
            probes.append(Probe(at(minute), ok, reached=ok or reached, control_ok=control))
        yield source, probes


def plain_state(probes: list[Probe]) -> str:
    """The circuit told another way: by whole runs instead of probe by probe."""
    state = "closed"
    run = 0

    def piece(pair):
        nonlocal run
        before, probe = pair
        apart = before is None or probe.at - before.at > timedelta(minutes=30)
        run += apart or before.ok != probe.ok
        return run

    pairs = zip([None, *probes], probes, strict=False)
    for _run, members in groupby(pairs, piece):
        row = [probe for _before, probe in members]
        lasted = row[-1].at - row[0].at
        if not row[0].ok and len(row) >= 2 and lasted >= timedelta(minutes=3):
            state = "open"
        elif row[0].ok and len(row) >= 3:
            state = "closed"
    return state


def test_the_circuit_told_another_way():
    seen = set()
    for _source, probes in stories(1):
        state = fold(probes).state
        seen.add(state)
        assert state == plain_state(probes)
    assert seen == {"open", "closed"}


def test_in_pieces_or_at_once():
    for source, probes in stories(2):
        cut = source.randrange(len(probes) + 1)
        assert fold(probes[cut:], fold(probes[:cut])) == fold(probes)


def test_outages_are_apart_and_in_order():
    for _source, probes in stories(3):
        found = outages(probes)
        moments = [moment for one in found for moment in (one.start, one.end) if moment]
        assert moments == sorted(moments)
        assert len(set(moments)) == len(moments)
        assert all(one.end for one in found[:-1])
        assert (fold(probes).state == "open") == bool(found and found[-1].end is None)


def test_only_announcements_make_a_mode_of_the_ministry():
    for source, probes in stories(4):
        now = probes[-1].at + timedelta(minutes=1)
        passages = [Passage(now - timedelta(minutes=source.randrange(200))) for _one in range(3)]
        verdict = judge(now, fold(probes), probes=probes, passages=passages)
        assert (verdict.mode, verdict.event) == ("offline24", None)


def test_announcements_never_change_what_probes_say():
    for source, probes in stories(5):
        now = probes[-1].at + timedelta(minutes=1)
        begin = now - timedelta(minutes=source.randrange(-60, 60))
        events = [Event(source.choice(KINDS), begin)]
        alone = judge(now, fold(probes), probes=probes)
        told = judge(now, fold(probes), probes=probes, events=events)
        assert told.online == alone.online
        assert told.figures == alone.figures


def test_a_single_bad_probe_never_proposes_anything():
    for _source, probes in stories(6):
        if fold(probes).state == "open":
            continue
        now = probes[-1].at + timedelta(minutes=5)
        extra = [*probes, Probe(now, False, reached=False)]
        before = judge(now, fold(probes), probes=probes)
        if before.online != "yes":
            continue
        after = judge(now, fold(extra), probes=extra)
        assert (after.online, after.proposal("online")) == ("unconfirmed", None)

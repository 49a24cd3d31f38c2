"""The forecast of the queue: by hand where it is small, against a plain simulation otherwise."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta, timezone

import pytest

from ksef import budget
from ksef.forecast import Group, Rule, forecast
from ksef.warsaw import end_of

NOW = datetime(2026, 11, 20, 9, tzinfo=timezone.utc)  # a Friday
TODAY = date(2026, 11, 20)
MONDAY = date(2026, 11, 23)
RULE = Rule(batch_above=10, most_documents=1000, most_bytes=20_000_000)
KB = 1000


def ahead(*groups: Group, now: datetime = NOW, calls=None, rule: Rule = RULE, **options):
    return forecast(groups, rule, budget.DEFAULT, calls or {}, now, **options)


def test_nothing_waits():
    found = ahead()
    assert (found.count, found.done_at, found.overdue, found.at_risk) == (0, None, 0, 0)


def test_a_few_go_at_once():
    found = ahead(Group(10, 50 * KB, MONDAY))
    assert (found.count, found.done_at, found.at_risk) == (10, NOW, 0)


def test_many_go_as_one_package():
    # eleven single sendings would already wait for the next second
    assert ahead(Group(1000, 5000 * KB, MONDAY, offline=True)).done_at == NOW


def test_sixty_packages_an_hour():
    found = ahead(Group(61_000, 61_000 * KB, MONDAY))
    assert found.done_at - NOW == timedelta(hours=1) + budget.MARGIN
    larger = ahead(Group(1000, 70 * RULE.most_bytes, MONDAY))
    assert larger.done_at >= found.done_at


def test_online_and_offline_share_no_package():
    both = [Group(600, 1, MONDAY), Group(600, 1, MONDAY, offline=True)] * 30
    assert ahead(*both).done_at > NOW
    one = [Group(600, 1, MONDAY)] * 30 + [Group(600, 1, MONDAY)] * 30
    # 36 packages of one kind, 18 and 18 of two
    assert ahead(*one).done_at == ahead(*both).done_at


def test_what_goes_alone_is_paced_by_the_limit_of_sendings():
    found = ahead(Group(200, 1, MONDAY, offline=True, single=True))
    assert found.done_at - NOW > timedelta(hours=1)
    assert found.done_at == NOW + timedelta(
        seconds=budget.drain_seconds(200, budget.DEFAULT.rate("invoiceSend"), [], NOW)
    )


def test_what_was_sent_lately_counts():
    spent = {"invoiceSend": [NOW - timedelta(minutes=1)] * 180}
    found = ahead(Group(1, 1, MONDAY), calls=spent)
    assert found.done_at - NOW == timedelta(minutes=59) + budget.MARGIN


@pytest.mark.parametrize("wait", [timedelta(minutes=5), timedelta(hours=30)])
def test_rest_and_put_off(wait):
    rest = ahead(Group(1, 1, MONDAY), blocked_until=NOW + wait)
    assert rest.done_at >= NOW + wait
    put_off = ahead(Group(1, 1, MONDAY, not_before=NOW + wait), Group(5, 1, None))
    assert put_off.done_at == NOW + wait


def test_deadlines_at_risk_and_over():
    late = NOW.replace(hour=22, minute=30)  # half an hour before midnight in Warsaw
    found = ahead(
        Group(3, 1, TODAY - timedelta(days=1), single=True),
        Group(100, 1, TODAY, single=True),
        Group(100, 1, TODAY, single=True, offline=True),
        Group(5, 1, MONDAY, single=True),
        Group(7, 1, None, single=True),
        now=late,
    )
    # 180 sendings an hour: three overdue, 100 today, and not all of the other hundred
    assert (found.count, found.overdue, found.at_risk) == (215, 3, 100)
    assert found.done_at > end_of(TODAY)


def test_the_earliest_deadline_comes_first():
    late = NOW.replace(hour=22, minute=30)
    urgent = Group(100, 1, TODAY, single=True)
    rest = Group(150, 1, MONDAY, single=True)
    assert ahead(rest, urgent, now=late).at_risk == 0


def test_it_agrees_with_sending_one_after_the_other():
    source = random.Random(6)
    for _story in range(200):
        groups = [
            Group(source.randrange(1, 90), 1, TODAY + timedelta(days=source.randrange(3)))
            for _group in range(source.randrange(1, 6))
        ]
        rule = Rule(10**9, 1000, 10**9)  # all of them one by one
        now = NOW + timedelta(minutes=source.randrange(14 * 60))
        times = budget.moments(budget.DEFAULT.rate("invoiceSend"), [], now)
        missed = last = 0
        for group in sorted(groups, key=lambda item: item.deadline):
            for _document in range(group.count):
                last = next(times)
            missed += group.count * (last >= end_of(group.deadline))
        found = ahead(*groups, now=now, rule=rule)
        assert (found.done_at, found.at_risk) == (last, missed)

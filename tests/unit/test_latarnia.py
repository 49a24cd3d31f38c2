"""The status beacon: the simulator's, and every oddity that was seen or can be imagined."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from fault_server import Answer, FaultServer, refused_url
from simulator_process import SimulatorProcess

from ksef import environment, latarnia
from ksef.errors import KsefError, LocalError, ProtocolError
from ksef.http import Transport
from ksef.latarnia import Announcement, Message, announcements
from ksef.types import parse_datetime

START = "2026-07-18T10:00:00+02:00"


@pytest.fixture(scope="module")
def process():
    running = SimulatorProcess()
    yield running
    running.stop()


@pytest.fixture
def simulator(process):
    process.control("reset")
    process.control("clock", {"set": START, "freeze": True})
    return process


@pytest.fixture
def server():
    running = FaultServer()
    yield running
    running.stop()


def transport_to(url: str, **changes) -> Transport:
    return Transport(replace(environment.simulator(url), **changes), timeout=(0.5, 0.5))


def message(**changes) -> Message:
    data = {
        "id": "K/2026/AWR/01",
        "eventId": 1002,
        "category": "FAILURE",
        "type": "FAILURE_START",
        "title": "Awaria",
        "text": "Trwa awaria",
        "start": "2026-01-31T10:13:00+01:00",
        "version": 1,
        "published": "2026-01-31T10:15:00.1234567+00:00",
        **changes,
    }
    return Message.from_json({name: value for name, value in data.items() if value is not None})


def told(found: tuple[Announcement, ...]) -> list[tuple]:
    """(event, kind, start, end) of each, moments as text in UTC."""

    def text(moment: datetime | None) -> str | None:
        return moment.astimezone(timezone.utc).strftime("%m-%d %H:%M") if moment else None

    return [(one.event_id, one.kind, text(one.start), text(one.end)) for one in found]


# -- environments --------------------------------------------------------------------------------


def test_only_production_and_the_simulator_are_believed():
    known = (
        environment.TEST,
        environment.DEMO,
        environment.PROD,
        environment.simulator("http://a"),
    )
    assert [one.key for one in known if one.believes_latarnia] == ["prod", "simulator"]
    assert environment.DEMO.latarnia is None


def test_no_beacon():
    with pytest.raises(LocalError, match="no status beacon"):
        latarnia.read(Transport(environment.DEMO))


# -- the simulator's -----------------------------------------------------------------------------


def test_all_is_well(simulator):
    report = latarnia.read(transport_to(simulator.url))
    assert (report.status, report.messages, report.announcements) == ("AVAILABLE", (), ())
    assert report.believed


def test_a_story(simulator):
    transport = transport_to(simulator.url)
    order = {"start": "2026-07-18T20:00:00+02:00", "end": "2026-07-19T04:00:00+02:00"}
    simulator.control("latarnia", {"action": "maintenance", **order})
    ahead = latarnia.read(transport)
    assert ahead.status == "AVAILABLE"
    maintenance = (1001, "unavailability", "07-18 18:00", "07-19 02:00")
    assert told(ahead.announcements) == [maintenance]
    assert ahead.messages[0].number == "K/2026/NI/01"

    simulator.control("latarnia", {"action": "failure"})
    during = latarnia.read(transport)
    assert during.status == "FAILURE"
    assert told(during.announcements) == [(1002, "failure", "07-18 08:00", None), maintenance]

    simulator.control("clock", {"advance": 3600})
    simulator.control("latarnia", {"action": "total_failure"})
    worse = latarnia.read(transport)
    assert worse.status == "TOTAL_FAILURE"
    assert (1003, "total_failure", "07-18 09:00", None) in told(worse.announcements)

    simulator.control("clock", {"advance": 3600})
    simulator.control("latarnia", {"action": "end", "event": 1003})
    simulator.control("latarnia", {"action": "end", "event": 1002})
    after = latarnia.read(transport)
    assert after.status == "AVAILABLE"
    assert told(after.announcements) == [
        (1002, "failure", "07-18 08:00", "07-18 10:00"),
        (1003, "total_failure", "07-18 09:00", "07-18 10:00"),
        maintenance,
    ]
    assert after.announcements[0].event.kind == "failure"
    kinds = [told_by.kind for told_by in after.announcements[0].messages]
    assert kinds == ["FAILURE_START", "FAILURE_END"]


def test_a_correction_counts_from_its_version_on(simulator):
    transport = transport_to(simulator.url)
    order = {"start": "2026-07-18T20:00:00+02:00", "end": "2026-07-19T04:00:00+02:00"}
    simulator.control("latarnia", {"action": "maintenance", **order})
    first = latarnia.read(transport)
    longer = {"event": 1001, "end": "2026-07-19T08:00:00+02:00"}
    simulator.control("latarnia", {"action": "correct", **longer})
    second = latarnia.read(transport)
    assert told(second.announcements)[0][3] == "07-19 06:00"
    kept = [*second.messages, *first.messages]
    assert told(announcements(kept)) == told(second.announcements)
    assert [one.version for one in announcements(kept)[0].messages] == [2]


def test_no_token_and_nothing_but_two_requests(simulator):
    latarnia.read(transport_to(simulator.url))
    asked = [entry for entry in simulator.read("log") if "latarnia" in entry["path"]]
    assert [entry["path"] for entry in asked] == ["/latarnia/status", "/latarnia/messages"]
    assert not any(entry["authorization"] for entry in asked)


def test_test_is_never_believed(simulator):
    simulator.control("latarnia", {"action": "dummy"})
    believed = latarnia.read(transport_to(simulator.url))
    assert [one.kind for one in believed.announcements] == ["total_failure"]
    dummy = latarnia.read(transport_to(simulator.url, believes_latarnia=False))
    assert (dummy.status, len(dummy.messages)) == ("TOTAL_FAILURE", 1)
    assert dummy.announcements == ()


# -- a beacon that is down -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        Answer(504, b"<html>Gateway Timeout</html>"),
        Answer(502, b""),
        Answer(404, b""),
        Answer(kind="reset"),
        Answer(kind="hang"),
        Answer(kind="cut", body=b'{"status": "FAILURE"}'),
        Answer(200, b""),
        Answer(200, b"<html>login</html>"),
        Answer(200, b"[]"),
        Answer(200, b'"FAILURE"'),
        Answer(302, b"", {"Location": "http://127.0.0.1:1/"}),
    ],
    ids=lambda answer: f"{answer.kind}-{answer.status}-{answer.body[:9]!r}",
)
def test_unreachable_is_an_error_and_no_report(server, fault):
    server.answers.append(fault)
    with pytest.raises(KsefError) as caught:
        latarnia.read(transport_to(server.url))
    assert not caught.value.outcome_unknown


def test_nobody_listens():
    with pytest.raises(KsefError):
        latarnia.read(transport_to(refused_url()))


def test_half_an_answer_is_none(server):
    server.answers += [Answer(200, b'{"status": "FAILURE"}'), Answer(503, b"")]
    with pytest.raises(KsefError):
        latarnia.read(transport_to(server.url))


# -- tolerance -----------------------------------------------------------------------------------


def read(server, status: object, listed: object) -> latarnia.Report:
    bodies = [json.dumps(body).encode() for body in (status, listed)]
    server.answers[:] = [Answer(200, body) for body in bodies]
    return latarnia.read(transport_to(server.url))


FAILURE = json.loads(message().raw)


@pytest.mark.parametrize(
    "listed", [[FAILURE], {"messages": [FAILURE]}, FAILURE, [FAILURE, None, "x", 5, FAILURE]]
)
def test_shapes_of_the_list(server, listed):
    report = read(server, {"status": "FAILURE", "extra": 1}, listed)
    assert [one.number for one in report.messages] == ["K/2026/AWR/01"]
    assert told(report.announcements) == [(1002, "failure", "01-31 09:13", None)]


@pytest.mark.parametrize("listed", [{}, {"messages": None}, "x", None, 5])
def test_no_list_at_all(server, listed):
    with pytest.raises(ProtocolError):
        read(server, {"status": "AVAILABLE"}, listed)


@pytest.mark.parametrize("word", ["DEGRADED", "available", "", None, 5])
def test_unknown_status(server, word):
    report = read(server, {"status": word}, [])
    assert report.status is None
    assert report.announcements == ()


def test_messages_of_the_status_count_too(server):
    report = read(server, {"status": "FAILURE", "messages": [FAILURE, FAILURE, 7]}, [])
    assert len(report.messages) == 1
    assert len(report.announcements) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"eventId": None},
        {"eventId": "1002"},
        {"start": None},
        {"start": "yesterday"},
        {"category": None},
        {"category": "STORM"},
    ],
)
def test_what_cannot_be_read_announces_nothing_but_is_kept(changes):
    broken = message(**changes)
    assert announcements([broken]) == ()
    assert json.loads(broken.raw)["title"] == "Awaria"
    assert told(announcements([broken, message(eventId=7)])) == [
        (7, "failure", "01-31 09:13", None)
    ]


def test_raw_is_read_again():
    first = message(text="zażółć\nn", unknown={"a": [1, None]})
    assert Message.from_raw(first.raw) == first
    assert "zażółć" in first.raw
    with pytest.raises(ValueError, match="Expecting"):
        Message.from_raw("?")


# -- stories -------------------------------------------------------------------------------------


def end(**changes) -> Message:
    return message(
        **{
            "id": "K/2026/AWR/02",
            "type": "FAILURE_END",
            "end": "2026-01-31T12:00:00+01:00",
            "published": "2026-01-31T12:05:00+01:00",
            **changes,
        }
    )


def test_start_then_end_in_any_order():
    expected = [(1002, "failure", "01-31 09:13", "01-31 11:00")]
    assert told(announcements([message(), end()])) == expected
    assert told(announcements([end(), message()])) == expected
    assert told(announcements([end()])) == expected


def test_of_two_of_one_version_the_later_counts():
    other = message(start="2026-01-31T09:00:00+01:00", published="2026-01-31T12:00:00+01:00")
    for order in ([message(), other], [other, message()]):
        assert told(announcements(order)) == [(1002, "failure", "01-31 08:00", None)]


def test_a_corrected_end():
    later = end(version=2, end="2026-01-31T18:00:00+01:00")
    assert told(announcements([message(), later, end()]))[0][3] == "01-31 17:00"


def test_an_end_before_the_start_is_no_end():
    typo = end(end="2025-01-31T12:00:00+01:00")
    assert told(announcements([message(), typo])) == [(1002, "failure", "01-31 09:13", None)]
    repaired = end(version=2)
    assert told(announcements([message(), typo, repaired]))[0][3] == "01-31 11:00"


def test_escalation_under_the_old_number():
    total = message(category="TOTAL_FAILURE", start="2026-01-31T11:27:00+01:00", id="K/2026/AWR/02")
    assert told(announcements([message(), total])) == [
        (1002, "failure", "01-31 09:13", None),
        (1002, "total_failure", "01-31 10:27", None),
    ]
    over = end(category="TOTAL_FAILURE", start="2026-01-31T11:27:00+01:00")
    assert [one.end for one in announcements([message(), total, over])] == [
        parse_datetime("2026-01-31T12:00:00+01:00")
    ] * 2


def test_escalation_under_a_new_number():
    total = message(category="TOTAL_FAILURE", eventId=1003, start="2026-01-31T11:27:00+01:00")
    found = announcements([message(), total, end()])
    assert told(found) == [
        (1002, "failure", "01-31 09:13", "01-31 11:00"),
        (1003, "total_failure", "01-31 10:27", None),
    ]


def test_an_end_announced_late_lies_in_the_past():
    published = parse_datetime("2026-01-31T12:05:00+01:00") + timedelta(days=3)
    late = end(published=published.isoformat())
    assert announcements([message(), late])[0].event.end == parse_datetime(
        "2026-01-31T12:00:00+01:00"
    )


def test_a_correction_may_change_the_category():
    total = message(category="TOTAL_FAILURE")
    milder = message(version=2)
    for order in ([total, milder], [milder, total]):
        assert told(announcements(order)) == [(1002, "failure", "01-31 09:13", None)]
    # what cannot be read replaces nothing
    broken = message(version=2, category="STORM")
    assert [one.kind for one in announcements([total, broken])] == ["total_failure"]


def test_a_year_that_means_never():
    never = message(end="9999-12-31T23:59:59+00:00")
    assert told(announcements([never])) == [(1002, "failure", "01-31 09:13", None)]
    assert "9999" in never.raw
    assert announcements([message(start="0001-01-01T00:00:00+02:00")]) == ()


def test_half_a_surrogate_pair_stays_escaped():
    odd = message(title="Awaria \ud800")
    assert odd.raw.encode()
    assert Message.from_raw(odd.raw) == odd

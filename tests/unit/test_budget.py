"""The request budget: arithmetic of sliding windows, and a simulator that counts for itself."""

from __future__ import annotations

import inspect
import random
from collections import Counter
from datetime import datetime, timedelta, timezone
from itertools import islice

import pytest
from conversation import client_of, document
from fault_server import Answer, FaultServer
from simulator_process import SimulatorProcess

from ksef import budget, environment, routes
from ksef.budget import DEFAULT, MARGIN, PRODUCTION, Rate, RateLimits
from ksef.errors import BudgetExceeded, RateLimited, Unavailable
from ksef.http import Transport
from ksef.types import parse_datetime

NOW = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
SEND = PRODUCTION["invoiceSend"]
NONE = timedelta(0)


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


# -- windows -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("calls", "wait"),
    [
        ([], 0),
        ([ago(0)] * 9, 0),
        # ten in a second
        ([ago(0.4)] * 10, 0.6),
        ([ago(1)] * 10, 0),
        # thirty in a minute
        ([ago(50 - number) for number in range(30)], 10),
        ([ago(60)] * 30, 0),
        # 180 in an hour
        ([ago(3000 - 10 * number) for number in range(180)], 600),
        ([ago(3600)] * 180, 0),
        # the longest wait of several counts, and the order of the rows does not
        ([ago(0.4)] * 10 + [ago(30)] * 20, 30),
        ([ago(30)] * 20 + [ago(0.4)] * 10, 30),
        # a clock that runs ahead
        ([ago(-500)] * 10, 1),
    ],
)
def test_wait(calls, wait):
    assert budget.wait_seconds(SEND, calls, NOW, margin=NONE) == pytest.approx(wait)
    if wait:
        assert budget.wait_seconds(SEND, calls, NOW) == pytest.approx(wait + MARGIN.total_seconds())


def test_block_after_429():
    until = NOW + timedelta(seconds=30)
    assert budget.wait_seconds(SEND, [], NOW, blocked_until=until, margin=NONE) == 30
    assert budget.wait_seconds(SEND, [], NOW, blocked_until=ago(1), margin=NONE) == 0
    late = [ago(0)] * 30
    assert budget.wait_seconds(SEND, late, NOW, blocked_until=until, margin=NONE) == 60


def test_no_limit():
    assert budget.wait_seconds(Rate(None, None, None), [NOW] * 5000, NOW) == 0
    assert budget.wait_seconds(PRODUCTION["anonymous"], [ago(2)] * 5000, NOW, margin=NONE) == 0


@pytest.mark.parametrize(
    ("count", "seconds"),
    [(0, 0), (1, 0), (10, 0), (11, 1), (30, 2), (31, 60), (180, 302), (181, 3600), (361, 7200)],
)
def test_drain(count, seconds):
    assert budget.drain_seconds(count, SEND, [], NOW, margin=NONE) == seconds


def broken(rate: Rate, moments: list[datetime]) -> bool:
    """Whether any window holds more calls than it may; counted the plain way."""
    return any(
        sum(end - length < moment <= end for moment in moments) > limit
        for limit, length in rate.windows
        for end in moments
    )


@pytest.mark.parametrize("seed", range(30))
def test_a_schedule_breaks_no_window_and_wastes_no_time(seed):
    source = random.Random(seed)
    rate = Rate(source.randrange(1, 4), source.randrange(3, 8), source.randrange(6, 15))
    made: list[datetime] = []
    for moment in sorted(ago(source.uniform(0, 4000)) for _call in range(source.randrange(20))):
        if not broken(rate, [*made, moment]):
            made.append(moment)
    planned = list(islice(budget.moments(rate, made, NOW, margin=NONE), 40))
    assert planned == sorted(planned)
    assert planned[0] >= NOW
    assert not broken(rate, made + planned)
    previous = NOW
    for number, moment in enumerate(planned):
        if moment > previous:
            hastier = [*made, *planned[:number], moment - timedelta(microseconds=1)]
            assert broken(rate, hastier)
        previous = moment


# -- what counts as what -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "counter"),
    [
        ("POST", "/sessions/online", "onlineSession"),
        ("POST", "/sessions/online/x/close", "onlineSessionClose"),
        ("POST", "/sessions/online/x/invoices", "invoiceSend"),
        ("POST", "/sessions/batch", "batchSession"),
        ("POST", "/sessions/batch/x/close", "batchSessionClose"),
        ("GET", "/sessions/x", "sessionMisc"),
        ("GET", "/sessions/x/invoices", "sessionInvoiceList"),
        ("GET", "/sessions/x/invoices/y", "invoiceStatus"),
        ("GET", "/sessions/x/invoices/y/upo", "sessionMisc"),
        ("GET", "/limits/context", "other GET /limits/context"),
        ("GET", "/certificates/enrollments/x", "other GET /certificates/enrollments/{reference}"),
        ("GET", "/certificates/enrollments/data", "other GET /certificates/enrollments/data"),
        ("POST", "/auth/challenge", "anonymous POST /auth/challenge"),
        ("GET", "/auth/x", "anonymous GET /auth/{reference}"),
        ("GET", "/nothing/that/we/know", "other"),
    ],
)
def test_counter(method, path, counter):
    assert DEFAULT.counter(method, path) == counter
    assert DEFAULT.rate(counter) == PRODUCTION[counter.split(" ")[0]]


def test_every_route_has_a_counter():
    named = [value for name, value in vars(routes).items() if name[0].isupper()]
    paths = {value for value in named if isinstance(value, str)}
    assert {template for _method, template, _group in budget._OPERATIONS} == paths


def test_before_2_8_closing_counts_as_opening():
    older = RateLimits.from_json({"onlineSession": {"perSecond": 1, "perMinute": 2, "perHour": 3}})
    assert older.counter("POST", "/sessions/online/x/close") == "onlineSession"
    assert older.counter("POST", "/sessions/batch/x/close") == "batchSession"
    assert older.rate("onlineSession") == Rate(1, 2, 3)


def test_limits_from_json():
    data = {
        "invoiceSend": {"perSecond": 100, "perMinute": -1, "perHour": 0, "perDay": 5},
        "onlineSessionClose": {},
        "batchSession": None,
        "newGroup": {"perSecond": 1},
    }
    limits = RateLimits.from_json(data)
    assert limits.rate("invoiceSend") == Rate(100, None, 180)
    assert limits.rate("onlineSessionClose") == PRODUCTION["onlineSessionClose"]
    assert limits.rate("batchSession") == PRODUCTION["batchSession"]
    with pytest.raises(ValueError, match="at least one"):
        Rate(0, 1, 1)


# -- against the simulator -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def process():
    running = SimulatorProcess()
    yield running
    running.stop()


@pytest.fixture
def simulator(process):
    process.control("reset")
    process.control("speed", {"polls": [0, 0]})
    return process


def test_same_limits_as_the_witness(simulator):
    assert client_of(simulator).rate_limits() == DEFAULT


def test_same_groups_as_the_witness(simulator):
    served = {}
    for route in simulator.read("routes"):
        method, template = route["operation"].split(" ")
        served[method, _blank(template)] = route.get("group")
    for method, template, group in budget._OPERATIONS:
        assert served[method, _blank(template)] == group, (method, template)


def _blank(template: str) -> str:
    """The template without the names of its references."""
    parts = template.removeprefix("/v2").split("/")
    return "/".join("{}" if part.startswith("{") else part for part in parts)


class Ledger:
    """A gate over calls in memory: what shared rows do in Odoo."""

    def __init__(self, clock, patient=None) -> None:
        self.calls: dict[str, list[datetime]] = {}
        self._clock = clock
        self._patient = patient

    def __call__(self, method: str, path: str) -> None:
        counter = DEFAULT.counter(method, path)
        calls = self.calls.setdefault(counter, [])
        wait = budget.wait_seconds(DEFAULT.rate(counter), calls, self._clock())
        if wait and self._patient is not None:
            self._patient(wait)
            wait = 0
        if wait:
            raise BudgetExceeded("not now", retry_after=int(wait) + 1)
        calls.append(self._clock())


@pytest.fixture
def timed(simulator):
    """A client whose time is the simulator's frozen clock; waiting moves that clock."""
    simulator.control("settings", {"count_requests": True})
    simulator.control("clock", {"freeze": True})
    state = {"now": parse_datetime(simulator.read("state")["now"])}

    def wait(seconds: float) -> None:
        simulator.control("clock", {"advance": seconds})
        state["now"] += timedelta(seconds=seconds)

    return state, wait


def paced(simulator, timed, **options):
    """A client behind a gate that waits for its turn."""
    state, wait = timed
    ledger = Ledger(lambda: state["now"], wait)
    client = client_of(simulator, gate=ledger, clock=lambda: state["now"], **options)
    return client, ledger


def test_300_invoices_one_by_one_without_a_429(simulator, timed):
    state, _wait = timed
    began = state["now"]
    client, ledger = paced(simulator, timed)
    xml = document("FV/0", state["now"].date())
    session = client.open_online()
    for number in range(300):
        session.send(xml.replace(b"FV/0", b"FV/%d" % number))
    session.close()
    statuses = Counter(entry["status"] for entry in simulator.read("log"))
    assert statuses[429] == 0
    assert statuses[202] >= 300
    # a token that lapses on the way costs a call more, and that is counted, too
    assert 300 <= len(ledger.calls["invoiceSend"]) <= 303
    planned = budget.drain_seconds(len(ledger.calls["invoiceSend"]), SEND, [], began)
    assert (state["now"] - began).total_seconds() == pytest.approx(planned, abs=10)
    assert len(simulator.read("invoices")) == 300


def test_without_a_budget_the_simulator_says_429(simulator, timed):
    state, _wait = timed
    client = client_of(simulator, clock=lambda: state["now"])
    session = client.open_online()
    with pytest.raises(RateLimited) as caught:
        for number in range(20):
            session.send(document(f"FV/{number}", state["now"].date()))
    assert caught.value.retry_after == 30


# -- the gate of the transport -------------------------------------------------------------------


@pytest.fixture
def server():
    running = FaultServer()
    yield running
    running.stop()


def test_a_closed_gate_stops_the_request(server):
    server.answers.append(Answer(200, b"{}"))
    asked = []

    def gate(method: str, path: str) -> None:
        asked.append((method, path))
        if len(asked) > 1:
            raise BudgetExceeded("not now", retry_after=7)

    transport = Transport(environment.simulator(server.url), gate=gate)
    transport.request("GET", "/rate-limits")
    with pytest.raises(BudgetExceeded) as caught:
        transport.request("GET", "/rate-limits")
    assert not caught.value.outcome_unknown
    assert caught.value.retry_after == 7
    assert asked == [("GET", "/rate-limits")] * 2
    assert len(server.seen) == 1


def test_a_gate_that_closes_between_two_attempts_keeps_the_first_answer(server):
    server.answers.append(Answer(503, b"<html/>"))
    open_gates = [True]

    def gate(_method: str, _path: str) -> None:
        if not open_gates:
            raise BudgetExceeded("not now")
        open_gates.pop()

    transport = Transport(environment.simulator(server.url), gate=gate)
    with pytest.raises(Unavailable):
        transport.request("GET", "/rate-limits")
    assert len(server.seen) == 1


def test_floor_0_has_no_own_sleep():
    assert "sleep" not in inspect.getsource(budget)

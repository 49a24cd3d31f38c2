"""A real ``kill -9`` of a worker at every commit point, and several workers on one queue.

The moments are the rows of the crash matrix: a request hangs before or after KSeF did its part, the
worker is killed there, another one goes on. Nothing is lost and nothing is doubled.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from bench import Database, eventually
from simulator_process import SimulatorProcess
from workers import Workers

FLUSH, POLL = "ir_cron_flush", "ir_cron_poll"
ONLINE, SEND = "POST /sessions/online", "POST /sessions/online/{ref}/invoices"
CLOSE_ONLINE = "POST /sessions/online/{ref}/close"
BATCH, CLOSE = "POST /sessions/batch", "POST /sessions/batch/{ref}/close"
PART, UPO = "PUT /storage/{name}", "GET /storage/{name}"
STATUS, LIST = "GET /sessions/{ref}", "GET /sessions/{ref}/invoices"
ONE = "GET /sessions/{ref}/invoices/{invoice_ref}"
FEW, MANY = 3, 12  # by an interactive session; as a package


@dataclass
class Moment:
    """Where the worker dies: in the scheduled action ``cron``, in a request that hangs.

    ``states`` is what the database says of the documents then. ``skip`` lets so many requests of
    that kind pass first.
    """

    cron: str
    endpoint: str
    when: str
    states: dict[str, int]
    skip: int = 0


INTERACTIVE = {
    "before the session": Moment(FLUSH, ONLINE, "before", {"queued": 3}),
    "session open, not recorded": Moment(FLUSH, ONLINE, "after", {"queued": 3}),
    "intended, not sent": Moment(
        FLUSH, SEND, "before", {"sent": 1, "sending": 1, "queued": 1}, skip=1
    ),
    "sent, not recorded": Moment(
        FLUSH, SEND, "after", {"sent": 1, "sending": 1, "queued": 1}, skip=1
    ),
    "last one recorded, session open": Moment(FLUSH, CLOSE_ONLINE, "before", {"sent": 3}),
    "session closed": Moment(FLUSH, CLOSE_ONLINE, "after", {"sent": 3}),
    "verdict not read": Moment(POLL, ONE, "before", {"sent": 3}),
    "verdict read, not recorded": Moment(POLL, ONE, "after", {"sent": 3}, skip=2),
    "number recorded, no UPO": Moment(POLL, UPO, "before", {"accepted": 3}),
    "UPO read, not recorded": Moment(POLL, UPO, "after", {"accepted": 3}, skip=2),
}
PACKAGE = {
    "before the session": Moment(FLUSH, BATCH, "before", {"queued": MANY}),
    "session open, not recorded": Moment(FLUSH, BATCH, "after", {"queued": MANY}),
    "no part uploaded": Moment(FLUSH, PART, "before", {"sending": MANY}),
    "some parts uploaded": Moment(FLUSH, PART, "before", {"sending": MANY}, skip=2),
    "all parts uploaded": Moment(FLUSH, CLOSE, "before", {"sending": MANY}),
    "closed, not recorded": Moment(FLUSH, CLOSE, "after", {"sending": MANY}),
    "status not read": Moment(POLL, STATUS, "before", {"sent": MANY}),
    "list not read": Moment(POLL, LIST, "before", {"sent": MANY}),
    "list read, not recorded": Moment(POLL, LIST, "after", {"sent": MANY}),
    "numbers recorded, no UPO": Moment(POLL, UPO, "before", {"accepted": MANY}),
    "UPOs read, not recorded": Moment(POLL, UPO, "after", {"accepted": MANY}, skip=9),
}


@pytest.fixture(scope="module")
def workers(database: Database) -> Iterator[Workers]:
    started = Workers(database)
    yield started
    started.stop()


@pytest.fixture
def queue(simulator: SimulatorProcess, database: Database, workers: Workers) -> Queue:
    simulator.control("reset")
    simulator.control("speed", {"polls": [0, 0], "auth": 0})
    database("DELETE FROM l10n_pl_ksef_request")
    return Queue(simulator, database, workers)


class Queue:
    """The documents that a test issues, as the database and the simulator have them."""

    def __init__(self, simulator: SimulatorProcess, database: Database, workers: Workers) -> None:
        self.simulator, self.database, self.workers = simulator, database, workers
        ((last,),) = database("SELECT coalesce(max(id), 0) FROM l10n_pl_ksef_document")
        self.last = last

    def issue(self, count: int) -> None:
        self.workers.do("issue", count)
        assert self.states() == {"queued": count}

    def states(self) -> dict[str, int]:
        rows = self.database("SELECT state FROM l10n_pl_ksef_document WHERE id > %s", self.last)
        return dict(Counter(state for (state,) in rows))

    def settled(self) -> bool:
        rows = self.database(
            "SELECT state, upo_pending FROM l10n_pl_ksef_document WHERE id > %s", self.last
        )
        return {row for row in rows} == {("accepted", False)}

    def hang(self, endpoint: str, when: str, skip: int = 0) -> None:
        self.simulator.control(
            "faults",
            {"endpoint": endpoint, "kind": "hang", "when": when, "seconds": 20, "skip": skip},
        )

    def hanging(self) -> bool:
        return not self.simulator.read("state")["faults"]

    def hasten(self, leases: bool = True) -> None:
        """Let what is due in minutes be due now; also what another worker has, if so told."""
        columns = "next_attempt_at = NULL" + (
            ", lease_until = now() AT TIME ZONE 'UTC' - interval '2 s'" if leases else ""
        )
        self.database(f"UPDATE l10n_pl_ksef_document SET {columns} WHERE id > %s", self.last)
        self.database("UPDATE l10n_pl_ksef_connection SET blocked_until = NULL")

    def go_on(self) -> None:
        """What the scheduled actions do in the next minutes."""
        for _round in range(6):
            if self.settled():
                return
            self.hasten()
            self.workers.do("cron", POLL)
            self.hasten(leases=False)
            self.workers.do("cron", FLUSH)
        assert self.settled(), self.states()

    def calls(self, route: str) -> list[dict]:
        rows = self.simulator.read("log")
        return [row for row in rows if f"{row['method']} {row['route']}" == route]

    def assert_each_once(self, count: int) -> None:
        """KSeF has each file once, under the number that we know, and saw none a second time."""
        ours = self.database(
            "SELECT xml_sha256, ksef_number FROM l10n_pl_ksef_document WHERE id > %s", self.last
        )
        received = self.simulator.read("invoices")
        assert {row["status"] for row in received} == {200}
        assert sorted(ours) == sorted((row["hash"], row["ksef_number"]) for row in received)
        assert len(received) == count


def die_and_go_on(queue: Queue, moment: Moment, count: int) -> None:
    queue.issue(count)
    if moment.cron == POLL:
        queue.workers.do("cron", FLUSH)
        queue.hasten(leases=False)
    queue.hang(moment.endpoint, moment.when, moment.skip)
    worker = queue.workers.start("cron", moment.cron)
    eventually("the request hangs", queue.hanging, 30)
    time.sleep(0.3)  # what goes on beside it, as other parts do
    queue.workers.kill(worker)
    assert queue.states() == moment.states, "the step before was committed"
    queue.go_on()
    queue.assert_each_once(count)


@pytest.mark.parametrize("moment", INTERACTIVE.values(), ids=INTERACTIVE)
def test_killed_in_an_interactive_session(queue, moment):
    die_and_go_on(queue, moment, FEW)


@pytest.mark.parametrize("moment", PACKAGE.values(), ids=PACKAGE)
def test_killed_with_a_package(queue, moment):
    die_and_go_on(queue, moment, MANY)


# -- several workers -----------------------------------------------------------------------------


@pytest.mark.parametrize("count", [8, 40], ids=["one by one", "packages"])
def test_workers_at_once_send_each_once(queue, count):
    queue.issue(count)
    # slow enough for all to be at it
    for endpoint in (ONLINE, SEND, BATCH):
        queue.simulator.control(
            "faults", {"endpoint": endpoint, "kind": "delay", "seconds": 0.3, "times": 4}
        )
    workers = [queue.workers.start("flush") for _worker in range(3)]
    assert [queue.workers.wait(worker) for worker in workers] == [0, 0, 0]
    calls = queue.calls(ONLINE) + queue.calls(BATCH)
    opened = [row for row in calls if row["status"] == 201]
    assert len(opened) > 1, "they were at it together"
    queue.go_on()
    queue.assert_each_once(count)


def test_workers_share_one_count_of_requests(queue):
    """30 sendings a minute, whoever sends: the simulator never has to say 429."""
    queue.issue(45)
    workers = [queue.workers.start("flush_one_by_one") for _worker in range(3)]
    assert [queue.workers.wait(worker) for worker in workers] == [0, 0, 0]
    assert queue.states() == {"sent": 30, "queued": 15}
    assert {row["status"] for row in queue.calls(SEND)} == {202}
    assert 429 not in {row["status"] for row in queue.simulator.read("log")}
    opened = [row for row in queue.calls(ONLINE) if row["status"] == 201]
    assert len(opened) == 3, "all three were at it"
    ((soonest,),) = queue.database(
        "SELECT min(next_attempt_at) - now() AT TIME ZONE 'UTC' FROM l10n_pl_ksef_document"
        " WHERE id > %s AND state = 'queued'",
        queue.last,
    )
    assert soonest.total_seconds() > 10, "and nobody tries before there is room"


def test_lease_keeps_others_off_until_it_ends(queue):
    """A worker is dead; the others may not know, and leave its document alone for a while."""
    queue.issue(1)
    queue.hang(SEND, "before")
    worker = queue.workers.start("flush")
    eventually("the request hangs", queue.hanging, 30)
    queue.workers.kill(worker)
    before = len(queue.simulator.read("log"))
    for work in ("poll", "flush", "poll"):
        queue.workers.do(work)
    assert queue.states() == {"sending": 1}
    assert len(queue.simulator.read("log")) == before, "nobody asks, and nobody sends"
    queue.go_on()
    queue.assert_each_once(1)


def test_worker_that_wakes_up_late_changes_nothing(queue):
    """It is not dead, only slow: its document was taken over, and its request comes too late."""
    queue.issue(1)
    queue.simulator.control("faults", {"endpoint": SEND, "kind": "delay", "seconds": 6})
    slow = queue.workers.start("flush")
    eventually("it is sending", lambda: queue.states() == {"sending": 1}, 30)
    queue.hasten()
    queue.workers.do("poll")  # closes its session, finds nothing there
    assert queue.states() == {"queued": 1}
    queue.hasten(leases=False)
    queue.workers.do("flush")
    assert queue.workers.wait(slow) == 0
    assert queue.states() == {"sent": 1}
    queue.go_on()
    queue.assert_each_once(1)

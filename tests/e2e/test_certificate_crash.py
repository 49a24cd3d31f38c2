"""A real ``kill -9`` of Odoo while certificates are made: two requests, whatever the moment."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import pytest
import requests
from bench import Server, Session, eventually
from simulator_process import SimulatorProcess

WIZARD = "l10n_pl_ksef.certificate.wizard"
LIMITS, DATA = "GET /certificates/limits", "GET /certificates/enrollments/data"
ENROL, STATUS = "POST /certificates/enrollments", "GET /certificates/enrollments/{ref}"
RETRIEVE = "POST /certificates/retrieve"
REQUESTS = 300  # what KSeF grants a NIP


@dataclass
class Moment:
    """Where the process dies: in a request that hangs, before or after KSeF did its part.

    ``states`` is what the database then says about the two requests, the login's first.
    """

    endpoint: str
    when: str
    states: tuple[str, ...]
    second: bool = False


MOMENTS = {
    "limits asked for": Moment(LIMITS, "before", ()),
    "key made": Moment(DATA, "before", ("keyed", "new")),
    "requested, never arrived": Moment(ENROL, "before", ("requesting", "new")),
    "requested, not recorded": Moment(ENROL, "after", ("requesting", "new")),
    "recorded": Moment(STATUS, "after", ("requested", "new")),
    "issued": Moment(RETRIEVE, "after", ("issued", "new")),
    "second requested, not recorded": Moment(ENROL, "after", ("stored", "requesting"), True),
    "second issued": Moment(RETRIEVE, "after", ("stored", "issued"), True),
}


def press_generate(admin: Session, wizard: int) -> threading.Thread:
    """The button of the wizard; the answer never comes, as the process dies."""

    def press() -> None:
        with pytest.raises(requests.ConnectionError):
            admin.call(WIZARD, "action_generate", [wizard])

    thread = threading.Thread(target=press, daemon=True)
    thread.start()
    return thread


def hang(simulator: SimulatorProcess, moment: Moment) -> None:
    """The request of this moment hangs; the one for the first certificate passes, if it may."""
    fault = {"endpoint": moment.endpoint, "kind": "hang", "when": moment.when, "seconds": 25}
    simulator.control("faults", {**fault, "skip": int(moment.second)})


def hanging(simulator: SimulatorProcess) -> bool:
    """Whether the request has arrived; KSeF has done its part a moment later."""
    if simulator.read("state")["faults"]:
        return False
    time.sleep(0.5)
    return True


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
def test_a_killed_process_uses_no_third_request(simulator, database, moment):
    simulator.control("reset")
    simulator.control("speed", {"auth": 0, "certificates": 0, "settle_seconds": 0})
    database("UPDATE l10n_pl_ksef_enrolment SET state = 'cancelled'")
    database("DELETE FROM l10n_pl_ksef_request")

    def states() -> tuple[str, ...]:
        rows = database(
            "SELECT state FROM l10n_pl_ksef_enrolment WHERE state != 'cancelled' ORDER BY id"
        )
        return tuple(state for (state,) in rows)

    server = Server(database.name, "--max-cron-threads", "0")
    try:
        admin = server.login("admin")
        wizard = admin.create(WIZARD)
        hang(simulator, moment)
        pressing = press_generate(admin, wizard)
        eventually("the request hangs", lambda: hanging(simulator))
    finally:
        server.kill()
    pressing.join(20)
    assert states() == moment.states

    database("UPDATE l10n_pl_ksef_enrolment SET requested_at = requested_at - interval '3 min'")
    server = Server(database.name, "--max-cron-threads", "0")
    try:
        admin = server.login("admin")
        for _press in range(4):
            if states() == ("done", "done"):
                break
            button = "action_continue" if states() else "action_generate"
            admin.call(WIZARD, button, [admin.create(WIZARD)])
        assert states() == ("done", "done")
        wizard = admin.create(WIZARD)
        admin.call(WIZARD, "action_wait", [wizard])
        (row,) = admin.call(WIZARD, "read", [wizard], ["requests_left"])
        assert REQUESTS - row["requests_left"] == 2
        active = [("name", "like", "Odoo %"), ("status", "=", "active")]
        assert admin.call("l10n_pl_ksef.certificate", "search_count", active) == 2
    finally:
        server.kill()


def test_two_people_press_at_once(simulator, database):
    """One pair, two requests: the other one waits, or is told that somebody else is at it."""
    simulator.control("reset")
    simulator.control("speed", {"auth": 0, "certificates": 0, "settle_seconds": 0})
    database("UPDATE l10n_pl_ksef_enrolment SET state = 'cancelled'")
    database("DELETE FROM l10n_pl_ksef_request")
    server = Server(database.name, "--max-cron-threads", "0")
    try:
        people = [server.login("admin") for _person in range(3)]

        def press(person: Session) -> None:
            try:
                person.call(WIZARD, "action_generate", [person.create(WIZARD)])
            except AssertionError:
                refused.append(person)  # Odoo's message: certificates are already being made

        refused: list[Session] = []
        pressing = [threading.Thread(target=press, args=[person]) for person in people]
        for thread in pressing:
            thread.start()
        for thread in pressing:
            thread.join(60)
        assert len(refused) < len(people)
        database("UPDATE l10n_pl_ksef_enrolment SET requested_at = requested_at - interval '3 min'")
        wizard = people[0].create(WIZARD)
        (row,) = people[0].call(WIZARD, "read", [wizard], ["step"])
        if row["step"] == "run":
            people[0].call(WIZARD, "action_continue", [wizard])
        wizard = people[0].create(WIZARD)
        people[0].call(WIZARD, "action_wait", [wizard])
        (row,) = people[0].call(WIZARD, "read", [wizard], ["requests_left"])
        assert REQUESTS - row["requests_left"] == 2
        rows = database("SELECT state FROM l10n_pl_ksef_enrolment WHERE state != 'cancelled'")
        assert rows == [("done",), ("done",)]
    finally:
        server.kill()

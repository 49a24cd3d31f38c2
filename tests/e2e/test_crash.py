"""A real ``kill -9`` of Odoo while it sends: one acceptance, one number, whatever the moment."""

from __future__ import annotations

import base64
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests
from bench import Database, Server, Session, eventually, succeed
from simulator_process import SimulatorProcess

NIP = "5795955811"
OPEN, SEND = "POST /sessions/online", "POST /sessions/online/{ref}/invoices"


@dataclass
class Moment:
    """Where the process dies: in a request that hangs, before or after KSeF did its part.

    ``state`` is what the database says then, ``taken`` how many invoices KSeF has; ``more`` is how
    often the invoice may be sent after that.
    """

    endpoint: str
    when: str
    state: str
    taken: int
    more: int


MOMENTS = {
    "frozen, not yet sent": Moment(OPEN, "before", "queued", taken=0, more=1),
    "intended, never arrived": Moment(SEND, "before", "sending", taken=0, more=1),
    "accepted, not recorded": Moment(SEND, "after", "sending", taken=1, more=0),
}


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorProcess]:
    process = SimulatorProcess()
    yield process
    process.stop()


@pytest.fixture(scope="module")
def database(simulator: SimulatorProcess) -> Iterator[Database]:
    """A company that is connected to the simulator, and an accountant."""
    name = f"e2e_crash_{os.getpid()}"
    succeed("odoo", "copy", "tpl_pl", name)
    database = Database(name)
    options = ("-i", "l10n_pl_ksef", "--stop-after-init", "--no-http")
    succeed("odoo", "server", "-d", name, *options)
    server = Server(name, "--max-cron-threads", "0")
    try:
        connect(server.login("admin"), simulator)
    finally:
        server.kill()
    yield database
    succeed("odoo", "drop", name)


def connect(admin: Session, simulator: SimulatorProcess) -> None:
    made = simulator.control("certificates", {"nip": NIP, "kind": "Authentication"})
    url = ("l10n_pl_ksef.simulator_url", simulator.url)
    admin.call("ir.config_parameter", "set_param", *url)
    company = admin.ref("base.main_company")
    key = admin.create(
        "certificate.key",
        name="crash",
        content=base64.b64encode(made["key"].encode()).decode(),
        company_id=company,
    )
    certificate = admin.create(
        "certificate.certificate",
        name="crash",
        content=made["certificate"],
        private_key_id=key,
        scope="ksef_auth",
        company_id=company,
    )
    admin.call(
        "res.company",
        "write",
        [company],
        {
            "l10n_pl_ksef_environment": "simulator",
            "l10n_pl_ksef_auth_certificate_id": certificate,
        },
    )
    groups = ("base.group_user", "base.group_partner_manager", "account.group_account_invoice")
    admin.create(
        "res.users",
        name="Accountant",
        login="accountant",
        password="accountant",
        group_ids=[(6, 0, [admin.ref(group) for group in groups])],
    )


def posted_invoice(user: Session) -> int:
    buyer = user.create(
        "res.partner",
        name="F.H.U. Jan Kowalski",
        is_company=True,
        street="ul. Polna 1",
        zip="00-001",
        city="Warszawa",
        country_id=user.call("res.country", "search", [("code", "=", "PL")])[0],
        vat="PL1111111111",
    )
    taxes = [("type_tax_use", "=", "sale"), ("amount", "=", 23), ("amount_type", "=", "percent")]
    line = {
        "name": "Usługa",
        "quantity": 1,
        "price_unit": 100,
        "tax_ids": [(6, 0, user.call("account.tax", "search", taxes, limit=1))],
    }
    move = user.create(
        "account.move",
        move_type="out_invoice",
        partner_id=buyer,
        invoice_line_ids=[(0, 0, line)],
    )
    user.call("account.move", "action_post", [move])
    return move


def press_send(user: Session, move: int) -> threading.Thread:
    """What the dialog Send does; the answer never comes, as the process dies."""

    def send() -> None:
        wizard = user.create("account.move.send.wizard", move_id=move)
        with pytest.raises(requests.ConnectionError):
            user.call("account.move.send.wizard", "action_send_and_print", [wizard])

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("moment", MOMENTS.values(), ids=MOMENTS)
def test_a_killed_process_loses_nothing(simulator, database, moment):
    simulator.control("reset")
    simulator.control("speed", {"polls": [0, 0]})

    def hangs() -> bool:
        arrived = not simulator.read("state")["faults"]
        return arrived and len(simulator.read("invoices")) == moment.taken

    def document(*columns: str) -> tuple:
        (row,) = database(
            f"SELECT {', '.join(columns)} FROM l10n_pl_ksef_document WHERE move_id = %s", move
        )
        return row

    server = Server(database.name, "--max-cron-threads", "0")
    try:
        accountant = server.login("accountant")
        move = posted_invoice(accountant)
        simulator.control(
            "faults",
            {"endpoint": moment.endpoint, "kind": "hang", "when": moment.when, "seconds": 60},
        )
        sending = press_send(accountant, move)
        eventually("the request hangs", hangs)
    finally:
        server.kill()
    sending.join(20)
    assert not sending.is_alive()
    assert document("state") == (moment.state,), "the step before was committed"
    assert len(simulator.read("invoices")) == moment.taken

    # the ten minutes after which another process may take the row over
    database("UPDATE l10n_pl_ksef_document SET lease_until = now() AT TIME ZONE 'UTC'")
    server = Server(database.name, "--max-cron-threads", "1")
    try:
        eventually("accepted", lambda: hasten(database) or document("state") == ("accepted",))
    finally:
        server.kill()

    (taken,) = simulator.read("invoices")
    assert taken["status"] == 200
    assert document("ksef_number", "xml_sha256") == (taken["ksef_number"], taken["hash"])
    sent = [row for row in simulator.read("log") if f"{row['method']} {row['route']}" == SEND]
    # the one that hung is noted when it stops hanging
    assert len([row for row in sent if not row["fault"]]) == moment.more
    (summary,) = database(
        "SELECT l10n_pl_ksef_state, l10n_pl_ksef_number FROM account_move WHERE id = %s", move
    )
    assert summary == ("accepted", taken["ksef_number"])


def hasten(database: Database) -> None:
    """Let what is due in minutes be due now, and wake the scheduled actions."""
    database(
        "UPDATE l10n_pl_ksef_document SET next_attempt_at = NULL WHERE state IN ('queued', 'sent')"
    )
    database(
        "UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'UTC' WHERE id IN (SELECT res_id FROM"
        " ir_model_data WHERE module = 'l10n_pl_ksef' AND model = 'ir.cron')"
    )
    database.wake_crons()

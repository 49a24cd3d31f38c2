"""A real ``kill -9`` of Odoo while it sends: one acceptance, one number, whatever the moment."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import pytest
import requests
from bench import Database, Server, Session, eventually

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

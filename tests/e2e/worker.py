"""Odoo's workers, as its prefork server makes them: the registry is loaded once, then forked.

Read by `odoo shell`; see ``workers.py``, which sends the orders. Each order is a line of JSON that
is carried out in a process of its own; the answer to "start" is its number, the answer to "wait"
how it ended.
"""

import json
import os
import socket
import traceback
from dataclasses import replace
from unittest.mock import patch

from odoo import SUPERUSER_ID, Command, api, sql_db
from odoo.modules.registry import Registry

# ruff: noqa: F821 (env is the shell's)
SENDER = "odoo.addons.l10n_pl_ksef.models.l10n_pl_ksef_sender_batch"


def issue(env, count):
    """Post so many invoices and freeze them; they are in the queue then."""
    buyer = env["res.partner"].search([("vat", "=", "PL1111111111")], limit=1) or env[
        "res.partner"
    ].create(
        {
            "name": "F.H.U. Jan Kowalski",
            "is_company": True,
            "street": "ul. Polna 1",
            "zip": "00-001",
            "city": "Warszawa",
            "country_id": env.ref("base.pl").id,
            "vat": "PL1111111111",
        }
    )
    tax = env.ref(f"account.{env.company.id}_vs_kraj_23")
    line = {"name": "Usługa", "quantity": 1, "price_unit": 100, "tax_ids": [Command.set(tax.ids)]}
    moves = env["account.move"].create(
        [
            {
                "move_type": "out_invoice",
                "partner_id": buyer.id,
                "invoice_date": env["account.move"]._l10n_pl_ksef_today(),
                "invoice_line_ids": [Command.create(line)],
            }
            for _number in range(count)
        ]
    )
    moves.action_post()
    for move in moves:
        move._l10n_pl_ksef_freeze()


def cron(env, name):
    """A scheduled action, as the scheduler runs it."""
    env.ref(f"l10n_pl_ksef.{name}").method_direct_trigger()


def flush(env):
    """The same work beside the scheduler, which never runs one action twice at a time."""
    env["l10n_pl_ksef.document"]._cron_flush()


def flush_one_by_one(env):
    """Flush without packages, however many there are."""
    with patch(f"{SENDER}.BATCH_ABOVE", 10_000):
        flush(env)


def poll(env):
    env["l10n_pl_ksef.document"]._cron_poll()


WORK = {work.__name__: work for work in (issue, cron, flush, flush_one_by_one, poll)}


def carry_out(order):
    """In the child. A few documents make several packages here, and these several parts."""
    with Registry(database).cursor() as cr:
        env = api.Environment(cr, SUPERUSER_ID, {"allowed_company_ids": [company]})
        sender = type(env["l10n_pl_ksef.sender"])
        granted = sender._package_limits

        def small(self, ksef):
            return replace(granted(self, ksef), part_bytes=PART)

        with patch.object(sender, "_package_limits", small), patch(f"{SENDER}.MOST_DOCUMENTS", 15):
            WORK[order["do"]](env, *order["with"])


def start(order):
    number = os.fork()
    if number:
        return number
    status = 1
    try:
        carry_out(order)
        status = 0
    except BaseException:  # noqa: BLE001 - the child ends here, whatever it was
        traceback.print_exc()
    finally:
        os._exit(status)


def listen(orders):
    """Answer each order until there are no more."""
    for text in orders:
        order = json.loads(text)
        if order["do"] == "wait":
            _number, status = os.waitpid(order["with"][0], 0)
            answer = os.waitstatus_to_exitcode(status)
        else:
            answer = start(order)
        orders.write(f"{answer}\n")
        orders.flush()


PART = 3000
database, company = env.cr.dbname, env.ref("base.main_company").id
env.cr.close()
sql_db.close_all()  # connections are not shared with children
with socket.socket(fileno=int(os.environ["KSEF_ORDERS"])) as line, line.makefile("rw") as orders:
    listen(orders)
os._exit(0)  # the shell's own cursor is closed

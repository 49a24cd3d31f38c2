"""Many documents in the queue, the log of what was asked of KSeF, and time that passes."""

import base64
import hashlib
from datetime import timedelta
from unittest.mock import patch

from odoo import Command, fields

from .common import SELLER_NIP, KsefCommon

OPEN, CLOSE = "POST /sessions/batch", "POST /sessions/batch/{ref}/close"
OPEN_ONLINE = "POST /sessions/online"
LIST = "GET /sessions/{ref}/invoices"
UPO = "GET /sessions/{ref}/invoices/{invoice_ref}/upo"
MODELS = "odoo.addons.l10n_pl_ksef.models"
BATCH = f"{MODELS}.l10n_pl_ksef_sender_batch"
REQUEST = f"{MODELS}.l10n_pl_ksef_request"
# What lies in the future of a row, or counts from its past.
MOMENTS = {
    "l10n_pl_ksef_request": ("at",),
    "l10n_pl_ksef_document": ("next_attempt_at", "lease_until", "sent_at"),
    "l10n_pl_ksef_connection": ("blocked_until", "access_valid_until", "refresh_valid_until"),
    "ir_cron_trigger": ("call_at",),
}


class KsefQueueCommon(KsefCommon):
    def give_offline_certificate(self):
        made = self.simulator.post("certificates", nip=SELLER_NIP, kind="Offline")
        certificate = self.certificate_of(made, "ksef_offline")
        self.company.sudo().l10n_pl_ksef_offline_certificate_id = certificate

    def invoices(self, count, **vals):
        """Posted invoices, made together."""
        moves = (
            self.env["account.move"]
            .with_user(self.accountant)
            .create(
                [
                    {
                        "move_type": "out_invoice",
                        "partner_id": self.buyer.id,
                        "invoice_date": self.today(),
                        "invoice_line_ids": [
                            Command.create(
                                {
                                    "name": "Usługa",
                                    "quantity": 1,
                                    "price_unit": 100 + number,
                                    "tax_ids": [Command.set(self.tax_23.ids)],
                                }
                            )
                        ],
                        **vals,
                    }
                    for number in range(count)
                ]
            )
        )
        moves.action_post()
        return moves

    def queue(self, count, **vals):
        """(invoices, their documents in the queue)"""
        moves = self.invoices(count, **vals)
        for move in moves:
            self.freeze(move)
        return moves, moves.sudo().l10n_pl_ksef_document_ids

    @staticmethod
    def spoil(documents):
        """Let these have been frozen wrong: the total is no number, which the schema refuses."""
        for document in documents:
            xml = document._xml().replace(b"<P_15>", b"<P_15>x", 1)
            digest = base64.b64encode(hashlib.sha256(xml).digest()).decode()
            document.write(
                {"xml_file": base64.b64encode(xml), "xml_sha256": digest, "xml_size": len(xml)}
            )

    def requests(self):
        """'METHOD /route' of every request that the simulator has logged, and its status."""
        return [
            (f"{entry['method']} {entry['route']}", entry["status"])
            for entry in self.simulator.get("log")
        ]

    def flush(self, documents):
        self.make_due(documents)
        self.run_cron("ir_cron_flush")

    def poll(self, documents, looks=10):
        """Poll until nothing is on its way any more."""
        for _look in range(looks):
            waiting = documents.filtered(
                lambda d: d.state in ("sending", "sent") or d.state == "accepted" and d.upo_pending
            )
            if not waiting:
                return
            self.make_due(waiting)
            self.expire_lease(waiting.filtered(lambda d: d.state == "sending"))
            self.run_cron("ir_cron_poll")

    def assert_each_once(self, documents):
        """The simulator has each file once: nothing lost, nothing sent twice."""
        received = [row["hash"] for row in self.simulator.invoices()]
        self.assertEqual(sorted(received), sorted(documents.mapped("xml_sha256")))

    # -- time ------------------------------------------------------------------------------------

    def pass_time(self, seconds):
        """Let time pass for both: the simulator's clock goes ahead, our rows grow older."""
        self.simulator.post("clock", advance=seconds)
        self.env.flush_all()
        for table, columns in MOMENTS.items():
            shifted = ", ".join(f"{name} = {name} - %(step)s" for name in columns)
            step = {"step": timedelta(seconds=seconds)}
            self.env.cr.execute(f"UPDATE {table} SET {shifted}", step)
        self.env.invalidate_all()

    def without_waiting(self):
        """What would sleep for its turn lets the time pass instead."""
        self.startPatcher(patch(f"{REQUEST}.time.sleep", self.pass_time))

    def run_as_asked(self, name):
        """Run a scheduled action; seconds until it wants to be run again, None: at its interval."""
        cron = self.env.ref(f"l10n_pl_ksef.{name}")
        wishes = self.env["ir.cron.trigger"].sudo()
        # Odoo drops those that are due, by the time at which the transaction began: that of a test
        # is long ago
        due = [("cron_id", "=", cron.id), ("call_at", "<=", fields.Datetime.now())]
        wishes.search(due).unlink()
        self.run_cron(name)
        moments = wishes.search([("cron_id", "=", cron.id)]).mapped("call_at")
        return (min(moments) - fields.Datetime.now()).total_seconds() if moments else None

"""Our own count of requests keeps us within KSeF's limits."""

from odoo import fields
from odoo.tests import tagged

from .common import SEND, KsefCommon

CLOSE = "POST /sessions/online/{ref}/close"


@tagged("post_install", "-at_install", "post_install_l10n")
class TestBudget(KsefCommon):
    def spend(self, counter, count):
        now = fields.Datetime.now()
        self.env["l10n_pl_ksef.request"].sudo().create(
            [
                {"connection_id": self.connection.id, "counter": counter, "at": now}
                for _number in range(count)
            ]
        )

    def test_calls_are_noted(self):
        self.send(self.invoice())
        counters = self.env["l10n_pl_ksef.request"].sudo().search([]).mapped("counter")
        self.assertEqual(counters.count("invoiceSend"), 1)
        self.assertEqual(counters.count("onlineSession"), 1)

    def test_used_up_limit_puts_off_and_asks_nothing(self):
        moves = self.invoice() | self.invoice(200)
        documents = moves.browse().sudo().l10n_pl_ksef_document_ids
        for move in moves:
            documents |= self.freeze(move).sudo()
        self.spend("invoiceSend", 180)
        self.run_cron("ir_cron_flush")
        self.assertEqual(set(documents.mapped("state")), {"queued"})
        self.assertFalse(self.simulator.calls(SEND))
        self.assertFalse(self.connection._is_blocked(), "nothing is wrong with KSeF")
        later = fields.Datetime.add(fields.Datetime.now(), minutes=50)
        self.assertTrue(all(d.next_attempt_at > later for d in documents))
        self.run_cron("ir_cron_flush")
        self.assertEqual(len(self.simulator.calls("POST /sessions/online")), 1, "no hot loop")
        self.env["l10n_pl_ksef.request"].sudo().search([]).unlink()
        self.make_due(documents)
        self.run_cron("ir_cron_flush")
        self.assertEqual(set(documents.mapped("state")), {"sent"})

    def test_reading_waits_without_hurting_the_sending(self):
        self.simulator.post("speed", polls=[50, 50])
        move = self.invoice()
        self.send(move, allow_fallback_pdf=True)
        document = move.sudo().l10n_pl_ksef_document_ids
        self.spend("invoiceStatus", 1200)
        self.make_due(document)
        self.run_cron("ir_cron_poll")
        self.assertEqual((document.state, document.failures), ("sent", 0))
        self.assertGreater(
            document.next_attempt_at, fields.Datetime.add(fields.Datetime.now(), minutes=50)
        )
        other = self.freeze(self.invoice(200)).sudo()
        self.run_cron("ir_cron_flush")
        self.assertEqual(other.state, "sent")

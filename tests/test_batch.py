"""Many documents: packages, what happens to each in them, and every moment of a fault."""

from unittest.mock import patch

from odoo import fields
from odoo.tests import tagged

from ..ksef.batch import BatchSession
from .common import SEND, KsefCommon

OPEN, CLOSE = "POST /sessions/batch", "POST /sessions/batch/{ref}/close"
BATCH = "odoo.addons.l10n_pl_ksef.models.l10n_pl_ksef_sender_batch"


@tagged("post_install", "-at_install", "post_install_l10n")
class TestBatch(KsefCommon):
    def setUp(self):
        super().setUp()
        self.startPatcher(patch(f"{BATCH}.BATCH_ABOVE", 3))

    def queue(self, count=5):
        moves = self.env["account.move"].union(*(self.invoice(100 + n) for n in range(count)))
        for move in moves:
            self.freeze(move)
        return moves, moves.sudo().l10n_pl_ksef_document_ids

    def flush(self, documents):
        self.make_due(documents)
        self.run_cron("ir_cron_flush")

    def poll(self, documents):
        self.make_due(documents)
        self.expire_lease(documents.filtered(lambda d: d.state == "sending"))
        self.run_cron("ir_cron_poll")

    def assert_each_once(self, moves):
        self.assertEqual(set(moves.mapped("l10n_pl_ksef_state")), {"accepted"})
        taken = [row for row in self.simulator.invoices() if row["status"] == 200]
        self.assertEqual(
            sorted(row["hash"] for row in taken),
            sorted(moves.sudo().l10n_pl_ksef_document_ids.mapped("xml_sha256")),
        )

    def test_package_brings_numbers_and_upos(self):
        moves, documents = self.queue()
        self.flush(documents)
        self.assertEqual(documents.session_id.kind, "batch")
        self.assertEqual(set(documents.mapped("state")), {"sent"})
        self.poll(documents)
        self.assert_each_once(moves)
        self.assertFalse(self.simulator.calls(SEND))
        self.assertEqual(len(self.simulator.calls(OPEN)), 1)
        self.assertTrue(all(documents.mapped("upo_file")))
        self.assertTrue(all(documents.mapped("reference_number")))

    def test_few_documents_go_one_by_one(self):
        _moves, documents = self.queue(3)
        self.flush(documents)
        self.assertEqual(len(self.simulator.calls(SEND)), 3)

    def test_online_and_offline_never_share_a_package(self):
        moves, documents = self.queue(8)
        documents[:4].write({"issued_offline": True, "legal_mode": "offline24"})
        self.flush(documents)
        self.assertEqual(len(documents.session_id), 2)
        self.poll(documents)
        self.assert_each_once(moves)
        modes = {d.l10n_pl_ksef_mode for d in documents[4:].move_id}
        self.assertEqual(modes, {"online"})

    def test_rejected_ones_stop_no_other(self):
        moves, documents = self.queue()
        self.simulator.fault("invoice", "outcome", code=450)
        self.flush(documents)
        self.poll(documents)
        states = sorted(moves.mapped("l10n_pl_ksef_state"))
        self.assertEqual(states, ["accepted"] * 4 + ["rejected"])

    def test_damaged_file_stays_out_of_the_package(self):
        moves, documents = self.queue()
        documents[0].xml_file = False
        self.flush(documents)
        self.assertEqual(documents[0].state, "held")
        self.poll(documents)
        self.assertEqual(
            set((moves - documents[0].move_id).mapped("l10n_pl_ksef_state")), {"accepted"}
        )

    def test_opening_refused(self):
        self.simulator.fault(OPEN, "status", status=503)
        _moves, documents = self.queue()
        self.flush(documents)
        self.assertEqual(set(documents.mapped("state")), {"queued"})
        self.assertTrue(self.connection._is_blocked())
        self.flush(documents)
        self.poll(documents)
        self.assertEqual(set(documents.mapped("state")), {"accepted"})

    def test_upload_that_breaks_is_sent_again(self):
        moves, documents = self.queue()

        def breaks(batch, workers=1):
            raise ConnectionResetError("the line is cut during the upload")

        with (
            patch.object(BatchSession, "upload", breaks),
            self.assertLogs("odoo.addons.l10n_pl_ksef", "ERROR"),
        ):
            self.flush(documents)
        self.assertEqual(set(documents.mapped("state")), {"sending"})
        self.poll(documents)
        self.assertEqual(set(documents.mapped("state")), {"queued"})
        self.flush(documents)
        self.poll(documents)
        self.assert_each_once(moves)

    def test_lost_answer_to_the_closing(self):
        self.simulator.fault(CLOSE, "reset", when="after", times=2)
        moves, documents = self.queue()
        self.flush(documents)
        self.poll(documents)
        self.poll(documents)
        self.assert_each_once(moves)
        self.assertEqual(len(self.simulator.calls(OPEN)), 1)

    def test_death_between_closing_and_record(self):
        moves, documents = self.queue()
        real = BatchSession.close

        def close_and_die(batch):
            real(batch)
            raise MemoryError("nothing after the closing is written")

        with (
            patch.object(BatchSession, "close", close_and_die),
            self.assertLogs("odoo.addons.l10n_pl_ksef", "ERROR"),
        ):
            self.flush(documents)
        self.assertEqual(set(documents.mapped("state")), {"sending"})
        self.assertTrue(all(d.lease_until > fields.Datetime.now() for d in documents))
        self.poll(documents)
        self.assert_each_once(moves)
        self.assertEqual(len(self.simulator.calls(OPEN)), 1)

    def test_numbers_given_between_two_looks_are_no_absence(self):
        """The status is asked for before the list: see `_rows`."""
        moves, documents = self.queue()
        self.simulator.post("speed", polls=[1, 1])
        self.flush(documents)
        for _look in range(6):
            self.poll(documents)
            self.assertNotIn("queued", documents.mapped("state"))
        self.assert_each_once(moves)
        self.assertEqual(len(self.simulator.calls(OPEN)), 1)

    def test_package_that_was_never_closed_is_closed_first(self):
        moves, documents = self.queue()

        def lost(batch):
            raise MemoryError("dies before the closing")

        with (
            patch.object(BatchSession, "close", lost),
            self.assertLogs("odoo.addons.l10n_pl_ksef", "ERROR"),
        ):
            self.flush(documents)
        self.poll(documents)
        self.poll(documents)
        self.assert_each_once(moves)
        self.assertEqual(len(self.simulator.calls(OPEN)), 1, "the uploaded package was used")

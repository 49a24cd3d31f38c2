"""What stands in the way of a queue: faults of one document, of the connection, of ourselves."""

import base64
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..ksef.types import InvoiceStatus
from .common import SEND, KsefCommon

SENDER_LOG = "odoo.addons.l10n_pl_ksef.models.l10n_pl_ksef_sender"
LOGIN = "POST /auth/challenge"


@tagged("post_install", "-at_install", "post_install_l10n")
class TestResilience(KsefCommon):
    def document(self, move):
        return move.sudo().l10n_pl_ksef_document_ids

    # -- one document ----------------------------------------------------------------------------

    def test_unexpected_fault_of_one_invoice_stops_no_other(self):
        self.simulator.post("speed", polls=[50, 50])
        good, bad = self.invoice(), self.invoice(200)
        self.send(good | bad, allow_fallback_pdf=True)
        self.simulator.post("speed", polls=[0, 0])
        self.make_due(self.document(good) | self.document(bad))
        cls = type(self.env["account.move"])
        real = cls._l10n_pl_ksef_on_accepted

        def breaks(move, document):
            if move.id == bad.id:
                raise ZeroDivisionError("a third module breaks here")
            return real(move, document)

        with patch.object(cls, "_l10n_pl_ksef_on_accepted", breaks), mute_logger(SENDER_LOG):
            self.run_cron("ir_cron_poll")
        self.assertEqual(good.l10n_pl_ksef_state, "accepted")
        self.assertEqual(bad.l10n_pl_ksef_state, "sending")
        self.assertGreater(self.document(bad).next_attempt_at, fields.Datetime.now())
        self.make_due(self.document(bad))
        self.run_cron("ir_cron_poll")
        self.assertEqual(bad.l10n_pl_ksef_state, "accepted")

    def test_lost_file_of_one_invoice_stops_no_other(self):
        bad, good = self.invoice(), self.invoice(200)
        self.freeze(bad)
        self.freeze(good)
        self.document(bad).xml_file = False
        self.run_cron("ir_cron_flush")
        self.assertEqual(self.document(bad).state, "held")
        self.assertEqual(self.document(good).state, "sent")

    def test_held_document_is_corrected_or_retried(self):
        self.simulator.fault("invoice", "outcome", code=410)
        move = self.invoice()
        self.send(move, allow_fallback_pdf=True)
        self.assertEqual(self.document(move).state, "held")
        self.assertTrue(move.show_reset_to_draft_button)
        self.assertTrue(move.l10n_pl_ksef_held)
        move.with_user(self.accountant).action_l10n_pl_ksef_retry()
        self.assertEqual(self.document(move).state, "queued")
        with self.assertRaises(UserError):
            move.with_user(self.accountant).action_l10n_pl_ksef_retry()
        move.with_user(self.accountant).button_draft()
        self.assertEqual(self.document(move).state, "withdrawn")
        self.assertFalse(move.activity_ids)

    def test_what_was_handed_over_offline_cannot_be_withdrawn(self):
        move = self.invoice()
        self.freeze(move).sudo().issued_offline = True
        self.assertFalse(move.show_reset_to_draft_button)
        with self.assertRaises(UserError):
            move.button_draft()

    def test_attempts_are_counted_and_end_with_a_person(self):
        self.simulator.fault("invoice", "outcome", code=500, times=20)
        self.simulator.post("speed", polls=[1, 0])  # a look in between, as there always is one
        move = self.invoice()
        document = self.freeze(move)
        for _attempt in range(5):
            self.run_cron("ir_cron_flush")
            for _look in range(3):
                if document.state == "sent":
                    self.make_due(document)
                    self.run_cron("ir_cron_poll")
            self.make_due(document)
        self.assertEqual(document.state, "held")
        self.assertEqual(document.attempt, 5)
        self.assertTrue(move.activity_ids)

    def test_unanswered_question_is_asked_again_and_told(self):
        self.simulator.post("speed", polls=[50, 50])
        move = self.invoice()
        self.send(move, allow_fallback_pdf=True)
        document = self.document(move)
        for route in ("", "/{invoice_ref}"):
            self.simulator.fault(
                f"GET /sessions/{{ref}}/invoices{route}",
                "status",
                times=9,
                status=400,
                body='{"exception": {"exceptionDetailList": [{"exceptionCode": 21405,'
                ' "exceptionDescription": "Błąd walidacji danych wejściowych."}]}}',
                headers={"Content-Type": "application/json"},
            )
        for _attempt in range(5):
            self.make_due(document)
            self.run_cron("ir_cron_poll")
        self.assertEqual(document.state, "sent", "what may be in KSeF is never called failed")
        self.assertIn("Błąd walidacji", move.l10n_pl_ksef_error)
        self.assertEqual(len(move.activity_ids), 1)
        self.assertGreater(document.next_attempt_at, fields.Datetime.now())

    def test_check_leaves_a_running_sending_alone(self):
        move = self.invoice()
        document = self.freeze(move)
        session = (
            self.env["l10n_pl_ksef.session"]
            .sudo()
            .create(
                {
                    "company_id": self.company.id,
                    "connection_id": self.connection.id,
                    "reference_number": "20260801-SO-0000000000-0000000000-00",
                }
            )
        )
        lease = fields.Datetime.add(fields.Datetime.now(), minutes=5)
        document.sudo().write({"state": "sending", "session_id": session.id, "lease_until": lease})
        action = move.with_user(self.accountant).action_l10n_pl_ksef_check()
        self.assertIn(move.name, action["params"]["message"])
        self.assertEqual(document.state, "sending")
        self.assertFalse(self.simulator.calls("GET /sessions/{ref}/invoices"))

    # -- duplicates ------------------------------------------------------------------------------

    def test_duplicate_without_extensions_is_adopted(self):
        """KSeF only may name the original (status 440): it is found by our own sessions."""
        self.simulator.fault(SEND, "reset", when="after")
        move = self.invoice()
        self.send(move, allow_fallback_pdf=True)
        document = self.document(move)
        document.write({"state": "queued", "session_id": False, "next_attempt_at": False})
        self.run_cron("ir_cron_flush")
        self.poll_without_extensions(document)
        self.assertEqual(move.l10n_pl_ksef_state, "accepted")
        self.assertEqual(document.tried_session_ids[0], document.session_id)

    def test_duplicate_without_extensions_and_session_is_adopted(self):
        """Not even the session is known, as after a restored backup: the metadata tell."""
        self.simulator.fault(SEND, "reset", when="after")
        move = self.invoice()
        self.send(move, allow_fallback_pdf=True)
        document = self.document(move)
        document.write(
            {
                "state": "queued",
                "session_id": False,
                "tried_session_ids": [fields.Command.clear()],
                "next_attempt_at": False,
            }
        )
        self.run_cron("ir_cron_flush")
        self.poll_without_extensions(document)
        self.assertEqual(move.l10n_pl_ksef_state, "accepted")

    def poll_without_extensions(self, document):
        real = InvoiceStatus.from_json.__func__

        def nameless(cls, data):
            data = {**data, "status": {**data["status"], "extensions": None}}
            return real(cls, data)

        self.make_due(document)
        with patch.object(InvoiceStatus, "from_json", classmethod(nameless)):
            self.run_cron("ir_cron_poll")

    def test_original_of_a_conflict_becomes_the_document(self):
        self.simulator.post("speed", polls=[0, 0], storage=0)
        first = self.invoice()
        self.send(first)
        original = self.document(first)
        # one more look, and the simulator has stored it for good
        self.connection._client().session_invoices(original.session_id.reference_number)
        second = self.invoice(300)
        document = self.freeze(second).sudo()
        document.write(
            {
                "state": "conflict",
                "original_ksef_number": original.ksef_number,
            }
        )
        # as if the original had been sent by another program
        self.env.cr.execute(
            "UPDATE l10n_pl_ksef_document SET ksef_number = NULL, xml_sha256 = %s WHERE id = %s",
            ["A" * 44, original.id],
        )
        self.env.invalidate_all()
        with self.assertRaises(UserError):
            document.with_user(self.accountant).action_conflict_accept()
        document.with_user(self.administrator).action_conflict_accept()
        self.assertEqual(document.state, "superseded")
        taken = document.superseded_by_id
        self.assertEqual(second.l10n_pl_ksef_number, taken.ksef_number)
        self.assertEqual(second.l10n_pl_ksef_state, "accepted")
        self.assertEqual(taken.xml_sha256, self.simulator.invoices()[0]["hash"])
        self.assertTrue(taken.acquired_at)
        self.assertFalse(taken.upo_pending)

    # -- the connection --------------------------------------------------------------------------

    def test_no_login_blocks_the_connection_and_asks_one_administrator(self):
        self.company.sudo().l10n_pl_ksef_auth_certificate_id = False
        moves = self.invoice() | self.invoice(200)
        for move in moves:
            self.freeze(move)
        self.run_cron("ir_cron_flush")
        self.assertEqual(set(moves.mapped("l10n_pl_ksef_state")), {"queued"})
        self.assertEqual(self.connection.state, "problem")
        self.assertEqual(len(self.connection.activity_ids), 1)
        self.assertFalse(moves.activity_ids)
        self.assertIn("certificate", moves[0].l10n_pl_ksef_error)
        self.run_cron("ir_cron_flush")
        self.assertEqual(self.connection.failures, 1, "not tried before it is due")
        self.give_certificate()
        self.connection.with_user(self.administrator).action_connect()
        self.assertFalse(self.connection.activity_ids)
        self.run_cron("ir_cron_flush")
        self.assertEqual(set(moves.mapped("l10n_pl_ksef_state")), {"sending"})

    def test_poll_that_cannot_log_in_is_no_hot_loop(self):
        self.simulator.post("speed", polls=[50, 50])
        move = self.invoice()
        self.send(move, allow_fallback_pdf=True)
        self.company.sudo().l10n_pl_ksef_auth_certificate_id = False
        self.make_due(self.document(move))
        self.run_cron("ir_cron_poll")
        self.assertTrue(self.connection._is_blocked())
        cron = self.env.ref("l10n_pl_ksef.ir_cron_poll")
        triggers = self.env["ir.cron.trigger"].search([("cron_id", "=", cron.id)])
        soon = fields.Datetime.add(fields.Datetime.now(), seconds=50)
        later = triggers.filtered(lambda t: t.call_at > soon)
        self.assertTrue(later)

    def test_batch_sending_ends_while_ksef_is_away(self):
        self.simulator.fault(LOGIN, "status", status=503, times=99)
        self.simulator.post("settings", count_requests=False)
        moves = self.env["account.move"].union(*(self.invoice(100 + n) for n in range(11)))
        for move in moves:
            move.sending_data = {
                "author_user_id": self.accountant.id,
                "author_partner_id": self.accountant.partner_id.id,
                "sending_methods": ["manual"],
                "extra_edis": ["l10n_pl_ksef"],
            }
        self.run_cron("account.ir_cron_account_move_send")
        self.assertFalse(any(moves.mapped("sending_data")), "Odoo's queue is through")
        self.assertEqual(set(moves.mapped("l10n_pl_ksef_state")), {"queued"})
        self.assertLessEqual(len(self.simulator.calls(LOGIN)), 2)
        self.simulator.post("faults", clear=True)
        self.make_due(self.document(moves))
        self.run_cron("ir_cron_flush")
        self.make_due(self.document(moves))
        self.run_cron("ir_cron_poll")
        self.assertEqual(set(moves.mapped("l10n_pl_ksef_state")), {"accepted"})
        self.assertTrue(all(moves.mapped("sending_data")), "what was asked for goes on")
        self.run_cron("account.ir_cron_account_move_send")
        self.assertFalse(any(moves.mapped("sending_data")))
        self.assertTrue(all(moves.mapped("invoice_pdf_report_id")))

    def test_connection_is_written_by_its_buttons_only(self):
        connection = self.connection.with_user(self.administrator)
        for name, value in (("environment", "prod"), ("state", "connected"), ("failures", 0)):
            with self.assertRaises(AccessError):
                connection.write({name: value})

    # -- which invoices --------------------------------------------------------------------------

    def test_older_invoices_are_not_offered(self):
        self.company.sudo().l10n_pl_ksef_start_date = self.today()
        move = self.invoice(invoice_date=fields.Date.subtract(self.today(), days=1))
        self.assertFalse(move.l10n_pl_ksef_state)
        edis = self.env["account.move.send"]._get_all_extra_edis()
        self.assertFalse(edis["l10n_pl_ksef"]["is_applicable"](move))
        self.company.sudo().l10n_pl_ksef_start_date = move.invoice_date
        self.assertEqual(move.l10n_pl_ksef_state, "to_send")

    def test_invoice_of_the_other_module_is_not_offered(self):
        move = self.invoice()
        if "l10n_pl_edi_number" in move._fields:
            move.l10n_pl_edi_number = "5265877635-20260801-000000000000-00"
            self.assertFalse(move._l10n_pl_ksef_is_due())

    def test_trial_environment_ties_nothing_after_it_was_left(self):
        move = self.invoice()
        self.send(move)
        trial = self.document(move)
        self.company.sudo().l10n_pl_ksef_environment = "test"
        self.assertEqual(move.l10n_pl_ksef_state, "to_send")
        self.assertFalse(move.l10n_pl_ksef_number)
        self.assertFalse(move.l10n_pl_ksef_qr_invoice_url)
        document = self.freeze(move)
        self.assertNotEqual(document, trial)
        self.assertEqual(document.environment, "test")
        self.company.sudo().l10n_pl_ksef_environment = "simulator"
        self.assertEqual(move.l10n_pl_ksef_number, trial.ksef_number)
        self.run_cron("ir_cron_flush")
        self.assertEqual(document.state, "withdrawn")

    def test_production_always_ties(self):
        move = self.invoice()
        self.send(move)
        self.env.cr.execute(
            "UPDATE l10n_pl_ksef_document SET environment = 'prod' WHERE id = %s",
            [self.document(move).id],
        )
        self.env.invalidate_all()
        self.company.sudo().l10n_pl_ksef_environment = "test"
        self.assertEqual(move.l10n_pl_ksef_state, "accepted")
        with self.assertRaises(UserError):
            move.button_draft()

    def test_upo_of_another_invoice_is_not_kept(self):
        move = self.invoice()
        other = self.invoice(200)
        self.send(other)
        strange = base64.b64decode(self.document(other).with_context(bin_size=False).upo_file)
        client = "odoo.addons.l10n_pl_ksef.ksef.client.Client"
        with (
            patch(f"{client}.upo", lambda self, *args: strange),
            patch(f"{client}.upos_at", lambda self, urls: dict.fromkeys(urls, strange)),
        ):
            self.send(move)
        document = self.document(move)
        self.assertEqual(move.l10n_pl_ksef_state, "accepted")
        self.assertFalse(document.upo_file)
        self.make_due(document)
        self.run_cron("ir_cron_poll")
        self.assertTrue(document.upo_file)

"""The whole path of an invoice, and every place where it can be interrupted."""

import base64
import hashlib
from unittest.mock import patch

from odoo import Command, fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from ..ksef.client import OnlineSession
from .common import SEND, KsefCommon


@tagged("post_install", "-at_install", "post_install_l10n")
class TestFlow(KsefCommon):
    def assert_accepted_once(self, move):
        self.assertEqual(move.l10n_pl_ksef_state, "accepted", move.l10n_pl_ksef_error)
        document = move.sudo().l10n_pl_ksef_document_ids
        taken = [row for row in self.simulator.invoices() if row["status"] == 200]
        self.assertEqual([row["ksef_number"] for row in taken], [move.l10n_pl_ksef_number])
        self.assertEqual(taken[0]["hash"], document.xml_sha256)
        return document

    # -- the good case ---------------------------------------------------------------------------

    def test_send_brings_number_upo_and_code(self):
        move = self.invoice()
        self.assertEqual(move.l10n_pl_ksef_state, "to_send")
        self.send(move)
        document = self.assert_accepted_once(move)
        xml = base64.b64decode(document.with_context(bin_size=False).xml_file)
        digest = hashlib.sha256(xml).digest()
        self.assertEqual(base64.b64encode(digest).decode(), document.xml_sha256)
        received = self.simulator.invoices()[0]["xml"]
        self.assertEqual(
            base64.b64decode(received), xml, "what was stored is what KSeF got (law 1)"
        )
        self.assertTrue(
            move.l10n_pl_ksef_qr_invoice_url.endswith(
                base64.urlsafe_b64encode(digest).decode().rstrip("=")
            )
        )
        upo = base64.b64decode(document.with_context(bin_size=False).upo_file)
        self.assertIn(move.l10n_pl_ksef_number.encode(), upo)
        self.assertFalse(document.upo_pending)
        self.assertTrue(move.l10n_pl_ksef_accepted_at)

    def test_many_invoices_share_one_session(self):
        moves = self.invoice() | self.invoice(200) | self.invoice(300)
        self.send(moves)
        self.assertEqual(set(moves.mapped("l10n_pl_ksef_state")), {"accepted"})
        self.assertEqual(len(set(moves.mapped("l10n_pl_ksef_number"))), 3)
        self.assertEqual(len(self.simulator.calls("POST /sessions/online")), 1)

    def test_sending_again_sends_nothing(self):
        move = self.invoice()
        self.send(move)
        self.send(move)
        self.assertEqual(len(self.simulator.calls(SEND)), 1)
        self.assert_accepted_once(move)

    def test_slow_ksef_number_comes_with_the_cron(self):
        self.simulator.post("speed", polls=[50, 50])
        move = self.invoice()
        self.send(move, allow_fallback_pdf=True)
        self.assertEqual(move.l10n_pl_ksef_state, "sending")
        self.assertFalse(move.invoice_pdf_report_id, "no PDF leaves as if it were final")
        self.assertEqual([code["label"] for code in move._l10n_pl_ksef_qr_codes()], ["OFFLINE"])
        self.simulator.post("speed", polls=[0, 0])
        self.make_due(move.l10n_pl_ksef_document_ids)
        self.run_cron("ir_cron_poll")
        self.assert_accepted_once(move)

    # -- lost answers ----------------------------------------------------------------------------

    def test_lost_answer_is_resolved_by_hash(self):
        self.simulator.fault(SEND, "reset", when="after")
        move = self.invoice()
        self.send(move, allow_fallback_pdf=True)
        document = move.sudo().l10n_pl_ksef_document_ids
        self.assertEqual(document.state, "sending", "unknown is a state, not a failure (law 2)")
        self.expire_lease(document)
        self.run_cron("ir_cron_poll")
        self.assert_accepted_once(move)
        self.assertEqual(len(self.simulator.calls(SEND)), 1)

    def test_answer_lost_before_ksef_took_it(self):
        self.simulator.fault(SEND, "reset", when="before")
        move = self.invoice()
        self.send(move, allow_fallback_pdf=True)
        document = move.sudo().l10n_pl_ksef_document_ids
        self.assertEqual(document.state, "sending")
        self.expire_lease(document)
        self.run_cron("ir_cron_poll")
        self.assertEqual(document.state, "queued")
        self.make_due(document)
        self.run_cron("ir_cron_flush")
        self.make_due(document)
        self.run_cron("ir_cron_poll")
        self.assert_accepted_once(move)
        self.assertEqual(document.attempt, 2)

    def test_server_error_after_acceptance(self):
        self.simulator.fault(SEND, "status", when="after", status=503, body="<html>gateway</html>")
        move = self.invoice()
        self.send(move, allow_fallback_pdf=True)
        self.expire_lease(move.l10n_pl_ksef_document_ids)
        self.run_cron("ir_cron_poll")
        self.assert_accepted_once(move)
        self.assertEqual(len(self.simulator.calls(SEND)), 1)

    def test_process_dies_between_answer_and_record(self):
        move = self.invoice()
        document = self.freeze(move)
        real = OnlineSession.send

        def send_and_die(self, *args, **kw):
            real(self, *args, **kw)
            raise MemoryError("nothing after the POST is written")

        with (
            patch.object(OnlineSession, "send", send_and_die),
            self.assertLogs("odoo.addons.l10n_pl_ksef", "ERROR"),
        ):
            self.run_cron("ir_cron_flush")
        self.assertEqual(document.state, "sending", "the intent was committed before the POST")
        self.expire_lease(document)
        self.run_cron("ir_cron_poll")
        self.assert_accepted_once(move)
        self.assertEqual(len(self.simulator.calls(SEND)), 1)

    # -- duplicates ------------------------------------------------------------------------------

    def test_duplicate_with_the_same_hash_is_adopted(self):
        self.simulator.fault(SEND, "reset", when="after")
        move = self.invoice()
        self.send(move, allow_fallback_pdf=True)
        document = move.sudo().l10n_pl_ksef_document_ids
        # as if the list had not shown it: the same bytes go out again
        document.write({"state": "queued", "session_id": False, "next_attempt_at": False})
        self.run_cron("ir_cron_flush")
        self.make_due(document)
        self.run_cron("ir_cron_poll")
        self.assert_accepted_once(move)
        self.assertEqual(len(self.simulator.calls(SEND)), 2)

    def test_duplicate_with_another_hash_is_a_conflict(self):
        first = self.invoice()
        self.send(first)
        name = first.name
        second = self.invoice(price=999.0)
        document = self.freeze(second)
        other = (
            document.with_context(bin_size=False)
            ._xml()
            .replace(second.name.encode(), name.encode())
        )
        self.assertNotEqual(other, document._xml())
        document.sudo().write(
            {
                "xml_file": base64.b64encode(other),
                "xml_sha256": base64.b64encode(hashlib.sha256(other).digest()).decode(),
            }
        )
        self.run_cron("ir_cron_flush")
        self.make_due(document)
        self.run_cron("ir_cron_poll")
        self.assertEqual(document.state, "conflict")
        self.assertEqual(second.l10n_pl_ksef_state, "attention")
        self.assertTrue(second.activity_ids)

    # -- one bad apple, back-off -----------------------------------------------------------------

    def test_one_rejected_document_does_not_stop_the_others(self):
        self.simulator.fault("invoice", "outcome", code=450)
        bad, good = self.invoice(), self.invoice(200)
        self.send(bad | good, allow_fallback_pdf=True)
        self.assertEqual(
            sorted((bad | good).mapped("l10n_pl_ksef_state")), ["accepted", "rejected"]
        )

    def test_rejected_invoice_is_corrected_and_sent_again(self):
        self.simulator.fault("invoice", "outcome", code=450)
        move = self.invoice()
        self.send(move, allow_fallback_pdf=True)
        self.assertEqual(move.l10n_pl_ksef_state, "rejected")
        move.button_draft()
        move.invoice_line_ids.name = "Usługa poprawiona"
        move.action_post()
        self.send(move)
        self.assertEqual(move.l10n_pl_ksef_state, "accepted")
        states = move.sudo().l10n_pl_ksef_document_ids.sorted("id").mapped("state")
        self.assertEqual(states, ["superseded", "accepted"])

    def test_ksef_away_then_back(self):
        self.simulator.fault("POST /auth/challenge", "status", status=503, times=9)
        move = self.invoice()
        self.send(move, allow_fallback_pdf=True)
        self.assertEqual(move.l10n_pl_ksef_state, "queued")
        document = move.sudo().l10n_pl_ksef_document_ids
        self.assertTrue(self.connection._is_blocked(), "no hot loop")
        self.assertIn("KSeF", move.l10n_pl_ksef_error)
        self.run_cron("ir_cron_flush")
        self.assertFalse(self.simulator.calls(SEND), "not before it is due")
        self.simulator.post("faults", clear=True)
        self.make_due(document)
        self.run_cron("ir_cron_flush")
        self.make_due(document)
        self.run_cron("ir_cron_poll")
        self.assert_accepted_once(move)

    def test_too_many_requests_waits_as_told(self):
        self.simulator.fault(SEND, "status", status=429, headers={"Retry-After": "120"})
        move = self.invoice()
        self.send(move, allow_fallback_pdf=True)
        other = self.invoice(200)
        self.send(other, allow_fallback_pdf=True)
        self.assertEqual((move | other).mapped("l10n_pl_ksef_state"), ["queued", "queued"])
        wait = (self.connection.blocked_until - fields.Datetime.now()).total_seconds()
        self.assertTrue(100 <= wait <= 130, wait)
        self.run_cron("ir_cron_flush")
        self.assertEqual(len(self.simulator.calls(SEND)), 1, "calls would prolong the block")

    # -- guards (law 5) --------------------------------------------------------------------------

    def test_what_ksef_has_cannot_change(self):
        move = self.invoice()
        self.send(move)
        self.assertFalse(move.show_reset_to_draft_button)
        for change in (
            lambda: move.button_draft(),
            lambda: move.write({"name": "FV/2026/99999"}),
            lambda: move.write({"invoice_date": "2026-01-01"}),
            lambda: move.button_cancel(),
        ):
            with self.assertRaises(UserError), self.env.cr.savepoint():
                change()
        with self.assertRaises(UserError):
            move.sudo().with_context(force_delete=True).unlink()
        with self.assertRaises(UserError):
            move.sudo().l10n_pl_ksef_document_ids.unlink()

    def test_what_never_left_can_be_withdrawn(self):
        move = self.invoice()
        document = self.freeze(move)
        move.button_draft()
        self.assertEqual(document.state, "withdrawn")
        self.assertEqual(move.state, "draft")

    def test_undrawn_transition_is_refused(self):
        document = self.freeze(self.invoice())
        with self.assertRaises(UserError):
            document._transition("accepted")

    # -- bad input -------------------------------------------------------------------------------

    def test_everything_wrong_is_said_at_once_and_nothing_happens(self):
        self.buyer.with_context(no_vat_validation=True).vat = "PL1111111112"
        self.company.partner_id.write({"street": False, "city": False, "zip": False})
        move = self.invoice(
            invoice_date="2099-01-01",
            invoice_line_ids=[
                Command.create(
                    {"name": "bez podatku", "price_unit": 5, "tax_ids": [Command.clear()]}
                )
            ],
        )
        with self.assertRaises(UserError) as caught:
            self.send(move)
        text = str(caught.exception)
        for part in ("F.H.U. Jan Kowalski", "bez podatku", "2099-01-01", "ACME Polska"):
            self.assertIn(part, text)
        self.assertFalse(move.sudo().l10n_pl_ksef_document_ids)
        self.assertFalse(self.simulator.calls(SEND))

    def test_alerts_lead_to_what_is_missing(self):
        self.company.sudo().l10n_pl_ksef_auth_certificate_id = False
        move = self.invoice()
        wizard = (
            self.env["account.move.send.wizard"]
            .with_user(self.accountant)
            .create({"move_id": move.id, "extra_edis": ["l10n_pl_ksef"]})
        )
        alert = wizard.alerts["l10n_pl_ksef_connection"]
        self.assertEqual(alert["level"], "danger")
        self.assertNotIn("action", alert, "an accountant may not open the settings")
        with self.assertRaises(UserError):
            wizard.action_send_and_print()

    def test_frozen_bytes_are_never_replaced(self):
        document = self.freeze(self.invoice()).sudo()
        document.xml_file = base64.b64encode(b"<other/>")
        self.run_cron("ir_cron_flush")
        self.assertEqual(document.state, "held")
        self.assertFalse(self.simulator.calls(SEND))

    def test_only_one_live_document(self):
        move = self.invoice()
        self.assertEqual(self.freeze(move), self.freeze(move))

    def test_neighbour_module_is_not_offered(self):
        move = self.invoice()
        edis = self.env["account.move.send"]._get_all_extra_edis()
        self.assertTrue(edis["l10n_pl_ksef"]["is_applicable"](move))
        if "pl_ksef" in edis:
            self.assertFalse(edis["pl_ksef"]["is_applicable"](move))

    def test_date_before_today_becomes_offline24(self):
        move = self.invoice(invoice_date=fields.Date.subtract(self.today(), days=1))
        self.send(move)
        self.assert_accepted_once(move)
        self.assertEqual(move.l10n_pl_ksef_mode, "offline24")

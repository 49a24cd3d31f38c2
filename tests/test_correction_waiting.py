"""A correction goes to KSeF after what it corrects, and by itself."""

from lxml import etree

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from .common import SEND
from .offline_common import OfflineCommon

NS = "{http://crd.gov.pl/wzor/2025/06/25/13775/}"


@tagged("post_install", "-at_install", "post_install_l10n")
class TestCorrectionWaiting(OfflineCommon):
    def correction(self, move):
        """A posted credit note for the whole invoice, made by the accountant."""
        wizard = (
            self.env["account.move.reversal"]
            .with_user(self.accountant)
            .with_context(active_model="account.move", active_ids=move.ids)
            .create(
                {"journal_id": move.journal_id.id, "date": self.today(), "reason": "zwrot towaru"}
            )
        )
        wizard.reverse_moves()
        credit = wizard.new_move_ids
        credit.invoice_date = self.today()
        credit.action_post()
        return credit

    def press_send(self, move):
        """Send & Print; what is still missing is told, not raised."""
        self.send(move, allow_fallback_pdf=True)

    def flush(self):
        """Two rounds of the scheduled actions, as time goes by."""
        for cron in ("ir_cron_flush", "ir_cron_poll", "ir_cron_flush", "ir_cron_poll"):
            documents = self.env["l10n_pl_ksef.document"].search(
                [("company_id", "=", self.company.id)]
            )
            self.make_due(documents)
            self.run_cron(cron)

    def told(self, credit, name):
        """Texts of an element in the frozen file of the correction."""
        xml = credit.sudo().l10n_pl_ksef_document_ids[:1]._xml()
        return [node.text for node in etree.fromstring(xml).iter(f"{NS}{name}")]

    def test_it_waits_and_goes_by_itself_with_the_number(self):
        self.simulator.post("speed", polls=[50, 50])
        original = self.invoice()
        self.press_send(original)
        self.assertEqual(original.l10n_pl_ksef_state, "sending")
        credit = self.correction(original)
        wizard = self.env["account.move.send.wizard"].with_user(self.accountant)
        alerts = wizard.create({"move_id": credit.id}).alerts
        self.assertNotIn("danger", [alert["level"] for alert in alerts.values()], alerts)
        self.assertIn(original.name, alerts["l10n_pl_ksef_waits"]["message"])
        self.press_send(credit)
        self.assertEqual(credit.l10n_pl_ksef_state, "queued")
        self.assertEqual(credit.l10n_pl_ksef_waits_for_ids, original)
        self.assertFalse(credit.sudo().l10n_pl_ksef_document_ids, "never frozen without the number")
        self.assertEqual(credit._l10n_pl_ksef_printout(), {"heading": "working_copy", "codes": []})
        self.flush()
        self.assertFalse(credit.sudo().l10n_pl_ksef_document_ids)

        self.simulator.post("speed", polls=[0, 0])
        self.flush()
        self.assertEqual(original.l10n_pl_ksef_state, "accepted")
        self.assertEqual(credit.l10n_pl_ksef_state, "accepted", credit.l10n_pl_ksef_error)
        self.assertFalse(credit.l10n_pl_ksef_waits_for_ids)
        self.assertEqual(self.told(credit, "NrKSeFFaKorygowanej"), [original.l10n_pl_ksef_number])

    def test_original_issued_offline(self):
        self.wizard(kind="own").action_offline()
        original = self.invoice()
        self.send(original)
        credit = self.correction(original)
        self.press_send(credit)
        self.assertEqual(credit.l10n_pl_ksef_waits_for_ids, original)
        with self.assertRaises(UserError) as caught, self.env.cr.savepoint():
            credit.with_user(self.accountant).action_l10n_pl_ksef_issue_offline()
        self.assertIn(original.name, str(caught.exception))
        self.wizard().action_online()
        self.flush()
        self.assertEqual(credit.l10n_pl_ksef_state, "accepted", credit.l10n_pl_ksef_error)
        self.assertEqual(self.told(credit, "NrKSeFFaKorygowanej"), [original.l10n_pl_ksef_number])
        self.assertEqual(len(self.simulator.calls(SEND)), 2)

    def test_acceptance_wakes_the_queue(self):
        original = self.invoice()
        credit = self.correction(original)
        self.press_send(credit)
        flush = self.env.ref("l10n_pl_ksef.ir_cron_flush")
        triggers = self.env["ir.cron.trigger"].sudo()
        before = triggers.search_count([("cron_id", "=", flush.id)])
        self.send(original)
        self.assertEqual(original.l10n_pl_ksef_state, "accepted")
        self.assertGreater(triggers.search_count([("cron_id", "=", flush.id)]), before)

    def test_several_corrections_of_one_invoice(self):
        self.simulator.post("speed", polls=[50, 50])
        original = self.invoice()
        self.press_send(original)
        first = self.correction(original)
        self.press_send(first)
        second = self.invoice(
            50,
            l10n_pl_ksef_corrected_move_ids=[fields.Command.set(original.ids)],
            l10n_pl_ksef_correction_method="difference",
        )
        self.press_send(second)
        self.assertEqual((first | second).l10n_pl_ksef_waits_for_ids, original)
        self.simulator.post("speed", polls=[0, 0])
        self.flush()
        self.assertEqual(set((first | second).mapped("l10n_pl_ksef_state")), {"accepted"})

    def test_rejected_original_tells_who_waits(self):
        original = self.invoice()
        self.simulator.post("speed", polls=[50, 50])
        self.press_send(original)
        credit = self.correction(original)
        self.press_send(credit)
        self.simulator.post("reset")
        self.simulator.post("speed", polls=[0, 0])
        original.sudo().l10n_pl_ksef_document_ids._reject("430", "Błąd weryfikacji")
        self.assertIn(original.name, credit.activity_ids.note)
        self.assertIn("Błąd weryfikacji", credit.activity_ids.note)
        self.flush()
        self.assertEqual(credit.l10n_pl_ksef_waits_for_ids, original)
        original.with_user(self.accountant).button_draft()
        self.assertEqual(credit.l10n_pl_ksef_waits_for_ids, original, "it is being put right")
        original.action_post()
        self.send(original)
        self.flush()
        self.assertEqual(credit.l10n_pl_ksef_state, "accepted", credit.l10n_pl_ksef_error)
        self.assertFalse(credit.activity_ids)

    def test_cancelled_original_ends_the_waiting(self):
        original = self.invoice()
        credit = self.correction(original)
        self.press_send(credit)
        self.assertTrue(credit.l10n_pl_ksef_waiting_since)
        other = self.invoice(70)
        other_credit = self.correction(other)
        self.press_send(other_credit)
        self.send(other)
        original.button_draft()
        original.button_cancel()
        self.flush()
        self.assertEqual(credit.l10n_pl_ksef_state, "to_send")
        self.assertIn(original.name, credit.activity_ids.note)
        self.assertEqual(other_credit.l10n_pl_ksef_state, "accepted", "it stops no other")

    def test_reset_to_draft_ends_the_waiting(self):
        credit = self.correction(self.invoice())
        self.press_send(credit)
        credit.with_user(self.accountant).button_draft()
        self.assertFalse(credit.l10n_pl_ksef_waiting_since)

    def test_what_sending_was_asked_for_goes_on(self):
        original = self.invoice()
        credit = self.correction(original)
        wish = {"sending_methods": ["email"], "author_user_id": self.accountant.id}
        credit.sending_data = wish
        credit._l10n_pl_ksef_wait()
        credit.sending_data = False
        self.send(original)
        self.flush()
        self.assertEqual(credit.l10n_pl_ksef_state, "accepted", credit.l10n_pl_ksef_error)
        self.assertEqual(credit.sending_data, wish)

    def test_original_of_a_total_failure_is_named_without_number(self):
        original = self.invoice()
        outage = self.announce("total_failure")
        original.with_user(self.accountant).action_l10n_pl_ksef_issue_outside()
        outage.end = fields.Datetime.now()
        credit = self.correction(original)
        self.send(credit)
        self.assertEqual(credit.l10n_pl_ksef_state, "accepted", credit.l10n_pl_ksef_error)
        self.assertEqual(self.told(credit, "NrKSeFN"), ["1"])
        self.assertEqual(self.told(credit, "NrFaKorygowanej"), [original.name])
        with self.assertRaises(UserError) as caught, self.env.cr.savepoint():
            original.with_user(self.accountant).action_l10n_pl_ksef_undo_outside()
        self.assertIn(credit.name, str(caught.exception))

    def test_original_from_before_ksef_waits_for_nobody(self):
        original = self.invoice(invoice_date=fields.Date.to_date("2026-01-15"))
        credit = self.correction(original)
        self.assertFalse(credit._l10n_pl_ksef_waits_for())
        self.assertIn("KS18", [problem.code for problem in credit._l10n_pl_ksef_fa3_problems()])

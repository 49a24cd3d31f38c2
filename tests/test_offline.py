"""Issuing while KSeF is away: switch, two codes, deadlines, and the way back."""

from datetime import timedelta

from lxml import html

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from .common import SEND
from .offline_common import OfflineCommon

LOGIN = "POST /auth/challenge"


@tagged("post_install", "-at_install", "post_install_l10n")
class TestOffline(OfflineCommon):
    # -- the whole story -------------------------------------------------------------------------

    def test_outage_from_switch_to_numbers(self):
        self.simulator.post("settings", count_requests=False)
        self.wizard(kind="own", remark="no internet").action_offline()
        self.assertEqual(self.company.l10n_pl_ksef_mode, "offline")
        self.simulator.fault(LOGIN, "refuse", times=99)
        moves = self.env["account.move"].union(*(self.invoice(100 + n) for n in range(5)))
        self.send(moves)
        self.assertEqual(set(moves.mapped("l10n_pl_ksef_state")), {"queued"})
        self.assertEqual(set(moves.mapped("l10n_pl_ksef_mode")), {"offline24"})
        self.assertTrue(all(moves.mapped("invoice_pdf_report_id")), "handed over with two codes")
        for move in moves:
            self.assertEqual(self.labels(move), ["OFFLINE", "CERTYFIKAT"])
            self.assertGreater(move.l10n_pl_ksef_deadline, self.today())
        self.run_cron("ir_cron_flush")
        self.assertFalse(self.simulator.calls(SEND), "switched off")
        first = moves[0]
        self.assertEqual(self.page(first.l10n_pl_ksef_qr_certificate_url).status_code, 200)

        self.simulator.post("faults", clear=True)
        self.wizard().action_online()
        self.assertEqual(self.company.l10n_pl_ksef_mode, "online")
        self.make_due(moves.sudo().l10n_pl_ksef_document_ids)
        self.run_cron("ir_cron_flush")
        self.make_due(moves.sudo().l10n_pl_ksef_document_ids)
        self.run_cron("ir_cron_poll")
        self.assertEqual(set(moves.mapped("l10n_pl_ksef_state")), {"accepted"})
        self.assertEqual(len(self.simulator.calls(SEND)), 5)
        for move in moves:
            self.assertEqual(self.labels(move), [move.l10n_pl_ksef_number])
            self.assertFalse(move.invoice_pdf_report_id, "the next print has the number")
            self.assertTrue(move.sudo().l10n_pl_ksef_document_ids.upo_file)
        history = self.wizard().history_ids
        self.assertEqual(history.note, "no internet")
        self.assertTrue(history.end)
        self.assertEqual(history.user_id, self.accountant)

    def test_queued_invoice_is_issued_offline_with_the_same_bytes(self):
        self.simulator.fault(LOGIN, "status", status=503, times=9)
        move = self.invoice()
        self.send(move, allow_fallback_pdf=True)
        document = move.sudo().l10n_pl_ksef_document_ids
        before = document.xml_sha256
        move.with_user(self.accountant).action_l10n_pl_ksef_issue_offline()
        self.assertEqual(move.sudo().l10n_pl_ksef_document_ids, document)
        self.assertEqual(document.xml_sha256, before)
        self.assertTrue(document.issued_offline)
        with self.assertRaises(UserError):
            move.button_draft()
        self.simulator.post("faults", clear=True)
        self.make_due(document)
        self.run_cron("ir_cron_flush")
        self.make_due(document)
        self.run_cron("ir_cron_poll")
        self.assertEqual(move.l10n_pl_ksef_state, "accepted")
        self.assertEqual(move.l10n_pl_ksef_mode, "offline24")

    def test_unknown_outcome_is_never_issued_offline(self):
        self.simulator.fault(SEND, "reset", when="after")
        move = self.invoice()
        self.send(move, allow_fallback_pdf=True)
        with self.assertRaises(UserError):
            move.with_user(self.accountant).action_l10n_pl_ksef_issue_offline()

    def test_no_certificate_no_offline(self):
        self.company.sudo().l10n_pl_ksef_offline_certificate_id = False
        good = self.invoice()
        with self.assertRaises(UserError), self.env.cr.savepoint():
            good.with_user(self.accountant).action_l10n_pl_ksef_issue_offline()
        self.assertFalse(good.sudo().l10n_pl_ksef_document_ids, "nothing is frozen by a failure")
        with self.assertRaises(UserError):
            self.wizard(kind="own").action_offline()

    def test_login_certificate_never_signs_codes(self):
        """Law 4."""
        with self.assertRaises(UserError):
            self.company.sudo().l10n_pl_ksef_offline_certificate_id = (
                self.company.sudo().l10n_pl_ksef_auth_certificate_id
            )

    # -- legal modes -----------------------------------------------------------------------------

    def test_only_an_announcement_makes_more_than_offline24(self):
        cases = [(None, "offline24"), ("unavailability", "offline"), ("failure", "emergency")]
        for kind, mode in cases:
            if kind:
                outage = self.announce(kind)
            move = self.invoice()
            self.freeze_offline(move)
            self.assertEqual(move.l10n_pl_ksef_mode, mode)
            if kind:
                self.assertFalse(move.l10n_pl_ksef_deadline, "open while the outage lasts")
                outage.end = fields.Datetime.now()
                self.assertTrue(move.l10n_pl_ksef_deadline)

    def test_later_announcement_moves_the_deadline(self):
        move = self.invoice()
        document = self.freeze_offline(move)
        before = document.deadline
        outage = self.announce("failure", start=0)
        self.assertEqual((document.deadline, document.deadline_status), (False, "open"))
        outage.end = fields.Datetime.now()
        self.assertGreater(document.deadline, before)
        self.announce("total_failure", start=0)
        self.assertEqual(document.deadline_status, "lifted")

    def test_announcement_that_changes_moves_all_deadlines_at_once(self):
        documents = self.env["l10n_pl_ksef.document"].sudo()
        for number in range(3):
            documents |= self.freeze_offline(self.invoice(100 + number))
        outage = self.announce("failure", start=0)
        self.assertEqual(set(documents.mapped("deadline_status")), {"open"})
        outage.end = fields.Datetime.now()
        (first,) = set(documents.mapped("deadline"))
        outage.end = fields.Datetime.add(fields.Datetime.now(), days=10)
        (later,) = set(documents.mapped("deadline"))
        self.assertGreater(later, first)

        def queries(end):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            outage.end = end
            self.env.flush_all()
            return self.cr.sql_log_count - before

        few = queries(fields.Datetime.now())
        for number in range(9):
            documents |= self.freeze_offline(self.invoice(200 + number))
        self.assertLess(queries(outage.end + timedelta(days=20)), few + 9, "not one by one")
        self.assertEqual(len(set(documents.mapped("deadline"))), 1)

    def test_total_failure_is_outside_ksef(self):
        move = self.invoice()
        with self.assertRaises(UserError):
            move.with_user(self.accountant).action_l10n_pl_ksef_issue_outside()
        self.announce("total_failure")
        move.with_user(self.accountant).action_l10n_pl_ksef_issue_outside()
        self.assertEqual(
            (move.l10n_pl_ksef_state, move.l10n_pl_ksef_mode), ("exempt", "total_failure")
        )
        edis = self.env["account.move.send"]._get_all_extra_edis()
        self.assertFalse(edis["l10n_pl_ksef"]["is_applicable"](move))
        self.assertFalse(move._l10n_pl_ksef_qr_codes())

    # -- what is printed -------------------------------------------------------------------------

    def test_confirmation_for_a_domestic_buyer_invoice_for_the_others(self):
        move = self.invoice()
        self.freeze_offline(move)
        self.assertEqual(move._l10n_pl_ksef_printout()["heading"], "confirmation")
        consumer = self.env["res.partner"].create(
            {
                "name": "Anna Nowak",
                "street": "ul. Leśna 7",
                "city": "Kraków",
                "zip": "30-002",
                "country_id": self.env.ref("base.pl").id,
            }
        )
        private = self.invoice(partner_id=consumer.id)
        self.freeze_offline(private)
        self.assertEqual(private._l10n_pl_ksef_printout()["heading"], "invoice")
        self.announce("failure")
        in_failure = self.invoice()
        self.freeze_offline(in_failure)
        self.assertEqual(in_failure._l10n_pl_ksef_printout()["heading"], "invoice")
        body, _kind = self.env["ir.actions.report"]._render_qweb_html(
            "account.report_invoice", move.ids
        )
        page = html.fromstring(body)
        self.assertTrue(page.xpath("//*[@name='l10n_pl_ksef_confirmation']"))
        self.assertEqual(len(page.xpath("//*[@name='l10n_pl_ksef_code']")), 2)

    def technical(self, document):
        """The wizard that an accountant sees."""
        action = document.with_user(self.accountant).action_technical_correction()
        wizard = self.env[action["res_model"]].with_user(self.accountant)
        return wizard.browse(action["res_id"])

    # -- rejected while the print is out ---------------------------------------------------------

    def test_technical_correction_keeps_the_content(self):
        move = self.invoice()
        document = self.reject_offline(move)
        self.assertEqual(move.l10n_pl_ksef_state, "rejected")
        with self.assertRaises(UserError):
            move.with_user(self.accountant).button_draft()
        self.buyer.street = "ul. Polna 2"
        wizard = self.technical(document)
        self.assertEqual(
            wizard.line_ids.mapped(lambda c: (c.path, c.before, c.after, c.content)),
            [("Podmiot2/Adres/AdresL1", "ul. Polna 1", "ul. Polna 2", False)],
        )
        with self.assertRaises(UserError), self.env.cr.savepoint():
            wizard.action_correct()
        wizard.confirmed = True
        wizard.action_correct()
        fresh = move._l10n_pl_ksef_document().sudo()
        self.assertNotEqual(fresh, document)
        self.assertEqual(fresh.corrects_sha256, document.xml_sha256)
        self.assertEqual(fresh.deadline, document.deadline)
        self.assertEqual(self.labels(move), ["OFFLINE", "CERTYFIKAT"])
        with self.assertRaises(UserError), self.env.cr.savepoint():
            document.with_user(self.accountant).action_technical_correction()
        self.assertEqual(fresh._issued_at(), document.create_date, "its term is the original's")
        self.run_cron("ir_cron_flush")
        self.make_due(fresh)
        self.run_cron("ir_cron_poll")
        self.assertEqual(move.l10n_pl_ksef_state, "accepted", move.l10n_pl_ksef_error)
        self.assertEqual(document.state, "superseded")

    def test_technical_corrections_keep_out_of_packages_and_within_the_limit(self):
        moves = self.env["account.move"].union(*(self.invoice(100 + n) for n in range(12)))
        documents = self.reject_offline(moves)
        self.assertEqual(set(documents.mapped("state")), {"rejected"})
        packages = len(self.simulator.calls("POST /sessions/batch"))
        for document in documents:
            document.with_user(self.accountant)._correct_technically()
        corrections = moves.sudo().l10n_pl_ksef_document_ids - documents
        lately = fields.Datetime.subtract(fields.Datetime.now(), minutes=5)
        self.env["l10n_pl_ksef.request"].sudo().create(
            [
                {"connection_id": self.connection.id, "counter": "invoiceSend", "at": lately}
                for _sent in range(180 - 7)
            ]
        )
        figures = self.env["l10n_pl_ksef.forecast"]._figures(self.company)
        self.assertEqual(figures["waiting"], 12)
        self.assertGreater(figures["seconds"], 3000, "five wait for the next hour")
        self.run_cron("ir_cron_flush")
        self.assertEqual(len(self.simulator.calls(SEND)), 7)
        self.assertEqual(len(self.simulator.calls("POST /sessions/batch")), packages)
        self.assertEqual(sorted(corrections.mapped("state")), ["queued"] * 5 + ["sent"] * 7)

    def test_technical_correction_of_other_content_is_refused(self):
        move = self.invoice()
        document = self.reject_offline(move)
        self.buyer.vat = "PL5213017228"
        wizard = self.technical(document)
        self.assertTrue(wizard.has_content)
        wizard.confirmed = True
        with self.assertRaises(UserError) as caught, self.env.cr.savepoint():
            wizard.action_correct()
        self.assertIn("NIP", str(caught.exception))
        self.assertFalse(move.sudo().l10n_pl_ksef_document_ids - document)

    def test_older_print_is_not_handed_over(self):
        move = self.invoice()
        self.env["account.move.send"].with_user(self.accountant)._generate_and_send_invoices(
            move, sending_methods=["manual"], extra_edis=set()
        )
        self.assertTrue(move.invoice_pdf_report_id)
        self.freeze_offline(move)
        self.assertFalse(move.invoice_pdf_report_id)

    def test_unusable_certificate_leaves_nothing_half_made(self):
        self.wizard(kind="own").action_offline()
        self.company.sudo().l10n_pl_ksef_offline_certificate_id = False
        move = self.invoice()
        self.send(move, allow_fallback_pdf=True)
        self.assertFalse(move.sudo().l10n_pl_ksef_document_ids)

    def test_online_invoice_past_midnight_is_offline24_and_warned(self):
        move = self.invoice(invoice_date=fields.Date.subtract(self.today(), days=3))
        document = self.freeze(move).sudo()
        document.write({"legal_mode": "online", "deadline": self.today()})
        self.run_cron("ir_cron_watch")
        self.assertEqual(document.legal_mode, "offline24")
        self.assertTrue(move.activity_ids)

    def test_mistaken_announcement_moves_no_deadline(self):
        move = self.invoice()
        document = self.freeze_offline(move)
        before = document.deadline
        outage = self.announce("failure", start=0)
        self.assertEqual(document.deadline_status, "open")
        with self.assertRaises(UserError):
            outage.with_user(self.accountant).action_mistaken()
        outage.with_user(self.administrator).action_mistaken()
        self.assertEqual((document.deadline, document.deadline_status), (before, "due"))

    # -- warnings --------------------------------------------------------------------------------

    def test_warning_before_a_deadline_is_one_activity(self):
        move = self.invoice()
        document = self.freeze_offline(move)
        document.deadline = fields.Date.add(self.today(), days=3)
        self.run_cron("ir_cron_watch")
        self.assertFalse(move.activity_ids)
        document.deadline = self.today()
        self.run_cron("ir_cron_watch")
        self.run_cron("ir_cron_watch")
        self.assertEqual(len(move.activity_ids), 1)
        document.deadline = fields.Date.subtract(self.today(), days=1)
        self.run_cron("ir_cron_watch")
        self.assertEqual(len(move.activity_ids), 1)
        self.assertEqual(document.deadline_stage, "over")

    # -- rights and evidence ---------------------------------------------------------------------

    def test_who_may_switch(self):
        reader = new_test_user(
            self.env,
            login="ksef_reader",
            groups="account.group_account_readonly",
            company_id=self.company.id,
            company_ids=[fields.Command.set(self.company.ids)],
        )
        with self.assertRaises(AccessError):
            self.wizard(user=reader)
        outage = self.announce("failure")
        with self.assertRaises(AccessError):
            outage.with_user(reader).action_end()
        with self.assertRaises(UserError):
            outage.unlink()

    def test_announcement_needs_its_number(self):
        with self.assertRaises(UserError):
            self.wizard(kind="failure").action_announce()
        self.wizard(kind="failure", announcement="K/2026/AWR/02").action_announce()
        self.assertEqual(self.wizard().announced_id.announcement, "K/2026/AWR/02")
        self.assertEqual(self.company.l10n_pl_ksef_mode, "online")

    # -- what Send & Print offers ----------------------------------------------------------------

    def alerts(self, move):
        wizard = self.env["account.move.send.wizard"].with_user(self.accountant)
        return wizard.create({"move_id": move.id}).alerts or {}

    def test_failed_sending_offers_to_issue_offline(self):
        """The send failed before it left, and the user chooses."""
        self.simulator.fault(LOGIN, "refuse", times=9)
        move = self.invoice()
        with self.assertRaises(UserError) as caught, self.env.cr.savepoint():
            self.send(move)
        self.assertIn("Issue offline", str(caught.exception))
        self.send(move, allow_fallback_pdf=True)
        self.assertTrue(move.l10n_pl_ksef_may_issue_offline)
        model, method, ids = self.alerts(move)["l10n_pl_ksef_issue_offline"]["action_call"]
        getattr(self.env[model].with_user(self.accountant).browse(ids), method)()
        self.assertFalse(move.l10n_pl_ksef_may_issue_offline)
        self.assertNotIn("l10n_pl_ksef_issue_offline", self.alerts(move))
        self.send(move)
        self.assertEqual(self.labels(move), ["OFFLINE", "CERTYFIKAT"])
        self.assertTrue(move.invoice_pdf_report_id)

    def test_switched_off_company_is_told_once(self):
        move = self.invoice()
        self.freeze(move)
        self.assertIn("l10n_pl_ksef_issue_offline", self.alerts(move))
        self.wizard(kind="own").action_offline()
        alerts = self.alerts(move)
        self.assertIn("l10n_pl_ksef_offline", alerts)
        self.assertNotIn("l10n_pl_ksef_issue_offline", alerts)

    def test_many_at_once_from_the_list(self):
        good = self.invoice() | self.invoice(200)
        sent = self.invoice(400)
        self.send(sent)
        result = (good | sent).with_user(self.accountant).action_l10n_pl_ksef_issue_offline()
        self.assertEqual(set(good.mapped("l10n_pl_ksef_mode")), {"offline24"})
        self.assertEqual(result["params"]["type"], "warning")
        self.assertIn(sent.name, result["params"]["message"])

    # -- a total failure by mistake --------------------------------------------------------------

    def test_total_failure_by_mistake_goes_back(self):
        self.announce("total_failure")
        move = self.invoice()
        move.with_user(self.accountant).action_l10n_pl_ksef_issue_outside()
        reader = new_test_user(
            self.env,
            login="ksef_other",
            groups="base.group_user",
            company_id=self.company.id,
            company_ids=[fields.Command.set(self.company.ids)],
        )
        with self.assertRaises(AccessError):
            move.with_user(reader).action_l10n_pl_ksef_undo_outside()
        move.l10n_pl_ksef_total_failure_id.with_user(self.administrator).action_mistaken()
        self.assertIn("mistake", move.activity_ids.note)
        said = len(move.message_ids)
        move.with_user(self.accountant).action_l10n_pl_ksef_undo_outside()
        self.assertFalse(move.activity_ids)
        self.assertEqual(move.l10n_pl_ksef_state, "to_send")
        self.assertFalse(move.l10n_pl_ksef_mode)
        self.assertGreater(len(move.message_ids), said)
        self.assertIn("K/2026/AWR/01", move.message_ids[0].body)
        self.assertTrue(
            any("Issued outside KSeF" in body for body in move.message_ids.mapped("body"))
        )
        self.send(move)
        self.assertEqual(move.l10n_pl_ksef_state, "accepted")

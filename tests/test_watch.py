"""Before a deadline: one activity a subject, a mail for whoever the company has named."""

from datetime import datetime, timedelta

from freezegun import freeze_time

from odoo import Command, fields
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from ..ksef import warsaw
from .queue_common import KsefQueueCommon

DEADLINE = "l10n_pl_ksef.mail_activity_type_deadline"


@tagged("post_install", "-at_install", "post_install_l10n")
class TestWatch(KsefQueueCommon):
    def setUp(self):
        super().setUp()
        self.give_offline_certificate()

    def offline(self, count=1):
        moves = self.invoices(count)
        moves.action_l10n_pl_ksef_issue_offline()
        return moves, moves.sudo().l10n_pl_ksef_document_ids

    def watch(self, documents, hours_left):
        """Run the watch so many hours before the end of their deadline, in Warsaw."""
        end = warsaw.end_of(documents[0].deadline).replace(tzinfo=None)
        offset = warsaw.end_of(documents[0].deadline).utcoffset()
        with freeze_time(end - offset - timedelta(hours=hours_left)):
            self.env.invalidate_all()
            self.env["l10n_pl_ksef.document"]._cron_watch()

    def mails(self):
        return self.env["mail.mail"].sudo().search([("subject", "like", "KSeF")])

    def test_a_day_four_hours_and_after(self):
        moves, documents = self.offline()
        told = []
        for hours in (30, 24.5, 23.9, 10, 4.5, 3.9, 1, 0.1, -0.1, -5, -30):
            self.watch(documents, hours)
            activities = moves.activity_search([DEADLINE])
            self.assertLessEqual(len(activities), 1, "updated, not repeated")
            if documents.deadline_stage not in (False, *(stage for _hours, stage in told)):
                told.append((hours, documents.deadline_stage))
        self.assertEqual(told, [(23.9, "24h"), (3.9, "4h"), (-0.1, "over")])
        self.assertIn("over", activities.summary)
        self.assertEqual(activities.date_deadline, documents.deadline)
        self.assertEqual(activities.user_id, self.accountant, "who is responsible")
        self.assertFalse(self.mails(), "nobody was named")

    def test_activity_ends_with_the_number(self):
        moves, documents = self.offline()
        self.watch(documents, 3)
        self.assertTrue(moves.activity_search([DEADLINE]))
        self.flush(documents)
        self.poll(documents)
        self.assertEqual(moves.l10n_pl_ksef_state, "accepted")
        self.assertFalse(moves.activity_search([DEADLINE]))

    def test_deadline_that_moves_is_warned_of_anew(self):
        """An announced failure gives seven working days more, from its end."""
        moves, documents = self.offline()
        before = documents.deadline
        self.watch(documents, 3)
        start = datetime.combine(before, datetime.min.time())
        outage = (
            self.env["l10n_pl_ksef.outage"]
            .sudo()
            .create(
                {
                    "environment": "simulator",
                    "kind": "failure",
                    "announcement": "K/2026/AWR/01",
                    "start": start,
                    "end": start + timedelta(hours=1),
                }
            )
        )
        self.assertGreater(documents.deadline, before)
        self.assertFalse(moves.activity_search([DEADLINE]), "its day is no longer true")
        self.watch(documents, 3)
        self.assertEqual(moves.activity_search([DEADLINE]).date_deadline, documents.deadline)
        self.assertTrue(outage)

    def test_mail_for_those_who_are_named(self):
        self.env["res.lang"].sudo()._activate_lang("pl_PL")
        module = self.env["ir.module.module"].sudo().search([("name", "=", "l10n_pl_ksef")])
        module._update_translations(["pl_PL"], overwrite=True)
        chief = new_test_user(
            self.env,
            login="ksef_chief",
            groups="account.group_account_invoice",
            company_id=self.company.id,
            company_ids=[Command.set(self.company.ids)],
            email="chief@example.com",
            lang="pl_PL",
        )
        stranger = new_test_user(
            self.env, login="ksef_stranger", groups="base.group_user", email="other@example.com"
        )
        stranger.write(
            {
                "company_ids": [Command.set(self.env.ref("base.main_company").ids)],
                "company_id": self.env.ref("base.main_company").id,
            }
        )
        self.company.sudo().l10n_pl_ksef_deadline_user_ids = chief | stranger
        moves, documents = self.offline(3)
        self.watch(documents, 3)
        mail = self.mails()
        self.assertEqual(len(mail), 1, "one for all three, and not for another company's people")
        self.assertIn("chief@example.com", mail.email_to)
        for move in moves:
            self.assertIn(move.name, mail.body_html)
        self.assertIn("termin", mail.body_html)
        self.watch(documents, 2)
        self.assertEqual(self.mails(), mail, "not twice for one stage")
        self.watch(documents, -1)
        self.assertEqual(len(self.mails()), 2)

    def test_one_that_cannot_be_told_of_hides_no_other(self):
        moves, documents = self.offline(2)
        cls = type(self.env["account.move"])
        real = cls._l10n_pl_ksef_responsible

        def breaks(move):
            if move.id == moves[0].id:
                raise ZeroDivisionError("a third module breaks here")
            return real(move)

        self.patch(cls, "_l10n_pl_ksef_responsible", breaks)
        with mute_logger("odoo.addons.l10n_pl_ksef.models.l10n_pl_ksef_document_watch"):
            self.watch(documents, 3)
        self.assertFalse(documents[0].deadline_stage)
        self.assertEqual(documents[1].deadline_stage, "4h")

    def test_correction_takes_the_activity_away(self):
        move = self.invoice(invoice_date=fields.Date.subtract(self.today(), days=3))
        document = self.freeze(move).sudo()
        self.watch(document, -1)
        self.assertTrue(move.activity_search([DEADLINE]))
        move.with_user(self.accountant).button_draft()
        self.assertFalse(move.activity_ids)

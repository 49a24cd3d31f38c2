"""What the queue page and the mode page say of the queue."""

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from .offline_common import OfflineCommon


@tagged("post_install", "-at_install", "post_install_l10n")
class TestForecast(OfflineCommon):
    def figures(self):
        return self.env["l10n_pl_ksef.forecast"]._figures(self.company)

    def said(self, level):
        found = self.env["l10n_pl_ksef.document"].with_user(self.accountant).forecast()
        return " ".join(item["text"] for item in found if item["level"] == level)

    def offline_ones(self, count):
        documents = self.env["l10n_pl_ksef.document"].sudo()
        for number in range(count):
            documents |= self.freeze_offline(self.invoice(100 + number))
        return documents

    def test_nothing_waits(self):
        figures = self.figures()
        self.assertEqual((figures["waiting"], figures["level"]), (0, "none"))
        self.assertIn("Nothing waits", self.said("muted"))

    def test_a_safe_queue(self):
        documents = self.offline_ones(3)
        figures = self.figures()
        self.assertEqual((figures["waiting"], figures["seconds"], figures["level"]), (3, 0, "safe"))
        self.assertEqual(figures["earliest_deadline"], documents[0].deadline)
        self.assertIn("That is safe", self.said("good"))
        self.assertFalse(self.said("bad"))

    def test_switched_off_says_when_it_goes(self):
        self.wizard(kind="own").action_offline()
        self.offline_ones(1)
        self.assertTrue(self.figures()["offline"])
        self.assertIn("way back to ONLINE", self.said("muted"))
        wizard = self.wizard()
        self.assertIn("way back to ONLINE", wizard.forecast)
        self.assertFalse(wizard.risk)

    def test_used_up_limits_and_rest_are_counted(self):
        self.offline_ones(1)
        now = fields.Datetime.now()
        self.env["l10n_pl_ksef.request"].sudo().create(
            [
                {"connection_id": self.connection.id, "counter": "invoiceSend", "at": now}
                for _sent in range(180)
            ]
        )
        self.assertAlmostEqual(self.figures()["seconds"], 3600, delta=60)
        self.connection.sudo().blocked_until = fields.Datetime.add(now, hours=5)
        self.assertAlmostEqual(self.figures()["seconds"], 5 * 3600, delta=60)

    def test_those_at_risk_are_counted_in_red(self):
        documents = self.offline_ones(3)
        documents[0].deadline = fields.Date.subtract(self.today(), days=1)
        documents[1].deadline = self.today()
        self.connection.sudo().blocked_until = fields.Datetime.add(fields.Datetime.now(), days=2)
        documents[2].deadline = fields.Date.add(self.today(), days=9)
        figures = self.figures()
        self.assertEqual((figures["overdue"], figures["at_risk"], figures["level"]), (1, 1, "risk"))
        self.assertIn("Will miss their deadline: 1.", self.said("bad"))
        self.assertIn("Over their deadline: 1.", self.said("bad"))
        self.assertIn("Will miss their deadline: 1.", self.wizard().risk)

    def test_what_does_not_wait_to_be_sent_has_its_own_number(self):
        rejected, sent, held = self.offline_ones(3)
        (rejected | sent).write({"state": "sent"})
        rejected._reject("430", "schemat")
        held._hold("fix", "", "brak uprawnień")
        self.invoice()
        original = self.invoice()
        correction = self.invoice(
            50, l10n_pl_ksef_corrected_move_ids=[fields.Command.set(original.ids)]
        )
        correction._l10n_pl_ksef_wait()
        figures = self.figures()
        names = ("waiting", "underway", "stuck", "to_send", "corrections")
        self.assertEqual([figures[name] for name in names], [0, 1, 2, 2, 1])
        self.assertIn("Need a person: 2.", self.said("bad"))

    def test_number_of_queries_does_not_grow(self):
        self.offline_ones(2)
        self.figures()

        def queries():
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            self.figures()
            return self.cr.sql_log_count - before

        few = queries()
        self.offline_ones(25)
        self.assertEqual(queries(), few)

    def test_another_company_is_not_counted(self):
        self.offline_ones(1)
        other = self.env["res.company"].sudo().create({"name": "Inna"})
        self.assertEqual(self.env["l10n_pl_ksef.forecast"]._figures(other)["waiting"], 0)

    def test_only_readers_of_documents_see_it(self):
        stranger = new_test_user(self.env, login="ksef_stranger", groups="base.group_user")
        with self.assertRaises(AccessError):
            self.env["l10n_pl_ksef.document"].with_user(stranger).forecast()

"""The switch that the checks propose or make, and announcements by a person."""

from datetime import datetime, timedelta

from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged

from .probe_common import MONDAY, ProbeCommon


@tagged("post_install", "-at_install", "post_install_l10n")
class TestProbeSwitch(ProbeCommon):
    # -- the proposal and the switch -------------------------------------------------------------

    def test_the_way_back_is_proposed(self):
        self.down()
        self.tick(2)
        wizard = self.env["l10n_pl_ksef.mode.wizard"].with_user(self.accountant).create({})
        wizard.company_id = self.company
        wizard.action_offline()
        self.assertFalse(self.company.l10n_pl_ksef_proposal)
        self.assertFalse(self.activities())
        self.tick()
        self.assert_says("no", whose="ksef")
        self.up()
        self.tick(3)
        self.assert_says("yes", proposal="online")
        self.assertEqual(self.company.l10n_pl_ksef_mode, "offline", "a person switches back")

    def test_switching_by_itself_and_back(self):
        self.company.sudo().l10n_pl_ksef_auto_switch = True
        self.down()
        self.tick()
        self.assertEqual(self.company.l10n_pl_ksef_mode, "online")
        self.tick()
        self.assertEqual(self.company.l10n_pl_ksef_mode, "offline")
        own = self.company._l10n_pl_ksef_own_outage()
        self.assertEqual((own.source, own.user_id.id), ("probe", False))
        self.up()
        self.tick(3)
        self.assertEqual(self.company.l10n_pl_ksef_mode, "online")
        self.assertTrue(own.end)

    def test_what_a_person_switched_is_not_switched_back(self):
        self.company.sudo().l10n_pl_ksef_auto_switch = True
        self.company.sudo()._l10n_pl_ksef_go_offline("no internet", source="user")
        self.tick(4)
        self.assert_says("yes", proposal="online")
        self.assertEqual(self.company.l10n_pl_ksef_mode, "offline")

    def test_a_total_failure_is_never_entered_by_itself(self):
        self.company.sudo().l10n_pl_ksef_auto_switch = True
        self.simulator.post("latarnia", action="total_failure", outage=True)
        self.tick(2)
        self.assert_says("no", mode="total_failure", whose="ksef", proposal="offline")
        self.assertEqual(self.company.l10n_pl_ksef_mode, "online")

    def test_without_an_offline_certificate_it_is_only_proposed(self):
        company = self.company.sudo()
        company.l10n_pl_ksef_auto_switch = True
        company.l10n_pl_ksef_offline_certificate_id = False
        self.down()
        self.tick(2)
        self.assert_says("no", whose="ksef", proposal="offline")
        self.assertEqual(self.company.l10n_pl_ksef_mode, "online")

    def test_only_an_administrator_decides_who_is_asked_and_what_switches(self):
        for vals in (
            {"l10n_pl_ksef_control_url": "http://127.0.0.1/"},
            {"l10n_pl_ksef_auto_switch": True},
        ):
            with self.subTest(vals), self.assertRaises(AccessError):
                self.company.with_user(self.accountant).write(vals)
        with self.assertRaises(ValidationError):
            self.company.sudo().l10n_pl_ksef_control_url = "file:///etc/passwd"

    def test_one_click_to_the_switch_filled_in(self):
        self.down()
        self.tick(2)
        page = self.env["account.journal"].with_user(self.accountant)
        journal = page.search(
            [("type", "=", "sale"), ("company_id", "=", self.company.id)], limit=1
        )
        card = journal._get_journal_dashboard_data_batched()[journal.id]["l10n_pl_ksef"]
        self.assertEqual((card["offline"], card["proposal"]), (False, "offline"))
        action = journal.action_l10n_pl_ksef_mode()
        wizard = self.env[action["res_model"]].with_user(self.accountant).browse(action["res_id"])
        self.assertEqual((wizard.kind, wizard.proposal), ("own", "offline"))
        self.assertIn("KSeF has not answered since", wizard.remark)
        wizard.action_offline()
        own = self.company._l10n_pl_ksef_own_outage()
        self.assertEqual((own.note, own.user_id), (wizard.remark, self.accountant))
        self.simulator.post("latarnia", action="failure")
        self.tick()
        action = self.invoice().with_user(self.accountant).action_l10n_pl_ksef_mode()
        wizard = self.env[action["res_model"]].browse(action["res_id"])
        self.assertEqual(wizard.kind, "failure", "the announcement is named")
        self.assertEqual(wizard.announcement, self.outages("failure").announcement)

    def test_the_card_counts_what_waits_and_what_needs_somebody(self):
        self.freeze(self.invoice())
        self.invoice()
        journal = self.company_data["default_journal_sale"].with_user(self.accountant)
        card = journal._get_journal_dashboard_data_batched()[journal.id]["l10n_pl_ksef"]
        self.assertEqual((card["waiting"], card["to_send"], card["to_fix"]), (1, 1, 0))
        self.assertIn("Waiting to be sent: 1", card["forecast"][0]["text"])
        self.set_clock(MONDAY + timedelta(days=9))
        card = journal._get_journal_dashboard_data_batched()[journal.id]["l10n_pl_ksef"]
        said = {line["level"]: line["text"] for line in card["forecast"]}
        self.assertIn("Over their deadline: 1", said["bad"])
        domain = journal.action_l10n_pl_ksef_invoices()["domain"]
        self.assertEqual(self.env["account.move"].search_count(domain), 2)

    def test_an_outage_shows_what_belongs_to_it(self):
        self.tick()
        self.down()
        self.tick(2)
        self.send(self.invoice(), allow_raising=False)
        move = self.invoice()
        move.with_user(self.accountant).action_l10n_pl_ksef_issue_offline()
        outage = self.outages().with_user(self.accountant).with_company(self.company)
        self.assertEqual(len(outage.probe_ids), 3)
        self.assertEqual(outage.invoice_count, 1)
        action = outage.action_invoices()
        self.assertEqual(self.env["account.move"].search(action["domain"]), move)
        for view in ("list", "form", "search"):
            self.env["l10n_pl_ksef.outage"].with_user(self.accountant).get_view(view_type=view)

    # -- announcements by a person ---------------------------------------------------------------

    def test_the_beacon_confirms_what_a_person_entered(self):
        entered = (
            self.env["l10n_pl_ksef.outage"]
            .sudo()
            ._announce(
                "simulator",
                kind="failure",
                number="K/2026/AWR/01",
                start=self.clock - timedelta(hours=2),
            )
        )
        self.assertEqual(entered.source, "user")
        told = self.message()
        self.simulator.post("latarnia", action="raw", status={"status": "FAILURE"}, messages=[told])
        self.tick()
        self.assertEqual(self.outages("failure"), entered)
        self.assertEqual((entered.event_id, entered.start), (77, datetime(2026, 7, 20, 7, 0)))
        self.assertEqual(len(entered.announcement_ids), 1)

    def test_the_same_announcement_is_entered_once(self):
        Outage = self.env["l10n_pl_ksef.outage"].sudo()
        first = Outage._announce(
            "simulator", kind="failure", number="K/1", start=self.clock, note="x"
        )
        second = Outage._announce(
            "simulator", kind="failure", number="K/1", start=self.clock, end=self.clock
        )
        self.assertEqual((first, second.end), (second, self.clock))

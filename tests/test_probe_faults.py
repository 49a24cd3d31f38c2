"""Checks of KSeF where something is odd: clocks, busy rows, people who disagree."""

import json
from dataclasses import replace
from datetime import date, timedelta
from unittest.mock import patch

from psycopg2.errors import SerializationFailure

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from ..ksef import environment
from .common import SEND
from .probe_common import ACTIVITY, MONDAY, STATUS, FaultCommon


@tagged("post_install", "-at_install", "post_install_l10n")
class TestProbeFaults(FaultCommon):
    def test_one_environment_without_an_address_stops_no_other(self):
        connection = type(self.env["l10n_pl_ksef.connection"])
        address = connection._environment_of

        def one_is_broken(connections, key):
            if key == "demo":
                raise ValueError("no address")
            return address(connections, key)

        with (
            patch(f"{STATUS}.ALWAYS", ("demo",)),
            patch.object(connection, "_environment_of", one_is_broken),
            mute_logger(STATUS),
        ):
            self.tick()
        self.assert_says("yes")

    def test_one_company_that_cannot_be_told_keeps_no_other_from_resting(self):
        self.down()
        company = type(self.env["res.company"])
        with (
            patch.object(company, "_l10n_pl_ksef_propose", side_effect=ValueError("x")),
            mute_logger(STATUS),
        ):
            self.tick(2)
        self.assertTrue(self.connection._is_blocked(), "sending rests")

    def test_a_busy_row_loses_no_measurement(self):
        self.tick(2)
        connection = type(self.env["l10n_pl_ksef.connection"])
        self.down()
        with (
            patch.object(connection, "_rest", side_effect=SerializationFailure("busy")),
            mute_logger(STATUS),
        ):
            self.tick(2)
        self.assertEqual(self.env["l10n_pl_ksef.probe"].sudo().search_count([]), 4)
        self.assertEqual(self.status().circuit, "open")

    def test_a_clock_that_was_put_back(self):
        """An hour wrong, and then right: the circuit must not stand still until then."""
        self.down()
        self.set_clock(MONDAY + timedelta(days=1))
        self.tick(2)
        self.assertEqual(self.status().circuit, "open")
        self.up()
        self.set_clock(MONDAY)
        with mute_logger(STATUS):
            self.tick(3)
        self.assertEqual(self.status().circuit, "closed")
        self.assertEqual(self.env["l10n_pl_ksef.probe"].sudo().search_count([]), 5)
        self.assertTrue(self.outages().end)

    def test_the_end_of_an_outage_lifts_no_ban(self):
        """KSeF asked for an hour without requests (429): that outlasts the outage."""
        until = self.clock + timedelta(hours=3)
        self.connection.sudo().blocked_until = until
        self.down()
        self.tick(2)
        self.up()
        self.tick(3)
        self.assertEqual(self.connection.blocked_until, until)

    def test_an_outage_hides_no_other_trouble(self):
        text = "Logged in, but these permissions are missing: InvoiceWrite."
        self.connection.sudo().write({"state": "problem", "message": text})
        self.down()
        self.tick(2)
        self.up()
        self.tick(3)
        self.assertEqual(self.connection.message, text)

    def test_a_neutral_address_that_never_answers_proves_nothing(self):
        self.company.sudo().l10n_pl_ksef_control_url = "http://127.0.0.1:9/"
        self.tick()
        self.use_door("closed")
        self.tick(2)
        self.assert_says("no", whose="unknown", proposal="offline")
        self.tick(13)
        self.assert_says("no", whose="unknown", proposal="offline")

    def test_a_neutral_address_has_a_host(self):
        for wrong in ("https://", "http:///x", "https://[", "www.gov.pl"):
            with self.subTest(wrong), self.assertRaises(ValidationError):
                self.company.sudo().l10n_pl_ksef_control_url = wrong

    def test_a_lost_answer_is_a_failed_attempt(self):
        self.simulator.fault(SEND, "reset")
        self.send(self.invoice(), allow_raising=False)
        failure = self.env["l10n_pl_ksef.failure"].sudo().search([])
        self.assertEqual(failure.kind, "OutcomeUnknown")

    def test_what_lasts_ends_with_the_last_check(self):
        self.down()
        last = self.tick(2).last_at
        self.company.sudo().l10n_pl_ksef_environment = "demo"
        self.set_clock(MONDAY + timedelta(days=2))
        self.env["l10n_pl_ksef.status"].sudo()._watched()
        self.assertEqual(self.outages().end, last, "nobody looked after that")

    def test_old_checks_of_a_clock_that_was_put_back(self):
        self.set_clock(MONDAY + timedelta(hours=5))
        self.tick()
        self.set_clock(MONDAY)
        self.tick(20)
        probes = self.env["l10n_pl_ksef.probe"].sudo()
        for hours in (1, 2, 3, 5, 6, 7):
            self.set_clock(MONDAY + timedelta(days=90, hours=hours))
            probes._gc_probes()
            self.assertFalse(probes._breaks("simulator"), hours)
        self.assertFalse(probes.search([]))
        self.tick(2)
        self.assertFalse(probes._breaks("simulator"))

    def test_nothing_measured_is_not_down(self):
        self.tick()
        self.set_clock(self.moment() + timedelta(days=3))
        status = self.status()
        self.assertEqual((status.availability_day, status.availability_week), ("–", "100.0%"))


@tagged("post_install", "-at_install", "post_install_l10n")
class TestProposalFaults(FaultCommon):
    def test_an_activity_that_is_done_does_not_come_back(self):
        self.down()
        self.tick(2)
        self.activities().with_user(self.administrator).action_feedback("I know")
        self.tick(3)
        self.assertFalse(self.activities())
        self.assertTrue(self.company.l10n_pl_ksef_proposal, "the banner stays")
        messages = self.connection.message_ids
        self.tick(2)
        self.assertEqual(self.connection.message_ids, messages)

    def test_a_total_failure_is_called_by_its_name(self):
        """KSeF may answer all the time."""
        self.tell(self.message(category="TOTAL_FAILURE"))
        self.assertEqual(self.company.l10n_pl_ksef_proposal, "offline")
        self.assertEqual(self.activities().summary, "A total failure of KSeF is announced")

    def test_what_came_over_the_line_is_no_markup(self):
        self.down()
        company = type(self.env["res.company"])
        with patch.object(company, "_l10n_pl_ksef_proposal_note", lambda _self: "<Timed at 0x7f>"):
            self.tick(2)
        self.assertIn("&lt;Timed at 0x7f&gt;", self.activities().note)

    def test_a_person_who_went_back_online_is_not_overruled(self):
        self.company.sudo().l10n_pl_ksef_auto_switch = True
        self.down()
        self.tick(2)
        self.assertEqual(self.company.l10n_pl_ksef_mode, "offline")
        self.company.sudo()._l10n_pl_ksef_go_online()
        self.tick(3)
        self.assertEqual(self.company.l10n_pl_ksef_mode, "online", "within this outage")
        self.assertEqual(self.company.l10n_pl_ksef_proposal, "offline")
        self.up()
        self.tick(3)
        self.down()
        self.tick(2)
        self.assertEqual(self.company.l10n_pl_ksef_mode, "offline", "the next outage")

    def test_late_numbers_keep_nobody_offline(self):
        """KSeF takes invoices: what was issued offline must go, though an old number is late."""
        self.company.sudo().l10n_pl_ksef_auto_switch = True
        self.simulator.fault("invoice", "stuck", seconds=86400, code=200)
        self.send(self.invoice(), allow_raising=False)
        self.tick(7)
        self.down()
        self.tick(2)
        self.assertEqual(self.company.l10n_pl_ksef_mode, "offline")
        self.up()
        self.tick(3)
        self.assertEqual(self.status().online, "late")
        self.assertEqual(self.company.l10n_pl_ksef_mode, "online")

    def test_an_accountant_of_a_branch_opens_the_page(self):
        branch = self.env["res.company"].create(
            {
                "name": "Branch",
                "parent_id": self.company.id,
                "country_id": self.company.country_id.id,
            }
        )
        user = new_test_user(
            self.env,
            "ksef_branch",
            "account.group_account_invoice",
            company_id=branch.id,
            company_ids=[fields.Command.set(branch.ids)],
        )
        wizard = self.env["l10n_pl_ksef.mode.wizard"].with_user(user).with_company(branch)
        action = wizard.action_open()
        page = self.env[action["res_model"]].with_user(user).with_company(branch)
        page = page.browse(action["res_id"])
        page.web_read({"mode": {}, "verdict": {}, "waiting": {}, "history_ids": {}})
        move = (
            self.env["account.move"]
            .with_user(user)
            .with_company(branch)
            .new({"company_id": branch.id, "move_type": "out_invoice"})
        )
        self.assertEqual(move.action_l10n_pl_ksef_mode()["res_model"], "l10n_pl_ksef.mode.wizard")

    def test_a_reader_sees_all_and_changes_nothing(self):
        self.tick()
        self.tell(self.message())
        reader = new_test_user(
            self.env,
            "ksef_reader",
            "account.group_account_readonly",
            company_id=self.company.id,
            company_ids=[fields.Command.set(self.company.ids)],
        )
        status = self.status().with_user(reader)
        status.web_read({name: {} for name in status._fields})
        for press in ("check_now", "times", "availability", "outages", "announcements"):
            self.assertTrue(getattr(status, f"action_{press}")())
        outage = self.outages("failure").with_user(reader)
        outage.web_read({name: {} for name in outage._fields})
        for refused in (outage.action_end, outage.action_mistaken, outage.action_evidence):
            with self.subTest(refused), self.assertRaises(UserError):
                refused()
        with self.assertRaises(AccessError):
            self.env["l10n_pl_ksef.mode.wizard"].with_user(reader).action_open()
        self.company_data["default_journal_sale"].with_user(
            reader
        )._get_journal_dashboard_data_batched()

    def test_the_graph_in_a_zone_of_half_hours(self):
        self.tick(3)
        for zone in ("Asia/Kolkata", "Europe/Warsaw"):
            graph = json.loads(self.status().with_context(tz=zone).graph)
            with self.subTest(zone):
                self.assertTrue(any(value["y"] for value in graph[0]["values"]))

    def test_two_companies_in_two_environments(self):
        connection = type(self.env["l10n_pl_ksef.connection"])
        answering = replace(environment.simulator(self.simulator.url), key="demo")
        address = connection._environment_of
        self.startPatcher(
            patch.object(
                connection,
                "_environment_of",
                lambda records, key: answering if key == "demo" else address(records, key),
            )
        )
        self.use_door("closed")
        other = self.env["res.company"].create({"name": "Other"}).sudo()
        other.l10n_pl_ksef_environment = "demo"
        connections = self.env["l10n_pl_ksef.connection"].sudo()
        theirs = connections._for_company(other, create=True)
        self.tick(2)
        self.assertTrue(self.connection._is_blocked())
        self.assertFalse(theirs._is_blocked())
        self.assertFalse(other.l10n_pl_ksef_proposal)
        self.assertFalse(theirs.activity_search([ACTIVITY]))

    def test_the_deadline_of_a_failure_from_yesterday(self):
        """offline24 of Monday, failure announced on Tuesday within the term."""
        move = self.invoice()
        move.with_user(self.accountant).action_l10n_pl_ksef_issue_offline()
        self.assertEqual(move.l10n_pl_ksef_deadline, date(2026, 7, 21))
        self.set_clock(MONDAY + timedelta(days=1))
        self.tell(self.message(start="2026-07-21T09:00:00+02:00"))
        move.invalidate_recordset()
        self.assertFalse(move.l10n_pl_ksef_deadline)

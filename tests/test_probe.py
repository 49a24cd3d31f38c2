"""Does KSeF work? Checks, beacon, verdict and outages, minute by minute."""

from datetime import date, datetime, timedelta, timezone
from unittest.mock import patch

from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import SEND
from .probe_common import KEYS, MONDAY, STATUS, ProbeCommon


@tagged("post_install", "-at_install", "post_install_l10n")
class TestProbe(ProbeCommon):
    # -- scenarios -------------------------------------------------------------------------------

    def test_a_good_check(self):
        self.tick()
        status = self.assert_says("yes")
        self.assertIn("1 good checks in a row", status.sentence)
        check = self.env["l10n_pl_ksef.probe"].sudo().search([])
        self.assertTrue(check.ok and check.reached)
        self.assertEqual((check.status, check.at), (200, self.clock))
        self.assertEqual(len(check.body_sha256), 64)
        self.assertTrue(check.total_ms >= check.first_byte_ms >= 0)
        calls = self.simulator.get("log")
        self.assertEqual([call["route"] for call in calls].count(KEYS.split()[1]), 1)
        self.assertEqual(status.beacon_status, "AVAILABLE")

    def test_an_outage_of_three_minutes_is_none(self):
        self.tick()
        self.down()
        self.tick()
        status = self.assert_says("unconfirmed", whose="ksef")
        self.assertIn("HTTP 503", status.sentence)
        self.up()
        self.tick()
        self.assert_says("yes")
        self.assertFalse(self.outages())
        self.assertFalse(self.activities())

    def test_an_outage_of_twenty_minutes(self):
        self.tick(3)
        self.down()
        begun = self.tick().last_at
        self.assertFalse(self.company.l10n_pl_ksef_proposal, "one failed check proposes nothing")
        self.tick()
        status = self.assert_says("no", whose="ksef", proposal="offline")
        self.assertIn("10:20", status.sentence)
        self.assertIn("by 07/21/2026", status.sentence, "offline24: the next working day")
        outage = self.outages()
        self.assertEqual((outage.start, outage.end, outage.source), (begun, False, "probe"))
        self.assertEqual(self.activities().user_id, self.administrator)
        self.tick(2)
        self.assertEqual(len(self.activities()), 1, "updated, not repeated")
        self.up()
        good = self.tick().last_at
        self.tick()
        self.assert_says("no", whose="ksef", proposal="offline")
        self.tick()
        self.assert_says("yes")
        self.assertEqual((self.outages(), outage.end), (outage, good))
        self.assertFalse(self.activities())
        self.assertEqual(len(outage._probes()), 6, "four bad ones, the one before, the first good")

    def test_flapping_neither_opens_nor_closes(self):
        for _turn in range(3):
            self.tick()
            self.down()
            self.tick()
            self.up()
        self.assertFalse(self.outages())
        self.down()
        self.tick(2)
        for _turn in range(3):
            self.up()
            self.tick(2)
            self.down()
            self.tick()
        self.assert_says("no", whose="ksef", proposal="offline")
        self.assertEqual(len(self.outages()), 1)
        self.assertFalse(self.outages().end)

    def test_slow_answers_count_as_answers(self):
        self.simulator.post("weather", delay=0.3)
        self.tick(2)
        self.assert_says("yes")
        check = self.env["l10n_pl_ksef.probe"].sudo().search([], limit=1)
        self.assertGreaterEqual(check.first_byte_ms, 300)

    def test_too_slow_is_no_answer(self):
        self.simulator.post("weather", delay=3)
        self.tick(2)
        self.assert_says("no", whose="ksef", proposal="offline")

    def test_html_502(self):
        self.down(status=502)
        self.tick(2)
        status = self.assert_says("no", whose="ksef", proposal="offline")
        self.assertIn("HTTP 502", status.sentence)

    def test_a_hanging_connection_ends_by_its_time_out(self):
        self.down(outage="hang")
        before = datetime.now(timezone.utc)
        self.tick(2)
        self.assertLess(datetime.now(timezone.utc) - before, timedelta(seconds=10))
        self.assert_says("no", whose="ksef", proposal="offline")
        check = self.env["l10n_pl_ksef.probe"].sudo().search([], limit=1)
        self.assertIn("Timeout", check.error)

    def test_nobody_listens(self):
        """It may be our own line: a neutral address would tell, and none is set."""
        self.use_door("closed")
        self.tick(2)
        status = self.assert_says("no", whose="unknown", proposal="offline")
        self.assertIn("a neutral address in the settings would tell", status.sentence)

    def test_dns_failure(self):
        self.env["ir.config_parameter"].sudo().set_param(
            "l10n_pl_ksef.simulator_url", "http://ksef.invalid"
        )
        self.tick(2)
        status = self.assert_says("no", whose="unknown", proposal="offline")
        self.assertIn("dns: gaierror", status.sentence)
        self.assertEqual(status.legal_mode, "offline24")

    def test_tls_failure(self):
        for kind in ("expired", "self_signed", "garbage"):
            with self.subTest(kind), self.new_day():
                self.use_door(kind)
                self.tick(2)
                self.assert_says("no", whose="unknown", proposal="offline")
                check = self.env["l10n_pl_ksef.probe"].sudo().search([], limit=1)
                self.assertTrue(check.error.startswith("tls: "), check.error)
                self.assertFalse(check.reached)

    def test_the_own_line_is_told_from_ksef(self):
        self.company.sudo().l10n_pl_ksef_control_url = "http://127.0.0.1:9/"
        self.use_door("closed")
        self.tick(2)
        status = self.assert_says("no", whose="own_line", proposal="offline")
        self.assertIn("our own line", status.sentence)
        self.assertEqual(status.legal_mode, "offline24", "a dead line is no failure of KSeF")
        self.company.sudo().l10n_pl_ksef_control_url = f"{self.simulator.url}/_sim/"
        self.tick(2)
        self.assert_says("no", whose="ksef", proposal="offline")

    def test_latarnia_down_changes_nothing(self):
        self.tick()
        read = self.status().beacon_at
        self.simulator.post("weather", service="latarnia", outage="unavailable", status=504)
        self.tick(2)
        status = self.assert_says("yes")
        self.assertEqual(status.beacon_at, read, "shown with its age")
        self.assertIn("cannot be read now", status.beacon_sentence)
        self.simulator.post("weather", service="latarnia", outage=None)
        self.assertFalse(self.tick().beacon_error)

    def test_latarnia_down_during_a_failure_keeps_it(self):
        self.simulator.post("latarnia", action="failure")
        self.tick()
        self.simulator.post("weather", service="latarnia", outage="unavailable")
        self.tick(3)
        self.assert_says("yes", mode="emergency", whose="ksef")

    def test_an_announced_failure_while_the_api_answers(self):
        """Nobody is kept from sending; what is issued offline has seven working days."""
        self.tick()
        self.simulator.post("latarnia", action="failure")
        self.tick()
        status = self.assert_says("yes", mode="emergency", whose="ksef")
        self.assertTrue(status.is_announced)
        self.assertIn("counts from the end of the announced trouble", status.sentence)
        move = self.invoice()
        move.with_user(self.accountant).action_l10n_pl_ksef_issue_offline()
        self.assertEqual((move.l10n_pl_ksef_mode, move.l10n_pl_ksef_deadline), ("emergency", False))
        self.tick()
        self.simulator.post("latarnia", action="end")
        self.tick()
        self.assert_says("yes")
        move.invalidate_recordset()
        self.assertEqual(move.l10n_pl_ksef_deadline, date(2026, 7, 29), "seven working days")

    def test_failure_with_the_api_down(self):
        self.simulator.post("latarnia", action="failure", outage=True)
        self.tick(2)
        self.assert_says("no", mode="emergency", whose="ksef", proposal="offline")
        self.assertEqual(len(self.outages()), 1, "our own checks saw it too")
        self.assertEqual(len(self.outages("failure")), 1)

    def test_failure_then_total_failure(self):
        self.simulator.post("latarnia", action="failure")
        self.tick()
        move = self.invoice()
        move.with_user(self.accountant).action_l10n_pl_ksef_issue_offline()
        self.simulator.post("latarnia", action="total_failure")
        self.tick()
        status = self.assert_says("yes", mode="total_failure", whose="ksef", proposal="offline")
        self.assertIn("without KSeF and without codes", status.sentence)
        self.assertEqual(len(self.outages("total_failure")), 1)
        self.assertFalse(move.l10n_pl_ksef_deadline, "the duty to send is lifted")

    def test_a_failure_that_becomes_total_under_its_number(self):
        self.simulator.post("latarnia", action="failure")
        self.tick()
        event = self.outages("failure").event_id
        self.simulator.post("latarnia", action="total_failure", event=event)
        self.tick()
        self.assert_says("yes", mode="total_failure", whose="ksef", proposal="offline")
        self.simulator.post("latarnia", action="end", event=event)
        self.tick()
        self.assert_says("yes")

    def test_corrected_messages_are_all_kept(self):
        self.simulator.post(
            "latarnia",
            action="maintenance",
            start="2026-07-20T12:00:00+02:00",
            end="2026-07-20T14:00:00+02:00",
        )
        self.tick()
        outage = self.outages("unavailability")
        self.simulator.post(
            "latarnia", action="correct", event=outage.event_id, end="2026-07-22T06:00:00+02:00"
        )
        self.tick()
        self.assertEqual(self.outages("unavailability"), outage)
        self.assertEqual(outage.end, datetime(2026, 7, 22, 4, 0))
        messages = outage.announcement_ids
        self.assertEqual(sorted(messages.mapped("version")), [1, 2])
        self.assertIn("2026-07-20T14:00", messages.sorted("version")[0].raw)
        self.tick(2)
        self.assertEqual(self.env["l10n_pl_ksef.announcement"].sudo().search_count([]), 2)

    def test_maintenance_announced_ahead(self):
        self.simulator.post(
            "latarnia",
            action="maintenance",
            start="2026-07-20T12:00:00+02:00",
            end="2026-07-20T14:00:00+02:00",
            outage=True,
        )
        self.tick()
        status = self.assert_says("yes")
        self.assertFalse(status.is_announced, "not yet")
        self.assertIn("Announced unavailability", status.announced)
        self.set_clock(MONDAY.replace(hour=11, minute=55))
        self.tick(2)
        self.assert_says("no", mode="offline", whose="ksef", proposal="offline")
        move = self.invoice()
        move.with_user(self.accountant).action_l10n_pl_ksef_issue_offline()
        self.assertEqual(
            (move.l10n_pl_ksef_mode, move.l10n_pl_ksef_deadline),
            ("offline", date(2026, 7, 21)),
            "one working day after the announced end",
        )

    def test_an_end_that_arrives_late(self):
        self.simulator.post("latarnia", action="failure", start="2026-07-17T12:00:00+02:00")
        self.tick()
        event = self.outages("failure").event_id
        move = self.invoice()
        move.with_user(self.accountant).action_l10n_pl_ksef_issue_offline()
        self.assertFalse(move.l10n_pl_ksef_deadline)
        self.set_clock(MONDAY + timedelta(days=2))
        self.simulator.post("latarnia", action="end", event=event, end="2026-07-20T18:00:00+02:00")
        self.tick()
        self.assertEqual(self.outages("failure").end, datetime(2026, 7, 20, 16, 0))
        self.assertEqual(move.l10n_pl_ksef_deadline, date(2026, 7, 29))

    def test_what_the_beacon_says_is_not_understood(self):
        self.simulator.post(
            "latarnia", action="raw", status={"status": "SOMETHING"}, messages={"items": []}
        )
        self.tick()
        self.assert_says("yes")
        self.assertTrue(self.status().beacon_error)

    def test_a_message_that_cannot_be_stored_loses_no_measurement(self):
        told = self.message(eventId=10**12)
        self.simulator.post("latarnia", action="raw", messages=[told])
        with mute_logger(f"{STATUS}", "odoo.sql_db"):
            self.tick()
        self.assert_says("yes")
        self.assertEqual(self.env["l10n_pl_ksef.probe"].sudo().search_count([]), 1)

    def test_a_message_with_odd_characters(self):
        told = self.message(title="Awaria\0 <b>KSeF</b>", text="\0\u202e")
        self.simulator.post("latarnia", action="raw", messages=[told])
        self.tick()
        outage = self.outages("failure")
        self.assertEqual(outage.note, "Awaria <b>KSeF</b>")
        self.assertIn("\\u0000", outage.announcement_ids.raw)

    def test_the_beacon_of_test_is_never_believed(self):
        """It has shown a made-up total failure since January 2026 (law 3)."""
        self.simulator.post("latarnia", action="dummy")
        with patch.object(
            type(self.env["l10n_pl_ksef.connection"]),
            "_environment_of",
            lambda connections, key: self.disbelieved(),
        ):
            self.tick()
        self.assert_says("yes")
        self.assertFalse(self.env["l10n_pl_ksef.announcement"].sudo().search([]))
        self.assertFalse([c for c in self.simulator.get("log") if "latarnia" in c["route"]])

    def disbelieved(self):
        from ..ksef import environment

        one = environment.simulator(self.simulator.url)
        return environment.Environment(**{**vars(one), "believes_latarnia": False})

    # -- our own invoices ------------------------------------------------------------------------

    def test_numbers_that_do_not_come(self):
        """KSeF answers every check, and invoices hang at 150."""
        self.simulator.fault("invoice", "stuck", seconds=7200, code=200)
        move = self.invoice()
        self.send(move, allow_raising=False)
        self.assertEqual(move.l10n_pl_ksef_document_ids.state, "sent")
        self.tick()
        self.assert_says("yes")
        self.tick(7)
        status = self.assert_says("late", whose="ksef")
        self.assertIn("1 of our invoices wait", status.sentence)

    def test_nothing_is_sent_while_the_circuit_is_open(self):
        self.tick()
        document = self.freeze(self.invoice())
        self.down()
        self.tick(2)
        self.simulator.post("faults", clear=True)
        before = len(self.simulator.get("log"))
        for _run in range(3):
            self.set_clock(self.moment() + timedelta(minutes=2))
            self.run_cron("ir_cron_flush")
            self.run_cron("ir_cron_poll")
        self.assertEqual(len(self.simulator.get("log")), before)
        self.assertEqual(document.state, "queued")
        self.up()
        self.tick(3)
        self.assertFalse(self.connection.blocked_until)
        self.run_cron("ir_cron_flush")
        self.assertEqual(len(self.simulator.calls(SEND)), 1)

    def test_sending_goes_on_when_the_checks_have_stopped(self):
        self.down()
        self.tick(2)
        self.assertTrue(self.connection._is_blocked())
        self.set_clock(self.moment() + timedelta(minutes=11))
        self.assertFalse(self.connection._is_blocked())
        self.set_clock(self.moment() + timedelta(minutes=20))
        self.assert_says("unknown", whose="unknown", proposal="offline")

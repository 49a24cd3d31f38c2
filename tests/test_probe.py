"""Does KSeF work? Checks, beacon, verdict and outages, minute by minute."""

from contextlib import contextmanager
from datetime import date, datetime, timedelta, timezone
from unittest.mock import patch

from odoo.tests import tagged
from odoo.tools import mute_logger

<<<<<<< HEAD
from .common import SEND
from .probe_common import KEYS, MONDAY, STATUS, ProbeCommon
=======
from .common import SELLER_NIP, SEND, KsefCommon

STATUS = "odoo.addons.l10n_pl_ksef.models.l10n_pl_ksef_status"
PROBE = "odoo.addons.l10n_pl_ksef.ksef.probe"
KEYS = "GET /security/public-key-certificates"
ACTIVITY = "l10n_pl_ksef.mail_activity_type_outage"
WARSAW = ZoneInfo("Europe/Warsaw")
MONDAY = datetime(2026, 7, 20, 10, 0, tzinfo=WARSAW)


class ProbeCommon(KsefCommon):
    """The add-on's clock and the simulator's go together, from Monday morning."""

    def setUp(self):
        super().setUp()
        # the Ministry's own environments are not for tests
        self.startPatcher(patch(f"{STATUS}.ALWAYS", ()))
        self.startPatcher(patch(f"{PROBE}.TIMEOUT", (0.5, 0.5)))
        self.startPatcher(patch.object(fields.Datetime, "now", lambda *_args: self.clock))
        self.startPatcher(patch.object(self.env.cr, "now", lambda: self.clock))
        self.set_clock(MONDAY)
        self.give_certificate()
        self.company.sudo().l10n_pl_ksef_offline_certificate_id = self.certificate_of(
            self.simulator.post("certificates", nip=SELLER_NIP, kind="Offline"), "ksef_offline"
        )

    @classmethod
    def _request_handler(cls, session, request, /, **kw):
        # the time-outs are what is tested: the suite's own guard would make them ten seconds
        if urlsplit(request.url).hostname == "127.0.0.1" and isinstance(kw.get("timeout"), tuple):
            return send(session, request, **kw)
        return super()._request_handler(session, request, **kw)

    def set_clock(self, moment):
        self.clock = moment.astimezone(timezone.utc).replace(tzinfo=None)
        self.simulator.post("clock", set=moment.isoformat(), freeze=True)

    def tick(self, checks=1, minutes=5):
        """One check after the other, each five minutes after the last; the status then."""
        for _check in range(checks):
            self.set_clock(self.moment() + timedelta(minutes=minutes))
            self.env["l10n_pl_ksef.connection"].sudo()._cron_probe()
        return self.status()

    def moment(self):
        return self.clock.replace(tzinfo=timezone.utc).astimezone(WARSAW)

    def status(self):
        self.env.invalidate_all()
        return (
            self.env["l10n_pl_ksef.status"]
            .sudo()
            .search([("environment", "=", "simulator")])
            .with_context(lang="en_US")
        )

    def outages(self, kind="trouble"):
        return (
            self.env["l10n_pl_ksef.outage"]
            .sudo()
            .search([("environment", "=", "simulator"), ("kind", "=", kind)])
        )

    def down(self, **how):
        self.simulator.post("weather", **{"outage": "unavailable", **how})

    def up(self):
        self.simulator.post("weather", outage=None)

    def activities(self):
        return self.connection.activity_search([ACTIVITY])

    def use_door(self, kind):
        url = self.simulator.post("doors", kind=kind)["url"]
        self.env["ir.config_parameter"].sudo().set_param("l10n_pl_ksef.simulator_url", url)

    @contextmanager
    def new_day(self):
        with self.env.cr.savepoint(flush=True) as savepoint:
            yield
            savepoint.rollback()
        self.env.invalidate_all()

    def message(self, **facts):
        """A failure's start as the beacon tells it; None leaves a field out."""
        told = {
            "id": "K/2026/AWR/01",
            "eventId": 77,
            "category": "FAILURE",
            "type": "FAILURE_START",
            "title": "Awaria",
            "text": "Awaria KSeF",
            "start": "2026-07-20T09:00:00+02:00",
            "version": 1,
            "published": "2026-07-20T09:05:00+02:00",
            **facts,
        }
        return {name: value for name, value in told.items() if value is not None}

    def assert_says(self, online, mode="offline24", whose="nobody", proposal=False):
        status = self.status()
        self.assertEqual(
            (status.online, status.legal_mode, status.whose, self.company.l10n_pl_ksef_proposal),
            (online, mode, whose, proposal),
            status.sentence,
        )
        return status
>>>>>>> 4adcbe1 ([FIX] probe: poisoned messages, clocks, people and faults that kept invoices back)


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
<<<<<<< HEAD
=======

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

    # -- the chain -------------------------------------------------------------------------------

    def test_the_chain(self):
        self.tick(5)
        probes = self.env["l10n_pl_ksef.probe"].sudo()
        rows = probes.search([], order="id")
        self.assertEqual(rows[0].previous_hash, "")
        self.assertEqual(rows[1:].mapped("previous_hash"), rows[:-1].mapped("hash"))
        self.assertFalse(probes._breaks("simulator"))
        self.env.cr.execute(
            "UPDATE l10n_pl_ksef_probe SET total_ms = total_ms + 1 WHERE id = %s", [rows[2].id]
        )
        self.env.invalidate_all()
        self.assertEqual([b.code for b in probes._breaks("simulator")], ["changed"])
        self.env.cr.execute("DELETE FROM l10n_pl_ksef_probe WHERE id = %s", [rows[2].id])
        self.env.invalidate_all()
        self.assertEqual([b.code for b in probes._breaks("simulator")], ["missing"])

    def test_checks_stay(self):
        self.tick()
        probe = self.env["l10n_pl_ksef.probe"].sudo().search([])
        with self.assertRaises(UserError):
            probe.unlink()
        for user in (self.accountant, self.administrator):
            with self.subTest(user.login), self.assertRaises(AccessError):
                probe.with_user(user).write({"ok": False})
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(IntegrityError),
            self.env.cr.savepoint(),
        ):
            probe.copy()

    def test_old_checks_become_hourly_sums(self):
        self.tick(13)
        probes = self.env["l10n_pl_ksef.probe"].sudo()
        last = probes.search([("at", "<", datetime(2026, 7, 20, 9))], limit=1).hash
        self.set_clock(MONDAY + timedelta(days=90, hours=1))
        probes._gc_probes()
        self.assertEqual(probes.search_count([]), 2, "the hour that has not ended stays")
        hour = self.env["l10n_pl_ksef.probe.hour"].sudo().search([])
        self.assertEqual((hour.checks, hour.good, hour.availability), (11, 11, 100.0))
        self.assertEqual(hour.last_hash, last)
        self.assertFalse(probes._breaks("simulator"), "the chain hangs on the sum")
        self.tick()
        self.assertFalse(probes._breaks("simulator"))
        self.env.cr.execute(
            "DELETE FROM l10n_pl_ksef_probe WHERE id = (SELECT MIN(id) FROM l10n_pl_ksef_probe)"
        )
        self.env.invalidate_all()
        self.assertEqual([b.code for b in probes._breaks("simulator")], ["missing"])

    # -- what it costs, and for whom -------------------------------------------------------------

    def test_production_and_demo_are_always_asked(self):
        with patch(f"{STATUS}.ALWAYS", ("prod", "demo")):
            watched = self.env["l10n_pl_ksef.status"].sudo()._watched()
        self.assertEqual(watched.mapped("environment"), ["prod", "demo", "simulator"])
        self.company.sudo().l10n_pl_ksef_environment = False
        watched = self.env["l10n_pl_ksef.status"].sudo()._watched()
        self.assertFalse(watched, "nobody is there, nobody else is asked")

    def test_nobody_sees_it_without_login(self):
        self.tick()
        for name in ("status", "probe", "outage", "announcement", "failure"):
            records = self.env[f"l10n_pl_ksef.{name}"].with_user(self.env.ref("base.public_user"))
            with self.subTest(name), self.assertRaises(AccessError):
                records.search([])

    def test_leaving_the_environment_drops_its_proposal(self):
        self.down()
        self.tick(2)
        self.assertTrue(self.company.l10n_pl_ksef_proposal)
        self.company.sudo().l10n_pl_ksef_environment = "demo"
        self.assertFalse(self.company.l10n_pl_ksef_proposal)
        outage = self.outages()
        self.env["l10n_pl_ksef.status"].sudo()._watched()
        self.assertEqual(outage.end, self.clock)
        self.company.sudo().l10n_pl_ksef_environment = "simulator"
        self.up()
        self.tick()
        self.assert_says("yes")
        self.assertEqual(self.outages(), outage)

    def test_one_light_request_a_round(self):
        self.tick(3)
        routes = [f"{call['method']} {call['route']}" for call in self.simulator.get("log")]
        self.assertEqual(routes.count(KEYS), 3)
        self.assertEqual(len(routes), 9, "one check, and the beacon's two addresses")
        self.assertFalse([c for c in self.simulator.get("log") if c.get("context")])

    def test_the_cron_runs_it(self):
        cron = self.env.ref("l10n_pl_ksef.ir_cron_probe")
        self.assertEqual((cron.interval_number, cron.interval_type), (5, "minutes"))
        self.run_cron("ir_cron_probe")
        self.assert_says("yes")

    def test_failed_attempts_are_kept_for_the_evidence(self):
        move = self.invoice()
        self.down()
        self.send(move, allow_raising=False)
        failure = self.env["l10n_pl_ksef.failure"].with_user(self.accountant).search([])
        self.assertEqual(failure.connection_id, self.connection)
        self.assertEqual(failure[0].status, 503)
        self.assertNotIn("<", failure[0].text or "")

    def test_a_month_of_checks_in_few_queries(self):
        self.tick()
        self.env.cr.execute(
            """INSERT INTO l10n_pl_ksef_probe (environment, at, url, ok, reached, total_ms,
                                               availability, previous_hash, hash)
               SELECT key, %s::timestamp - number * interval '5 minutes', 'x', number %% 50 > 0,
                      true, 100 + number %% 400, CASE WHEN number %% 50 > 0 THEN 100 ELSE 0 END,
                      key || number, key || number
                 FROM generate_series(1, 8640) AS number,
                      (VALUES ('simulator'), ('prod')) AS e(key)""",
            [self.clock],
        )
        self.env.invalidate_all()
        self.env["l10n_pl_ksef.status"].sudo().create({"environment": "prod"})
        spec = {
            name: {} for name in ("online", "sentence", "availability_month", "graph", "announced")
        }
        page = self.env["l10n_pl_ksef.status"].with_user(self.accountant)
        page.web_search_read([], spec)  # warms what every page needs
        self.env.invalidate_all()
        with self.assertQueryCount(30):
            found = page.web_search_read([], spec)["records"]
        self.assertEqual(found[0]["availability_month"], "98.0%")
>>>>>>> 4adcbe1 ([FIX] probe: poisoned messages, clocks, people and faults that kept invoices back)

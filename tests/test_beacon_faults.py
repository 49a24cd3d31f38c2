"""Announcements that are odd: poisoned, corrected, mistaken, or told by a person as well."""

from datetime import datetime, timedelta

from odoo.exceptions import ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..ksef import latarnia
from .probe_common import STATUS, FaultCommon


@tagged("post_install", "-at_install", "post_install_l10n")
class TestBeaconFaults(FaultCommon):
    def test_one_poisoned_message_hides_no_other(self):
        """A failure that cannot be stored must not keep another from being known for a month."""
        poisons = {
            "number": {"eventId": 10**12},
            "version": {"eventId": 5, "version": 10**12},
            "long ago": {"eventId": 5, "start": "0001-01-01T00:00:00+02:00"},
        }
        for name, poison in poisons.items():
            with self.subTest(name), self.new_day(), mute_logger(STATUS, "odoo.sql_db"):
                status = self.tell(self.message(**poison), self.message())
                self.assertIn(77, self.outages("failure").mapped("event_id"))
                self.assertEqual(status.legal_mode, "emergency")
                self.assertEqual(status.beacon_at, self.clock, "the beacon was read")

    def test_half_a_surrogate_pair(self):
        told = latarnia.Message.from_json(self.message(title="Awaria \ud800"))
        self.env["l10n_pl_ksef.announcement"].sudo()._take("simulator", [told])
        outage = self.outages("failure")
        self.assertEqual(outage.note, "Awaria ?")
        self.assertIn("\\ud800", outage.announcement_ids.raw)

    def test_an_end_that_means_never(self):
        """9999-12-31 is no day that can be counted from; it must not stop the invoices."""
        status = self.tell(self.message(end="9999-12-31T23:59:59+00:00"))
        self.assertEqual(status.legal_mode, "emergency")
        self.assertFalse(self.outages("failure").end)
        move = self.invoice()
        move.with_user(self.accountant).action_l10n_pl_ksef_issue_offline()
        self.assertEqual(move.l10n_pl_ksef_document_ids.deadline_status, "open")
        with self.assertRaises(ValidationError):
            self.enter("K/2", end=datetime(9999, 12, 31, 23, 59))

    def test_a_correction_that_changes_the_category(self):
        """The total failure was none: by its correction it is a failure, and invoices are due."""
        self.tell(self.message(category="TOTAL_FAILURE"))
        move = self.invoice()
        move.with_user(self.accountant).action_l10n_pl_ksef_issue_offline()
        self.assertEqual(move.l10n_pl_ksef_document_ids.deadline_status, "lifted")
        wrong = self.message(category="TOTAL_FAILURE")
        status = self.tell(wrong, self.message(version=2))
        self.assertEqual(status.legal_mode, "emergency")
        self.assertEqual(len(self.outages("total_failure")), 1, "it stays as evidence")
        self.assertFalse(self.in_force("total_failure"))
        self.assertEqual(move.l10n_pl_ksef_document_ids.deadline_status, "open")

    def test_an_end_that_is_taken_back(self):
        told = {"category": "MAINTENANCE", "type": "MAINTENANCE_ANNOUNCEMENT", "id": "K/2026/NI/01"}
        self.tell(self.message(**told, end="2026-07-20T10:02:00+02:00"))
        self.assertEqual(self.outages("unavailability").end, datetime(2026, 7, 20, 8, 2))
        status = self.tell(self.message(**told, version=2))
        self.assertFalse(self.outages("unavailability").end, "until further notice")
        self.assertEqual(status.legal_mode, "offline")

    def test_an_end_that_a_person_knows_first(self):
        """The beacon is down when the failure ends; the bulletin told the end."""
        self.tell(self.message())
        end = self.clock - timedelta(minutes=10)
        outage = self.enter(end=end)
        self.assertEqual((outage, outage.end), (self.outages("failure"), end))
        self.tell(self.message(), self.message(version=2, text="nadal"))
        self.assertEqual(outage.end, end, "the beacon does not know it yet")
        self.tell(self.message(), self.end_message())
        self.assertEqual(outage.end, datetime(2026, 7, 20, 8, 0), "the beacon knows better")
        self.enter(end=end)
        self.assertEqual(outage.end, datetime(2026, 7, 20, 8, 0))

    def test_what_a_person_entered_by_its_address_is_the_same_event(self):
        for person_first in (True, False):
            with self.subTest(person_first), self.new_day():
                if person_first:
                    self.enter("https://www.gov.pl/web/finanse/komunikat")
                self.tell(self.message())
                if not person_first:
                    self.enter("https://www.gov.pl/web/finanse/komunikat")
                outage = self.outages("failure")
                self.assertEqual((len(outage), outage.event_id), (1, 77))
                status = self.tell(self.message(), self.end_message())
                self.assertEqual(status.legal_mode, "offline24", "nothing stays open")

    def test_another_number_is_another_event(self):
        self.enter("K/2026/AWR/09")
        self.tell(self.message())
        self.assertEqual(len(self.outages("failure")), 2)

    def test_the_number_of_a_later_message_is_the_same_event(self):
        self.tell(self.message(), self.end_message())
        outage = self.outages("failure")
        self.assertEqual(self.enter("K/2026/AWR/02"), outage)
        self.assertEqual(self.outages("failure"), outage)

    def test_two_events_with_one_number(self):
        later = {"eventId": 78, "start": "2026-07-20T10:00:00+02:00"}
        self.tell(self.message(), self.message(**later), self.end_message())
        ends = {outage.event_id: outage.end for outage in self.outages("failure")}
        self.assertEqual(ends, {77: datetime(2026, 7, 20, 8, 0), 78: False})

    def test_what_a_person_forgot_to_end_is_not_the_next_event(self):
        """Its start would move by a week, and deadlines would be over that were not."""
        begun = self.clock - timedelta(days=7)
        forgotten = self.enter("https://www.gov.pl/web/finanse/komunikat", start=begun)
        self.tell(self.message())
        self.assertEqual((forgotten.start, forgotten.event_id), (begun, 0))
        self.assertEqual(len(self.outages("failure")), 2)

    def test_entered_again_after_a_mistake(self):
        wrong = self.enter(start=self.clock - timedelta(days=3))
        wrong.with_user(self.administrator).action_mistaken()
        self.assertFalse(self.in_force())
        right = self.enter()
        self.assertEqual(self.in_force(), right)
        self.assertTrue(wrong.mistaken)

    def test_announced_by_the_beacon_after_a_mistake(self):
        wrong = self.enter(start=self.clock - timedelta(days=3))
        wrong.with_user(self.administrator).action_mistaken()
        status = self.tell(self.message())
        self.assertEqual(status.legal_mode, "emergency", "the Ministry did announce it")

    def test_what_the_beacon_repeats_stays_a_mistake(self):
        self.tell(self.message())
        self.outages("failure").with_user(self.administrator).action_mistaken()
        status = self.tell(self.message(), self.message(version=2))
        self.assertEqual(status.legal_mode, "offline24")
        self.assertEqual(len(self.outages("failure")), 1)

    def test_a_mistake_about_the_future(self):
        outage = self.enter(start=self.clock + timedelta(days=1))
        outage.with_user(self.administrator).action_mistaken()
        self.assertEqual(outage.end, outage.start)

"""Certificate requests when answers are lost, rejected, or the process dies on the way."""

import base64
import json
from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.tests import tagged

from ..models import l10n_pl_ksef_enrolment
from ..models.l10n_pl_ksef_enrolment import L10nPlKsefEnrolment
from .common import SELLER_NIP
from .enrolment_common import ENROL, LIMITS, RETRIEVE, STATUS, EnrolmentCommon


@tagged("post_install", "-at_install", "post_install_l10n")
class TestEnrolmentFaults(EnrolmentCommon):
    def test_second_rejected_then_continued(self):
        with self.at_second_request(endpoint="enrolment", kind="outcome", code=400):
            wizard = self.generate()
        self.assertEqual(self.rows().mapped("state"), ["stored", "rejected"])
        self.assertEqual(wizard.step, "run")
        self.assertTrue(wizard.enrolment_ids[1].error_text)
        self.assertEqual(self.company.l10n_pl_ksef_auth_certificate_id, self.old)
        self.assertEqual(self.used(), 2)
        again = self.wizard()
        self.assertEqual(again.step, "run", "what was left open comes first")
        again.action_continue()
        self.assert_pair_in_use(requests=3)

    def test_second_rejected_and_given_up(self):
        with self.at_second_request(endpoint="enrolment", kind="outcome", code=400):
            wizard = self.generate()
        wizard.action_give_up()
        self.assertEqual(wizard.step, "done")
        self.assertEqual(len(self.rows()), 1)
        self.assertNotEqual(self.company.l10n_pl_ksef_auth_certificate_id, self.old)
        self.assertFalse(self.company.l10n_pl_ksef_offline_certificate_id)
        self.assertEqual(self.connection.state, "connected")

    def test_no_room_for_the_second_any_more(self):
        with self.at_second_request(
            endpoint=LIMITS,
            kind="status",
            status=200,
            body=json.dumps(
                {
                    "canRequest": True,
                    "enrollment": {"remaining": 0, "limit": 12},
                    "certificate": {"remaining": 6, "limit": 6},
                }
            ),
            headers={"Content-Type": "application/json"},
        ):
            wizard = self.generate()
        self.assertEqual(self.rows().mapped("state"), ["stored", "rejected"])
        self.assertIn("0 of 12", wizard.enrolment_ids[1].error_text)
        self.assertEqual(self.used(), 1)
        wizard.action_continue()
        self.assert_pair_in_use()

    def test_lost_answers_use_no_third_request(self):
        for endpoint, when in (
            (ENROL, "after"),
            (ENROL, "before"),
            (STATUS, "after"),
            (RETRIEVE, "after"),
            ("GET /certificates/enrollments/data", "before"),
            (LIMITS, "before"),
        ):
            for second in (False, True):
                with self.subTest(endpoint=endpoint, when=when, second=second):
                    self.start_over()
                    # three times, as a call that may be repeated is repeated at once
                    times = 1 if endpoint == ENROL else 3
                    fault = {"endpoint": endpoint, "kind": "reset", "when": when, "times": times}
                    if second:
                        with self.at_second_request(**fault):
                            wizard = self.generate()
                    else:
                        wizard = self.wizard()
                        if endpoint == LIMITS:
                            self.simulator.fault(**fault)
                            with self.assertRaises(UserError):
                                wizard.action_generate()
                            self.assertFalse(self.rows())
                            wizard = self.generate_after_faults()
                        else:
                            self.simulator.fault(**fault)
                            wizard.action_generate()
                    for _press in range(4):
                        if wizard.step == "done":
                            break
                        self.let_time_pass(self.rows().filtered("requested_at"))
                        wizard.action_continue()
                    self.assert_pair_in_use()
                    # a request that never reached KSeF is made once more, one that did is not
                    made = [1, 1]
                    if (endpoint, when) == (ENROL, "before"):
                        made[int(second)] = 2
                    self.assertEqual(self.rows().mapped("attempt"), made)

    def generate_after_faults(self):
        self.simulator.post("faults", clear=True)
        return self.generate()

    def test_lost_answer_waits_until_it_is_certain(self):
        self.simulator.fault(ENROL, "reset", when="before")
        wizard = self.generate()
        wizard.action_continue()
        self.assertEqual(self.rows()[0].state, "requesting")
        self.assertEqual(len(self.simulator.calls(ENROL)), 1, "not asked again while in doubt")
        self.let_time_pass(self.rows()[0])
        wizard.action_continue()
        self.assert_pair_in_use()

    def test_lost_answer_is_the_requester_s_to_resolve(self):
        """Another subject's count says nothing about it."""
        self.simulator.fault(ENROL, "reset", when="after")
        wizard = self.generate()
        row = self.rows()[0]
        self.let_time_pass(row)
        made = self.simulator.post("certificates", pesel="30112206276", kind="Authentication")
        self.company.sudo().l10n_pl_ksef_auth_certificate_id = self.certificate_of(made)
        wizard.action_continue()
        self.assertEqual(row.state, "requesting")
        self.assertIn(f"NIP {SELLER_NIP}", row.error_text)
        self.assertEqual(len(self.simulator.calls(ENROL)), 1)

    def test_another_environment_keeps_its_certificates(self):
        self.simulator.post("speed", certificates=9)
        wizard = self.generate()
        self.company.sudo().l10n_pl_ksef_environment = "test"
        self.simulator.post("speed", settle_seconds=0)
        for action in (wizard.action_generate, wizard.action_continue, self.wizard().action_wait):
            with self.assertRaises(UserError):
                action()
        for _run in range(9):
            self.rows()._run()
        self.assertEqual(self.rows().mapped("state"), ["stored", "stored"])
        self.assertEqual(self.company.l10n_pl_ksef_auth_certificate_id, self.old)
        self.company.sudo().l10n_pl_ksef_environment = "simulator"
        wizard.action_continue()
        self.assert_pair_in_use()

    def test_lost_and_still_in_the_making(self):
        self.simulator.post("speed", settle_seconds=3600)
        self.simulator.fault(ENROL, "reset", when="after")
        wizard = self.generate()
        self.let_time_pass(self.rows()[0])
        wizard.action_continue()
        self.assertEqual(self.rows()[0].state, "requesting")
        self.assertIn("has counted the request", self.rows()[0].error_text)
        self.assertEqual(self.used(), 1)
        self.let_time_pass(self.rows()[0], days=2)
        wizard.action_continue()
        self.assertEqual(self.rows()[0].state, "rejected")
        self.assertEqual(self.used(), 1)

    def test_death_at_every_step(self):
        """The process dies right before or right after each commit, and right after each call."""
        points = [("commit", number, late) for number in range(1, 13) for late in (False, True)]
        points += [
            (call, number, True)
            for call in ("enrollment_data", "enroll", "enrollment_status", "retrieve")
            for number in (1, 2)
        ]
        reached = 0
        for point, number, late in points:
            with self.subTest(point=point, number=number, late=late):
                self.start_over()
                self.enrolments._begin(self.connection, "ec")
                died = self.die(point, number, late)
                reached += died
                for _run in range(3):
                    self.let_time_pass(self.rows().filtered(lambda row: row.state == "requesting"))
                    self.run_cron("ir_cron_enrolment")
                self.assert_pair_in_use()
        self.assertGreater(reached, 25, "most of the points are reached")

    def die(self, point, number, late):
        """Run the scheduled action with a death in it. Whether that point was reached."""
        seen = []

        def deadly(original):
            def call(*args, **kwargs):
                seen.append(1)
                if len(seen) == number and not late:
                    raise MemoryError("the process dies here")
                result = original(*args, **kwargs)
                if len(seen) == number and late:
                    raise MemoryError("the process dies here")
                return result

            return call

        if point == "commit":
            where, name = L10nPlKsefEnrolment, "_checkpoint"
        else:
            where, name = l10n_pl_ksef_enrolment.certificates, point
        with patch.object(where, name, deadly(getattr(where, name))), self.quiet():
            self.run_cron("ir_cron_enrolment")
        return len(seen) >= number

    def quiet(self):
        """A dying scheduled action is logged; not every point is reached."""
        return patch("odoo.addons.base.models.ir_cron._logger.exception")

    def test_two_at_once(self):
        """What another transaction works on is left alone."""
        row = self.enrolments._begin(self.connection, "ec")[0]
        none = row.browse()
        with patch.object(L10nPlKsefEnrolment, "try_lock_for_update", lambda *_a, **_k: none):
            row._run()
        self.assertEqual(self.rows().mapped("state"), ["new", "new"])
        self.assertFalse(self.simulator.calls(ENROL))

    def test_certificate_that_is_not_ours(self):
        other = base64.b64decode(
            self.simulator.post("certificates", nip="1111111111", kind="Offline")["certificate"]
        )

        def foreign(_client, serials):
            return {serials[0]: other}

        with patch.object(l10n_pl_ksef_enrolment.certificates, "retrieve", foreign):
            self.generate()
        row = self.rows()[0]
        self.assertEqual(row.state, "rejected")
        for reason in ("not for our key", "wrong type", "another subject", "serial number"):
            self.assertIn(reason, row.error_text)
        self.assertEqual(self.company.l10n_pl_ksef_auth_certificate_id, self.old)

    def test_drawing_is_kept(self):
        row = self.enrolments._begin(self.connection, "ec")[0]
        for state in ("done", "issued", "requested"):
            with self.assertRaises(UserError):
                row._set(state)
        with self.assertRaises(UserError):
            row.unlink()

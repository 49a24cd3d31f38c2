"""Generating KSeF certificates: limits first, then two requests, whatever dies on the way."""

import base64
import json
from datetime import timedelta
from unittest.mock import patch

import requests

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from ..ksef import certificates, keys
from ..models import l10n_pl_ksef_enrolment
from ..models.l10n_pl_ksef_enrolment import L10nPlKsefEnrolment
from .common import SELLER_NIP, KsefCommon

MODELS = "odoo.addons.l10n_pl_ksef.models"
LIMITS = "GET /certificates/limits"
ENROL = "POST /certificates/enrollments"
STATUS = "GET /certificates/enrollments/{ref}"
RETRIEVE = "POST /certificates/retrieve"
REQUESTS = 300  # what KSeF grants a NIP in 30 days


class EnrolmentCommon(KsefCommon):
    """A company whose KSeF administrator, without any right to keys, opens the wizard."""

    def setUp(self):
        super().setUp()
        self.startPatcher(patch(f"{MODELS}.l10n_pl_ksef_enrolment.WAITS", (0.05, 0.05)))
        self.enrolments = self.env["l10n_pl_ksef.enrolment"].sudo()
        self.old = self.company.l10n_pl_ksef_auth_certificate_id

    def start_over(self):
        """As if nothing had been asked for, at a simulator that decides at once."""
        self.simulator.post("reset")
        self.simulator.post("speed", polls=[0, 0], auth=0, certificates=0, settle_seconds=0)
        self.rows().state = "cancelled"
        self.connection._forget_tokens()
        self.company.sudo().l10n_pl_ksef_auth_certificate_id = self.old
        self.company.sudo().l10n_pl_ksef_offline_certificate_id = False

    def wizard(self, **vals):
        wizards = self.env["l10n_pl_ksef.certificate.wizard"].with_user(self.administrator)
        return wizards.create({"connection_id": self.connection.id, **vals})

    def generate(self, **vals):
        wizard = self.wizard(**vals)
        wizard.action_generate()
        return wizard

    def grant(self, requests=12, places=6, can_request=True, times=9):
        """Let the simulator grant so much, whatever was used up before."""
        body = {
            "canRequest": can_request,
            "enrollment": {"remaining": requests, "limit": 12},
            "certificate": {"remaining": places, "limit": 6},
        }
        self.simulator.fault(
            LIMITS,
            "status",
            times=times,
            status=200,
            body=json.dumps(body),
            headers={"Content-Type": "application/json"},
        )

    def used(self):
        """How many requests KSeF has counted."""
        return REQUESTS - certificates.limits(self.connection._client()).requests.remaining

    def rows(self):
        return self.enrolments.search(
            [("connection_id", "=", self.connection.id), ("state", "!=", "cancelled")]
        )

    def active(self):
        """What KSeF lists as active and came from requests: kind → serial numbers."""
        found = {}
        for entry in certificates.query(self.connection._client(), name="Odoo", status="Active"):
            found.setdefault(entry.kind, []).append(entry.serial)
        return found

    def let_time_pass(self, rows, **delta):
        """The request was made earlier, so that it cannot be on its way any more."""
        rows.requested_at = fields.Datetime.now() - timedelta(**(delta or {"minutes": 3}))

    def assert_pair_in_use(self, requests=2):
        rows = self.rows()
        self.assertEqual(rows.mapped("state"), ["done", "done"], rows.mapped("error_text"))
        self.assertEqual(self.used(), requests)
        login = self.company.l10n_pl_ksef_auth_certificate_id
        offline = self.company.l10n_pl_ksef_offline_certificate_id
        active = self.active()
        self.assertIn(login._l10n_pl_ksef_serial(), active["Authentication"])
        self.assertIn(offline._l10n_pl_ksef_serial(), active["Offline"])
        self.assertEqual((login.scope, offline.scope), ("ksef_auth", "ksef_offline"))
        self.assertNotEqual(login.private_key_id, offline.private_key_id)
        self.assertEqual(self.connection.auth_method, "certificate")
        if self.connection.state == "new":  # the process died before the first login
            self.connection._check_login()
        self.assertEqual(self.connection.state, "connected", self.connection.message)

    def sign_offline_code(self):
        """The signer of KOD II, after its code was scanned at KSeF's own page."""
        move = self.invoice()
        move.with_user(self.accountant).action_l10n_pl_ksef_issue_offline()
        document = move.sudo().l10n_pl_ksef_document_ids
        offline = self.company.sudo().l10n_pl_ksef_offline_certificate_id
        self.assertIn(f"/{offline._l10n_pl_ksef_serial()}/", document.qr_certificate_url)
        page = requests.get(f"{document.qr_certificate_url}?format=json", timeout=10)
        self.assertEqual(page.json()["result"], "valid", page.json())
        return offline._l10n_pl_ksef_signer("ksef_offline")

    def at_second_request(self, **fault):
        """Order a fault for when the second certificate is about to be asked for."""
        step = L10nPlKsefEnrolment._step_keyed
        simulator = self.simulator

        def ordered(row):
            if row.kind == "offline" and fault:
                simulator.fault(**fault)
                fault.clear()
            return step(row)

        return patch.object(L10nPlKsefEnrolment, "_step_keyed", ordered)

    def assert_cannot_sign(self, word):
        with self.assertRaises(UserError) as caught:
            self.invoice().with_user(self.accountant).action_l10n_pl_ksef_issue_offline()
        self.assertIn(word, str(caught.exception))


@tagged("post_install", "-at_install", "post_install_l10n")
class TestEnrolment(EnrolmentCommon):
    # -- the good case ---------------------------------------------------------------------------

    def test_pair_logs_in_and_signs(self):
        for kind in ("ec", "rsa"):
            with self.subTest(kind):
                self.start_over()
                wizard = self.generate(key_type=kind)
                self.assertEqual(wizard.step, "done")
                self.assertEqual(self.connection.state, "connected")
                self.assert_pair_in_use()
                self.assertEqual(self.sign_offline_code().kind, kind)
                login = self.company.l10n_pl_ksef_auth_certificate_id
                listed = certificates.query(
                    self.connection._client(),
                    certificateSerialNumber=login._l10n_pl_ksef_serial(),
                )
                self.assertTrue(listed[0].last_used_at, "the new certificate has logged in")
                move = self.invoice()
                self.send(move)
                self.assertEqual(move.l10n_pl_ksef_state, "accepted")

    def test_pair_of_a_person(self):
        """Who logs in as a person gets certificates of that person, for this company's use."""
        pesel = "30112206276"
        made = self.simulator.post("certificates", pesel=pesel, kind="Authentication")
        self.start_over()
        rights = ["InvoiceWrite", "InvoiceRead"]
        self.simulator.post("subjects", nip=SELLER_NIP, subject=pesel, permissions=rights)
        self.company.sudo().l10n_pl_ksef_auth_certificate_id = self.certificate_of(made)
        wizard = self.generate()
        self.assertEqual(wizard.step, "done", wizard.enrolment_ids.mapped("error_text"))
        self.assertEqual(self.rows()[0].subject["serialNumber"], f"PNOPL-{pesel}")
        self.assertEqual(self.connection.state, "connected", self.connection.message)
        self.assertEqual(self.connection._login_subject(), f"PESEL {pesel}")
        self.assertEqual(self.connection.permissions, "InvoiceRead, InvoiceWrite")
        self.sign_offline_code()

    def test_limits_come_before_everything(self):
        self.generate()
        log = [f"{entry['method']} {entry['route']}" for entry in self.simulator.get("log")]
        steps = [call for call in log if call.startswith(("GET /cert", "POST /cert"))]
        self.assertEqual(steps[0], LIMITS)
        self.assertEqual(steps.count(ENROL), 2)

    def test_slow_certificates_come_by_themselves(self):
        self.simulator.post("speed", certificates=3)
        wizard = self.generate()
        self.assertEqual(wizard.step, "run")
        self.assertEqual(self.rows().mapped("state"), ["requested", "new"])
        for _run in range(6):
            self.run_cron("ir_cron_enrolment")
        self.assert_pair_in_use()
        self.assertEqual(wizard.step, "done")

    # -- not enough room -------------------------------------------------------------------------

    def assert_stopped(self, wizard, *words):
        self.assertEqual((wizard.step, wizard.blocked), ("blocked", "limit"))
        for word in (
            "No certificates can be created",
            "no error of the program",
            f"NIP {SELLER_NIP}",
            *words,
        ):
            self.assertIn(word, wizard.message)
        self.assertFalse(self.rows())
        self.assertEqual(self.env["certificate.key"].sudo().search_count([]), self.keys_before)
        log = [f"{entry['method']} {entry['route']}" for entry in self.simulator.get("log")]
        self.assertEqual([call for call in log if " /auth/" not in call], [LIMITS])

    def test_no_room(self):
        self.keys_before = self.env["certificate.key"].sudo().search_count([])
        for grant, words in (
            ({"requests": 1}, ["1 of 12", "last 30 days"]),
            ({"requests": 0}, ["0 of 12", "last 30 days"]),
            ({"places": 1}, ["1 of 6", "limit of active certificates"]),
            ({"requests": 0, "places": 0}, ["last 30 days", "limit of active certificates"]),
            ({"can_request": False}, ["does not let this subject ask"]),
        ):
            with self.subTest(grant):
                self.simulator.post("reset")
                self.connection._forget_tokens()
                self.grant(**grant)
                self.assert_stopped(self.generate(), *words)

    def test_check_again_after_room_was_made(self):
        self.grant(requests=1, times=1)
        wizard = self.generate()
        self.assertEqual(wizard.step, "blocked")
        wizard.action_generate()
        self.assert_pair_in_use()

    def test_limits_of_a_person_are_named(self):
        made = self.simulator.post("certificates", pesel="30112206276", kind="Authentication")
        self.simulator.post(
            "subjects", nip=SELLER_NIP, subject="30112206276", permissions=["InvoiceWrite"]
        )
        self.company.sudo().l10n_pl_ksef_auth_certificate_id = self.certificate_of(made)
        self.grant(requests=1)
        self.assertIn("PESEL 30112206276", self.generate().message)

    def test_token_is_told_before_anything(self):
        token = self.simulator.post("tokens", nip=SELLER_NIP)["token"]
        self.connection.new_token = token
        wizard = self.generate()
        self.assertEqual((wizard.step, wizard.blocked), ("blocked", "token"))
        self.assertFalse(self.simulator.get("log"))
        self.assertFalse(self.rows())

    def test_waiting_tells_the_day(self):
        self.generate()
        self.grant(requests=1, places=6)
        wizard = self.generate()
        wizard.action_wait()
        first = min(self.env["l10n_pl_ksef.certificate"].sudo().search([]).mapped("requested_at"))
        day = fields.Datetime.context_timestamp(wizard, first + timedelta(days=30))
        self.assertIn(f"{day:%m/%d/%Y}", wizard.wait_text)
        activity = self.connection.activity_ids.filtered(
            lambda activity: activity.user_id == self.administrator
        )
        self.assertEqual(activity.date_deadline, (first + timedelta(days=30)).date())

    def test_waiting_without_data_promises_nothing(self):
        self.grant(requests=0, places=6)
        wizard = self.generate()
        with patch.object(l10n_pl_ksef_enrolment.certificates, "query", return_value=[]):
            wizard.action_wait()
        self.assertIn("does not show what used them up", wizard.wait_text)

    # -- what goes wrong on the way --------------------------------------------------------------

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

    # -- passwords -------------------------------------------------------------------------------

    def test_password_in_the_servers_configuration(self):
        option = {"l10n_pl_ksef_key_password": "zażółć gęślą jaźń"}
        with patch(f"{MODELS}.certificate_key.config", option):
            self.generate()
            self.assert_pair_in_use()
            self.sign_offline_code()
            move = self.invoice()
            self.send(move)
            self.assertEqual(move.l10n_pl_ksef_state, "accepted")
        key = self.company.l10n_pl_ksef_auth_certificate_id.private_key_id
        for content in (key.with_context(bin_size=False).content, key.pem_key):
            self.assertIn(b"ENCRYPTED", base64.b64decode(content))
        self.assertFalse(key.password)
        self.assert_cannot_sign("l10n_pl_ksef_key_password")

    def test_password_beside_the_key(self):
        private = keys.generate("rsa")
        key = (
            self.env["certificate.key"]
            .sudo()
            ._l10n_pl_ksef_store(private, "protected", self.company, "secret")
        )
        self.assertIn(b"ENCRYPTED", base64.b64decode(key.with_context(bin_size=False).content))
        self.assertEqual(
            keys.spki(key._l10n_pl_ksef_load().public_key()), keys.spki(private.public_key())
        )
        key.password = "other"
        with self.assertRaises(UserError):
            key._l10n_pl_ksef_load()

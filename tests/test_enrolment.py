"""Generating KSeF certificates: limits first, then a pair that logs in and signs."""

import base64
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from ..ksef import certificates, keys
from ..models import l10n_pl_ksef_enrolment
from .common import SELLER_NIP
from .enrolment_common import ENROL, LIMITS, MODELS, EnrolmentCommon


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

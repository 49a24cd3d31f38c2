"""KSeF's list of certificates beside ours: revoking, renewing, reminding, the daily check."""

import base64
import json
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import UserError, ValidationError
from odoo.modules.neutralize import get_neutralization_queries
from odoo.tests import freeze_time, tagged

from ..ksef import keys
from .common import SELLER_NIP, Simulator
from .enrolment_common import EnrolmentCommon

REVOKE = "POST /certificates/{serial}/revoke"
KIND = "l10n_pl_ksef.mail_activity_type_certificate"


@tagged("post_install", "-at_install", "post_install_l10n")
class TestCertificatePage(EnrolmentCommon):
    def setUp(self):
        super().setUp()
        self.start_over()
        self.generate()
        self.page = self.env["l10n_pl_ksef.certificate"].with_user(self.administrator)
        self.page.action_refresh()
        self.login = self.company.l10n_pl_ksef_auth_certificate_id
        self.offline = self.company.l10n_pl_ksef_offline_certificate_id

    def row(self, certificate):
        return self.page.search([("serial_number", "=", certificate._l10n_pl_ksef_serial())])

    def revoke(self, certificate, reason="Superseded"):
        wizard = (
            self.env["l10n_pl_ksef.revoke.wizard"]
            .with_user(self.administrator)
            .create({"certificate_id": self.row(certificate).id, "reason": reason})
        )
        wizard.action_revoke()
        return wizard

    def activities(self):
        return self.connection.activity_ids.filtered(
            lambda activity: activity.activity_type_id == self.env.ref(KIND)
        )

    # -- the list --------------------------------------------------------------------------------

    def test_list_shows_ours_and_others(self):
        login, offline = self.row(self.login), self.row(self.offline)
        self.assertEqual((login.kind, login.status), ("authentication", "active"))
        self.assertEqual((offline.kind, offline.status), ("offline", "active"))
        self.assertEqual((login.usage, offline.usage), ("login", "offline"))
        self.assertEqual(login.subject, f"Nip {SELLER_NIP}")
        self.assertTrue(login.last_used_at)
        self.assertAlmostEqual(login.valid_to, self.login.date_end, delta=timedelta(seconds=1))
        self.assertEqual(self.row(self.old).usage, "kept")
        foreign = self.simulator.post("certificates", nip=SELLER_NIP, kind="Offline")
        self.page.action_refresh()
        row = self.page.search([("serial_number", "=", foreign["serial"])])
        self.assertEqual(row.usage, "elsewhere")
        self.page.action_refresh()
        self.assertEqual(len(self.page.search([("serial_number", "=", foreign["serial"])])), 1)

    def test_list_of_many_pages(self):
        for _number in range(55):
            self.simulator.post("certificates", nip=SELLER_NIP, kind="Offline")
        self.page.action_refresh()
        self.assertGreater(self.page.search_count([]), 55)

    def test_silent_ksef_leaves_the_list(self):
        rows = self.page.search_count([])
        self.simulator.fault("POST /certificates/query", "status", status=503, times=9)
        with self.assertRaises(UserError):
            self.page.action_refresh()
        self.assertEqual(self.page.search_count([]), rows)

    # -- revoking --------------------------------------------------------------------------------

    def test_revoke(self):
        wizard = self.revoke(self.old)
        self.assertEqual(wizard.usage, "kept")
        self.assertFalse(wizard.is_risky)
        self.assertIn(self.row(self.old).status, ("blocked", "revoked"))
        self.assertIn(self.old.l10n_pl_ksef_status, ("blocked", "revoked"))
        with self.assertRaises(UserError):
            self.old._l10n_pl_ksef_signer()

    def test_revoke_after_a_lost_answer(self):
        self.simulator.fault(REVOKE, "reset", when="after")
        self.revoke(self.old)
        self.assertEqual(len(self.simulator.calls(REVOKE)), 1)
        self.assertIn(self.row(self.old).status, ("blocked", "revoked"))

    def test_revoke_that_never_arrived(self):
        self.simulator.fault(REVOKE, "reset", when="before")
        with self.assertRaises(UserError):
            self.revoke(self.old)
        self.assertEqual(self.row(self.old).status, "active")

    def test_revoke_what_is_revoked(self):
        serial = self.old._l10n_pl_ksef_serial()
        self.simulator.post("certificates", serial=serial, status="Revoked")
        self.revoke(self.old)
        self.assertEqual(self.row(self.old).status, "revoked")

    def test_token_cannot_revoke(self):
        self.connection.sudo().auth_method = "token"
        with self.assertRaises(UserError) as caught:
            self.revoke(self.old)
        self.assertIn("token", str(caught.exception))
        self.assertFalse(self.simulator.calls(REVOKE))

    def test_warnings(self):
        offline = self.row(self.offline)
        self.freeze(self.invoice())
        self.assertEqual(offline.relying_count, 0, "an online document has no second code")
        move = self.invoice()
        move.with_user(self.accountant).action_l10n_pl_ksef_issue_offline()
        document = move.sudo().l10n_pl_ksef_document_ids
        self.assertEqual(self.fresh_count(offline), 1)
        document.write({"state": "accepted", "acquired_at": fields.Datetime.now()})
        self.assertEqual(self.fresh_count(offline), 1, "its print is still scanned")
        document.acquired_at = fields.Datetime.now() - timedelta(days=31)
        self.assertEqual(self.fresh_count(offline), 0)
        self.assertEqual(self.fresh_count(self.row(self.login)), 0)
        wizards = self.env["l10n_pl_ksef.revoke.wizard"].with_user(self.administrator)
        for certificate, risky in ((self.login, True), (self.offline, True), (self.old, False)):
            wizard = wizards.create({"certificate_id": self.row(certificate).id})
            self.assertEqual(wizard.is_risky, risky)

    def fresh_count(self, row):
        row.invalidate_recordset(["relying_count"])
        return row.relying_count

    # -- renewing --------------------------------------------------------------------------------

    def test_renewal_keeps_the_old_pair(self):
        wizard = self.wizard()
        self.assertEqual(wizard.step, "start")
        self.assertFalse(wizard.renewal_due)
        ends = (self.login.date_end, self.offline.date_end)
        self.assertEqual(wizard.certificates_until, min(ends))
        with freeze_time(self.offline.date_end - timedelta(days=29)):
            self.connection.invalidate_recordset()
            self.assertTrue(self.connection.renewal_due)
        self.start_renewal()
        self.assertNotEqual(self.company.l10n_pl_ksef_auth_certificate_id, self.login)
        self.assertNotEqual(self.company.l10n_pl_ksef_offline_certificate_id, self.offline)
        self.page.action_refresh()
        for certificate in (self.login, self.offline):
            self.assertTrue(certificate.exists().active)
            self.assertTrue(certificate.private_key_id)
            self.assertEqual(
                (self.row(certificate).status, self.row(certificate).usage), ("active", "kept")
            )
        self.assertFalse(self.simulator.calls(REVOKE))

    def start_renewal(self):
        action = self.row(self.login).action_renew()
        wizard = (
            self.env["l10n_pl_ksef.certificate.wizard"]
            .with_user(self.administrator)
            .with_context(**action["context"])
            .create({})
        )
        wizard.action_generate()
        self.assertEqual(wizard.step, "done")

    # -- every day -------------------------------------------------------------------------------

    def test_reminders(self):
        end = self.offline.date_end
        told = []
        for days in (70, 60, 59, 45, 30, 29, 14, 8, 7, 6, 1, 0, -1, -5):
            with freeze_time(end - timedelta(days=days)):
                self.env.invalidate_all()
                before = set(self.activities().ids)
                with patch.object(type(self.page), "_refresh", side_effect=UserError("away")):
                    self.page.sudo()._cron_check()
                after = self.activities()
                self.assertLessEqual(len(after), 1, "one at a time")
                if set(after.ids) - before:
                    told.append(days)
        self.assertEqual(told, [60, 30, 14, 7, 1, 0])
        self.assertEqual(self.activities().user_id, self.administrator)

    def test_reminder_in_the_reader_s_language(self):
        self.env["res.lang"].sudo()._activate_lang("pl_PL")
        module = self.env["ir.module.module"].sudo().search([("name", "=", "l10n_pl_ksef")])
        module._update_translations(["pl_PL"], overwrite=True)
        self.administrator.sudo().lang = "pl_PL"
        with freeze_time(self.offline.date_end - timedelta(days=5)):
            self.env.invalidate_all()
            with patch.object(type(self.page), "_refresh", side_effect=UserError("away")):
                self.page.sudo()._cron_check()
        self.assertIn("wygasa", self.activities().summary)

    def test_check_finds_a_revoked_one(self):
        self.simulator.post(
            "certificates", serial=self.offline._l10n_pl_ksef_serial(), status="Revoked"
        )
        # another problem is known already
        self.connection.write({"state": "problem", "message": "the login was refused yesterday"})
        for _day in range(3):
            self.run_cron("ir_cron_certificates")
        self.assertEqual(self.offline.l10n_pl_ksef_status, "revoked")
        self.assertEqual(self.connection.state, "problem")
        self.assertIn(self.offline.display_name, self.connection.message)
        self.assertEqual(len(self.activities()), 1)
        self.assert_cannot_sign("revoked")

    def test_check_finds_one_of_another_environment(self):
        """Its codes would lead nowhere: KSeF does not know it."""
        elsewhere = Simulator()
        self.addCleanup(elsewhere.stop)
        made = elsewhere.post("certificates", nip=SELLER_NIP, kind="Offline")
        self.offline = self.certificate_of(made, "ksef_offline")
        self.company.sudo().l10n_pl_ksef_offline_certificate_id = self.offline
        for _day in range(2):
            self.run_cron("ir_cron_certificates")
        self.assertEqual(self.offline.l10n_pl_ksef_status, "unlisted")
        self.assertEqual(self.connection.state, "problem")
        self.assertEqual(len(self.activities()), 1)
        self.assert_cannot_sign("does not list")

    def test_check_of_one_company_holds_up_none(self):
        self.simulator.fault("POST /certificates/query", "status", status=503, times=9)
        self.run_cron("ir_cron_certificates")
        self.assertEqual(self.connection.state, "connected")

    # -- what a certificate may do ---------------------------------------------------------------

    def test_kinds_are_never_mixed(self):
        for scope, kind in (("ksef_auth", "Offline"), ("ksef_offline", "Authentication")):
            made = self.simulator.post("certificates", nip=SELLER_NIP, kind=kind)
            with self.assertRaises(ValidationError):
                self.certificate_of(made, scope)

    def test_expired_certificate(self):
        with freeze_time(self.login.date_end + timedelta(days=1)):
            self.env.invalidate_all()
            with self.assertRaises(UserError):
                self.login._l10n_pl_ksef_signer()

    def test_certificate_that_the_library_refuses(self):
        """As the library of tomorrow does with the NULL of the test environment."""
        made = self.simulator.post(
            "certificates", nip=SELLER_NIP, kind="Authentication", null_parameter=True
        )
        other = self.simulator.post("certificates", nip=SELLER_NIP, kind="Authentication")
        library = "odoo.addons.certificate.models.certificate.x509"
        with (
            patch(f"{library}.load_der_x509_certificate", side_effect=ValueError("ExtraData")),
            patch(f"{library}.load_pem_x509_certificate", side_effect=ValueError("ExtraData")),
        ):
            certificate = self.certificate_of(made)
            self.assertFalse(certificate.loading_error)
            self.assertEqual(certificate._l10n_pl_ksef_serial(), made["serial"])
            self.assertEqual(certificate.subject_common_name, SELLER_NIP)
            self.assertTrue(certificate.is_valid)
            self.company.sudo().l10n_pl_ksef_auth_certificate_id = certificate
            self.connection._forget_tokens()
            self.connection._check_login()
            self.assertEqual(self.connection.state, "connected", self.connection.message)
            with self.assertRaises(UserError):
                self.certificate_of({**made, "key": other["key"]})
            broken = self.env["certificate.certificate"].sudo()
            row = broken.create({"name": "broken", "content": base64.b64encode(b"nonsense")})
            self.assertTrue(row.loading_error)

    # -- keys ------------------------------------------------------------------------------------

    def test_key_in_use_is_not_deleted(self):
        for record in (self.login.private_key_id, self.login, self.offline):
            with self.assertRaises(UserError):
                record.unlink()
        key = self.old.private_key_id
        self.old.unlink()
        key.unlink()
        row = self.enrolments._begin(self.connection, "ec")[0]
        row._step_new()
        with self.assertRaises(UserError):
            row.key_id.unlink()

    def test_copies_hold_no_key(self):
        """Odoo 19 refuses to copy a company; what copies rows by their data gets none either."""
        with self.assertRaises(UserError):
            self.company.sudo().copy()
        for record, secrets in (
            (self.company, ("auth_certificate_id", "offline_certificate_id", "environment")),
            (self.connection, ("token", "access_token", "refresh_token", "external_subject")),
        ):
            copied = record.sudo().copy_data()[0]
            for name in secrets:
                self.assertNotIn(name, copied)
                self.assertNotIn(f"l10n_pl_ksef_{name}", copied)

    def test_neutralised_copy_holds_no_key(self):
        pair = self.enrolments._begin(self.connection, "ec")
        pair[0]._step_new()
        wizards = self.env["l10n_pl_ksef.connect.wizard"].with_user(self.administrator)
        wizard = wizards.create(
            {"company_id": self.company.id, "token": "secret", "password": "secret"}
        )
        held = self.login.private_key_id | self.offline.private_key_id | pair[0].key_id
        self.env.flush_all()
        for query in get_neutralization_queries(["certificate", "l10n_pl_ksef"]):
            self.env.cr.execute(query)
        self.env.invalidate_all()
        for key in held:
            self.assertFalse(key.content)
            self.assertFalse(key.pem_key)
        self.assertFalse(wizard.exists())
        self.assertEqual(set(pair.mapped("state")), {"cancelled"})
        self.assertFalse(self.connection.access_token)

    def test_no_key_in_logs_or_exports(self):
        with self.assertLogs("", "DEBUG") as logs:
            self.start_over()
            self.generate(key_type="rsa")
        login = self.company.l10n_pl_ksef_auth_certificate_id
        pem = keys.to_pem(login.private_key_id._l10n_pl_ksef_load()).decode()
        secret = pem.splitlines()[5]
        for line in logs.output:
            # psycopg2's own log of statements is off in any server that is not being debugged
            if "odoo.sql_db" not in line:
                self.assertNotIn(secret, line)
        exported = json.dumps(self.enrolments.search([]).read(), default=str)
        self.assertNotIn(secret, exported)

"""A company that has KSeF certificates generated, for tests of all that is around them."""

import json
from datetime import timedelta
from unittest.mock import patch

import requests

from odoo import fields
from odoo.exceptions import UserError

from ..ksef import certificates
from ..models.l10n_pl_ksef_enrolment import L10nPlKsefEnrolment
from .common import KsefCommon

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
        # or our own budget ends the tests before KSeF's limits would
        self.env["l10n_pl_ksef.request"].sudo().search([]).unlink()
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

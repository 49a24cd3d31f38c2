"""Connecting a company, and copies of a database."""

from odoo.modules.neutralize import get_neutralization_queries
from odoo.tests import tagged

from .common import SELLER_NIP, KsefCommon


@tagged("post_install", "-at_install", "post_install_l10n")
class TestSettings(KsefCommon):
    def test_connect_with_a_certificate(self):
        self.connection.with_user(self.administrator).action_connect()
        self.assertEqual(self.connection.state, "connected", self.connection.message)

    def test_connect_with_a_token(self):
        made = self.simulator.post("tokens", nip=SELLER_NIP)
        self.connection.new_token = made["token"]
        self.connection.with_user(self.administrator).action_connect()
        self.assertEqual(self.connection.state, "connected", self.connection.message)
        move = self.invoice()
        self.send(move)
        self.assertEqual(move.l10n_pl_ksef_state, "accepted")

    def test_connect_says_what_is_wrong(self):
        self.simulator.fault("POST /auth/challenge", "refuse", times=9)
        self.connection.with_user(self.administrator).action_connect()
        self.assertEqual(self.connection.state, "problem")
        self.assertTrue(self.connection.message)

    def test_neutralised_copy_reaches_nobody(self):
        move = self.invoice()
        document = move._l10n_pl_ksef_freeze()
        self.connection._store_tokens(self.connection._client().login())
        certificate = self.company.l10n_pl_ksef_auth_certificate_id
        self.env.flush_all()
        for query in get_neutralization_queries(["l10n_pl_ksef"]):
            self.env.cr.execute(query)
        self.env.invalidate_all()
        self.assertEqual(self.company.l10n_pl_ksef_environment, "simulator")
        self.assertFalse(self.connection.access_token)
        self.assertFalse(self.connection.refresh_token)
        self.assertEqual((document.state, document.error_code), ("held", "neutralized"))
        self.assertFalse(certificate.private_key_id.content)

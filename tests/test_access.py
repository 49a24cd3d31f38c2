"""Least privilege (laws 7 and 8): who may send, and who may see what."""

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import KsefCommon

SECRETS = ("token", "access_token", "refresh_token")


@tagged("post_install", "-at_install", "post_install_l10n")
class TestAccess(KsefCommon):
    def test_accountant_sends_without_system_rights(self):
        self.assertFalse(self.accountant.has_group("base.group_system"))
        move = self.invoice(user=self.accountant)
        self.send(move)
        self.assertEqual(move.l10n_pl_ksef_state, "accepted")

    def test_accountant_reads_no_key_and_no_token(self):
        move = self.invoice()
        self.send(move)
        self.assertTrue(self.connection.access_token)
        as_accountant = self.connection.with_user(self.accountant)
        for field in (*SECRETS, "new_token"):
            with self.assertRaises(AccessError):
                as_accountant.read([field])
            with self.assertRaises(UserError):
                as_accountant.export_data([field])
            with self.assertRaises(AccessError):
                as_accountant.search([(field, "!=", False)])
        for model in ("certificate.key", "certificate.certificate"):
            with self.assertRaises(AccessError):
                self.env[model].with_user(self.accountant).search_read([])

    def test_not_even_an_administrator_reads_a_token(self):
        self.connection.new_token = (
            "20251010-EC-0000000000-0000000000-00|nip-5265877635|" + "a" * 64
        )
        self.env.invalidate_all()  # what was typed is in the cache of this test only
        connection = self.connection.with_user(self.administrator)
        self.assertTrue(connection.token_set)
        self.assertFalse(connection.new_token)
        for field in SECRETS:
            with self.assertRaises(AccessError):
                connection.read([field])

    def test_accountant_writes_no_document(self):
        document = self.freeze(self.invoice()).with_user(self.accountant)
        with self.assertRaises(AccessError):
            document.write({"state": "accepted"})
        with self.assertRaises(AccessError):
            document.create({"move_id": document.move_id.id})
        with self.assertRaises(AccessError):
            self.connection.with_user(self.accountant).write({"state": "connected"})

    def test_accountant_cannot_connect_or_decide_conflicts(self):
        document = self.freeze(self.invoice()).with_user(self.accountant)
        connection = self.connection.with_user(self.accountant)
        for press in (
            connection.action_connect,
            connection.action_disconnect,
            document.action_conflict_accept,
            document.action_conflict_reject,
        ):
            with self.assertRaises(UserError):
                press()

    def test_internals_are_not_rpc(self):
        for model, methods in {
            "l10n_pl_ksef.connection": ["_client", "_credentials", "_store_tokens"],
            "l10n_pl_ksef.document": ["_transition", "_accept", "_xml"],
            "certificate.certificate": ["_l10n_pl_ksef_signer"],
        }.items():
            for method in methods:
                self.assertTrue(hasattr(self.env[model], method), method)
                self.assertTrue(method.startswith("_"), "RPC refuses names with an underscore")

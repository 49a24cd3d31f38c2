"""Connecting a company step by step: tried first, stored only if KSeF lets it in."""

import base64
from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from odoo.exceptions import UserError
from odoo.tests import new_test_user, tagged

from ..ksef import xades
from ..ksef.signer import Signer
from .common import SELLER_NIP, KsefCommon

SECRETS = ("pkcs12_file", "certificate_file", "key_file", "password", "token", "signed_file")


def seal(days=30, start=-1):
    """A self-signed seal of the company, as the test environment takes it: (key, certificate)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "PL"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "ACME Polska sp. z o.o."),
            x509.NameAttribute(NameOID.ORGANIZATION_IDENTIFIER, f"VATPL-{SELLER_NIP}"),
            x509.NameAttribute(NameOID.COMMON_NAME, "ACME Polska sp. z o.o."),
        ]
    )
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=start))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    return key, certificate


def encoded(data):
    return base64.b64encode(data)


def key_file(key, password=None):
    encryption = (
        serialization.BestAvailableEncryption(password.encode())
        if password
        else serialization.NoEncryption()
    )
    return encoded(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    )


def certificate_file(certificate):
    return encoded(certificate.public_bytes(serialization.Encoding.PEM))


@tagged("post_install", "-at_install", "post_install_l10n")
class TestConnectWizard(KsefCommon):
    def setUp(self):
        super().setUp()
        self.old = self.company.l10n_pl_ksef_auth_certificate_id
        self.company.sudo().l10n_pl_ksef_auth_certificate_id = False

    def at_proof(self, method, user=None):
        """The wizard, walked to the page that asks for the proof."""
        wizard = (
            self.env["l10n_pl_ksef.connect.wizard"]
            .with_user(user or self.administrator)
            .create({"company_id": self.company.id, "environment": "simulator", "method": method})
        )
        wizard.action_next()
        wizard.action_next()
        self.assertEqual((wizard.step, wizard.error_text), ("proof", False))
        return wizard

    def test_every_way_to_log_in(self):
        """Walks each way to its end; what is stored is what the next login uses."""
        key, certificate = seal()
        bundle = pkcs12.serialize_key_and_certificates(
            b"seal", key, certificate, None, serialization.BestAvailableEncryption(b"tajne")
        )
        made = self.simulator.post("certificates", nip=SELLER_NIP, kind="Authentication")
        cases = {
            "pkcs12": {"pkcs12_file": encoded(bundle), "password": "tajne"},
            "files": {
                "certificate_file": certificate_file(certificate),
                "key_file": key_file(key, "hasło"),
                "password": "hasło",
            },
            "ksef": {
                "certificate_file": made["certificate"],
                "key_file": encoded(made["key"].encode()),
            },
            "token": {"token": self.simulator.post("tokens", nip=SELLER_NIP)["token"]},
        }
        for method, proof in cases.items():
            with self.subTest(method):
                self.connection._forget_tokens()
                wizard = self.at_proof(method)
                wizard.write(proof)
                wizard.action_test()
                self.assertEqual((wizard.step, wizard.error_text), ("result", False))
                self.assertEqual((wizard.state, self.connection.state), ("connected",) * 2)
                wanted = "token" if method == "token" else "certificate"
                self.assertEqual(self.connection.auth_method, wanted)
                self.assert_secrets_gone(wizard)
                self.connection._forget_tokens()
                move = self.invoice()
                self.send(move)
                self.assertEqual(move.l10n_pl_ksef_state, "accepted")

    def assert_secrets_gone(self, wizard):
        for name in SECRETS:
            self.assertFalse(wizard.with_context(bin_size=False)[name], name)

    def test_stored_certificate(self):
        system = new_test_user(
            self.env,
            login="ksef_system",
            groups="base.group_system,l10n_pl_ksef.group_l10n_pl_ksef_admin",
            company_id=self.company.id,
            company_ids=[(6, 0, self.company.ids)],
        )
        wizard = self.at_proof("ksef", user=system)
        wizard.stored_certificate_id = self.old
        wizard.action_test()
        self.assertEqual((wizard.step, wizard.error_text), ("result", False))
        self.assertEqual(self.company.l10n_pl_ksef_auth_certificate_id, self.old)

    def test_what_is_wrong_is_told_and_nothing_is_stored(self):
        key, certificate = seal()
        late_key, late = seal(days=-1, start=-9)
        other, _certificate = seal()
        offline = self.simulator.post("certificates", nip=SELLER_NIP, kind="Offline")
        foreign = self.simulator.post("certificates", nip="1111111111", kind="Authentication")
        revoked = self.simulator.post("certificates", nip=SELLER_NIP, kind="Authentication")
        self.simulator.post("certificates", serial=revoked["serial"], status="Revoked")
        bundle = encoded(
            pkcs12.serialize_key_and_certificates(
                b"seal", key, certificate, None, serialization.BestAvailableEncryption(b"tajne")
            )
        )
        good = {"certificate_file": certificate_file(certificate), "key_file": key_file(key)}
        cases = [
            ("pkcs12", {}, "Upload the PKCS#12 file"),
            ("pkcs12", {"pkcs12_file": bundle, "password": "inne"}, "password is wrong"),
            ("pkcs12", {"pkcs12_file": encoded(b"nonsense")}, "cannot be read"),
            ("files", {"certificate_file": certificate_file(certificate)}, "private key file"),
            ("files", {**good, "key_file": key_file(other)}, "does not belong"),
            ("files", {**good, "key_file": key_file(key, "tajne")}, "none is given"),
            (
                "files",
                {"certificate_file": certificate_file(late), "key_file": key_file(late_key)},
                "Choose one that is valid",
            ),
            (
                "ksef",
                {
                    "certificate_file": offline["certificate"],
                    "key_file": encoded(offline["key"].encode()),
                },
                "offline documents",
            ),
            (
                "ksef",
                {
                    "certificate_file": foreign["certificate"],
                    "key_file": encoded(foreign["key"].encode()),
                },
                "415",
            ),
            (
                "ksef",
                {
                    "certificate_file": revoked["certificate"],
                    "key_file": encoded(revoked["key"].encode()),
                },
                "460",
            ),
            ("token", {}, "Enter the KSeF token"),
            ("token", {"token": "not a token"}, "KSeF"),
        ]
        keys_before = self.env["certificate.key"].sudo().search_count([])
        for method, proof, word in cases:
            with self.subTest(method=method, word=word):
                wizard = self.at_proof(method)
                wizard.write(proof)
                wizard.action_test()
                self.assertEqual(wizard.step, "proof")
                self.assertIn(word, wizard.error_text)
                self.assert_secrets_gone(wizard)
                self.assertFalse(self.company.l10n_pl_ksef_auth_certificate_id)
                self.assertFalse(self.connection.token)
                self.assertEqual(self.env["certificate.key"].sudo().search_count([]), keys_before)

    def test_silent_ksef_is_told(self):
        key, certificate = seal()
        wizard = self.at_proof("files")
        wizard.write({"certificate_file": certificate_file(certificate), "key_file": key_file(key)})
        self.simulator.fault("POST /auth/challenge", "refuse", times=9)
        wizard.action_test()
        self.assertEqual(wizard.step, "proof")
        self.assertTrue(wizard.error_text)

    # -- a signature made elsewhere --------------------------------------------------------------

    def sign(self, wizard, key_and_certificate):
        """What the Trusted Profile or a card does with the downloaded file."""
        key, certificate = key_and_certificate
        signer = Signer(key, certificate.public_bytes(serialization.Encoding.DER))
        request = base64.b64decode(wizard.with_context(bin_size=False).request_file)
        return encoded(xades.sign(request, signer, datetime.now(timezone.utc)))

    def test_signature_made_elsewhere(self):
        wizard = self.at_proof("external")
        self.assertTrue(wizard.request_until)
        wizard.signed_file = self.sign(wizard, seal())
        wizard.action_test()
        self.assertEqual((wizard.step, wizard.error_text), ("result", False))
        self.assertEqual(self.connection.auth_method, "external")
        self.assertEqual(self.connection.external_subject, f"NIP {SELLER_NIP}")
        move = self.invoice()
        self.send(move)
        self.assertEqual(move.l10n_pl_ksef_state, "accepted")
        # the company has no key of its own yet; with this login it gets both
        generate = self.env["l10n_pl_ksef.certificate.wizard"].with_user(self.administrator)
        action = wizard.action_certificates()
        pair = generate.with_context(**action["context"]).create({})
        self.simulator.post("speed", certificates=0)
        pair.action_generate()
        self.assertEqual(pair.step, "done", pair.enrolment_ids.mapped("error_text"))
        self.assertEqual(self.connection.auth_method, "certificate")
        self.assertTrue(self.company.l10n_pl_ksef_offline_certificate_id)

    def test_lapsed_signature_asks_for_a_new_one(self):
        wizard = self.at_proof("external")
        wizard.signed_file = self.sign(wizard, seal())
        wizard.action_test()
        self.connection._forget_tokens()
        self.connection.with_user(self.administrator).action_connect()
        self.assertEqual(self.connection.state, "problem")
        self.assertIn("new signature", self.connection.message)

    def test_wrong_signed_file(self):
        wizard = self.at_proof("external")
        first = self.sign(wizard, seal())
        unsigned = wizard.with_context(bin_size=False).request_file
        for content, word in (
            (encoded(b"%PDF-1.7"), "no XML file"),
            (encoded(b"<Faktura/>"), "not the login request"),
            (unsigned, "not signed yet"),
        ):
            wizard.signed_file = content
            wizard.action_test()
            self.assertIn(word, wizard.error_text)
        wizard.action_new_request()
        wizard.signed_file = first
        wizard.action_test()
        self.assertIn("another login request", wizard.error_text)

    def test_ten_minutes_are_over(self):
        wizard = self.at_proof("external")
        wizard.signed_file = self.sign(wizard, seal())
        self.simulator.post("clock", advance=660)
        wizard.action_test()
        self.assertEqual(wizard.step, "proof")
        self.assertIn("21111", wizard.error_text)
        self.simulator.post("clock", advance=-660)
        wizard.action_new_request()
        wizard.signed_file = self.sign(wizard, seal())
        wizard.action_test()
        self.assertEqual((wizard.step, wizard.error_text), ("result", False))

    # -- the steps -------------------------------------------------------------------------------

    def test_environment_is_chosen_without_right_to_companies(self):
        self.company.sudo().l10n_pl_ksef_environment = False
        wizard = (
            self.env["l10n_pl_ksef.connect.wizard"]
            .with_user(self.administrator)
            .create({"company_id": self.company.id})
        )
        with self.assertRaises(UserError):
            wizard.action_next()
        wizard.environment = "simulator"
        wizard.action_next()
        self.assertEqual(self.company.l10n_pl_ksef_environment, "simulator")
        self.assertEqual(wizard.connection_id, self.connection)
        wizard.action_back()
        self.assertEqual(wizard.step, "environment")

    def test_foreign_company_is_refused(self):
        foreign = self.env["res.company"].sudo().create({"name": "Other"})
        wizard = self.env["l10n_pl_ksef.connect.wizard"].with_user(self.administrator)
        row = wizard.sudo().create({"company_id": foreign.id, "environment": "simulator"})
        with self.assertRaises(UserError):
            row.with_user(self.administrator).action_next()
        self.assertFalse(foreign.l10n_pl_ksef_environment)

    def test_back_forgets_secrets(self):
        wizard = self.at_proof("token")
        wizard.token = "secret"
        wizard.action_back()
        self.assert_secrets_gone(wizard)
        self.assertEqual(wizard.step, "method")

"""The wizards in the web client, in headless Chromium; each page leaves a picture."""

import base64

from odoo.tests import HttpCase, new_test_user, tagged

from .common import SELLER_NIP
from .enrolment_common import EnrolmentCommon
from .pictures import Pictures

ACTION = "/odoo/action-l10n_pl_ksef."


@tagged("post_install", "-at_install", "ksef_browser")
class TestCertificateTour(Pictures, EnrolmentCommon, HttpCase):
    def setUp(self):
        super().setUp()
        self.start_over()
        self.user = new_test_user(
            self.env,
            login="ksef_tour",
            groups="base.group_system,account.group_account_manager,"
            "l10n_pl_ksef.group_l10n_pl_ksef_admin",
            company_id=self.company.id,
            company_ids=[(6, 0, self.company.ids)],
        )
        self.take_pictures()

    def tour(self, name, action):
        self.start_tour(f"{ACTION}{action}", name, login="ksef_tour", timeout=120)

    def test_connect_and_generate(self):
        self.tour("l10n_pl_ksef_connect", "l10n_pl_ksef_connect_wizard_action")
        self.assert_pair_in_use()

    def test_no_room_in_polish(self):
        self.env["res.lang"].sudo()._activate_lang("pl_PL")
        module = self.env["ir.module.module"].sudo().search([("name", "=", "l10n_pl_ksef")])
        module._update_translations(["pl_PL"], overwrite=True)
        self.user.lang = "pl_PL"
        self.grant(requests=1, places=0)
        self.tour("l10n_pl_ksef_no_room", "l10n_pl_ksef_certificate_wizard_action")
        self.assertFalse(self.rows())

    def test_closed_browser_is_continued(self):
        with self.at_second_request(endpoint="enrolment", kind="outcome", code=400):
            self.generate()
        self.tour("l10n_pl_ksef_continue", "l10n_pl_ksef_certificate_wizard_action")
        self.assert_pair_in_use(requests=3)

    def test_token_is_sent_to_another_way(self):
        token = self.simulator.post("tokens", nip=SELLER_NIP)["token"]
        self.connection.new_token = token
        self.tour("l10n_pl_ksef_token", "l10n_pl_ksef_certificate_wizard_action")
        wizard = self.env["l10n_pl_ksef.connect.wizard"].sudo().search([], limit=1, order="id desc")
        request = base64.b64decode(wizard.with_context(bin_size=False).request_file)
        self.assertIn(b"AuthTokenRequest", request)

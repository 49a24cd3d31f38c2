"""What people do in the web client, in headless Chromium."""

from odoo import Command
from odoo.tests import HttpCase, new_test_user, tagged

from .common import SEND, KsefCommon


@tagged("post_install", "-at_install", "ksef_browser")
class TestTour(KsefCommon, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # or Send stops at the wizard for layouts
        cls.company.external_report_layout_id = cls.env.ref("web.external_layout_standard")
        # the test company has taxes on payment; without it Odoo's settings warn at any change
        cls.company.tax_exigibility = True
        cls.env["product.product"].create(
            {
                "name": "Konsultacje KSeF",
                "type": "service",
                "list_price": 100,
                "taxes_id": [Command.set(cls.tax_23.ids)],
            }
        )

    def test_accountant_sends_an_invoice(self):
        self.start_tour("/odoo/customer-invoices/new", "l10n_pl_ksef_send", login="ksef_accountant")
        (taken,) = self.simulator.invoices()
        move = self.env["account.move"].search([("l10n_pl_ksef_number", "=", taken["ksef_number"])])
        self.assertEqual(move.create_uid, self.accountant)
        self.assertTrue(move.invoice_pdf_report_id, "the PDF with the code is there")
        # the link of the UPO in the tab KSeF
        self.authenticate("ksef_accountant", "ksef_accountant")
        document = move.sudo().l10n_pl_ksef_document_ids
        upo = self.url_open(f"/web/content/l10n_pl_ksef.document/{document.id}/upo_file?download=1")
        self.assertIn(move.l10n_pl_ksef_number, upo.text)

    def test_alert_leads_to_the_invoice(self):
        move = self.invoice()
        self.buyer.with_context(no_vat_validation=True).vat = "PL1111111112"
        url = f"/odoo/customer-invoices/{move.id}"
        self.start_tour(url, "l10n_pl_ksef_alert", login="ksef_accountant")
        self.assertFalse(self.simulator.calls(SEND))

    def test_administrator_connects_the_company(self):
        self.company.l10n_pl_ksef_auth_certificate_id.name = "KSeF login of the tour"
        self.company.sudo().write(
            {"l10n_pl_ksef_auth_certificate_id": False, "l10n_pl_ksef_environment": False}
        )
        new_test_user(
            self.env,
            login="ksef_system",
            groups="base.group_system,account.group_account_manager,"
            "l10n_pl_ksef.group_l10n_pl_ksef_admin",
            company_id=self.company.id,
            company_ids=[Command.set(self.company.ids)],
        )
        url = "/odoo/action-account.action_account_config"
        self.start_tour(url, "l10n_pl_ksef_settings", login="ksef_system")
        self.assertEqual(self.connection.state, "connected", self.connection.message)

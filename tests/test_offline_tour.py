"""The offline mode in the web client, in headless Chromium."""

from odoo.tests import HttpCase, tagged

from .offline_common import OfflineCommon


@tagged("post_install", "-at_install", "ksef_browser")
class TestOfflineTour(OfflineCommon, HttpCase):
    def test_accountant_switches_and_sees_the_queue(self):
        self.freeze(self.invoice())
        url = "/odoo/action-l10n_pl_ksef.l10n_pl_ksef_mode_action"
        self.start_tour(url, "l10n_pl_ksef_mode", login="ksef_accountant")
        self.assertEqual(self.company.l10n_pl_ksef_mode, "online")

    def test_accountant_corrects_technically(self):
        move = self.invoice()
        document = self.freeze_offline(move)
        document.write({"state": "sent"})
        document._reject("430", "schemat")
        self.buyer.street = "ul. Polna 2"
        url = f"/odoo/customer-invoices/{move.id}"
        self.start_tour(url, "l10n_pl_ksef_technical", login="ksef_accountant")
        fresh = move.sudo().l10n_pl_ksef_document_ids - document
        self.assertEqual(fresh.corrects_sha256, document.xml_sha256)

"""What stands on paper in every state: heading, codes, labels (spec offline, section 4.1)."""

import base64
import io
from contextlib import contextmanager
from unittest.mock import patch

from lxml import html
from PIL import Image

from odoo import fields
from odoo.tests import HttpCase, tagged

from ..ksef import crypto, qr
from .offline_common import OfflineCommon
from .pdf import codes_in, module_sizes, words_in

REPORT = "account.report_invoice"
TWO = ["OFFLINE", "CERTYFIKAT"]


class PrintCommon(OfflineCommon):
    def render(self, move):
        body, _kind = self.env["ir.actions.report"]._render_qweb_html(REPORT, move.ids)
        return html.fromstring(body)

    def seen(self, page):
        """(heading, labels) of a rendered print."""
        headings = page.xpath(
            "//*[@name='l10n_pl_ksef_confirmation']|//*[@name='l10n_pl_ksef_working_copy']"
        )
        codes = page.xpath("//*[@name='l10n_pl_ksef_code']")
        heading = headings[0].get("name").removeprefix("l10n_pl_ksef_") if headings else "invoice"
        return heading, [code.text_content().strip() for code in codes]

    def assert_print(self, move, heading, labels):
        self.assertEqual(self.seen(self.render(move)), (heading, labels))

    def consumer(self, **vals):
        """A buyer without NIP."""
        return self.buyer.copy({"name": "Anna Nowak", "vat": False, "is_company": False, **vals})

    def online_and_pending(self, **vals):
        self.simulator.post("speed", polls=[50, 50])
        move = self.invoice(**vals)
        self.send(move, allow_fallback_pdf=True)
        self.assertEqual(move.l10n_pl_ksef_state, "sending")
        return move


@tagged("post_install", "-at_install", "post_install_l10n")
class TestPrint(PrintCommon):
    @contextmanager
    def on_paper(self):
        """Odoo's tests get HTML instead of PDFs unless they insist."""
        reports = type(self.env["ir.actions.report"])
        render = reports._pre_render_qweb_pdf

        def insist(self, *args, **kw):
            return render(self.with_context(force_report_rendering=True), *args, **kw)

        with self.allow_pdf_render(), patch.object(reports, "_pre_render_qweb_pdf", insist):
            yield

    def pdf(self, move):
        """The PDF of the Print menu."""
        with self.on_paper():
            content, kind = self.env["ir.actions.report"]._render_qweb_pdf(REPORT, move.ids)
        self.assertEqual(kind, "pdf")
        return content

    def send_on_paper(self, move, **settings):
        """Send & Print with a real PDF: the attachment."""
        settings = {"sending_methods": ["manual"], "extra_edis": {"l10n_pl_ksef"}, **settings}
        sending = self.env["account.move.send"].with_user(self.accountant)
        with self.on_paper():
            sending._generate_and_send_invoices(move, **settings)
        return move.invoice_pdf_report_id

    # -- the table, row by row -------------------------------------------------------------------

    def test_draft(self):
        move = self.invoice()
        move.button_draft()
        self.assert_print(move, "invoice", [])
        self.assertIn("Draft", self.render(move).text_content())

    def test_posted_and_not_sent(self):
        move = self.invoice()
        self.assert_print(move, "working_copy", [])
        self.assertIn("not an invoice", self.render(move).text_content())
        exempt = self.invoice(invoice_date=fields.Date.to_date("2026-01-15"))
        self.assert_print(exempt, "invoice", [])

    def test_online_pending(self):
        for buyer in (self.buyer, self.consumer()):
            move = self.online_and_pending(partner_id=buyer.id)
            self.assert_print(move, "confirmation", TWO)
            url = move._l10n_pl_ksef_qr_codes()[1]["url"]
            self.assertEqual(self.page(url).status_code, 200)
            self.assertFalse(move.sudo().l10n_pl_ksef_document_ids.issued_offline)

    def test_online_pending_without_certificate_stays_in_the_house(self):
        self.company.sudo().l10n_pl_ksef_offline_certificate_id = False
        self.assert_print(self.online_and_pending(), "working_copy", ["OFFLINE"])

    def test_online_accepted(self):
        move = self.invoice()
        self.send(move)
        self.assert_print(move, "invoice", [move.l10n_pl_ksef_number])
        (image,) = self.render(move).xpath("//*[@name='l10n_pl_ksef_code']//img")
        png = Image.open(io.BytesIO(base64.b64decode(image.get("src").split(",", 1)[1])))
        self.assertEqual(png.format, "PNG")

    def test_offline_by_mode_and_buyer(self):
        abroad = self.buyer.copy({"name": "Muster GmbH", "vat": False})
        abroad.country_id = self.env.ref("base.de")
        consumer = self.consumer()
        cases = [
            (None, self.buyer, "confirmation"),
            (None, consumer, "invoice"),
            (None, abroad, "invoice"),
            ("unavailability", self.buyer, "confirmation"),
            ("unavailability", consumer, "invoice"),
            ("failure", self.buyer, "invoice"),
            ("failure", consumer, "invoice"),
        ]
        for kind, buyer, heading in cases:
            outage = kind and self.announce(kind)
            move = self.invoice(partner_id=buyer.id)
            self.freeze_offline(move)
            self.assert_print(move, heading, TWO)
            if outage:
                outage.end = fields.Datetime.now()

    def test_buyer_classes(self):
        """Art. 106gb(4): what the contact says, else what follows from it and the supply."""
        abroad = self.env.ref(f"account.{self.company.id}_vs_kraj_23").copy(
            {"name": "np", "amount": 0, "l10n_pl_ksef_category": "np2"}
        )
        move = self.invoice()
        self.assertFalse(move._l10n_pl_ksef_outside_buyer())
        line = {"name": "Usługa", "price_unit": 1, "tax_ids": [fields.Command.set(abroad.ids)]}
        supplied_abroad = self.invoice(invoice_line_ids=[fields.Command.create(line)])
        self.assertTrue(supplied_abroad._l10n_pl_ksef_outside_buyer())
        mixed = self.invoice()
        mixed.button_draft()
        mixed.invoice_line_ids = [fields.Command.create(line)]
        mixed.action_post()
        self.assertFalse(mixed._l10n_pl_ksef_outside_buyer())
        self.buyer.l10n_pl_ksef_delivery = "outside"
        self.assertTrue(move._l10n_pl_ksef_outside_buyer())
        consumer = self.consumer(l10n_pl_ksef_delivery="ksef")
        self.assertFalse(self.invoice(partner_id=consumer.id)._l10n_pl_ksef_outside_buyer())

    def test_offline_accepted(self):
        move = self.invoice()
        document = self.freeze_offline(move)
        self.run_cron("ir_cron_flush")
        self.make_due(document)
        self.run_cron("ir_cron_poll")
        self.assert_print(move, "invoice", [move.l10n_pl_ksef_number])

    def test_rejected(self):
        move = self.invoice()
        self.reject_offline(move)
        self.assertEqual(move.l10n_pl_ksef_state, "rejected")
        self.assert_print(move, "working_copy", [])

    def test_total_failure(self):
        self.announce("total_failure")
        move = self.invoice()
        move.with_user(self.accountant).action_l10n_pl_ksef_issue_outside()
        self.assert_print(move, "invoice", [])

    # -- files -----------------------------------------------------------------------------------

    def test_codes_are_read_from_paper_and_are_large_enough(self):
        for rsa in (False, True):
            made = self.simulator.post("certificates", nip="5265877635", kind="Offline", rsa=rsa)
            certificate = self.certificate_of(made, "ksef_offline")
            self.company.sudo().l10n_pl_ksef_offline_certificate_id = certificate
            move = self.invoice()
            document = self.freeze_offline(move)
            pdf = self.pdf(move)
            self.assertEqual(codes_in(pdf), [document.qr_invoice_url, document.qr_certificate_url])
            digest = crypto.to_base64url(crypto.sha256(document._xml()))
            self.assertTrue(all(digest in url for url in codes_in(pdf)))
            words = words_in(pdf).split()
            self.assertEqual([word for word in words if word in TWO], TWO)
            sizes = module_sizes(pdf, [qr.module_count(url) + 8 for url in codes_in(pdf)])
            self.assertEqual(len(sizes), 2)
            # half a millimetre is still there when a printer takes a tenth off
            self.assertGreater(min(sizes), 0.5 / 0.9)
            self.assertLess(max(sizes), 0.7)

    def test_earlier_files_stay(self):
        move = self.invoice()
        working_copy = self.send_on_paper(move, extra_edis=set())
        self.assertIn("Working copy", words_in(working_copy.raw))
        self.wizard(kind="own").action_offline()
        confirmation = self.send_on_paper(move)
        self.assertIn("Transaction confirmation", words_in(confirmation.raw))
        self.wizard().action_online()
        document = move.sudo().l10n_pl_ksef_document_ids
        self.make_due(document)
        self.run_cron("ir_cron_flush")
        self.make_due(document)
        self.run_cron("ir_cron_poll")
        self.assertFalse(move.invoice_pdf_report_id)
        final = self.send_on_paper(move)
        self.assertIn(move.l10n_pl_ksef_number, words_in(final.raw))
        self.assertEqual(codes_in(final.raw), [document.qr_invoice_url])
        attached = (
            self.env["ir.attachment"]
            .sudo()
            .search([("res_model", "=", "account.move"), ("res_id", "=", move.id)])
        )
        self.assertLessEqual(working_copy | confirmation, attached)

    def test_mailed_file_is_the_printed_one(self):
        self.wizard(kind="own").action_offline()
        move = self.invoice()
        self.send_on_paper(move, sending_methods=["email"])
        mail = self.env["mail.message"].search(
            [
                ("model", "=", "account.move"),
                ("res_id", "=", move.id),
                ("attachment_ids", "!=", False),
            ]
        )
        document = move.sudo().l10n_pl_ksef_document_ids
        (pdf,) = mail.attachment_ids.filtered(lambda a: a.mimetype == "application/pdf")
        self.assertEqual(codes_in(pdf.raw), [document.qr_invoice_url, document.qr_certificate_url])

    def test_file_of_the_portal_is_the_printed_one(self):
        move = self.invoice()
        document = self.freeze_offline(move)
        public = move.with_user(self.env.ref("base.public_user")).sudo()
        with self.on_paper():
            (file,) = public._get_invoice_legal_documents_all(allow_fallback=True)
        self.assertIn("Transaction confirmation", words_in(file["content"]))
        urls = [document.qr_invoice_url, document.qr_certificate_url]
        self.assertEqual(codes_in(file["content"]), urls)

    def test_sending_without_ksef_is_warned(self):
        wizard = self.env["account.move.send.wizard"].with_user(self.accountant)
        wizard = wizard.create({"move_id": self.invoice().id})
        self.assertNotIn("l10n_pl_ksef_left_out", wizard.alerts or {})
        wizard.extra_edis = []
        self.assertIn("l10n_pl_ksef_left_out", wizard.alerts)


@tagged("post_install", "-at_install", "post_install_l10n")
class TestPrintPortal(PrintCommon, HttpCase):
    """The customer's page, without any login."""

    def portal(self, move, **options):
        return self.url_open(move.get_portal_url(**options))

    def test_page_and_file(self):
        move = self.invoice()
        page = html.fromstring(self.portal(move, report_type="html").text)
        self.assertEqual(self.seen(page), ("working_copy", []))
        self.freeze_offline(move)
        page = html.fromstring(self.portal(move, report_type="html").text)
        self.assertEqual(self.seen(page), ("confirmation", TWO))
        self.send(move)
        page = html.fromstring(self.portal(move, report_type="html").text)
        self.assertEqual(self.seen(page), ("invoice", [move.l10n_pl_ksef_number]))

    def test_pending_online_is_signed_for_the_customer_too(self):
        move = self.online_and_pending()
        page = html.fromstring(self.portal(move, report_type="html").text)
        self.assertEqual(self.seen(page), ("confirmation", TWO))

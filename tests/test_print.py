"""What stands on paper: KOD I with its label."""

import base64
import io

from lxml import html
from PIL import Image

from odoo.tests import tagged

from .common import KsefCommon

REPORT = "account.report_invoice"


@tagged("post_install", "-at_install", "post_install_l10n")
class TestPrint(KsefCommon):
    def render(self, move):
        body, _kind = self.env["ir.actions.report"]._render_qweb_html(REPORT, move.ids)
        return html.fromstring(body)

    def codes(self, page):
        return page.xpath("//*[@name='l10n_pl_ksef_code']")

    def test_one_code_with_the_number(self):
        move = self.invoice()
        self.send(move)
        (code,) = self.codes(self.render(move))
        self.assertIn(move.l10n_pl_ksef_number, code.text_content())
        (image,) = code.xpath(".//img")
        png = Image.open(io.BytesIO(base64.b64decode(image.get("src").split(",", 1)[1])))
        self.assertEqual(png.format, "PNG")
        self.assertNotIn("OFFLINE", code.text_content())

    def test_offline_while_the_number_is_pending(self):
        move = self.invoice()
        self.freeze(move)
        (code,) = self.codes(self.render(move))
        self.assertIn("OFFLINE", code.text_content())

    def test_no_code_before_freezing(self):
        self.assertFalse(self.codes(self.render(self.invoice())))

    def test_pdf(self):
        move = self.invoice()
        self.send(move)
        with self.allow_pdf_render():
            pdf, kind = (
                self.env["ir.actions.report"]
                .with_context(force_report_rendering=True)
                ._render_qweb_pdf(REPORT, move.ids)
            )
        self.assertEqual(kind, "pdf")
        self.assertTrue(pdf.startswith(b"%PDF"))

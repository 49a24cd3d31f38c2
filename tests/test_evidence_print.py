"""What a confirmation of unavailability says on paper."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from lxml import html

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from .evidence_common import RAW, EvidenceCommon

REPORT = "l10n_pl_ksef.report_evidence_action"


@tagged("post_install", "-at_install", "post_install_l10n")
class TestEvidencePrint(EvidenceCommon):
    def page(self, record):
        body, _kind = self.env["ir.actions.report"]._render_qweb_html(REPORT, record.ids)
        return html.fromstring(body)

    def test_paper_says_it_in_both_languages(self):
        outage, moves = self.whole_story()
        record = self.make(outage)
        page = self.page(record.with_user(self.accountant))
        words = " ".join(page.text_content().split())
        for word in (
            "Potwierdzenie niedostępności KSeF",
            "Confirmation of KSeF unavailability",
            "Nie rozstrzyga",
            "It does not decide",
            "K/2026/AWR/02",
            RAW["text"],
            "connect: time-out after 5 s (żółty)",
            *moves.mapped("name"),
            *moves.sudo().l10n_pl_ksef_document_ids.mapped("xml_sha256"),
        ):
            self.assertIn(word, words)
        (printed,) = page.xpath("//*[@name='l10n_pl_ksef_sha256']")
        self.assertEqual("".join(printed.text_content().split()), record.sha256)
        self.assertEqual(len(page.xpath("//*[@name='l10n_pl_ksef_probes']/tbody/tr")), 22)
        self.assertEqual(len(page.xpath("//*[@name='l10n_pl_ksef_invoices']/tbody/tr")), 5)

    def test_paper_says_when_the_chain_was_broken_before(self):
        outage, _moves = self.whole_story()
        self.assertFalse(self.page(self.make(outage)).xpath("//*[@name='l10n_pl_ksef_faults']"))
        self.env.cr.execute(
            "UPDATE l10n_pl_ksef_probe SET status = 404 WHERE id = %s", [outage._probes()[3].id]
        )
        self.env.invalidate_all()
        record = self.make(outage)
        (warning,) = self.page(record).xpath("//*[@name='l10n_pl_ksef_faults']")
        self.assertIn("Probe 4", warning.text_content())
        self.assertTrue(record._faults())

    def test_paper_calls_an_own_problem_by_its_name(self):
        record = self.make(self.outage("own", company_id=self.company.id, source="user"))
        words = self.page(record).text_content()
        self.assertIn("Confirmation of KSeF availability measurements", words)
        self.assertNotIn("Confirmation of KSeF unavailability", words)
        self.assertIn("przyczyna po stronie wystawcy", words)

    def test_paper_says_when_nothing_was_measured(self):
        """The server was off for three hours, and once more before the end."""
        self.measure(-5, True)
        outage = self.outage_of(0, 300)
        for minutes in (0, 5, 10, 190, 195, 200):
            self.measure(minutes, False)
        self.measure(301, True)
        (said,) = self.page(self.make(outage)).xpath("//*[@name='l10n_pl_ksef_gaps']")
        words = said.text_content()
        for minutes in (10, 190, 200, 300):
            at = fields.Datetime.add(self.start, minutes=minutes)
            self.assertIn(f"{at:%Y-%m-%d %H:%M:%S} UTC", words)
        whole = self.outage_of(10_000, 10_030)
        for minutes in range(10_000, 10_036, 5):
            self.measure(minutes, minutes > 10_029)
        self.assertFalse(self.page(self.make(whole)).xpath("//*[@name='l10n_pl_ksef_gaps']"))

    def outage_of(self, begin, end):
        """An outage without its checks, minutes after the start."""
        self.start = fields.Datetime.subtract(fields.Datetime.now(), days=30)
        return (
            self.env["l10n_pl_ksef.outage"]
            .sudo()
            .create(
                {
                    "environment": "simulator",
                    "kind": "trouble",
                    "source": "probe",
                    "start": fields.Datetime.add(self.start, minutes=begin),
                    "end": fields.Datetime.add(self.start, minutes=end),
                }
            )
        )

    def test_a_dead_line_of_our_own_is_not_called_ksefs(self):
        outage = self.outage_of(0, 30)
        for minutes in range(-5, 36, 5):
            ok = not 0 <= minutes < 30
            self.measure(minutes, ok, control_ok=ok)
        words = self.page(self.make(outage)).text_content()
        self.assertNotIn("Confirmation of KSeF unavailability", words)
        self.assertIn("The neutral address did not answer either", words)

    def test_paper_comes_from_the_file_not_from_the_rows(self):
        outage, _moves = self.whole_story()
        record = self.make(outage)
        before = self.page(record).text_content()
        outage.note = "something else"
        outage.end = fields.Datetime.add(outage.end, minutes=1)
        self.env.cr.execute("UPDATE l10n_pl_ksef_probe SET error = 'forged'")
        self.env.invalidate_all()
        self.assertEqual(self.page(record).text_content(), before)

    def test_a_long_outage_says_what_paper_leaves_out(self):
        self.measure(-5, True)
        outage = self.outage()
        for minutes in range(100, 600):
            self.measure(minutes, minutes % 20 != 0)
        outage.end = fields.Datetime.add(self.start, minutes=590)
        record = self.make(outage)
        page = self.page(record)
        rows = page.xpath("//*[@name='l10n_pl_ksef_probes']/tbody/tr")
        self.assertLessEqual(len(rows), 60)
        self.assertIn("zły / bad", page.text_content())
        (left_out,) = page.xpath("//*[@name='l10n_pl_ksef_left_out']")
        self.assertIn(str(record.probe_count - len(rows)), left_out.text_content())

    def test_pdf_and_its_code(self):
        outage, moves = self.whole_story()
        record = self.make(outage)
        with self.allow_pdf_render():
            pdf = record.with_context(force_report_rendering=True)._render_pdf()
        folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        path = folder / "confirmation.pdf"
        path.write_bytes(pdf)
        run = {"check": True, "capture_output": True}
        subprocess.run(["pdftoppm", "-r", "200", "-png", path, folder / "page"], **run)
        pages = sorted(folder.glob("page*.png"))
        done = subprocess.run(["zbarimg", "--quiet", "--raw", pages[0]], text=True, **run)
        self.assertEqual(done.stdout.split(), [record.sha256])
        words = subprocess.run(["pdftotext", path, "-"], text=True, **run).stdout
        self.assertIn(self.company.name, words)
        for move in moves:
            self.assertIn(move.name, words)

    def test_attached_to_each_invoice_once(self):
        outage, moves = self.whole_story()
        record = self.make(outage)
        with self.allow_pdf_render():
            record = record.with_user(self.accountant).with_context(force_report_rendering=True)
            record.action_attach()
            for move in moves:
                message = move.message_ids[0]
                self.assertIn(record.sha256, message.body)
                files = {a.name.rsplit(".")[-1]: a.raw for a in message.attachment_ids}
                self.assertEqual(files["json"], record._content())
                self.assertTrue(files["pdf"].startswith(b"%PDF"))
            with self.assertRaises(UserError):
                record.action_attach()

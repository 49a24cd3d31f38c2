"""An outage from beginning to end, as the company, its buyers and KSeF see it, over sockets."""

from base64 import b64decode
from unittest.mock import patch

from odoo.tests import tagged

from ..ksef import holidays
from ..ksef.upo import parse_upo
from .common import SEND
from .offline_common import OfflineCommon
from .pdf import codes_in, words_in

INVOICES = 10


@tagged("post_install", "-at_install", "post_install_l10n")
class TestOutageStory(OfflineCommon):
    def papers(self, moves):
        """Send & Print of all at once with real PDFs: {invoice: PDF}, as the buyers get them."""
        reports = type(self.env["ir.actions.report"])
        render = reports._pre_render_qweb_pdf

        def insist(self, *args, **kw):
            return render(self.with_context(force_report_rendering=True), *args, **kw)

        with self.allow_pdf_render(), patch.object(reports, "_pre_render_qweb_pdf", insist):
            self.send(moves)
        return {move: move.invoice_pdf_report_id.raw for move in moves}

    def scanned(self, url):
        """What the Ministry's page behind a code says."""
        return self.page(f"{url}?format=json").json()

    def test_ten_invoices_through_an_outage(self):
        self.simulator.post("settings", count_requests=False)
        self.assertEqual(self.company.l10n_pl_ksef_mode, "online")
        for door in ("POST /auth/challenge", "POST /sessions/online", "POST /sessions/batch"):
            self.simulator.fault(door, "refuse", times=99)
        self.wizard(kind="own", remark="KSeF nie odpowiada").action_offline()
        moves = self.env["account.move"].union(*(self.invoice(100 + n) for n in range(INVOICES)))

        # handed over while KSeF is away
        codes = {}
        for move, pdf in self.papers(moves).items():
            first, second = codes[move] = codes_in(pdf)
            self.assertIn("/invoice/", first)
            self.assertIn("/certificate/", second)
            self.assertEqual(self.scanned(first)["result"], "not-found", "not in KSeF yet")
            self.assertEqual(self.scanned(second)["result"], "valid", "valid before it is sent")
            words = words_in(pdf)
            self.assertIn("Transaction confirmation", words)
            self.assertEqual((words.count("OFFLINE"), words.count("CERTYFIKAT")), (1, 1))
        self.assertEqual(len({first for first, _second in codes.values()}), INVOICES)
        due = holidays.next_working_day(self.today(), 1)
        self.assertEqual(set(moves.mapped("l10n_pl_ksef_deadline")), {due})
        documents = moves.sudo().l10n_pl_ksef_document_ids
        before = {document: document._xml() for document in documents}
        self.run_cron("ir_cron_flush")
        self.assertFalse(self.simulator.calls(SEND))

        # KSeF is back
        self.simulator.post("faults", clear=True)
        self.wizard().action_online()
        for cron in ("ir_cron_flush", "ir_cron_poll"):
            self.make_due(documents)
            self.run_cron(cron)
        self.assertEqual(moves.sudo().l10n_pl_ksef_document_ids, documents)
        self.assertEqual(set(documents.mapped("state")), {"accepted"})
        self.assertEqual(len(set(documents.mapped("ksef_number"))), INVOICES)
        self.assertFalse(any(moves.mapped("l10n_pl_ksef_deadline")), "nothing is owed any more")
        taken = {row["ksef_number"]: row for row in self.simulator.invoices()}
        self.assertEqual(len(taken), INVOICES, "each once")
        for document in documents:
            self.assertEqual(document._xml(), before[document], "the bytes that were hashed")
            self.assertEqual(taken[document.ksef_number]["hash"], document.xml_sha256)
            upo = parse_upo(b64decode(document.with_context(bin_size=False).upo_file))
            self.assertIn(document.ksef_number, [row.ksef_number for row in upo.documents])

        # what the buyers hold leads to the invoice, and so does the new print
        for move, pdf in self.papers(moves).items():
            first, second = codes[move]
            self.assertEqual(codes_in(pdf), [first], "one code, the same file")
            self.assertIn(move.l10n_pl_ksef_number, words_in(pdf))
            page = self.scanned(first)
            self.assertEqual(
                (page["result"], page["ksefNumber"]), ("found", move.l10n_pl_ksef_number)
            )
            self.assertEqual(self.scanned(second)["result"], "valid")

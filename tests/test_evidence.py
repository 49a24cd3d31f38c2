"""Confirmations of unavailability: made, printed, attached, and every forgery found."""

import base64
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

from lxml import html

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from odoo.addons.l10n_pl_ksef.ksef import evidence, latarnia
from odoo.addons.l10n_pl_ksef.ksef.probe import Measurement

from .common import SELLER_NIP, KsefCommon

REPORT = "l10n_pl_ksef.report_evidence_action"
LOGIN = "POST /auth/challenge"
URL = "https://ksef.example/v2/security/public-key-certificates"
RAW = {
    "id": "K/2026/AWR/02",
    "eventId": 1002,
    "category": "FAILURE",
    "type": "FAILURE_START",
    "title": "Awaria KSeF",
    "text": "Trwa usuwanie awarii. Za utrudnienia „przepraszamy” <b>wszystkich</b>.",
    "version": 1,
    "published": "2026-11-21T09:01:02.123+01:00",
}


@tagged("post_install", "-at_install", "post_install_l10n")
class TestEvidence(KsefCommon):
    def setUp(self):
        super().setUp()
        self.simulator.post("settings", count_requests=False)
        made = self.simulator.post("certificates", nip=SELLER_NIP, kind="Offline")
        self.company.sudo().l10n_pl_ksef_offline_certificate_id = self.certificate_of(
            made, scope="ksef_offline"
        )
        self.start = fields.Datetime.subtract(fields.Datetime.now(), hours=2)

    # -- an outage -------------------------------------------------------------------------------

    def measure(self, minutes, ok, **vals):
        """One check, so many minutes after the start of the outage."""
        found = Measurement(
            url=URL,
            ok=ok,
            reached=ok,
            status=200 if ok else None,
            dns=3,
            connect=12 if ok else None,
            total=80 if ok else 5003,
            body_sha256="ab" * 32 if ok else None,
            error="" if ok else "connect: time-out after 5 s (żółty)",
        )
        at = fields.Datetime.add(self.start, minutes=minutes)
        return self.env["l10n_pl_ksef.probe"].sudo()._note("simulator", at, found, **vals)

    def outage(self, kind="trouble", **vals):
        """An outage with a good check before, bad ones, and a good one after."""
        self.measure(-5, True)
        outage = (
            self.env["l10n_pl_ksef.outage"]
            .sudo()
            .create(
                {
                    "environment": "simulator",
                    "kind": kind,
                    "source": "probe",
                    "start": self.start,
                    **vals,
                }
            )
        )
        for minutes in range(0, 100, 5):
            self.measure(minutes, False, control_ok=True)
        return outage

    def announce(self, outage):
        outage.env["l10n_pl_ksef.announcement"].create(
            {
                "environment": "simulator",
                "number": RAW["id"],
                "event_id": RAW["eventId"],
                "category": RAW["category"],
                "kind": RAW["type"],
                "version": 1,
                "title": RAW["title"],
                "text": RAW["text"],
                "raw": latarnia.Message.from_json(RAW).raw,
                "raw_sha256": "cd" * 32,
                "read_at": self.start,
                "outage_id": outage.id,
            }
        )

    def issue(self, count=5):
        """Invoices that were meant to be sent, failed, and were issued offline."""
        self.simulator.fault(LOGIN, "status", status=503, times=99)
        moves = self.env["account.move"].union(*(self.invoice(100 + n) for n in range(count)))
        self.send(moves[0], allow_fallback_pdf=True)
        moves.with_user(self.accountant).action_l10n_pl_ksef_issue_offline()
        return moves

    def end(self, outage):
        outage.end = fields.Datetime.now()
        self.measure(130, True)

    def whole_story(self):
        outage = self.outage("failure", announcement=RAW["id"], source="announcement")
        self.announce(outage)
        moves = self.issue()
        self.end(outage)
        return outage, moves

    def make(self, outage, user=None):
        action = outage.with_user(user or self.accountant).action_evidence()
        return self.env[action["res_model"]].browse(action["res_id"])

    def contents(self, record):
        return json.loads(record.sudo()._content())

    def verdict(self, record):
        action = record.with_user(self.accountant).action_verify()
        wizard = self.env[action["res_model"]].with_user(self.accountant).browse(action["res_id"])
        return wizard.verdict, html.fromstring(str(wizard.result)).text_content()

    def upload(self, content, sha256=False):
        wizard = (
            self.env["l10n_pl_ksef.evidence.wizard"]
            .with_user(self.accountant)
            .create({"file": base64.b64encode(content), "sha256": sha256})
        )
        wizard.action_verify()
        return wizard.verdict, html.fromstring(str(wizard.result)).text_content()

    # -- what it holds ---------------------------------------------------------------------------

    def test_it_holds_what_happened(self):
        outage, moves = self.whole_story()
        record = self.make(outage)
        data = self.contents(record)
        self.assertEqual(data["seller"], {"name": self.company.name, "nip": SELLER_NIP})
        self.assertEqual((data["outage"]["kind"], data["environment"]), ("failure", "simulator"))
        self.assertEqual(len(data["probes"]), 22, "twenty bad ones, one before, one after")
        self.assertEqual([row["ok"] for row in data["probes"]], [True, *[False] * 20, True])
        (announcement,) = data["announcements"]
        self.assertEqual(json.loads(announcement["raw"]), RAW)
        self.assertEqual(announcement["event_id"], 1002)
        self.assertTrue(data["attempts"], "the login that failed")
        documents = moves.sudo().l10n_pl_ksef_document_ids.sorted("invoice_number")
        self.assertEqual(
            [
                (row["number"], row["xml_sha256"], row["deadline"], row["legal_mode"])
                for row in data["invoices"]
            ],
            [
                (d.invoice_number, d.xml_sha256, d.deadline.isoformat(), "emergency")
                for d in documents
            ],
        )
        self.assertEqual(len(documents), 5)
        self.assertEqual((record.probe_count, record.invoice_count), (22, 5))
        self.assertEqual(record.document_ids, documents)
        self.assertEqual(record.user_id, self.accountant)
        self.assertFalse(evidence.verify_file(record._content(), record.sha256))
        self.assertEqual(self.verdict(record)[0], "good")
        self.assertNotIn("PRIVATE", record._content().decode())

    def test_it_stays_as_it_was_made(self):
        outage, _moves = self.whole_story()
        record = self.make(outage).sudo()
        with self.assertRaises(UserError):
            record.write({"sha256": "00" * 32})
        with self.assertRaises(UserError):
            record.unlink()
        before = record._content()
        outage.end = fields.Datetime.add(outage.end, minutes=1)
        self.assertEqual(record._content(), before)
        self.assertNotEqual(self.make(outage).sha256, record.sha256)

    def test_an_outage_that_lasts_can_be_confirmed_too(self):
        outage = self.outage()
        record = self.make(outage)
        self.assertIsNone(self.contents(record)["outage"]["end"])
        self.assertEqual(self.verdict(record)[0], "good")

    def test_the_number_of_queries_does_not_grow_with_the_invoices(self):
        outage = self.outage()
        self.issue(2)
        self.end(outage)
        Evidence = self.env["l10n_pl_ksef.evidence"].sudo()
        Evidence._make(outage, self.company)

        def spent():
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            Evidence._make(outage, self.company)
            self.env.flush_all()
            return self.env.cr.sql_log_count - before

        few = spent()
        self.issue(6)
        outage.end = fields.Datetime.now()
        self.assertLessEqual(spent(), few)

    # -- made by itself --------------------------------------------------------------------------

    def test_it_is_made_when_the_outage_has_ended_and_once(self):
        outage = self.outage()
        self.issue(1)
        self.run_cron("ir_cron_evidence")
        self.assertFalse(outage.evidence_ids, "it lasts")
        self.end(outage)
        self.run_cron("ir_cron_evidence")
        self.run_cron("ir_cron_evidence")
        self.assertEqual(len(outage.evidence_ids), 1)
        self.assertEqual(outage.evidence_ids.period_end, outage.end)
        outage.end = fields.Datetime.add(outage.end, seconds=-1)
        self.run_cron("ir_cron_evidence")
        self.assertEqual(len(outage.evidence_ids), 2, "the end was corrected")

    def test_none_is_made_by_itself_without_offline_invoices(self):
        outage = self.outage()
        self.end(outage)
        self.run_cron("ir_cron_evidence")
        self.assertFalse(outage.evidence_ids)

    def test_it_is_made_before_its_checks_go(self):
        self.start = fields.Datetime.subtract(fields.Datetime.now(), days=100)
        outage = self.outage()
        outage.end = fields.Datetime.add(self.start, hours=2)
        self.measure(130, True)
        documents = self.issue(2).sudo().l10n_pl_ksef_document_ids
        self.env.cr.execute(
            "UPDATE l10n_pl_ksef_document SET create_date = %s WHERE id IN %s",
            [fields.Datetime.add(self.start, hours=1), tuple(documents.ids)],
        )
        self.env.invalidate_all()
        hashes = outage._probes().mapped("hash")
        self.run_cron("ir_cron_evidence")
        self.assertFalse(outage.evidence_ids, "it is long over")
        probes = self.env["l10n_pl_ksef.probe"].sudo()
        probes._gc_probes()
        self.assertFalse(probes.search([("environment", "=", "simulator")]))
        (record,) = outage.evidence_ids
        self.assertEqual([row["hash"] for row in self.contents(record)["probes"]], hashes)
        self.assertEqual(record.document_ids, documents)
        verdict, words = self.verdict(record)
        self.assertEqual(verdict, "good", words)
        self.assertIn("22 checks are older", words)
        probes._gc_probes()
        self.assertEqual(len(outage.evidence_ids), 1)
        # made now, it has the sums in the place of the checks
        late = self.contents(self.make(outage))
        self.assertEqual(sum(hour["checks"] for hour in late["anchors"]), 22)

    def test_thinned_checks_are_no_forgery(self):
        outage, _moves = self.whole_story()
        record = self.make(outage)
        probes = outage._probes()[:10]
        self.env["l10n_pl_ksef.probe.hour"].sudo()._add(probes)
        self.env.flush_all()
        self.env.cr.execute("DELETE FROM l10n_pl_ksef_probe WHERE id IN %s", [tuple(probes.ids)])
        self.env.invalidate_all()
        verdict, words = self.verdict(record)
        self.assertEqual(verdict, "good", words)
        self.assertIn("10 checks are older", words)

    # -- forgeries -------------------------------------------------------------------------------

    def test_a_changed_check_is_found(self):
        outage, _moves = self.whole_story()
        record = self.make(outage)
        probe = outage._probes()[7]
        self.env.cr.execute(
            "UPDATE l10n_pl_ksef_probe SET ok = true, total_ms = 90 WHERE id = %s", [probe.id]
        )
        self.env.invalidate_all()
        verdict, words = self.verdict(record)
        self.assertEqual(verdict, "bad")
        at = f"{fields.Datetime.add(self.start, minutes=30):%Y-%m-%dT%H:%M:%SZ}"
        self.assertIn(f"Database: the check of {at} was changed", words)
        self.assertEqual(words.count("Database"), 1)

    def test_a_removed_check_is_found(self):
        outage, _moves = self.whole_story()
        record = self.make(outage)
        probe = outage._probes()[7]
        self.env.cr.execute("DELETE FROM l10n_pl_ksef_probe WHERE id = %s", [probe.id])
        self.env.invalidate_all()
        verdict, words = self.verdict(record)
        self.assertEqual(verdict, "bad")
        gone = f"{fields.Datetime.add(self.start, minutes=30):%Y-%m-%dT%H:%M:%SZ}"
        after = f"{fields.Datetime.add(self.start, minutes=35):%Y-%m-%dT%H:%M:%SZ}"
        self.assertIn(f"before the check of {after} one is missing", words)
        self.assertIn(f"The check of {gone} is in the file and not in the database", words)

    def test_the_newest_check_removed_is_found(self):
        """The chain alone would not show it: nothing follows the newest one."""
        outage, _moves = self.whole_story()
        record = self.make(outage)
        self.env.cr.execute(
            "DELETE FROM l10n_pl_ksef_probe WHERE id = %s", [outage._probes()[-1].id]
        )
        self.env.invalidate_all()
        verdict, words = self.verdict(record)
        self.assertEqual(verdict, "bad")
        self.assertIn("in the file and not in the database", words)

    def test_a_changed_file_is_found(self):
        outage, _moves = self.whole_story()
        record = self.make(outage)
        good = record._content()
        printed = record.sha256
        self.assertEqual(self.upload(good, printed.upper())[0], "good")
        self.assertEqual(self.upload(good)[0], "good")
        changed = good.replace(b'"ok": false', b'"ok": true', 1)
        verdict, words = self.upload(changed, printed)
        self.assertEqual(verdict, "bad")
        self.assertIn("it is another file", words)
        self.assertIn("was changed: its contents do not fit its hash", words)
        self.assertIn("No confirmation that is stored here", words)
        # made anew from beginning to end, so that seal and chain are in order
        data = evidence.read(good)
        data["invoices"] = data["invoices"][:1]
        verdict, words = self.upload(evidence.file_bytes(data))
        self.assertEqual(verdict, "bad")
        self.assertIn("No confirmation that is stored here", words)
        self.assertEqual(self.upload(b"<html/>")[0], "bad")

    def test_a_stored_file_that_was_changed_is_found_and_never_printed(self):
        outage, moves = self.whole_story()
        record = self.make(outage)
        attachment = (
            self.env["ir.attachment"]
            .sudo()
            .search(
                [
                    ("res_model", "=", record._name),
                    ("res_field", "=", "file"),
                    ("res_id", "=", record.id),
                ]
            )
        )
        attachment.raw = record._content().replace(b'"ok": false', b'"ok": true', 1)
        self.env.invalidate_all()
        self.assertEqual(self.verdict(record)[0], "bad")
        with self.assertRaises(UserError):
            record._render_pdf()
        with self.assertRaises(UserError):
            record.with_user(self.accountant).action_attach()
        self.assertFalse(moves.message_ids.filtered(lambda m: record.name in (m.body or "")))

    def test_texts_are_those_of_the_command(self):
        texts = self.env["l10n_pl_ksef.evidence"]._problem_texts()
        self.assertEqual(texts, dict(evidence.TEXTS))

    # -- on paper --------------------------------------------------------------------------------

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
        self.assertEqual(self.verdict(record)[0], "bad")

    def test_paper_calls_an_own_problem_by_its_name(self):
        record = self.make(self.outage("own", company_id=self.company.id, source="user"))
        words = self.page(record).text_content()
        self.assertIn("Confirmation of KSeF availability measurements", words)
        self.assertNotIn("Confirmation of KSeF unavailability", words)
        self.assertIn("przyczyna po stronie wystawcy", words)

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

    # -- rights ----------------------------------------------------------------------------------

    def test_who_may_what(self):
        outage, _moves = self.whole_story()
        record = self.make(outage)
        own = {"company_id": self.company.id, "company_ids": [Command.set(self.company.ids)]}
        reader = new_test_user(
            self.env,
            login="ksef_evidence_reader",
            groups="account.group_account_readonly",
            **own,
        )
        employee = new_test_user(
            self.env, login="ksef_evidence_employee", groups="base.group_user", **own
        )
        self.assertEqual(record.with_user(reader).sha256, record.sha256)
        self.assertTrue(record.with_user(reader).file)
        self.assertEqual(self.verdict(record)[0], "good")
        action = record.with_user(reader).action_verify()
        wizard = self.env[action["res_model"]].with_user(reader).browse(action["res_id"])
        self.assertEqual(wizard.verdict, "good")
        with self.assertRaises(AccessError):
            outage.with_user(reader).action_evidence()
        with self.assertRaises(AccessError):
            record.with_user(reader).action_attach()
        with self.assertRaises(AccessError):
            record.with_user(employee).read(["sha256"])
        with self.assertRaises(AccessError):
            self.env["l10n_pl_ksef.evidence"].with_user(self.accountant).create({})

    def test_another_company_sees_none(self):
        outage, _moves = self.whole_story()
        record = self.make(outage)
        other = self.env["res.company"].create({"name": "Inna sp. z o.o."})
        stranger = new_test_user(
            self.env,
            login="ksef_evidence_stranger",
            groups="account.group_account_invoice",
            company_id=other.id,
            company_ids=[Command.set(other.ids)],
        )
        Evidence = self.env["l10n_pl_ksef.evidence"].with_user(stranger)
        self.assertFalse(Evidence.search([("id", "=", record.id)]))
        with self.assertRaises(AccessError):
            Evidence.browse(record.id).read(["file"])

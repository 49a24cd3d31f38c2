"""Confirmations of unavailability: made, kept, and every forgery found."""

import base64
import json

from lxml import html

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged

from odoo.addons.l10n_pl_ksef.ksef import evidence

from .common import SELLER_NIP
from .evidence_common import RAW, EvidenceCommon


@tagged("post_install", "-at_install", "post_install_l10n")
class TestEvidence(EvidenceCommon):
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
        self.assertEqual(record.move_ids, documents.move_id)
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

    def test_an_invoice_frozen_before_and_issued_offline_within_is_covered(self):
        """KSeF fails first for the invoice, and only then for the next check."""
        move = self.invoice()
        document = self.freeze(move).sudo()
        self.env.cr.execute(
            "UPDATE l10n_pl_ksef_document SET create_date = %s WHERE id = %s",
            [fields.Datetime.subtract(self.start, minutes=3), document.id],
        )
        self.env.invalidate_all()
        outage = self.outage()
        self.assertFalse(self.make(outage).move_ids)
        move.with_user(self.accountant).action_l10n_pl_ksef_issue_offline()
        self.assertEqual(self.make(outage).move_ids, move)

    def test_invoices_outside_ksef_in_a_total_failure_are_covered(self):
        outage = self.outage("total_failure", announcement="TVP, 10:00", source="user")
        move = self.invoice()
        move.with_user(self.accountant).action_l10n_pl_ksef_issue_outside()
        self.end(outage)
        self.run_cron("ir_cron_evidence")
        (record,) = outage.evidence_ids
        (row,) = self.contents(record)["invoices"]
        self.assertEqual(
            (row["number"], row["legal_mode"], row["deadline_status"], row["xml_sha256"]),
            (move.name, "total_failure", "lifted", ""),
        )
        self.assertEqual(record.move_ids, move)
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
        outage.end = fields.Datetime.add(outage.end, minutes=-1)
        self.run_cron("ir_cron_evidence")
        self.assertEqual(len(outage.evidence_ids), 2, "the end was corrected")

    def test_none_is_made_by_itself_without_offline_invoices(self):
        outage = self.outage()
        self.end(outage)
        self.run_cron("ir_cron_evidence")
        self.assertFalse(outage.evidence_ids)

    def test_what_was_a_mistake_or_lies_ahead_is_not_confirmed(self):
        wrong, _moves = self.whole_story()
        wrong.with_user(self.administrator).action_mistaken()
        self.run_cron("ir_cron_evidence")
        self.assertFalse(wrong.evidence_ids)
        ahead = self.outage(
            "unavailability",
            announcement="K/2026/NI/01",
            start=fields.Datetime.add(fields.Datetime.now(), days=1),
        )
        for outage in (wrong, ahead):
            with self.subTest(outage.kind), self.assertRaises(UserError):
                self.make(outage)

    def test_it_is_made_before_its_checks_go(self):
        self.start = fields.Datetime.subtract(fields.Datetime.now(), days=100)
        outage = self.outage()
        outage.end = fields.Datetime.add(self.start, hours=2)
        self.measure(130, True)
        documents = self.issue(2).sudo().l10n_pl_ksef_document_ids
        documents.issued_offline_at = fields.Datetime.add(self.start, hours=1)
        hashes = outage._probes().mapped("hash")
        self.run_cron("ir_cron_evidence")
        self.assertFalse(outage.evidence_ids, "it is long over")
        probes = self.env["l10n_pl_ksef.probe"].sudo()
        probes._gc_probes()
        self.assertFalse(probes.search([("environment", "=", "simulator")]))
        (record,) = outage.evidence_ids
        self.assertEqual([row["hash"] for row in self.contents(record)["probes"]], hashes)
        self.assertEqual(record.move_ids, documents.move_id)
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

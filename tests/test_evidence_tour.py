"""A confirmation of unavailability in the web client, in headless Chromium."""

from odoo.tests import HttpCase, tagged

from .evidence_common import EvidenceCommon
from .pictures import Pictures


@tagged("post_install", "-at_install", "ksef_browser")
class TestEvidenceTour(Pictures, EvidenceCommon, HttpCase):
    def test_made_verified_and_attached_by_an_accountant(self):
        outage = self.outage()
        moves = self.issue(2)
        self.end(outage)
        self.take_pictures()
        self.start_tour(
            "/odoo/action-l10n_pl_ksef.l10n_pl_ksef_outage_action",
            "l10n_pl_ksef_evidence",
            login="ksef_accountant",
            timeout=120,
        )
        (record,) = outage.evidence_ids
        self.assertEqual(record.user_id, self.accountant)
        for move in moves:
            self.assertIn(record.filename, move.message_ids.attachment_ids.mapped("name"))
        self.authenticate("ksef_accountant", "ksef_accountant")
        file = self.url_open(f"/web/content/l10n_pl_ksef.evidence/{record.id}/file?download=1")
        self.assertEqual(file.content, record._content())

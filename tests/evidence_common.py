"""An outage with invoices issued offline, for tests of all that proves it."""

import json

from odoo import fields

from odoo.addons.l10n_pl_ksef.ksef import latarnia
from odoo.addons.l10n_pl_ksef.ksef.probe import Measurement

from .common import SELLER_NIP, KsefCommon

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


class EvidenceCommon(KsefCommon):
    """Every check is measured by hand, so that an hour takes no time; all else is real."""

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
        moves.sudo().l10n_pl_ksef_document_ids.issued_offline_at = fields.Datetime.subtract(
            fields.Datetime.now(), minutes=10
        )
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

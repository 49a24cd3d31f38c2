"""A company that can issue offline: with an Offline certificate, and announcements at will."""

import requests

from odoo import fields

from .common import SELLER_NIP, KsefCommon


class OfflineCommon(KsefCommon):
    def setUp(self):
        super().setUp()
        self.give_offline_certificate()

    def give_offline_certificate(self):
        made = self.simulator.post("certificates", nip=SELLER_NIP, kind="Offline")
        certificate = self.certificate_of(made, "ksef_offline")
        self.company.sudo().l10n_pl_ksef_offline_certificate_id = certificate
        return certificate

    def wizard(self, user=None, **vals):
        return (
            self.env["l10n_pl_ksef.mode.wizard"]
            .with_user(user or self.accountant)
            .create({"company_id": self.company.id, **vals})
        )

    def announce(self, kind, start=-1, end=None, **vals):
        now = fields.Datetime.now()
        return (
            self.env["l10n_pl_ksef.outage"]
            .sudo()
            .create(
                {
                    "environment": "simulator",
                    "kind": kind,
                    "announcement": "K/2026/AWR/01",
                    "start": fields.Datetime.add(now, hours=start),
                    "end": end is not None and fields.Datetime.add(now, hours=end),
                    **vals,
                }
            )
        )

    def page(self, url):
        """The Ministry's page behind a code."""
        return requests.get(url, timeout=10)

    def labels(self, move):
        return [code["label"] for code in move._l10n_pl_ksef_qr_codes()]

    def freeze_offline(self, move):
        move.with_user(self.accountant).action_l10n_pl_ksef_issue_offline()
        return move.sudo().l10n_pl_ksef_document_ids

    def reject_offline(self, moves):
        """Issue them offline and have KSeF refuse every file; their documents."""
        documents = self.env["l10n_pl_ksef.document"].sudo()
        for move in moves:
            documents |= self.freeze_offline(move)
        self.simulator.fault("invoice", "outcome", code=430, times=len(moves))
        self.run_cron("ir_cron_flush")
        self.make_due(documents)
        self.run_cron("ir_cron_poll")
        return documents

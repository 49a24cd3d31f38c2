from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError


class L10nPlKsefOutage(models.Model):
    """What proves an outage: made by a button, by itself after its end, and before probes go."""

    _inherit = "l10n_pl_ksef.outage"

    evidence_ids = fields.One2many(
        "l10n_pl_ksef.evidence", "outage_id", string="Confirmations", readonly=True
    )
    evidence_count = fields.Integer("Confirmations made", compute="_compute_evidence_count")

    @api.depends("evidence_ids")
    @api.depends_context("uid", "allowed_company_ids")
    def _compute_evidence_count(self):
        for outage in self:
            outage.evidence_count = len(outage.evidence_ids)

    def write(self, vals):
        # EXTENDS 'l10n_pl_ksef.outage'
        result = super().write(vals)
        if vals.get("end"):
            cron = self.env.ref("l10n_pl_ksef.ir_cron_evidence").sudo()
            cron._trigger(at=max(fields.Datetime.now(), fields.Datetime.to_datetime(vals["end"])))
        return result

    def action_evidence(self):
        """Make the confirmation of what is known now, and show it."""
        self.ensure_one()
        Evidence = self.env["l10n_pl_ksef.evidence"]
        Evidence._check_user()
        self.check_access("read")
        if self.mistaken or self.start > fields.Datetime.now():
            raise UserError(
                self.env._("There is nothing to confirm: it was a mistake, or has not begun yet.")
            )
        made = Evidence._make(self, self.company_id or self.env.company)
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Confirmation of KSeF unavailability"),
            "res_model": made._name,
            "res_id": made.id,
            "view_mode": "form",
        }

    def action_evidence_list(self):
        """The confirmations that were made of it."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Confirmations of unavailability"),
            "res_model": "l10n_pl_ksef.evidence",
            "view_mode": "list,form",
            "domain": [("id", "in", self.evidence_ids.ids)],
        }

    def _outside(self, company):
        """The invoices of a company (with its branches) that it kept outside KSeF."""
        return self.env["account.move"].search(
            [
                ("l10n_pl_ksef_total_failure_id", "=", self.id),
                ("company_id", "child_of", company.id),
                ("state", "=", "posted"),
            ]
        )

    def _without_evidence(self):
        """The outages of self and the companies that have no confirmation of them as they ended.

        One that lasts is confirmed again every month: its first checks do not stay for ever.

        :return: a list of (outage, head company)
        """
        outages = self.sudo().filtered(lambda outage: not outage.mistaken)
        fresh = fields.Datetime.now() - timedelta(days=30)
        made = {
            (one.outage_id, one.company_id, one.period_end)
            for one in outages.evidence_ids
            if one.period_end or one.made_at > fresh
        }
        connections = self.env["l10n_pl_ksef.connection"].sudo()
        connections = connections.search([("environment", "in", outages.mapped("environment"))])
        return [
            (outage, connection.company_id)
            for outage in outages.sorted("id")
            for connection in connections
            if connection.environment == outage.environment
            and outage.company_id <= connection.company_id
            and (outage, connection.company_id, outage.end) not in made
        ]

    @api.model
    def _before_thinning(self, probes):
        """Freeze what rests on probes that are about to become hourly sums."""
        margin = timedelta(hours=1)  # the probe before an outage and the one after it
        for environment, rows in probes.grouped("environment").items():
            times = rows.mapped("at")
            resting = self.search(
                [
                    ("environment", "=", environment),
                    ("start", "<=", max(times) + margin),
                    *("|", ("end", "=", False), ("end", ">=", min(times) - margin)),
                ]
            )
            for outage, company in resting._without_evidence():
                if (
                    outage._documents(company)
                    or outage._outside(company)
                    or outage._failures(company)
                ):
                    self.env["l10n_pl_ksef.evidence"]._make(outage, company)

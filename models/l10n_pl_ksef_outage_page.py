"""What people see of an outage: its checks, our failed attempts, and the invoices of the time."""

from odoo import api, fields, models


class L10nPlKsefOutage(models.Model):
    _inherit = "l10n_pl_ksef.outage"

    probe_ids = fields.Many2many("l10n_pl_ksef.probe", compute="_compute_probe_ids")
    failure_ids = fields.Many2many("l10n_pl_ksef.failure", compute="_compute_of_company")
    invoice_count = fields.Integer("Issued offline", compute="_compute_of_company")

    @api.depends("start", "end")
    def _compute_probe_ids(self):
        for outage in self:
            outage.probe_ids = outage._probes().sorted("id", reverse=True)

    @api.depends("start", "end")
    @api.depends_context("company")
    def _compute_of_company(self):
        for outage in self:
            outage.failure_ids = outage._failures(self.env.company)
            outage.invoice_count = len(outage._documents(self.env.company).move_id)

    def action_invoices(self):
        """The invoices that were issued offline because of it."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Issued offline"),
            "res_model": "account.move",
            "view_mode": "list,form",
            "domain": [("id", "in", self._documents(self.env.company).move_id.ids)],
        }

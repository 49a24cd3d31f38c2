from odoo import api, fields, models


class AccountMove(models.Model):
    _inherit = "account.move"

    l10n_pl_ksef_proposal = fields.Selection(
        selection=lambda self: self.env["res.company"]._fields["l10n_pl_ksef_proposal"].selection,
        string="KSeF proposal",
        compute="_compute_l10n_pl_ksef_proposal",
    )

    @api.depends("company_id")
    def _compute_l10n_pl_ksef_proposal(self):
        for move in self:
            move.l10n_pl_ksef_proposal = move.company_id.sudo().root_id.l10n_pl_ksef_proposal

    def action_l10n_pl_ksef_mode(self):
        """The page with the switch, for the company of this invoice."""
        self.ensure_one()
        return self.env["l10n_pl_ksef.mode.wizard"].action_open(self.company_id.sudo())

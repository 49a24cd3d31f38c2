from odoo import fields, models


class L10nPlKsefContract(models.Model):
    _name = "l10n_pl_ksef.contract"
    _description = "Contract behind an invoice in KSeF"

    move_id = fields.Many2one("account.move", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="move_id.company_id", store=True)
    date = fields.Date(help="DataUmowy")
    number = fields.Char(size=256, help="NrUmowy")

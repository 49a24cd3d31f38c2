from odoo import fields, models


class L10nPlKsefTechnicalLine(models.TransientModel):
    _name = "l10n_pl_ksef.technical.line"
    _description = "Change of a KSeF technical correction"

    wizard_id = fields.Many2one(
        "l10n_pl_ksef.technical.wizard", required=True, ondelete="cascade", readonly=True
    )
    path = fields.Char("Field of FA(3)", readonly=True)
    before = fields.Text("Rejected file", readonly=True)
    after = fields.Text("Now", readonly=True)
    content = fields.Boolean(
        readonly=True, help="It would make it another invoice, which is refused."
    )

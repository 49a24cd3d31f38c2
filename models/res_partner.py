from odoo import fields, models


class ResPartner(models.Model):
    _inherit = "res.partner"

    l10n_pl_ksef_eori = fields.Char("EORI number", size=256, help="NrEORI in KSeF.")

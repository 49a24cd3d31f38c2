from odoo import fields, models


class UomUom(models.Model):
    _inherit = "uom.uom"

    l10n_pl_ksef_code = fields.Char(
        "Symbol in KSeF",
        size=256,
        help="P_8A, in Polish. Empty: the usual Polish symbol or the name.",
    )

from odoo import fields, models


class ProductCategory(models.Model):
    _inherit = "product.category"

    l10n_pl_ksef_annex15 = fields.Boolean(
        "Annex 15 to the VAT act", help="All products of this category belong to Annex 15."
    )

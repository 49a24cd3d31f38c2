from odoo import models


class ProductProduct(models.Model):
    _inherit = "product.product"

    def _l10n_pl_ksef_is_annex15(self):
        """Whether the product, or its category, is marked as belonging to Annex 15."""
        template = self.product_tmpl_id
        return bool(template.l10n_pl_ksef_annex15 or template.categ_id.l10n_pl_ksef_annex15)

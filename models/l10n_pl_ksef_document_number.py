from odoo import models


class L10nPlKsefDocument(models.Model):
    _inherit = "l10n_pl_ksef.document"

    # every build asks whether the number was used before
    _number_lookup = models.Index("(seller_nip, invoice_number)")

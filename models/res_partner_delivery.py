from odoo import fields, models


class ResPartner(models.Model):
    _inherit = "res.partner"

    l10n_pl_ksef_delivery = fields.Selection(
        [("ksef", "Through KSeF"), ("outside", "Outside KSeF, in an agreed way")],
        "Receives invoices",
        help="Art. 106gb(4) of the VAT act: whether an offline print is an invoice already, or a "
        "transaction confirmation. Empty: outside KSeF without a Polish NIP, abroad, or for "
        "supplies outside Poland.",
    )

from odoo import fields, models


class ProductTemplate(models.Model):
    _inherit = "product.template"

    l10n_pl_ksef_pkwiu = fields.Char("PKWiU", size=50, help="Polish classification (KSeF).")
    l10n_pl_ksef_cn = fields.Char("CN", size=50, help="Combined nomenclature (KSeF).")
    l10n_pl_ksef_pkob = fields.Char("PKOB", size=50, help="Classification of buildings (KSeF).")
    l10n_pl_ksef_annex15 = fields.Boolean(
        "Annex 15 to the VAT act",
        help="Goods and services of Annex 15: split payment above 15 000 PLN (P_12_Zal_15).",
    )
    l10n_pl_ksef_excise_refund = fields.Boolean(
        "Excise refund for farmers",
        help="ZwrotAkcyzy: diesel oil whose buyer claims the excise duty back.",
    )
    l10n_pl_ksef_settlement = fields.Boolean(
        "Settled outside the invoice amount",
        help="Deposits, tolls, disbursements (art. 79 of the VAT act): without VAT they are told "
        "in KSeF as charges beside the invoice amount (Rozliczenie), not as a line.",
    )

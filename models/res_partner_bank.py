from odoo import fields, models


class ResPartnerBank(models.Model):
    _inherit = "res.partner.bank"

    l10n_pl_ksef_own_account = fields.Selection(
        [
            ("1", "Bank's account for purchased receivables"),
            ("2", "Bank's account for collected receivables"),
            ("3", "Bank's internal account"),
        ],
        "Bank's own account",
        help="RachunekWlasnyBanku, only for banks and credit unions.",
    )
    l10n_pl_ksef_description = fields.Char(
        "Description in KSeF", size=256, help="OpisRachunku. Empty: the currency of the account."
    )

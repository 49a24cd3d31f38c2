from odoo import fields, models


class AccountPaymentMethodLine(models.Model):
    _inherit = "account.payment.method.line"

    l10n_pl_ksef_payment_form = fields.Selection(
        [
            ("1", "Cash"),
            ("2", "Card"),
            ("3", "Voucher"),
            ("4", "Cheque"),
            ("5", "Credit"),
            ("6", "Bank transfer"),
            ("7", "Mobile"),
            ("other", "Other"),
        ],
        "Form of payment in KSeF",
        help="Empty: cash for cash journals, bank transfer for bank journals.",
    )
    l10n_pl_ksef_payment_text = fields.Char("Other form of payment", size=256)

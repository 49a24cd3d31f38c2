from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..ksef.numbers import is_ksef_number, is_legacy_ksef_number


class L10nPlKsefExternalDocument(models.Model):
    _name = "l10n_pl_ksef.external_document"
    _description = "Invoice of another system that an invoice in KSeF refers to"
    _order = "date, id"
    _rec_name = "number"

    move_id = fields.Many2one("account.move", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="move_id.company_id", store=True)
    purpose = fields.Selection(
        [("corrected", "Is corrected"), ("advance", "Is an advance settled here")],
        required=True,
        default="corrected",
    )
    number = fields.Char("Invoice number", required=True, size=256)
    date = fields.Date("Date of issue", required=True)
    ksef_number = fields.Char("KSeF number", help="Empty: the invoice was issued outside KSeF.")

    @api.constrains("ksef_number")
    def _check_ksef_number(self):
        for document in self:
            number = document.ksef_number
            if number and not is_ksef_number(number) and not is_legacy_ksef_number(number):
                raise ValidationError(
                    self.env._(
                        "%(number)s is not a KSeF number: its check digits do not fit.",
                        number=number,
                    )
                )

from odoo import fields, models


class L10nPlKsefDescription(models.Model):
    _name = "l10n_pl_ksef.description"
    _description = "Additional description of an invoice in KSeF"
    _order = "sequence, id"

    move_id = fields.Many2one("account.move", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="move_id.company_id", store=True)
    sequence = fields.Integer(default=10)
    key = fields.Char("Subject", required=True, size=250, help="Klucz of DodatkowyOpis.")
    value = fields.Char("Text", required=True, help="Longer than 256 characters: split in pieces.")

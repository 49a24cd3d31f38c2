from odoo import fields, models


class ResPartner(models.Model):
    _inherit = "res.partner"

    l10n_pl_ksef_eori = fields.Char("EORI number", size=256, help="NrEORI in KSeF.")
    l10n_pl_ksef_idwew = fields.Char(
        "Internal identifier (KSeF)",
        size=20,
        help="IDWew: NIP and five digits, of a unit without a NIP of its own.",
    )
    l10n_pl_ksef_recipient = fields.Boolean(
        "Recipient in KSeF",
        help="As delivery address of an invoice it is told as its recipient (third party, role 2).",
    )
    l10n_pl_ksef_third_party_ids = fields.One2many(
        "l10n_pl_ksef.third_party",
        "customer_id",
        "Third parties in KSeF",
        help="Copied to every new invoice of this customer.",
    )

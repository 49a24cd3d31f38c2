from odoo import api, fields, models
from odoo.exceptions import ValidationError

ROLES = [
    ("1", "Factor"),
    ("2", "Recipient: unit or branch of the buyer"),
    ("3", "Original entity (taken over)"),
    ("4", "Additional buyer"),
    ("5", "Issuer on behalf of the seller"),
    ("6", "Payer"),
    ("7", "Local government unit, issuer"),
    ("8", "Local government unit, recipient"),
    ("9", "VAT group member, issuer"),
    ("10", "VAT group member, recipient"),
    ("11", "Employee"),
    ("other", "Other role"),
]


class L10nPlKsefThirdParty(models.Model):
    """A third party of one invoice, or the template of one on a customer or a company."""

    _name = "l10n_pl_ksef.third_party"
    _description = "Third party of an invoice in KSeF"
    _rec_name = "partner_id"

    move_id = fields.Many2one("account.move", ondelete="cascade", index=True)
    customer_id = fields.Many2one("res.partner", ondelete="cascade", index=True)
    template_company_id = fields.Many2one("res.company", ondelete="cascade", index=True)
    company_id = fields.Many2one("res.company", compute="_compute_company_id", store=True)
    partner_id = fields.Many2one("res.partner", "Contact", required=True, ondelete="restrict")
    role = fields.Selection(ROLES, required=True)
    role_description = fields.Char("Description of the role", size=256)
    share = fields.Float("Share (%)", digits=(9, 6), help="Udzial, for additional buyers.")
    idwew = fields.Char(
        "Internal identifier",
        size=20,
        help="IDWew: NIP and five digits, for units without a NIP of their own.",
    )
    buyer_key = fields.Char(
        "Key of the buyer", size=32, help="IDNabywcy: links a corrected buyer with the old data."
    )

    @api.depends("move_id.company_id", "template_company_id", "customer_id.company_id")
    def _compute_company_id(self):
        for party in self:
            party.company_id = (
                party.move_id.company_id
                or party.template_company_id
                or party.customer_id.company_id
            )

    @api.constrains("role", "role_description")
    def _check_role_description(self):
        for party in self:
            if party.role == "other" and not (party.role_description or "").strip():
                raise ValidationError(self.env._("Describe the other role of the third party."))

    def _copy_values(self):
        """Values that a template gives to the third party of an invoice."""
        return [
            {
                "partner_id": party.partner_id.id,
                "role": party.role,
                "role_description": party.role_description,
                "share": party.share,
                "idwew": party.idwew,
            }
            for party in self
        ]

"""What a company's invoices in KSeF say about the company."""

import re

from odoo import api, fields, models
from odoo.exceptions import ValidationError


class ResCompany(models.Model):
    _inherit = "res.company"

    l10n_pl_ksef_eori = fields.Char("EORI number", size=256, help="NrEORI in KSeF.")
    l10n_pl_ksef_krs = fields.Char("KRS", size=10, help="Ten digits.")
    l10n_pl_ksef_regon = fields.Char("REGON", size=14, help="Nine or fourteen digits.")
    l10n_pl_ksef_bdo = fields.Char("BDO", size=9, help="Number in the waste register.")
    l10n_pl_ksef_full_name = fields.Char(
        "Full registered name", size=256, help="Only when it differs from the company's name."
    )
    l10n_pl_ksef_taxpayer_status = fields.Selection(
        [
            ("1", "In liquidation"),
            ("2", "In restructuring"),
            ("3", "In bankruptcy"),
            ("4", "Inherited enterprise"),
        ],
        "Status of the taxpayer",
    )
    l10n_pl_ksef_correspondence_id = fields.Many2one(
        "res.partner", "Correspondence address", help="AdresKoresp of the seller."
    )
    l10n_pl_ksef_issue_place = fields.Char(
        "Place of issue", size=256, help="P_1M. Empty: left out; for branches the branch's city."
    )
    l10n_pl_ksef_cash_method = fields.Boolean(
        "Cash method", help="P_16: VAT is due when the customer pays (small taxpayers)."
    )
    l10n_pl_ksef_salesperson_contact = fields.Boolean(
        "Contact of the salesperson", help="Instead of the company's own. Personal data."
    )
    l10n_pl_ksef_buyer_contact = fields.Boolean(
        "Contact of business customers", default=True, help="E-mail and telephone of the buyer."
    )
    l10n_pl_ksef_interface = fields.Boolean(
        "Electronic interface",
        help="The company is an electronic interface: one-stop-shop sales carry WSTO_EE.",
    )

    l10n_pl_ksef_sections = fields.Boolean(
        "Sections as additional descriptions",
        help="The titles of sections are told with the line below them (DodatkowyOpis). Otherwise "
        "they are left out.",
    )
    l10n_pl_ksef_reason_required = fields.Boolean(
        "Corrections need a reason", help="Otherwise the reason may stay empty."
    )

    l10n_pl_ksef_order_optional = fields.Boolean(
        "Advances without order rows",
        help="Lets advance invoices go without the rows of their order, with a warning only.",
    )
    l10n_pl_ksef_third_party_ids = fields.One2many(
        "l10n_pl_ksef.third_party",
        "template_company_id",
        "Third parties of all invoices",
        help="Copied to every new invoice, for example a factor or the accounting office.",
    )
    l10n_pl_ksef_representative_id = fields.Many2one(
        "res.partner",
        "Authorised entity",
        help="PodmiotUpowazniony, for example a tax representative.",
    )
    l10n_pl_ksef_representative_role = fields.Selection(
        [("1", "Enforcement authority"), ("2", "Bailiff"), ("3", "Tax representative")],
        "Role of the authorised entity",
        default="3",
    )

    @api.constrains("l10n_pl_ksef_krs", "l10n_pl_ksef_regon", "l10n_pl_ksef_bdo")
    def _check_l10n_pl_ksef_registers(self):
        for company in self:
            if company.l10n_pl_ksef_krs and not re.fullmatch(r"\d{10}", company.l10n_pl_ksef_krs):
                raise ValidationError(self.env._("KRS: enter ten digits."))
            regon = company.l10n_pl_ksef_regon
            if regon and not re.fullmatch(r"\d{9}|\d{14}", regon):
                raise ValidationError(self.env._("REGON: enter nine or fourteen digits."))
            if company.l10n_pl_ksef_bdo and not re.fullmatch(r"\d{1,9}", company.l10n_pl_ksef_bdo):
                raise ValidationError(self.env._("BDO: enter at most nine digits."))

from odoo import api, fields, models

CATEGORIES = [
    ("23", "23 %"),
    ("22", "22 %"),
    ("8", "8 %"),
    ("7", "7 %"),
    ("5", "5 %"),
    ("4", "4 % (flat rate of taxis)"),
    ("3", "3 % (flat rate of taxis)"),
    ("0kr", "0 %, domestic"),
    ("wdt", "0 %, intra-Community supply of goods"),
    ("export", "0 %, export of goods"),
    ("exempt", "Exempt"),
    ("np1", "Not subject to Polish VAT, outside the country (np I)"),
    ("np2", "Services to EU businesses, art. 100(1)(4) (np II)"),
    ("triangular", "Simplified triangular transaction, second taxpayer"),
    ("oo", "Domestic reverse charge"),
    ("oss", "One-stop shop"),
    ("margin_travel", "Margin: travel agencies"),
    ("margin_used", "Margin: second-hand goods"),
    ("margin_art", "Margin: works of art"),
    ("margin_antiques", "Margin: collectors' items and antiques"),
]

#: First match wins. np II carries K_11 as well, the triangular transaction K_21 as well.
_TAG_CATEGORIES = (
    ("OSS", "oss"),
    ("Triangular Sale", "triangular"),
    ("K_12", "np2"),
    ("K_11", "np1"),
    ("K_21", "wdt"),
    ("K_22", "export"),
    ("K_31", "oo"),
    ("K_10", "exempt"),
    ("K_13", "0kr"),
    ("K_14", "0kr"),
)
#: Tags shared by several rates: tag -> the rates it stands for.
_TAG_RATES = (("K_19", ("23", "22")), ("K_17", ("8", "7")), ("K_15", ("5",)))


class AccountTax(models.Model):
    _inherit = "account.tax"

    l10n_pl_ksef_category = fields.Selection(
        CATEGORIES,
        string="KSeF category",
        compute="_compute_l10n_pl_ksef_category",
        inverse="_inverse_l10n_pl_ksef_category",
        store=True,
        readonly=False,
        help="Decides the rate and the total in which lines with this tax appear in KSeF. "
        "Filled in from the tax grids; change it where they do not tell.",
    )
    l10n_pl_ksef_category_manual = fields.Boolean(
        help="The category was chosen by a person: changed tax grids do not alter it.",
    )
    l10n_pl_ksef_exempt_basis_type = fields.Selection(
        [
            ("A", "Polish act or regulation"),
            ("B", "Directive 2006/112/EC"),
            ("C", "Other legal basis"),
        ],
        string="Kind of exemption basis",
    )
    l10n_pl_ksef_exempt_basis = fields.Char(
        string="Legal basis of the exemption",
        size=256,
        help="For example: art. 43 ust. 1 pkt 26 lit. a ustawy o VAT",
    )

    @api.depends(
        "amount",
        "amount_type",
        "type_tax_use",
        "country_id",
        "invoice_repartition_line_ids.tag_ids",
    )
    def _compute_l10n_pl_ksef_category(self):
        for tax in self:
            if not tax.l10n_pl_ksef_category_manual:
                tax.l10n_pl_ksef_category = tax._l10n_pl_ksef_derived_category()

    def _inverse_l10n_pl_ksef_category(self):
        for tax in self:
            derived = tax._l10n_pl_ksef_derived_category()
            tax.l10n_pl_ksef_category_manual = tax.l10n_pl_ksef_category != derived

    def _l10n_pl_ksef_derived_category(self):
        """Category that the tax grids tell, or False. Never from the rate alone: 0 % has seven."""
        self.ensure_one()
        if self.type_tax_use != "sale" or self.amount_type == "group":
            return False
        tags = self.with_context(lang="en_US").invoice_repartition_line_ids.tag_ids
        names = {(tag.name or "").lstrip("+-").strip() for tag in tags}
        if self.country_id.code != "PL" and "OSS" not in names:
            return False
        for name, category in _TAG_CATEGORIES:
            if name in names:
                return category
        rate = f"{self.amount:g}"
        for name, rates in _TAG_RATES:
            if name in names:
                return rate if rate in rates else False
        return rate if names and rate in ("4", "3") else False

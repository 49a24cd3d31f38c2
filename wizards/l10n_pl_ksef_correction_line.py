from odoo import api, fields, models


class L10nPlKsefCorrectionLine(models.TransientModel):
    _name = "l10n_pl_ksef.correction.line"
    _description = "Line of an invoice before and after a correction"

    wizard_id = fields.Many2one("l10n_pl_ksef.correction", required=True, ondelete="cascade")
    line_id = fields.Many2one("account.move.line", required=True, readonly=True)
    name = fields.Char(related="line_id.name")
    currency_id = fields.Many2one(related="line_id.currency_id")
    discount = fields.Float(related="line_id.discount", string="Discount (%)")
    quantity_before = fields.Float(digits="Product Unit", readonly=True)
    price_before = fields.Float(digits="Product Price", readonly=True)
    tax_ids_before = fields.Many2many(
        "account.tax",
        "l10n_pl_ksef_correction_tax_before_rel",
        string="Taxes before",
        readonly=True,
    )
    quantity = fields.Float("Quantity after", digits="Product Unit")
    price = fields.Float("Price after", digits="Product Price")
    tax_ids = fields.Many2many("account.tax", string="Taxes after")
    change = fields.Monetary(compute="_compute_change", help="Before tax or with it, as the price.")

    @api.depends("quantity", "price", "quantity_before", "price_before", "discount")
    def _compute_change(self):
        for line in self:
            factor = 1 - line.discount / 100
            before = line.quantity_before * line.price_before
            line.change = (line.quantity * line.price - before) * factor

    def _entries(self, sign):
        """Values of the invoice lines that make this change.

        :param sign: -1 for a credit note, 1 for a debit note
        :return: list of dictionaries; quantities at the old price change the quantity, the others
            the price; another tax takes the old line to nothing and puts a new one in its place
        """
        self.ensure_one()
        source = self.line_id
        common = {
            "name": source.name,
            "product_id": source.product_id.id,
            "product_uom_id": source.product_uom_id.id,
            "account_id": source.account_id.id,
            "analytic_distribution": source.analytic_distribution,
            "discount": source.discount,
            "l10n_pl_ksef_corrected_line_id": source.id,
        }
        old = {**common, "tax_ids": [(6, 0, self.tax_ids_before.ids)]}
        if self.tax_ids != self.tax_ids_before:
            new = {**common, "tax_ids": [(6, 0, self.tax_ids.ids)]}
            return [
                {**old, "quantity": -sign * self.quantity_before, "price_unit": self.price_before},
                {**new, "quantity": sign * self.quantity, "price_unit": self.price},
            ]
        entries = []
        returned = self.quantity - self.quantity_before
        if returned:
            entries.append({**old, "quantity": sign * returned, "price_unit": self.price_before})
        cheaper = (self.price - self.price_before) * (1 - self.discount / 100)
        if cheaper and self.quantity:
            entry = {"quantity": self.quantity, "price_unit": sign * cheaper, "discount": 0}
            entries.append({**old, **entry})
        return entries

from odoo import api, fields, models


class L10nPlKsefOrderRow(models.Model):
    """One row of the order behind an advance invoice, entered by hand where no order is linked."""

    _name = "l10n_pl_ksef.order_row"
    _description = "Row of the order behind an advance invoice"
    _order = "sequence, id"

    move_id = fields.Many2one("account.move", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="move_id.company_id", store=True)
    currency_id = fields.Many2one(related="move_id.currency_id")
    sequence = fields.Integer(default=10)
    product_id = fields.Many2one("product.product")
    name = fields.Char("Description", required=True)
    uom_id = fields.Many2one("uom.uom", "Unit")
    quantity = fields.Float(default=1.0, digits="Product Unit")
    price = fields.Float("Net price after discount", digits="Product Price")
    tax_id = fields.Many2one(
        "account.tax",
        required=True,
        domain="[('type_tax_use', '=', 'sale'), ('company_id', 'parent_of', company_id)]",
    )
    net = fields.Monetary("Net amount", compute="_compute_amounts", store=True, readonly=False)
    vat = fields.Monetary("VAT", compute="_compute_amounts", store=True, readonly=False)

    @api.depends("quantity", "price", "tax_id.amount")
    def _compute_amounts(self):
        for row in self:
            row.net = row.currency_id.round(row.quantity * row.price)
            row.vat = row.currency_id.round(row.net * row.tax_id.amount / 100)

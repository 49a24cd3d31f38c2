"""Kinds of invoices around advances, and what a person enters where no order tells it."""

from odoo import fields, models


class AccountMove(models.Model):
    _inherit = "account.move"

    l10n_pl_ksef_kind = fields.Selection(
        [
            ("VAT", "Ordinary invoice"),
            ("ZAL", "Advance invoice"),
            ("ROZ", "Final invoice that settles advances"),
            ("UPR", "Simplified invoice"),
        ],
        "Kind of invoice",
        copy=False,
        help="RodzajFaktury. Empty: found out from the sales order; corrections follow the "
        "original.",
    )
    l10n_pl_ksef_advance_move_ids = fields.Many2many(
        "account.move",
        "l10n_pl_ksef_advance_rel",
        "final_id",
        "advance_id",
        string="Advance invoices",
        copy=False,
        domain="[('move_type', '=', 'out_invoice'), ('state', '=', 'posted'), "
        "('company_id', '=', company_id), ('commercial_partner_id', '=', commercial_partner_id)]",
        help="Advances that this invoice settles, besides those that a sales order knows.",
    )
    l10n_pl_ksef_order_row_ids = fields.One2many(
        "l10n_pl_ksef.order_row",
        "move_id",
        "Order behind the advance",
        copy=False,
        help="All rows of the order, also those that the advance does not cover.",
    )

    # -- what a sales order knows, see account_move_sale -------------------------------------------

    def _l10n_pl_ksef_order_lines(self):
        """Rows of the order behind an advance, a list of dictionaries; empty without an order.

        Keys: name, product, uom, quantity, net (after discount), vat, tax, key (stays the same).
        """
        self.ensure_one()
        return [
            {
                "name": row.name,
                "product": row.product_id,
                "uom": row.uom_id,
                "quantity": row.quantity,
                "net": row.net,
                "vat": row.vat,
                "tax": row.tax_id,
                "key": f"row/{row.id}",
            }
            for row in self.l10n_pl_ksef_order_row_ids
        ]

    def _l10n_pl_ksef_advances(self):
        """The advance invoices that this invoice settles."""
        self.ensure_one()
        return self.l10n_pl_ksef_advance_move_ids

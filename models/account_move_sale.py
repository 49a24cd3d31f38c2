"""The bridge to sales orders and their deliveries. Works where `sale` (and `sale_stock`) is
installed and does nothing elsewhere: their fields are asked for, never taken for granted."""

from odoo import models


class AccountMove(models.Model):
    _inherit = "account.move"

    def _l10n_pl_ksef_orders(self):
        """The sales orders of this invoice, or None without `sale`."""
        if "sale_line_ids" not in self.invoice_line_ids._fields:
            return None
        # sudo: an accountant need not be allowed to read sales orders
        return self.sudo().invoice_line_ids.sale_line_ids.order_id

    def _l10n_pl_ksef_order_lines(self):
        lines = super()._l10n_pl_ksef_order_lines()
        orders = self._l10n_pl_ksef_orders()
        if lines or not orders:
            return lines
        return [
            {
                "name": line.name,
                "product": line.product_id,
                "uom": line.product_uom_id,
                "quantity": line.product_uom_qty,
                "net": line.price_subtotal,
                "vat": line.price_tax,
                "tax": line.tax_ids,
                "key": f"sale/{line.id}",
            }
            for line in orders.order_line
            if not line.display_type and not line.is_downpayment
        ]

    def _l10n_pl_ksef_advances(self):
        advances = super()._l10n_pl_ksef_advances()
        for line in self.invoice_line_ids:
            if line._l10n_pl_ksef_is_deduction():
                advances |= line._get_downpayment_lines().move_id
        return (
            advances.filtered(
                lambda move: move.state == "posted"
                and move.move_type == "out_invoice"
                and not move.l10n_pl_ksef_is_correction
                and move.payment_state != "reversed"
            )
            - self
        )

    def _l10n_pl_ksef_get_order_date(self):
        orders = self._l10n_pl_ksef_orders()
        if orders and len(orders) == 1 and orders.client_order_ref == self.ref:
            return orders.date_order.date()
        return super()._l10n_pl_ksef_get_order_date()

    def _l10n_pl_ksef_get_delivery_numbers(self):
        numbers = super()._l10n_pl_ksef_get_delivery_numbers()
        lines = self.sudo().invoice_line_ids
        if "sale_line_ids" not in lines._fields or "move_ids" not in lines.sale_line_ids._fields:
            return numbers
        pickings = lines.sale_line_ids.move_ids.picking_id.filtered(
            lambda picking: picking.state == "done" and picking.picking_type_code == "outgoing"
        )
        return [*numbers, *pickings.mapped("name")]

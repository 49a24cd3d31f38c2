"""Sales orders, deliveries and debit notes, with the modules that bring them installed.

`bin/test` runs these apart from the others, in a database with `sale_stock`, `account_debit_note`
and `l10n_eu_oss`; this add-on depends on none of them.
"""

from datetime import date

from odoo import Command
from odoo.tests import tagged

from .fa3_common import Fa3Common

ADVANCE_NUMBER = "5265877635-20261028-0100A1B2C3D6-04"


@tagged("post_install_l10n", "post_install", "-at_install", "ksef_sale")
class TestFa3Sale(Fa3Common):
    def sales_order(self):
        if "sale.order" not in self.env:
            self.skipTest("the module sale is not installed")
        products = self.env["product.product"].create(
            [
                {"name": "Maszyna", "invoice_policy": "order"},
                {"name": "Książka", "invoice_policy": "order"},
            ]
        )
        lines = [
            Command.create(
                {
                    "product_id": product.id,
                    "product_uom_qty": quantity,
                    "price_unit": price,
                    "tax_ids": [Command.set(self.tax(tax).ids)],
                }
            )
            for product, quantity, price, tax in zip(
                products, (10, 5), (1000, 100), ("vs_kraj_23", "vs_kraj_5"), strict=True
            )
        ]
        order = (
            self.env["sale.order"]
            .sudo()
            .create({"partner_id": self.buyer.id, "order_line": lines, "client_order_ref": "PO-1"})
        )
        order.action_confirm()
        return order

    def invoices_of(self, order, method, **values):
        wizard = (
            self.env["sale.advance.payment.inv"]
            .sudo()
            .with_context(active_model="sale.order", active_ids=order.ids)
            .create({"advance_payment_method": method, **values})
        )
        before = order.invoice_ids
        wizard.create_invoices()
        move = (order.invoice_ids - before).with_env(self.env)
        move.write(
            {
                "invoice_date": date(2026, 10, 28),
                "invoice_payment_term_id": self.terms.id,
                "partner_bank_id": self.bank_account.id,
            }
        )
        return move

    def test_c46_c47_from_a_sales_order(self):
        order = self.sales_order()
        advance = self.invoices_of(order, "percentage", amount=30)
        advance.action_post()
        self.built(advance, "C46-zal", ignored=["WarunkiTransakcji"])
        self.accept(advance, ADVANCE_NUMBER)
        final = self.invoices_of(order, "delivered")
        final.invoice_date = date(2026, 11, 5)
        final.action_post()
        tree = self.built(final, "C47-roz", ignored=["P_1", "Termin", "WarunkiTransakcji"])
        found = self.texts(tree, "NrZamowienia", "DataZamowienia")
        self.assertEqual(found, ["PO-1", "2026-11-05"])

    def test_fixed_advance_from_a_sales_order(self):
        order = self.sales_order()
        advance = self.invoices_of(order, "fixed", fixed_amount=1000)
        advance.action_post()
        found = self.texts(self.built(advance), "P_13_1", "P_14_1", "P_13_3", "P_14_3", "P_15")
        self.assertEqual(found, ["779.72", "179.34", "38.99", "1.95", "1000.00"])

    def test_c08_global_discount_of_a_sales_order(self):
        order = self.sales_order()
        order.order_line[1].tax_ids = self.tax("vs_kraj_8")
        order.order_line[0].price_unit = 100
        wizard = self.env["sale.order.discount"].sudo()
        wizard.create(
            {
                "sale_order_id": order.id,
                "discount_type": "so_discount",
                "discount_percentage": 0.1,
            }
        ).action_apply_discount()
        move = self.invoices_of(order, "delivered")
        names = ("Towar", "Usługa", "Rabat 10%", "Rabat 10%")
        for line, name in zip(move.invoice_line_ids, names, strict=True):
            line.name = name
        move.invoice_date = date(2026, 11, 5)
        move.action_post()
        tree = self.built(move, "C08-global-discount", ignored=["WarunkiTransakcji"])
        self.assertEqual(self.texts(tree, "P_13_1", "P_15"), ["900.00", "1593.00"])

    def test_delivery_notes_of_a_sales_order(self):
        order = self.sales_order()
        if "picking_ids" not in order._fields:
            self.skipTest("the module sale_stock is not installed")
        picking = order.picking_ids
        for move in picking.move_ids:
            move.quantity = move.product_uom_qty
            move.picked = True
        picking.button_validate()
        invoice = self.invoices_of(order, "delivered")
        invoice.action_post()
        self.assertEqual(self.texts(self.built(invoice), "WZ"), [picking.name])

    def test_debit_note_is_a_correction_upwards(self):
        if "debit_origin_id" not in self.env["account.move"]._fields:
            self.skipTest("the module account_debit_note is not installed")
        root = self.original(("Towar", 10, 100, "vs_kraj_23"))
        wizard = (
            self.env["account.debit.note"]
            .with_context(active_model="account.move", active_ids=root.ids)
            .create({"date": date(2026, 11, 5), "reason": "za mało", "copy_lines": True})
        )
        debit = self.env["account.move"].browse(wizard.create_debit()["res_id"])
        self.assertEqual(debit.l10n_pl_ksef_corrected_move_ids, root)
        debit.invoice_line_ids.quantity = 2
        debit.action_post()
        tree = self.built(debit)
        self.assertEqual(
            self.rows(tree, "StanPrzed", "P_8B", "P_11"),
            [("1", "10", "1000.00"), (None, "12", "1200.00")],
        )
        found = self.texts(tree, "RodzajFaktury", "P_15", "TypKorekty", "NrZamowienia")
        self.assertEqual(found, ["KOR", "246.00", "1", None])

    def test_later_advances_do_not_list_the_earlier_ones(self):
        """And a final invoice lists all of them but the one that was taken back."""
        order = self.sales_order()
        numbers = (ADVANCE_NUMBER, "5265877635-20261029-0100A1B2C3DA-A3")
        advances = []
        for number in numbers:
            advance = self.invoices_of(order, "percentage", amount=20)
            advance.action_post()
            tree = self.built(advance)
            self.assertEqual(self.texts(tree, "RodzajFaktury", "FakturaZaliczkowa"), ["ZAL", None])
            self.accept(advance, number)
            advances.append(advance)
        self.refund(advances[0])
        final = self.invoices_of(order, "delivered")
        final.invoice_date = date(2026, 11, 5)
        final.action_post()
        tree = self.built(final)
        found = [node.text for node in tree.iter("NrKSeFFaZaliczkowej")]
        self.assertEqual(found, [numbers[1]])
        self.assertEqual(self.rows(tree, "P_11"), [("10000.00",), ("500.00",)])

    def test_taxes_of_the_one_stop_shop(self):
        if not hasattr(self.company, "_map_eu_taxes"):
            self.skipTest("the module l10n_eu_oss is not installed")
        self.company._map_eu_taxes()
        fiscal = self.env["account.fiscal.position"].search(
            [("company_id", "=", self.company.id), ("country_id.code", "=", "DE")]
        )
        tax = fiscal.map_tax(self.tax("vs_kraj_23"))
        self.assertEqual((tax.amount, tax.l10n_pl_ksef_category), (19, "oss"))
        consumer = self.foreign(vat=False, name="Hans Schmidt", is_company=False)
        tree = self.built(self.invoice(("Buch", 2, 50, tax), partner_id=consumer.id))
        paths = ("P_13_5", "P_14_5", "P_12_XII", "P_12")
        self.assertEqual(self.texts(tree, *paths), ["100.00", "19.00", "19", None])

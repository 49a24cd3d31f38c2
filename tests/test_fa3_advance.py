"""Advance and final invoices, entered by hand and from sales orders; simplified invoices."""

from datetime import date

from odoo import Command
from odoo.tests import tagged

from .fa3_common import Fa3Common

ADVANCE_NUMBER = "5265877635-20261028-0100A1B2C3D6-04"


@tagged("post_install_l10n", "post_install", "-at_install")
class TestFa3Advance(Fa3Common):
    def order_rows(self):
        return [
            Command.create({"name": name, "quantity": quantity, "price": price, "tax_id": tax.id})
            for name, quantity, price, tax in (
                ("Maszyna", 10, 1000, self.tax("vs_kraj_23")),
                ("Książka", 5, 100, self.tax("vs_kraj_5")),
            )
        ]

    def advance(self, **values):
        return self.invoice(
            ("Zaliczka 30%", 1, 3000, "vs_kraj_23"),
            ("Zaliczka 30%", 1, 150, "vs_kraj_5"),
            **(
                {
                    "invoice_date": date(2026, 10, 28),
                    "l10n_pl_ksef_kind": "ZAL",
                    "l10n_pl_ksef_order_row_ids": self.order_rows(),
                }
                | values
            ),
        )

    def final(self, *advances, **values):
        deduction = {"l10n_pl_ksef_deduction": True}
        return self.invoice(
            ("Maszyna", 10, 1000, "vs_kraj_23"),
            ("Książka", 5, 100, "vs_kraj_5"),
            ("Zaliczka", -1, 3000, "vs_kraj_23", deduction),
            ("Zaliczka", -1, 150, "vs_kraj_5", deduction),
            **(
                {
                    "invoice_date": date(2026, 11, 5),
                    "l10n_pl_ksef_advance_move_ids": [Command.set([a.id for a in advances])],
                }
                | values
            ),
        )

    def test_c46_advance_by_hand(self):
        tree = self.built(self.advance(), "C46-zal")
        self.assertIsNone(tree.find(".//FaWiersz"))
        self.assertIsNone(tree.find(".//FakturaZaliczkowa"))
        self.assertEqual(self.texts(tree, "WartoscZamowienia"), ["12825.00"])

    def test_advance_needs_its_order(self):
        move = self.advance(l10n_pl_ksef_order_row_ids=False)
        self.refused(move, "KS22")
        self.company.l10n_pl_ksef_order_optional = True
        self.assertIsNone(self.built(move).find(".//Zamowienie"))

    def test_no_advance_for_intra_community_supplies(self):
        move = self.invoice(
            ("Zaliczka", 1, 100, "vs_unia"),
            partner_id=self.foreign().id,
            l10n_pl_ksef_kind="ZAL",
        )
        self.refused(move, "KS23")

    def test_advance_in_euro(self):
        euro = self.in_currency(rate=4.2567)
        move = self.invoice(
            ("Zaliczka", 1, 813.01, "vs_kraj_23"),
            currency_id=euro.id,
            l10n_pl_ksef_kind="ZAL",
            l10n_pl_ksef_order_row_ids=self.order_rows()[:1],
        )
        found = self.texts(self.built(move), "P_13_1", "P_14_1", "P_14_1W", "KursWalutyZ")
        self.assertEqual(found, ["813.01", "186.99", "795.97", "4.2567"])

    def test_rows_of_the_order_tell_their_product(self):
        product = self.env["product.product"].create(
            {
                "name": "Stal",
                "default_code": "ST-1",
                "barcode": "5901234123457",
                "l10n_pl_vat_gtu": "GTU_05",
                "l10n_pl_ksef_pkwiu": "24.10",
                "l10n_pl_ksef_cn": "7208",
                "l10n_pl_ksef_pkob": "1",
                "l10n_pl_ksef_annex15": True,
            }
        )
        row = {
            "name": "[ST-1] Stal",
            "product_id": product.id,
            "uom_id": self.env.ref("uom.product_uom_kgm").id,
            "quantity": 3,
            "price": 10000.0,
            "tax_id": self.tax("vs_kraj_23").id,
        }
        travel = {"name": "Podróż", "tax_id": self.tax("vs_ekspu").id, "price": 1}
        move = self.invoice(
            ("Zaliczka", 1, 13000, "vs_kraj_23"),
            l10n_pl_ksef_kind="ZAL",
            l10n_pl_ksef_order_row_ids=[Command.create(row), Command.create(travel)],
        )
        tree = self.built(move)
        first = tree.find(".//ZamowienieWiersz")
        expected = {
            "NrWierszaZam": "1",
            "P_7Z": "Stal",
            "IndeksZ": "ST-1",
            "GTINZ": "5901234123457",
            "PKWiUZ": "24.10",
            "CNZ": "7208",
            "PKOBZ": "1",
            "P_8AZ": "kg",
            "P_8BZ": "3",
            "P_9AZ": "10000.00",
            "P_11NettoZ": "30000.00",
            "P_11VatZ": "6900.00",
            "P_12Z": "23",
            "P_12Z_Zal_15": "1",
            "GTUZ": "GTU_05",
        }
        found = {node.tag: node.text for node in first}
        self.assertEqual(len(found.pop("UU_IDZ")), 36)
        self.assertEqual(found, expected)
        self.assertEqual(self.texts(tree, "P_18A"), ["1"], "15 990.00 with goods of Annex 15")

    def test_receipts_and_corrections_in_euro_carry_their_rate(self):
        euro = self.in_currency(rate=4.2567, day="2026-10-01")
        values = {"currency_id": euro.id, "l10n_pl_ksef_order_row_ids": self.order_rows()[:1]}
        parts = self.advance(**values)
        self.pay(parts, 3000, date(2026, 10, 26), currency_id=euro.id)
        self.pay(parts, 847.5, date(2026, 10, 27), currency_id=euro.id)
        tree = self.built(parts)
        self.assertEqual([n.text for n in tree.iter("KursWalutyZW")], ["4.2567", "4.2567"])
        self.assertEqual([n.text for n in tree.iter("P_15Z")], ["3000.00", "847.50"])
        self.accept(parts, ADVANCE_NUMBER)
        found = self.texts(self.built(self.refund(parts)), "KursWalutyZK", "KursWalutyZ", "P_15ZK")
        self.assertEqual(found, ["4.2567", "4.2567", "3847.50"])

    def test_day_of_receipt_and_several_receipts(self):
        paid = self.advance()
        self.pay(paid, 3847.5, date(2026, 10, 26))
        tree = self.built(paid)
        self.assertEqual(self.texts(tree, "P_6", "Zaplacono"), ["2026-10-26", "1"])
        parts = self.advance()
        self.pay(parts, 3000, date(2026, 10, 26))
        self.pay(parts, 847.5, date(2026, 10, 27))
        tree = self.built(parts)
        found = [
            (part.findtext("P_6Z"), part.findtext("P_15Z"))
            for part in tree.iter("ZaliczkaCzesciowa")
        ]
        self.assertEqual(found, [("2026-10-26", "3000.00"), ("2026-10-27", "847.50")])
        self.assertEqual(self.texts(tree, "P_6"), [None])

    def pay(self, move, amount, day, **values):
        wizard = self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=move.ids
        )
        wizard.create({"amount": amount, "payment_date": day, **values})._create_payments()

    def test_c47_final_invoice_by_hand(self):
        advance = self.advance()
        final = self.final(advance)
        self.refused(final, "KS21")
        self.accept(advance, ADVANCE_NUMBER)
        # dated as in the example, which lies ahead of the frozen day of these tests
        tree = self.built(final, "C47-roz", ignored=["P_1", "Termin"])
        self.assertEqual(
            self.rows(tree, "NrWierszaFa", "P_11"), [("1", "10000.00"), ("2", "500.00")]
        )
        self.assertEqual(self.texts(tree, "NrKSeFZN", "P_15"), [None, "8977.50"])

    def test_final_invoice_of_an_advance_outside_ksef(self):
        external = {"purpose": "advance", "number": "FZ/OLD/1", "date": date(2026, 1, 5)}
        final = self.final(l10n_pl_ksef_external_ids=[Command.create(external)])
        found = self.texts(self.built(final), "RodzajFaktury", "NrKSeFZN", "NrFaZaliczkowej")
        self.assertEqual(found, ["ROZ", "1", "FZ/OLD/1"])

    def test_correction_of_an_advance(self):
        advance = self.advance()
        self.accept(advance, ADVANCE_NUMBER)
        credit = self.refund(advance)
        tree = self.built(credit)
        paths = ("RodzajFaktury", "P_15", "P_15ZK", "WartoscZamowienia", "FaWiersz")
        self.assertEqual(
            self.texts(tree, *paths), ["KOR_ZAL", "-3847.50", "3847.50", "12825.00", None]
        )
        rows = [
            (row.findtext("NrWierszaZam"), row.findtext("StanPrzedZ"), row.findtext("P_11NettoZ"))
            for row in tree.iter("ZamowienieWiersz")
        ]
        expected = [("1", "1", "10000.00"), ("1", None, "10000.00")]
        self.assertEqual(rows, expected + [("2", "1", "500.00"), ("2", None, "500.00")])
        self.accept(credit, "5265877635-20261020-0100A1B2C3D5-30")
        back = self.refund(credit)
        self.assertEqual(self.texts(self.built(back), "P_15ZK"), ["0.00"])

    def test_correction_of_a_final_invoice(self):
        advance = self.advance()
        self.accept(advance, ADVANCE_NUMBER)
        final = self.final(advance)
        self.accept(final, "5265877635-20261029-0100A1B2C3DA-A3")
        credit = self.refund(final, {"quantity": 2}, None, None, None)
        tree = self.built(credit)
        paths = ("RodzajFaktury", "P_15", "P_15ZK", "NrKSeFFaZaliczkowej")
        self.assertEqual(
            self.texts(tree, *paths), ["KOR_ROZ", "-2460.00", "8977.50", ADVANCE_NUMBER]
        )
        self.assertEqual(
            self.rows(tree, "StanPrzed", "P_8B", "P_11"),
            [("1", "10", "10000.00"), (None, "8", "8000.00")],
        )

    def test_simplified_invoice(self):
        move = self.invoice(("Parking", 1, 100, "vs_kraj_23"), l10n_pl_ksef_kind="UPR")
        tree = self.built(move)
        found = self.texts(tree, "RodzajFaktury", "P_15", "P_13_1", "Podmiot2//Nazwa", "P_11")
        self.assertEqual(found, ["UPR", "123.00", None, None, None])
        self.assertEqual(self.rows(tree, "P_7", "P_12"), [("Parking", "23")])
        big = self.invoice(("Parking", 1, 400, "vs_kraj_23"), l10n_pl_ksef_kind="UPR")
        self.refused(big, "KS31")
        abroad = self.invoice(
            ("Parking", 1, 100, "vs_kraj_23"),
            l10n_pl_ksef_kind="UPR",
            partner_id=self.foreign().id,
        )
        self.refused(abroad, "KS04")

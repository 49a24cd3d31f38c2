"""Corrections: before and after, differences, chains, currencies, documents of other systems."""

from datetime import date
from decimal import Decimal

from odoo import Command
from odoo.exceptions import UserError, ValidationError
from odoo.tests import tagged

from .fa3_common import Fa3Common

PAIR = ("StanPrzed", "P_8B", "P_9A", "P_11", "P_12")


@tagged("post_install_l10n", "post_install", "-at_install")
class TestFa3Correction(Fa3Common):
    def widget(self, quantity=10, price=100, **values):
        return self.original(("Widget", quantity, price, "vs_kraj_23"), **values)

    def test_c35_full_reversal(self):
        root = self.widget(taxable_supply_date=date(2026, 10, 12))
        credit = self.refund(root, l10n_pl_ksef_correction_reason="Zwrot całości towaru")
        tree = self.built(credit, "C35-kor-full")
        self.assertEqual(
            self.rows(tree, "NrWierszaFa", *PAIR),
            [("1", "1", "10", "100.00", "1000.00", "23"), ("1", None, "0", "100.00", "0.00", "23")],
        )
        for absent in ("Platnosc", "NrKSeFN", "Zamowienia"):
            self.assertIsNone(tree.find(f".//{absent}"))
        keys = [row.findtext("UU_ID") for row in tree.iter("FaWiersz")]
        self.assertEqual(keys[0], keys[1])

    def test_c36_return_of_three(self):
        root = self.widget()
        credit = self.refund(root, {"quantity": 3}, l10n_pl_ksef_correction_reason="Zwrot 3 szt.")
        self.built(credit, "C36a-kor-partial-return")
        credit.l10n_pl_ksef_correction_method = "difference"
        self.assertEqual(
            self.rows(self.built(credit), *PAIR), [(None, "-3", "100.00", "-300.00", "23")]
        )

    def test_c36c_lump_sum(self):
        credit = self.refund(self.widget(), {"quantity": 1, "price_unit": 150})
        tree = self.built(credit)
        self.assertEqual(self.rows(tree, *PAIR)[1], (None, "10", "85.00", "850.00", "23"))
        found = self.texts(tree, "P_13_1", "P_14_1", "P_15")
        self.assertEqual(found, ["-150.00", "-34.50", "-184.50"])

    def test_c37_lower_price(self):
        service = self.env["uom.uom"].create({"name": "service", "l10n_pl_ksef_code": "usł."})
        root = self.original(
            ("Usługa serwisowa", 1, 200, "vs_kraj_23", {"product_uom_id": service.id}),
            name="FV/2026/00102",
            number="5265877635-20261020-0100A1B2C3D5-30",
            invoice_date=date(2026, 10, 20),
        )
        credit = self.refund(
            root,
            {"price_unit": 30},
            l10n_pl_ksef_correction_reason="Błędna cena",
            l10n_pl_ksef_correction_type="1",
        )
        self.built(credit, "C37a-kor-price")
        credit.l10n_pl_ksef_correction_method = "difference"
        self.assertEqual(
            self.rows(self.built(credit), *PAIR), [(None, "1", "-30.00", "-30.00", "23")]
        )
        whole = self.widget(name="FV/2026/00103", number="5265877635-20261028-0100A1B2C3D6-04")
        tree = self.built(self.refund(whole, {"price_unit": 3}))
        self.assertEqual(self.rows(tree, *PAIR)[1], (None, "10", "97.00", "970.00", "23"))

    def test_second_correction_starts_where_the_first_ended(self):
        root = self.widget()
        first = self.refund(root, {"quantity": 3})
        self.accept(first, "5265877635-20261020-0100A1B2C3D5-30")
        second = self.refund(root, {"quantity": 2})
        tree = self.built(second)
        self.assertEqual(
            self.rows(tree, *PAIR),
            [("1", "7", "100.00", "700.00", "23"), (None, "5", "100.00", "500.00", "23")],
        )
        self.assertEqual(self.texts(tree, "NrFaKorygowanej"), ["FV/2026/00101"])
        self.accept(second, "5265877635-20261016-0100A1B2C3D8-9B")
        too_much = self.refund(root, {"quantity": 6})
        self.assertIn("left: 5", self.refused(too_much, "KS19"))

    def test_chain_over_a_difference(self):
        root = self.widget()
        first = self.refund(root, {"quantity": 3}, l10n_pl_ksef_correction_method="difference")
        self.accept(first, "5265877635-20261020-0100A1B2C3D5-30")
        second = self.refund(
            root, {"price_unit": 10, "quantity": 7}, l10n_pl_ksef_correction_method="difference"
        )
        self.assertEqual(
            self.rows(self.built(second), *PAIR), [(None, "1", "-70.00", "-70.00", "23")]
        )
        self.accept(second, "5265877635-20261016-0100A1B2C3D8-9B")
        third = self.refund(root, {"quantity": 1, "price_unit": 90})
        self.assertEqual(
            self.rows(self.built(third), *PAIR),
            [("1", "7", "90.00", "630.00", "23"), (None, "6", "90.00", "540.00", "23")],
        )

    def test_correction_of_a_correction_names_the_original(self):
        root = self.widget()
        credit = self.refund(root, {"quantity": 4})
        self.accept(credit, "5265877635-20261020-0100A1B2C3D5-30")
        back = self.refund(credit)
        self.assertEqual(back.move_type, "out_invoice")
        self.assertEqual(back.l10n_pl_ksef_corrected_move_ids, root)
        tree = self.built(back)
        self.assertEqual(
            self.rows(tree, *PAIR),
            [("1", "6", "100.00", "600.00", "23"), (None, "10", "100.00", "1000.00", "23")],
        )
        found = self.texts(tree, "RodzajFaktury", "NrFaKorygowanej", "P_15", "TypKorekty")
        self.assertEqual(found, ["KOR", "FV/2026/00101", "492.00", "1"])

    def test_debit_note_by_hand_adds_a_row(self):
        root = self.widget()
        debit = self.invoice(
            ("Dodatkowy element", 1, 50, "vs_kraj_23"),
            l10n_pl_ksef_corrected_move_ids=[Command.set(root.ids)],
        )
        tree = self.built(debit)
        self.assertEqual(
            self.rows(tree, "NrWierszaFa", "P_7", "P_11"), [("2", "Dodatkowy element", "50.00")]
        )
        self.assertEqual(self.texts(tree, "RodzajFaktury", "P_13_1"), ["KOR", "50.00"])
        self.assertIsNotNone(tree.find(".//Platnosc"))

    def test_another_rate_replaces_the_row(self):
        root = self.original(("Książka", 10, 100, "vs_kraj_23"), ("Inna", 1, 1, "vs_kraj_5"))
        credit = self.refund(root, {}, None, post=False)
        credit.write(
            {
                "invoice_line_ids": [
                    Command.create(
                        {
                            "name": "Książka",
                            "quantity": -10,
                            "price_unit": 100,
                            "tax_ids": [Command.set(self.tax("vs_kraj_5").ids)],
                            "l10n_pl_ksef_corrected_line_id": root.invoice_line_ids[0].id,
                        }
                    )
                ]
            }
        )
        credit.action_post()
        tree = self.built(credit)
        self.assertEqual(
            self.rows(tree, *PAIR),
            [("1", "10", "100.00", "1000.00", "23"), (None, "10", "100.00", "1000.00", "5")],
        )
        found = self.texts(tree, "P_13_1", "P_14_1", "P_13_3", "P_14_3", "P_15")
        self.assertEqual(found, ["-1000.00", "-230.00", "1000.00", "50.00", "-180.00"])

    def test_line_without_counterpart_falls_back_to_the_difference(self):
        root = self.widget()
        credit = self.refund(root, {"quantity": 1}, post=False)
        bonus = {
            "name": "Rabat posprzedażowy",
            "quantity": 1,
            "price_unit": 5,
            "tax_ids": [Command.set(self.tax("vs_kraj_23").ids)],
        }
        credit.write({"invoice_line_ids": [Command.create(bonus)]})
        credit.action_post()
        tree = self.built(credit)
        self.assertEqual(
            self.rows(tree, "StanPrzed", "P_8B", "P_11"),
            [(None, "-1", "-100.00"), (None, "-1", "-5.00")],
        )

    def test_gross_prices_and_rounding_stay_consistent(self):
        gross = self.tax("vs_kraj_23").copy(
            {"name": "23% brutto", "price_include_override": "tax_included"}
        )
        root = self.original(*((f"Artykuł {name}", 3, 9.99, gross) for name in "ABC"))
        credit = self.refund(root, {"quantity": 1}, {"quantity": 2}, {"price_unit": 1})
        tree = self.built(credit)
        self.assertEqual(
            self.rows(tree, "P_8B", "P_9B", "P_11A"),
            [
                ("3", "9.99", "29.97"),
                ("2", "9.99", "19.98"),
                ("3", "9.99", "29.97"),
                ("1", "9.99", "9.99"),
                ("3", "9.99", "29.97"),
                ("3", "8.99", "26.97"),
            ],
        )
        change = sum(
            Decimal(row.findtext("P_11")) * (-1 if row.find("StanPrzed") is not None else 1)
            for row in tree.iter("FaWiersz")
        )
        self.assertEqual(str(change), tree.findtext(".//P_13_1"))

    def test_euro_is_corrected_at_the_original_rate(self):
        euro = self.in_currency(rate=4.5005, day="2026-10-01")
        root = self.original(("Maszyna", 3, 4520, "vs_kraj_23"), currency_id=euro.id)
        self.in_currency(rate=4.2, day="2026-10-20")
        credit = self.refund(root)
        tree = self.built(credit)
        found = self.texts(tree, "P_14_1", "P_14_1W", "P_15", "KursWaluty")
        self.assertEqual(found, ["-3118.80", "-14036.16", "-16678.80", "4.5005"])
        taxes = (root | credit).line_ids.filtered("tax_line_id")
        self.assertEqual(taxes.mapped("balance"), [-14036.16, 14036.16], "the books agree")

    def test_euro_wizard_books_at_the_original_rate_in_both_directions(self):
        euro = self.in_currency(rate=4.5005, day="2026-10-01")
        root = self.original(("Maszyna", 3, 4520, "vs_kraj_23"), currency_id=euro.id)
        self.in_currency(rate=4.2, day="2026-10-20")
        for quantity, kind, vat in ((4, "out_invoice", "4678.72"), (2, "out_refund", "-4678.72")):
            move = self.wizard(root, {"quantity": quantity})
            self.assertEqual(move.move_type, kind)
            found = self.texts(self.built(move), "KursWaluty", "P_14_1W")
            self.assertEqual(found, ["4.5005", vat])
            tax = move.line_ids.filtered("tax_line_id")
            self.assertEqual(f"{-tax.balance:.2f}", vat, "the books agree")

    def test_frozen_data_not_the_contact_of_today(self):
        root = self.widget()
        self.buyer.write({"name": "Nowa nazwa", "street": "ul. Nowa 2", "vat": "PL2222222222"})
        tree = self.built(self.refund(root))
        found = self.texts(tree, "Podmiot2//Nazwa", "Podmiot2//NIP", "Podmiot2//AdresL1")
        self.assertEqual(found, ["F.H.U. Jan Kowalski", "1111111111", "ul. Polna 1"])

    def test_correction_of_the_buyers_data(self):
        root = self.widget()
        self.buyer.write({"name": "Nowa nazwa"})
        credit = self.refund(root, {"price_unit": 0}, l10n_pl_ksef_correction_method="data")
        tree = self.built(credit)
        paths = ("Podmiot2//Nazwa", "Podmiot2/IDNabywcy", "Podmiot2K//Nazwa", "Podmiot2K/IDNabywcy")
        self.assertEqual(
            self.texts(tree, *paths), ["Nowa nazwa", "N1", "F.H.U. Jan Kowalski", "N1"]
        )
        self.assertEqual(self.texts(tree, "P_15", "P_13_1", "FaWiersz"), ["0.00", None, None])
        self.assertIsNone(tree.find(".//Podmiot1K"))
        wrong = self.refund(root, l10n_pl_ksef_correction_method="data")
        self.refused(wrong, "KS28")

    def test_documents_of_another_system(self):
        line = ("Towar", 2, 100, "vs_kraj_23")
        lone = self.invoice(line, move_type="out_refund")
        self.refused(lone, "KS17")
        external = {"number": "FV/OLD/7", "date": date(2026, 1, 15)}
        old = self.invoice(
            line,
            move_type="out_refund",
            l10n_pl_ksef_external_ids=[Command.create(external)],
        )
        tree = self.built(old)
        found = self.texts(tree, "NrFaKorygowanej", "NrKSeFN", "NrKSeF", "DataWystFaKorygowanej")
        self.assertEqual(found, ["FV/OLD/7", "1", None, "2026-01-15"])
        self.assertEqual(self.rows(tree, "P_8B", "P_9A", "P_11"), [("-2", "100.00", "-200.00")])
        number = "5265877635-20261029-0100A1B2C3DA-A3"
        old.l10n_pl_ksef_external_ids.ksef_number = number
        found = self.texts(self.built(old), "NrKSeF", "NrKSeFFaKorygowanej", "NrKSeFN")
        self.assertEqual(found, ["1", number, None])
        with self.assertRaises(ValidationError):
            old.l10n_pl_ksef_external_ids.ksef_number = number[:-1] + "4"

    def test_original_without_a_number(self):
        root = self.invoice(("Towar", 1, 100, "vs_kraj_23"))
        credit = self.refund(root)
        self.assertIn(root.name, self.refused(credit, "KS18"))
        credit.l10n_pl_ksef_external_ids = [
            Command.create({"number": root.name, "date": root.invoice_date})
        ]
        self.assertEqual(self.texts(self.built(credit), "NrKSeFN"), ["1"])

    def test_collective_discount(self):
        first = self.widget()
        second = self.widget(name="FV/2026/00102", number="5265877635-20261020-0100A1B2C3D5-30")
        credit = self.invoice(
            ("Rabat", 1, 100, "vs_kraj_23"),
            move_type="out_refund",
            l10n_pl_ksef_corrected_move_ids=[Command.set((first | second).ids)],
            l10n_pl_ksef_correction_method="collective",
        )
        self.refused(credit, "KS17")
        credit.l10n_pl_ksef_correction_period = "październik 2026"
        tree = self.built(credit)
        self.assertEqual(len(tree.findall(".//DaneFaKorygowanej")), 2)
        found = self.texts(tree, "OkresFaKorygowanej", "P_13_1", "FaWiersz")
        self.assertEqual(found, ["październik 2026", "-100.00", None])

    def test_corrected_together_means_one_buyer(self):
        other = self.env["res.partner"].create(
            {"name": "Inny", "is_company": True, "vat": "PL2222222222", "street": "a", "city": "b"}
            | {"country_id": self.env.ref("base.pl").id}
        )
        first = self.widget()
        second = self.widget(
            name="FV/2026/00102", number="5265877635-20261020-0100A1B2C3D5-30", partner_id=other.id
        )
        credit = self.invoice(
            ("Rabat", 1, 100, "vs_kraj_23"),
            move_type="out_refund",
            l10n_pl_ksef_corrected_move_ids=[Command.set((first | second).ids)],
        )
        self.refused(credit, "KS20")

    def test_type_reason_and_wrong_number(self):
        root = self.widget()
        same_month = self.refund(root, {"quantity": 1}, taxable_supply_date=date(2026, 10, 20))
        self.assertEqual(self.texts(self.built(same_month), "TypKorekty"), ["1"])
        self.company.l10n_pl_ksef_reason_required = True
        self.refused(same_month, "KS17")
        same_month.write(
            {
                "l10n_pl_ksef_correction_reason": "Zwrot",
                "l10n_pl_ksef_corrected_number": "FV/2026/101",
            }
        )
        found = self.texts(self.built(same_month), "PrzyczynaKorekty", "NrFaKorygowany")
        self.assertEqual(found, ["Zwrot", "FV/2026/101"])

    def test_annotations_markers_and_payment_of_the_original(self):
        self.buyer.l10n_pl_links_with_customer = True
        root = self.widget(l10n_pl_ksef_split_payment="yes", l10n_pl_ksef_receipt=True)
        self.buyer.l10n_pl_links_with_customer = False
        tree = self.built(self.refund(root, {"quantity": 1}))
        self.assertEqual(self.texts(tree, "P_18A", "TP", "FP", "Platnosc"), ["1", "1", "1", None])

    def test_new_invoice_after_a_reversal_is_no_correction(self):
        root = self.widget()
        reversal = self.env["account.move.reversal"].with_context(
            active_model="account.move", active_ids=root.ids
        )
        made = reversal.create(
            {"journal_id": root.journal_id.id, "date": date(2026, 11, 5)}
        ).modify_moves()
        new = self.env["account.move"].browse(made["res_id"])
        new.invoice_date = date(2026, 11, 5)
        new.action_post()
        self.assertEqual(self.texts(self.built(new), "RodzajFaktury"), ["VAT"])
        self.accept(new, "5265877635-20261020-0100A1B2C3D5-30")
        for credit in (self.refund(new, {"quantity": 3}), self.wizard(new, {"quantity": 7})):
            self.assertEqual(
                self.rows(self.built(credit), *PAIR),
                [("1", "10", "100.00", "1000.00", "23"), (None, "7", "100.00", "700.00", "23")],
            )

    def test_split_payment_stays_but_is_told(self):
        steel = self.env["product.product"].create({"name": "Stal", "l10n_pl_ksef_annex15": True})
        line = ("Stal", 10, 2000, "vs_kraj_23", {"product_id": steel.id})
        credit = self.refund(self.original(line), {"quantity": 9})
        xml, draft = self.env["l10n_pl_ksef.fa3"]._build(credit)
        self.assertIn(b"<P_18A>1</P_18A>", xml)
        self.assertIn("l10n_pl_ksef_split_payment", [w.field for w in draft.warnings])

    def wizard(self, root, *changes, **values):
        """The correction made by the wizard; each change is written on one line of its grid."""
        wizard = self.env["l10n_pl_ksef.correction"].with_context(active_id=root.id).create(values)
        for line, change in zip(wizard.line_ids, changes, strict=False):
            line.write(change)
        move = self.env["account.move"].browse(wizard.action_create()["res_id"])
        move.action_post()
        return move

    def test_wizard_quantity_and_price(self):
        root = self.original(
            ("A", 10, 100, "vs_kraj_23", {"discount": 10}), ("B", 1, 5, "vs_kraj_8")
        )
        credit = self.wizard(root, {"quantity": 8, "price": 95}, reason="Zwrot i rabat")
        self.assertEqual(credit.move_type, "out_refund")
        tree = self.built(credit)
        self.assertEqual(
            self.rows(tree, "StanPrzed", "P_8B", "P_9A", "P_10", "P_11"),
            [("1", "10", "100.00", "10.00", "900.00"), (None, "8", "85.50", None, "684.00")],
        )
        self.assertEqual(self.texts(tree, "PrzyczynaKorekty"), ["Zwrot i rabat"])
        self.accept(credit, "5265877635-20261020-0100A1B2C3D5-30")
        more = self.wizard(root, {"quantity": 9})
        self.assertEqual(more.move_type, "out_invoice")
        self.assertEqual(
            self.rows(self.built(more), "StanPrzed", "P_8B", "P_9A", "P_11"),
            [("1", "8", "85.50", "684.00"), (None, "9", "85.50", "769.50")],
        )

    def test_wizard_other_rate_and_data(self):
        root = self.widget()
        book = self.tax("vs_kraj_5")
        credit = self.wizard(root, {"tax_ids": [Command.set(book.ids)]})
        rows = self.rows(self.built(credit), "StanPrzed", "P_8B", "P_11", "P_12")
        self.assertEqual(rows, [("1", "10", "1000.00", "23"), (None, "10", "1000.00", "5")])
        self.buyer.name = "Nowa nazwa"
        data = self.wizard(root, method="data")
        self.assertEqual(self.texts(self.built(data), "Podmiot2K//Nazwa"), ["F.H.U. Jan Kowalski"])
        with self.assertRaisesRegex(UserError, "Nothing was changed"):
            self.wizard(root)

    def test_preview_of_a_draft_and_of_a_frozen_invoice(self):
        move = self.invoice(("A", 1, 100, "vs_kraj_23"), ("B", 1, 5, None), post=False)
        action = move.action_l10n_pl_ksef_preview()
        preview = self.env[action["res_model"]].browse(action["res_id"])
        self.assertIn("KS07", preview.problems)
        self.assertIn("KS16", preview.problems)
        self.assertIn("<P_15>123.00</P_15>", preview.xml_text)
        self.assertFalse(move.l10n_pl_ksef_document_ids)
        root = self.widget()
        frozen = root.l10n_pl_ksef_document_ids.sudo()._xml()
        self.buyer.name = "Nowa nazwa"
        xml, problems, warnings = root._l10n_pl_ksef_preview()
        self.assertEqual((xml, problems, warnings), (frozen, [], []))

from datetime import date

from odoo import Command
from odoo.exceptions import UserError
from odoo.tests import tagged

from .fa3_common import Fa3Common

BASIS = "art. 43 ust. 1 pkt 26 lit. a ustawy o VAT"


@tagged("post_install_l10n", "post_install", "-at_install")
class TestFa3(Fa3Common):
    def test_c01_two_units(self):
        move = self.invoice(
            ("Widget", 10, 100, "vs_kraj_23"),
            ("Montaż", 1, 49.99, "vs_kraj_23", {"product_uom_id": self.hour.id}),
        )
        tree = self.built(move, "C01-plain-23")
        self.assertEqual(
            self.texts(tree, "P_13_1", "P_14_1", "P_15"), ["1049.99", "241.50", "1291.49"]
        )
        self.assertEqual([node.text for node in tree.iter("P_8A")], ["szt.", "godz."])
        self.assertEqual(self.texts(tree, "P_14_1W", "KursWaluty", "P_6"), [None] * 3)

    def test_c02_mixed_rates(self):
        self.tax("vs_kraj_zw").write(
            {"l10n_pl_ksef_exempt_basis_type": "A", "l10n_pl_ksef_exempt_basis": BASIS}
        )
        move = self.invoice(
            ("Towar 23%", 10, 100, "vs_kraj_23"),
            ("Usługa 8%", 5, 100, "vs_kraj_8"),
            ("Książka 5%", 4, 25, "vs_kraj_5"),
            ("Towar 0% kraj", 2, 30, "vs_kraj_0"),
            ("Kurs - kształcenie", 1, 200, "vs_kraj_zw"),
        )
        tree = self.built(move, "C02-mixed-rates")
        rates = [node.text for node in tree.iter("P_12")]
        self.assertEqual(rates, ["23", "8", "5", "0 KR", "zw"])
        self.assertEqual(self.texts(tree, "P_15", "P_19A"), ["2135.00", BASIS])

    def test_c03_discount_is_per_unit(self):
        move = self.invoice(("Sprzęt", 20, 1000, "vs_kraj_23", {"discount": 10}))
        tree = self.built(move, "C03-discount")
        self.assertEqual(self.texts(tree, "P_10", "P_11"), ["100.00", "18000.00"])

    def test_c05_price_included(self):
        tax = self.tax("vs_kraj_23").copy(
            {"name": "23% G included", "price_include_override": "tax_included"}
        )
        self.assertEqual(tax.l10n_pl_ksef_category, "23")
        move = self.invoice(*((f"Artykuł {name}", 1, 9.99, tax) for name in "ABC"))
        tree = self.built(move, "C05-price-included")
        self.assertEqual(
            self.texts(tree, "P_13_1", "P_14_1", "P_15", "P_9A"), ["24.37", "5.60", "29.97", None]
        )

    def test_c08_negative_lines(self):
        move = self.invoice(
            ("Towar", 10, 100, "vs_kraj_23"),
            ("Usługa", 5, 100, "vs_kraj_8"),
            ("Rabat 10%", 1, -100, "vs_kraj_23"),
            ("Rabat 10%", 1, -50, "vs_kraj_8"),
        )
        tree = self.built(move, "C08-global-discount")
        totals = self.texts(tree, "P_13_1", "P_13_2", "P_15")
        self.assertEqual(totals, ["900.00", "450.00", "1593.00"])

    def test_c50_installments(self):
        terms = self.env["account.payment.term"].create(
            {
                "name": "halves",
                "line_ids": [
                    Command.create({"value_amount": 50, "nb_days": 14}),
                    Command.create({"value_amount": 50, "nb_days": 30}),
                ],
            }
        )
        move = self.invoice(("Widget", 10, 100, "vs_kraj_23"), invoice_payment_term_id=terms.id)
        tree = self.built(move, "C50-installments")
        days = [node.text for node in tree.iter("Termin")]
        self.assertEqual(days, ["2026-11-19", "2026-12-05"])

    def test_all_problems_in_one_message(self):
        self.env.flush_all()
        # past the form's own check: such numbers come with imports and old databases
        self.env.cr.execute(
            "UPDATE res_partner SET vat = 'PL1111111112' WHERE id = %s", [self.buyer.id]
        )
        self.buyer.invalidate_recordset(["vat"])
        move = self.invoice(
            ("Widget", 10, 100, "vs_kraj_23"),
            ("Opłata", 1, 5, None),
            invoice_date=date(2026, 11, 20),
        )
        self.company.partner_id.write({"street": False, "city": False, "zip": False})
        with self.assertRaises(UserError) as caught:
            move._l10n_pl_ksef_build_fa3()
        message = str(caught.exception)
        for code in ("KS02", "KS04", "KS07", "KS14"):
            self.assertIn(code, message)
        self.assertIn("F.H.U. Jan Kowalski", message)
        self.assertIn("Opłata", message)

    def test_consumer_without_number(self):
        person = self.env["res.partner"].create(
            {"name": "Anna Nowak", "city": "Kraków", "country_id": self.env.ref("base.pl").id}
        )
        move = self.invoice(("Widget", 1, 100, "vs_kraj_23"), partner_id=person.id)
        self.assertEqual(self.texts(self.built(move), "BrakID"), ["1"])

    def test_notes_and_sections(self):
        move = self.invoice(("Widget", 1, 100, "vs_kraj_23", {"sequence": 20}), post=False)
        move.write(
            {
                "invoice_line_ids": [
                    Command.create(
                        {"display_type": "line_section", "name": "Towary", "sequence": 10}
                    ),
                    Command.create(
                        {"display_type": "line_note", "name": "Uwaga " * 60, "sequence": 30}
                    ),
                ]
            }
        )
        move.action_post()
        tree = self.built(move)
        self.assertEqual([node.text for node in tree.iter("NrWierszaFa")], ["1"])
        keys = [node.text for node in tree.iter("Klucz")]
        self.assertEqual(keys, ["Uwagi", "Uwagi (2)"])

    def test_exemption_without_basis_is_refused(self):
        self.refused(self.invoice(("Kurs", 1, 100, "vs_kraj_zw")), "KS10")

    def test_category_follows_tax_grids_unless_chosen(self):
        expected = {
            "vs_kraj_23": "23",
            "vs_kraj_usl_23": "23",
            "vs_kraj_8": "8",
            "vs_kraj_5": "5",
            "vs_kraj_0": "0kr",
            "vs_kraj_zw": "exempt",
            "vs_unia": "wdt",
            "vs_dostu": "np2",
            "vs_eksp_tow": "export",
            "vs_ekspu": "np1",
            "vs_stal": "oo",
            "vs_unia_triangular": "triangular",
        }
        for name, category in expected.items():
            self.assertEqual(self.tax(name).l10n_pl_ksef_category, category, name)
        tax = self.tax("vs_kraj_0")
        tax.l10n_pl_ksef_category = "exempt"
        tax.amount = 1
        self.assertEqual(tax.l10n_pl_ksef_category, "exempt")

    def test_c11_cash_rounding(self):
        account = self.company_data["default_account_revenue"].id
        rounding = self.env["account.cash.rounding"].create(
            {
                "name": "full zloty",
                "rounding": 1,
                "strategy": "add_invoice_line",
                "rounding_method": "HALF-UP",
                "profit_account_id": account,
                "loss_account_id": account,
            }
        )
        line = ("Widget", 1, 99.99, "vs_kraj_23")
        move = self.invoice(line, invoice_cash_rounding_id=rounding.id)
        # the example is paid in cash
        tree = self.built(move, "C11-cash-rounding", ignored=["Platnosc"])
        paths = ("P_15", "Obciazenia/Kwota", "SumaObciazen", "DoZaplaty")
        self.assertEqual(self.texts(tree, *paths), ["122.99", "0.01", "0.01", "123.00"])
        rounding.strategy = "biggest_tax"
        changed = self.invoice(line, invoice_cash_rounding_id=rounding.id)
        with self.assertRaisesRegex(UserError, "KS12"):
            changed._l10n_pl_ksef_build_fa3()

    def test_buyers(self):
        """(country, number) -> identification of the buyer."""
        cases = [
            ("PL", "5213017228", {"NIP": "5213017228"}),
            ("PL", "/", {"BrakID": "1"}),
            ("PL", "44051401359", {"BrakID": "1"}),
            ("DE", "PL5213017228", {"NIP": "5213017228"}),
            ("DE", "DE136695976", {"KodUE": "DE", "NrVatUE": "136695976"}),
            ("DE", "136695976", {"KodUE": "DE", "NrVatUE": "136695976"}),
            ("PL", "DE136695976", {"KodUE": "DE", "NrVatUE": "136695976"}),
            ("GR", "GR123456783", {"KodUE": "EL", "NrVatUE": "123456783"}),
            ("GB", "XI110305878", {"KodUE": "XI", "NrVatUE": "110305878"}),
            ("GB", "GB110305878", {"KodKraju": "GB", "NrID": "110305878"}),
            ("CH", "CHE-123.456.788", {"KodKraju": "CH", "NrID": "CHE123456788"}),
        ]
        builder = self.env["l10n_pl_ksef.fa3"]
        for country, number, expected in cases:
            partner = self.env["res.partner"].new(
                {"name": "X", "vat": number}
                | {"country_id": self.env["res.country"].search([("code", "=", country)]).id}
            )
            identity = builder._buyer_identity(None, partner)
            self.assertEqual(
                {key: str(value) for key, value in identity.items()}, expected, (country, number)
            )

    def test_discount_of_an_odd_price(self):
        move = self.invoice(("Sprzęt", 3, 19.99, "vs_kraj_23", {"discount": 7.5}))
        tree = self.built(move)
        self.assertEqual(self.texts(tree, "P_9A", "P_10", "P_11"), ["19.99", "1.49925", "55.47"])

    def test_fee_in_the_vat_base(self):
        fee = self.env["account.tax"].create(
            {
                "name": "eco",
                "amount_type": "fixed",
                "amount": 0.2,
                "include_base_amount": True,
                "sequence": -1,  # before the VAT taxes
                "type_tax_use": "sale",
                "country_id": self.env.ref("base.pl").id,
            }
        )
        taxes = fee | self.tax("vs_kraj_23")
        tree = self.built(self.invoice(("Widget", 10, 100, taxes)))
        values = self.texts(tree, "P_9A", "FaWiersz/P_11", "P_13_1", "P_14_1")
        self.assertEqual(values, ["100.20", "1002.00", "1002.00", "230.46"])

    def test_fee_beside_the_vat_base_is_a_settlement(self):
        fee = self.env["account.tax"].create(
            {
                "name": "kaucja",
                "amount_type": "fixed",
                "amount": 0.5,
                "type_tax_use": "sale",
                "country_id": self.env.ref("base.pl").id,
            }
        )
        tree = self.built(self.invoice(("Widget", 10, 100, fee | self.tax("vs_kraj_23"))))
        values = self.texts(tree, "P_15", "Obciazenia/Kwota", "Obciazenia/Powod", "DoZaplaty")
        self.assertEqual(values, ["1230.00", "5.00", "kaucja", "1235.00"])

    def test_rounding_per_line_shows_the_tax_of_each_line(self):
        self.company.tax_calculation_rounding_method = "round_per_line"
        lines = [("Widget", 1, 0.33, "vs_kraj_23")] * 3
        tree = self.built(self.invoice(*lines))
        self.assertEqual([node.text for node in tree.iter("P_11Vat")], ["0.08"] * 3)
        self.assertEqual(self.texts(tree, "P_14_1"), ["0.24"])

    def test_cash_basis_and_supply_date(self):
        tax = self.tax("vs_kraj_23")
        self.company.tax_exigibility = True
        account = self.company_data["default_account_tax_sale"].copy({"reconcile": True})
        tax.write({"tax_exigibility": "on_payment", "cash_basis_transition_account_id": account.id})
        move = self.invoice(
            ("Widget", 1, 100, "vs_kraj_23"), taxable_supply_date=date(2026, 10, 31)
        )
        values = self.texts(self.built(move), "P_13_1", "P_14_1", "P_16", "P_6")
        self.assertEqual(values, ["100.00", "23.00", "1", "2026-10-31"])

    def test_payment_made_before_issue(self):
        move = self.invoice(("Widget", 1, 100, "vs_kraj_23"))
        wizard = self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=move.ids
        )
        wizard.create({"amount": 23, "payment_date": date(2026, 11, 5)})._create_payments()
        tree = self.built(move)
        paths = ("ZnacznikZaplatyCzesciowej", "KwotaZaplatyCzesciowej", "DataZaplatyCzesciowej")
        self.assertEqual(self.texts(tree, *paths), ["1", "23.00", "2026-11-05"])

    def test_texts_are_cleaned_and_overflow_is_kept(self):
        name = "[WID] Nazwa\x86 \x01z\u00a0odstępem " + "x" * 600
        product = self.env["product.product"].create(
            {
                "name": "Widget",
                "default_code": "WID",
                "barcode": "5901234123457",
                "l10n_pl_vat_gtu": "GTU_06",
            }
        )
        extra = {"product_id": product.id, "name": name.replace("\x01", "")}
        move = self.invoice(
            ("", 1, 100, "vs_kraj_23", extra), ref="PO-778", narration="<p>Dzięki</p>"
        )
        tree = self.built(move)
        self.assertTrue(tree.findtext(".//P_7").startswith("Nazwa z odstępem"))
        paths = ("GTIN", "GTU", "NrZamowienia", "StopkaFaktury", "Klucz", "NrWiersza")
        expected = ["5901234123457", "GTU_06", "PO-778", "Dzięki", "Opis (2)", "1"]
        self.assertEqual(self.texts(tree, *paths), expected)

    def test_queries_do_not_grow_with_the_lines(self):
        small = self.invoice(*[("Widget", 1, 10, "vs_kraj_23")] * 2)
        big = self.invoice(*[("Widget", 1, 10, "vs_kraj_23")] * 60)
        counts = []
        for move in (small, big):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            move._l10n_pl_ksef_build_fa3()
            counts.append(self.env.cr.sql_log_count - before)
        self.assertLessEqual(counts[1], counts[0] + 2)

    def test_wrong_length_is_told_at_its_record(self):
        move = self.invoice(("Widget", 1, 100, "vs_kraj_23"))
        move.name = "FV/" + "9" * 260
        problem = move._l10n_pl_ksef_fa3_problems()[0]
        self.assertEqual((problem.code, problem.record, problem.field), ("KS16", move, "name"))

"""VAT categories and currencies: rates, totals, annotations, what they ask of the buyer."""

from odoo import Command
from odoo.tests import tagged

from .fa3_common import Fa3Common


@tagged("post_install_l10n", "post_install", "-at_install")
class TestFa3Categories(Fa3Common):
    def test_c13_deposit_is_a_settlement(self):
        deposit = self.env["product.product"].create(
            {"name": "Kaucja", "l10n_pl_ksef_settlement": True}
        )
        line = ("Kaucja za opakowania 10 x 0,50", 10, 0.5, None, {"product_id": deposit.id})
        move = self.invoice(("Napój 0,5 l", 10, 3, "vs_kraj_5"), line)
        tree = self.built(move, "C13-deposit")
        self.assertEqual(move.amount_total, 36.5)
        paths = ("P_15", "SumaObciazen", "DoZaplaty")
        self.assertEqual(self.texts(tree, *paths), ["31.50", "5.00", "36.50"])
        self.assertEqual(len(self.rows(tree)), 1)

    def test_returned_deposit_is_deducted(self):
        deposit = self.env["product.product"].create(
            {"name": "Kaucja", "l10n_pl_ksef_settlement": True}
        )
        line = ("Zwrot kaucji", 20, -0.5, None, {"product_id": deposit.id})
        tree = self.built(self.invoice(("Napój", 10, 3, "vs_kraj_5"), line))
        paths = ("Odliczenia/Kwota", "SumaOdliczen", "DoZaplaty", "DoRozliczenia")
        self.assertEqual(self.texts(tree, *paths), ["10.00", "10.00", "21.50", None])

    def test_c15_intra_community_supply(self):
        incoterm = self.env["account.incoterms"].search([("code", "=", "DAP")])
        values = {
            "partner_id": self.foreign().id,
            "invoice_incoterm_id": incoterm.id,
            "incoterm_location": "Berlin",
        }
        move = self.invoice(("Towar", 20, 100, "vs_unia"), **values)
        # the example leaves the name of the bank out
        tree = self.built(move, "C15-wdt", ignored=["NazwaBanku"])
        paths = ("PrefiksPodatnika", "KodUE", "P_13_6_2", "P_12", "P_18", "KursWaluty")
        self.assertEqual(self.texts(tree, *paths), ["PL", "DE", "2000.00", "0 WDT", "2", None])

        euro = self.in_currency()
        tree = self.built(
            self.invoice(("Towar", 20, 100, "vs_unia"), **values, currency_id=euro.id)
        )
        names = {node.tag for node in tree.iter()}
        self.assertFalse([name for name in names if name.endswith("W") or "Kurs" in name])
        self.assertEqual(self.texts(tree, "KodWaluty", "P_15"), ["EUR", "2000.00"])

    def test_intra_community_supply_needs_the_number(self):
        buyer = self.foreign(vat=False)
        for tax in ("vs_unia", "vs_dostu", "vs_unia_triangular"):
            self.refused(self.invoice(("Towar", 1, 100, tax), partner_id=buyer.id), "KS05")
        self.refused(self.invoice(("Towar", 1, 100, "vs_unia")), "KS05")

    def test_c18_services_to_eu_businesses(self):
        line = ("Consulting services", 10, 150, "vs_dostu", {"product_uom_id": self.hour.id})
        move = self.invoice(line, partner_id=self.foreign().id)
        tree = self.built(move, "C18-np-ii", ignored=["Platnosc"])
        self.assertEqual(
            self.texts(tree, "P_13_8", "P_13_9", "P_12", "P_18"), [None, "1500.00", "np II", "1"]
        )

    def test_c22_one_stop_shop(self):
        tag = self.env["account.account.tag"].create(
            {"name": "OSS", "applicability": "taxes", "country_id": False}
        )
        commands = [
            Command.clear(),
            Command.create({"repartition_type": "base", "tag_ids": [Command.set(tag.ids)]}),
            Command.create({"repartition_type": "tax", "tag_ids": [Command.set(tag.ids)]}),
        ]
        tax = self.env["account.tax"].create(
            {
                "name": "19% DE",
                "amount": 19,
                "type_tax_use": "sale",
                "country_id": self.env.ref("base.pl").id,
                "invoice_repartition_line_ids": commands,
                "refund_repartition_line_ids": commands,
            }
        )
        self.assertEqual(tax.l10n_pl_ksef_category, "oss")
        consumer = self.foreign(
            vat=False,
            name="Hans Schmidt",
            is_company=False,
            street="Ringstr. 2",
            zip="80331",
            city="München",
        )
        move = self.invoice(
            ("Buch", 2, 50, tax), partner_id=consumer.id, currency_id=self.in_currency().id
        )
        tree = self.built(move, "C22-oss", ignored=["Platnosc"])
        values = self.texts(tree, "P_13_5", "P_14_5", "P_12_XII", "P_12", "KursWaluty", "Procedura")
        self.assertEqual(values, ["100.00", "19.00", "19", None, None, None])
        self.company.l10n_pl_ksef_interface = True
        self.assertEqual(self.texts(self.built(move), "Procedura"), ["WSTO_EE"])

    def test_c25_euro_with_vat_in_pln(self):
        euro = self.in_currency()
        move = self.invoice(("Maszyna", 3, 4520, "vs_kraj_23"), currency_id=euro.id)
        # the account is written as an IBAN: the 26 digits are for payments in PLN
        tree = self.built(move, "C25-eur", ignored=["NrRB"])
        paths = ("P_14_1", "P_14_1W", "P_15", "KursWaluty", "KursWalutyZ")
        self.assertEqual(
            self.texts(tree, *paths), ["3118.80", "14036.16", "16678.80", "4.5005", None]
        )
        self.assertEqual(self.texts(tree, "NrRB"), ["PL61109010140000071219812874"])

    def test_rates_typed_by_hand_and_odd_ones(self):
        """(PLN for one unit, KursWaluty): four decimals where they suffice, else six."""
        for currency, rate, told in (
            ("EUR", 4.2567, "4.2567"),
            ("USD", 3.9, "3.9"),
            ("JPY", 0.026137, "0.026137"),
            ("HUF", 0.0109, "0.0109"),
        ):
            unit = self.in_currency(currency, rate)
            move = self.invoice(("Towar", 7, 12345, "vs_kraj_23"), currency_id=unit.id)
            self.assertEqual(self.texts(self.built(move), "KursWaluty"), [told], currency)

    def test_rate_of_one_is_refused(self):
        euro = self.in_currency(rate=1)
        self.refused(self.invoice(("Towar", 1, 100, "vs_kraj_23"), currency_id=euro.id), "KS24")

    def test_only_taxed_rows_carry_the_rate(self):
        euro = self.in_currency()
        move = self.invoice(
            ("A", 1, 100, "vs_kraj_8"), ("B", 1, 100, "vs_kraj_0"), currency_id=euro.id
        )
        tree = self.built(move)
        self.assertEqual(self.rows(tree, "KursWaluty"), [("4.5005",), (None,)])
        self.assertEqual(self.texts(tree, "P_14_2W"), ["36.00"])

    def test_zero_rated_export_reverse_charge_outside_the_country(self):
        """tax -> (element of the total, P_12, P_18 for a foreign business)."""
        swiss = self.foreign("CH", "CHE-123.456.788 TVA")
        cases = [
            ("vs_eksp_tow", swiss, "P_13_6_3", "0 EX", "2"),
            ("vs_ekspu", swiss, "P_13_8", "np I", "1"),
            ("vs_ekspu", self.foreign("CH", False, is_company=False), "P_13_8", "np I", "2"),
            ("vs_stal", self.buyer, "P_13_10", "oo", "1"),
            ("vs_zwrot_podróżnych_0", self.buyer, "P_13_6_1", "0 KR", "2"),
        ]
        for tax, partner, element, rate, reverse in cases:
            tree = self.built(self.invoice(("Towar", 1, 100, tax), partner_id=partner.id))
            found = self.texts(tree, element, "P_15", "P_12", "P_18")
            self.assertEqual(found, ["100.00", "100.00", rate, reverse], tax)
            self.assertEqual(len([n for n in tree.iter() if n.tag.startswith("P_13")]), 1, tax)
        abroad = self.invoice(("Stal", 1, 100, "vs_stal"), partner_id=self.foreign().id)
        self.refused(abroad, "KS04")

    def test_reverse_charge_can_be_chosen(self):
        swiss = self.foreign("CH", "CHE-123.456.788 TVA")
        move = self.invoice(
            ("Usługa", 1, 100, "vs_ekspu"), partner_id=swiss.id, l10n_pl_ksef_reverse_charge="no"
        )
        self.assertEqual(self.texts(self.built(move), "P_18"), ["2"])

    def test_simplified_triangular_transaction(self):
        move = self.invoice(("Towar", 1, 100, "vs_unia_triangular"), partner_id=self.foreign().id)
        tree = self.built(move)
        paths = ("PrefiksPodatnika", "P_13_8", "P_13_6_2", "P_18", "P_23", "Procedura", "P_12")
        expected = ["PL", "100.00", None, "1", "1", "TT_D", "np I"]
        self.assertEqual(self.texts(tree, *paths), expected)
        self.assertIn("art. 135-138", tree.findtext(".//DodatkowyOpis/Wartosc"))

    def test_procedures_of_imported_goods(self):
        for name, procedure in (("vs_unia_i42", "I_42"), ("vs_unia_i63", "I_63")):
            move = self.invoice(("Towar", 1, 100, name), partner_id=self.foreign().id)
            self.assertEqual(
                self.texts(self.built(move), "P_12", "Procedura"), ["0 WDT", procedure]
            )

    def test_voucher_procedures(self):
        move = self.invoice(("Bon", 1, 100, "vs_kraj_23"), l10n_pl_vat_b_mpv_prowizja=True)
        self.assertEqual(self.texts(self.built(move), "Procedura"), ["B_MPV_PROWIZJA"])

    def test_old_rates_and_taxi(self):
        taxes = [self.sale_tax(f"{rate} %", rate, str(rate)) for rate in (22, 7, 4, 3)]
        tree = self.built(self.invoice(*((tax.name, 1, 100, tax) for tax in taxes)))
        self.assertEqual(self.rows(tree, "P_12"), [("22",), ("7",), ("4",), ("3",)])
        paths = ("P_13_1", "P_14_1", "P_13_2", "P_14_2", "P_13_4", "P_14_4")
        expected = ["100.00", "22.00", "100.00", "7.00", "200.00", "7.00"]
        self.assertEqual(self.texts(tree, *paths), expected)

    def test_margin(self):
        used = self.sale_tax("marża używane", 0, "margin_used")
        tree = self.built(self.invoice(("Auto", 1, 10000, used)))
        paths = ("P_13_11", "P_15", "P_PMarzy", "P_PMarzy_3_1", "P_9B", "P_11A", "P_11", "P_12")
        expected = ["10000.00", "10000.00", "1", "1", "10000.00", "10000.00", None, None]
        self.assertEqual(self.texts(tree, *paths), expected)
        travel = self.sale_tax("marża turystyka", 0, "margin_travel")
        both = self.invoice(("Auto", 1, 100, used), ("Wycieczka", 1, 100, travel))
        self.refused(both, "KS11")

    def test_unknown_and_contradicting_taxes(self):
        unknown = self.sale_tax("0 % ?", 0, False)
        wrong = self.sale_tax("9 %", 9, "8")
        several = self.tax("vs_kraj_23") | self.tax("vs_kraj_8")
        move = self.invoice(
            ("A", 1, 100, unknown), ("B", 1, 100, wrong), ("C", 1, 100, several), ("D", 1, 1, None)
        )
        message = self.refused(move, "KS07", "KS08", "KS09")
        for text in ("0 % ?", "9 %", "D"):
            self.assertIn(text, message)

    def test_exemption_of_the_company_and_of_several_taxes(self):
        exempt = self.tax("vs_kraj_zw")
        move = self.invoice(("Usługa", 1, 100, exempt))
        self.company.write(
            {
                "l10n_pl_ksef_exempt_basis_type": "A",
                "l10n_pl_ksef_exempt_basis": "art. 113 ust. 1 ustawy o VAT",
            }
        )
        self.assertEqual(
            self.texts(self.built(move), "P_19", "P_19A", "P_19N"),
            ["1", "art. 113 ust. 1 ustawy o VAT", None],
        )
        directive = exempt.copy({"name": "zw dyrektywa"})
        directive.write(
            {
                "l10n_pl_ksef_category": "exempt",
                "l10n_pl_ksef_exempt_basis_type": "B",
                "l10n_pl_ksef_exempt_basis": "art. 135 dyrektywy 2006/112/WE",
            }
        )
        move = self.invoice(("A", 1, 100, exempt), ("B", 1, 100, directive))
        found = self.texts(self.built(move), "P_19A", "P_19B")
        expected = "art. 113 ust. 1 ustawy o VAT; art. 135 dyrektywy 2006/112/WE"
        self.assertEqual(found, [expected, None])

    def test_full_discount_keeps_its_total(self):
        tree = self.built(self.invoice(("Gratis", 1, 100, "vs_kraj_23", {"discount": 100})))
        paths = ("P_13_1", "P_14_1", "P_15", "P_9A", "P_10")
        self.assertEqual(self.texts(tree, *paths), ["0.00", "0.00", "0.00", "100.00", "100.00"])

    def test_split_payment_threshold(self):
        annexed = self.env["product.product"].create({"name": "Stal"})
        annexed.categ_id = self.env["product.category"].create(
            {"name": "Załącznik 15", "l10n_pl_ksef_annex15": True}
        )
        extra = {"product_id": annexed.id}
        cases = [(12195.12, "2"), (12195.13, "1")]
        for price, expected in cases:
            tree = self.built(self.invoice(("Stal", 1, price, "vs_kraj_23", extra)))
            self.assertEqual(self.texts(tree, "P_18A", "P_12_Zal_15"), [expected, "1"], price)
        plain = self.invoice(("Towar", 1, 20000, "vs_kraj_23"))
        self.assertEqual(self.texts(self.built(plain), "P_18A", "P_12_Zal_15"), ["2", None])
        forced = self.invoice(("Towar", 1, 20000, "vs_kraj_23"), l10n_pl_ksef_split_payment="yes")
        self.assertEqual(self.texts(self.built(forced), "P_18A"), ["1"])
        euro = self.in_currency(rate=4.2567)
        abroad = self.invoice(("Stal", 1, 3000, "vs_kraj_23", extra), currency_id=euro.id)
        self.assertEqual(self.texts(self.built(abroad), "P_18A"), ["1"])

    def test_currency_that_ksef_does_not_know(self):
        dinar = self.in_currency("KWD", 12.5)
        dinar.rounding = 0.001
        move = self.invoice(("Towar", 1, 100.123, "vs_kraj_23"), currency_id=dinar.id)
        self.refused(move, "KS30")

    def test_other_margins_and_bases(self):
        """category -> element of the procedure; kind of basis -> element."""
        for category, element in (
            ("margin_travel", "P_PMarzy_2"),
            ("margin_art", "P_PMarzy_3_2"),
            ("margin_antiques", "P_PMarzy_3_3"),
        ):
            tax = self.sale_tax(category, 0, category)
            tree = self.built(self.invoice(("A", 1, 100, tax)))
            self.assertEqual(self.texts(tree, "P_PMarzy", element, "P_PMarzyN"), ["1", "1", None])
        exempt = self.tax("vs_kraj_zw")
        for kind in "ABC":
            exempt.write({"l10n_pl_ksef_exempt_basis_type": kind, "l10n_pl_ksef_exempt_basis": "x"})
            tree = self.built(self.invoice(("A", 1, 100, exempt)))
            found = self.texts(tree, "P_19A", "P_19B", "P_19C")
            self.assertEqual(found, ["x" if kind == other else None for other in "ABC"])

    def test_every_taxed_base_in_euro_has_its_tax_in_pln(self):
        taxi = self.sale_tax("4 %", 4, "4")
        lines = [("A", 1, 100, tax) for tax in ("vs_kraj_23", "vs_kraj_8", "vs_kraj_5", taxi)]
        tree = self.built(self.invoice(*lines, currency_id=self.in_currency().id))
        found = self.texts(tree, *(f"P_14_{number}W" for number in range(1, 5)))
        self.assertEqual(found, ["103.51", "36.00", "22.50", "18.00"])

    def test_group_of_taxes(self):
        group = self.env["account.tax"].create(
            {
                "name": "grupa",
                "amount_type": "group",
                "type_tax_use": "sale",
                "country_id": self.env.ref("base.pl").id,
                "children_tax_ids": [Command.set(self.tax("vs_kraj_23").ids)],
            }
        )
        self.assertFalse(group.l10n_pl_ksef_category)
        tree = self.built(self.invoice(("A", 1, 100, group)))
        self.assertEqual(self.texts(tree, "P_12", "P_13_1", "P_14_1"), ["23", "100.00", "23.00"])

    def test_tax_included_by_division(self):
        tax = self.sale_tax("23 % w cenie", 18.699, "23", amount_type="division")
        tree = self.built(self.invoice(("A", 1, 100, tax)))
        self.assertEqual(self.texts(tree, "P_13_1", "P_14_1"), ["100.00", "23.00"])

    def test_classifications_of_products(self):
        product = self.env["product.product"].create(
            {
                "name": "Dom",
                "default_code": "D-1",
                "l10n_pl_ksef_pkwiu": "41.00.10.0",
                "l10n_pl_ksef_cn": "9406 10 00",
                "l10n_pl_ksef_pkob": "1110",
                "l10n_pl_ksef_excise_refund": True,
            }
        )
        move = self.invoice(("[D-1] Dom", 1, 100, "vs_kraj_8", {"product_id": product.id}))
        tree = self.built(move)
        paths = ("P_7", "Indeks", "PKWiU", "CN", "PKOB", "ZwrotAkcyzy")
        expected = ["Dom", "D-1", "41.00.10.0", "9406 10 00", "1110", "1"]
        self.assertEqual(self.texts(tree, *paths), expected)

    def test_early_payment_that_already_lowers_the_tax(self):
        self.terms.write(
            {
                "early_discount": True,
                "discount_percentage": 2,
                "discount_days": 7,
                "early_pay_discount_computation": "mixed",
            }
        )
        move = self.invoice(("A", 1, 100, "vs_kraj_23"))
        (problem,) = move._l10n_pl_ksef_fa3_problems()
        self.assertEqual(
            (problem.code, problem.record, problem.field),
            ("KS13", move, "invoice_payment_term_id"),
        )

    def test_cash_method_and_cash_payment_are_looked_at(self):
        """Remarks: cash method towards a consumer, split payment in cash, several vouchers."""
        self.company.l10n_pl_ksef_cash_method = True
        consumer = self.env["res.partner"].create(
            {"name": "Anna", "street": "a 1", "country_id": self.env.ref("base.pl").id}
        )
        cash = self.company_data["default_journal_cash"].inbound_payment_method_line_ids[:1]
        move = self.invoice(
            ("A", 1, 100, "vs_kraj_23"),
            partner_id=consumer.id,
            l10n_pl_ksef_split_payment="yes",
            preferred_payment_method_line_id=cash.id,
            l10n_pl_vat_b_spv=True,
            l10n_pl_vat_b_spv_dostawa=True,
        )
        _problems, warnings = move._l10n_pl_ksef_fa3_findings()
        self.assertEqual(
            [warning.field for warning in warnings],
            ["partner_id", "preferred_payment_method_line_id", "l10n_pl_vat_b_spv"],
        )

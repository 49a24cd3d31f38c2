"""Dates, parties, payment, terms and texts of the document."""

from dataclasses import replace
from datetime import date, datetime, timezone
from decimal import Decimal
from unittest.mock import patch

from odoo import Command
from odoo.exceptions import UserError
from odoo.tests import tagged

from ..ksef.fa3 import model as fa3
from .fa3_common import Fa3Common


@tagged("post_install_l10n", "post_install", "-at_install")
class TestFa3Document(Fa3Common):
    def test_c55_markers(self):
        self.buyer.l10n_pl_links_with_customer = True
        self.company.write(
            {
                "l10n_pl_ksef_krs": "0000123456",
                "l10n_pl_ksef_regon": "123456785",
                "l10n_pl_ksef_bdo": "000123456",
            }
        )
        product = self.env["product.product"].create(
            {
                "name": "Procesor",
                "default_code": "CPU-1",
                "barcode": "5901234123457",
                "l10n_pl_vat_gtu": "GTU_06",
                "l10n_pl_ksef_cn": "8542 31 90",
            }
        )
        line = ("Procesor", 10, 100, "vs_kraj_23", {"product_id": product.id, "sequence": 1})
        move = self.invoice(
            line,
            post=False,
            ref="PO-778",
            narration="<p>Kapitał zakładowy 50 000 zł</p>",
            l10n_pl_ksef_receipt=True,
            l10n_pl_ksef_delivery_numbers="WH/OUT/00013, WH/OUT/00012,WH/OUT/00012",
        )
        note = {"display_type": "line_note", "name": "Nr seryjny 12345", "sequence": 2}
        move.write({"invoice_line_ids": [Command.create(note)]})
        move.action_post()
        tree = self.built(move, "C55-markers")
        self.assertEqual([node.text for node in tree.iter("WZ")], ["WH/OUT/00012", "WH/OUT/00013"])
        self.assertEqual(
            self.texts(tree, "TP", "FP", "GTU", "KRS"), ["1", "1", "GTU_06", "0000123456"]
        )
        product.barcode = "5901234123450"
        self.assertEqual(self.texts(self.built(move), "GTIN"), [None])

    def test_period_and_days_of_supply(self):
        line = ("Najem", 1, 100, "vs_kraj_23")
        period = {
            "l10n_pl_ksef_period_from": date(2026, 10, 1),
            "l10n_pl_ksef_period_to": date(2026, 10, 31),
        }
        tree = self.built(self.invoice(line, taxable_supply_date=date(2026, 10, 31), **period))
        found = self.texts(tree, "P_6_Od", "P_6_Do", "P_6")
        self.assertEqual(found, ["2026-10-01", "2026-10-31", None])
        half = self.invoice(line, l10n_pl_ksef_period_from=date(2026, 10, 1))
        self.refused(half, "KS15")
        backwards = self.invoice(
            line,
            l10n_pl_ksef_period_from=date(2026, 10, 2),
            l10n_pl_ksef_period_to=date(2026, 10, 1),
        )
        self.refused(backwards, "KS15")
        same_day = self.invoice(line, delivery_date=date(2026, 11, 5))
        self.assertEqual(self.texts(self.built(same_day), "P_6"), [None])
        delivered = self.invoice(line, delivery_date=date(2026, 11, 3))
        self.assertEqual(self.texts(self.built(delivered), "P_6"), ["2026-11-03"])

    def test_days_of_supply_of_the_lines(self):
        days = [date(2026, 11, 2), date(2026, 11, 5)]
        lines = [("Towar", 1, 100, "vs_kraj_23", {"l10n_pl_ksef_supply_date": day}) for day in days]
        tree = self.built(self.invoice(*lines))
        self.assertEqual(self.rows(tree, "P_6A"), [("2026-11-02",), (None,)])
        self.assertEqual(self.texts(tree, "P_6"), [None])
        tree = self.built(self.invoice(lines[0], lines[0]))
        self.assertEqual(self.rows(tree, "P_6A"), [(None,), (None,)])
        self.assertEqual(self.texts(tree, "P_6"), ["2026-11-02"])

    def test_far_supply_is_a_warning(self):
        move = self.invoice(("A", 1, 100, "vs_kraj_23"), taxable_supply_date=date(2027, 2, 1))
        _xml, draft = self.env["l10n_pl_ksef.fa3"]._build(move)
        self.assertEqual([warning.code for warning in draft.warnings], ["KS14"])

    def test_company_details(self):
        self.company.write(
            {
                "l10n_pl_ksef_eori": "PL526587763500000",
                "l10n_pl_ksef_taxpayer_status": "2",
                "l10n_pl_ksef_issue_place": "Kraków",
                "l10n_pl_ksef_cash_method": True,
                "company_registry": "0000123456",
            }
        )
        self.company.partner_id.write(
            {"phone": "+48 22 123 45 67", "email": "biuro@example.com; drugi@example.com"}
        )
        self.buyer.write(
            {"email": "jan@example.com", "phone": "601 602 603 wew. 12", "ref": "K-17"}
        )
        tree = self.built(self.invoice(("A", 1, 100, "vs_kraj_23")))
        paths = ("NrEORI", "StatusInfoPodatnika", "P_1M", "P_16", "KRS", "Podmiot1//Telefon")
        expected = ["PL526587763500000", "2", "Kraków", "1", "0000123456", "+48221234567"]
        self.assertEqual(self.texts(tree, *paths), expected)
        self.assertEqual(self.texts(tree, "Podmiot1//Email"), ["biuro@example.com"])
        found = self.texts(tree, "Podmiot2//Email", "Podmiot2//Telefon", "NrKlienta")
        self.assertEqual(found, ["jan@example.com", None, "K-17"])
        self.company.l10n_pl_ksef_buyer_contact = False
        tree = self.built(self.invoice(("A", 1, 100, "vs_kraj_23")))
        self.assertEqual(self.texts(tree, "Podmiot2//Email"), [None])

    def test_invoice_contact_with_another_address(self):
        contact = self.env["res.partner"].create(
            {
                "name": "Księgowość",
                "type": "invoice",
                "parent_id": self.buyer.id,
                "street": "ul. Inna 3",
                "city": "Łódź",
                "country_id": self.env.ref("base.pl").id,
            }
        )
        tree = self.built(self.invoice(("A", 1, 100, "vs_kraj_23"), partner_id=contact.id))
        paths = ("Podmiot2//Nazwa", "Podmiot2/AdresKoresp/AdresL1")
        self.assertEqual(self.texts(tree, *paths), ["F.H.U. Jan Kowalski", "ul. Inna 3"])

    def test_branch_invoices_with_the_number_of_its_head(self):
        branch = self.env["res.company"].create(
            {"name": "ACME Kraków", "parent_id": self.company.id, "city": "Kraków"}
        )
        builder = self.env["l10n_pl_ksef.fa3"]
        move = self.env["account.move"].new({"company_id": branch.id, "move_type": "out_invoice"})
        self.assertEqual(builder._seller_nip(branch), "5265877635")
        self.assertEqual(builder._seller_company(move), self.company)

    def branch_invoice(self, vat):
        branch = self.env["res.company"].create(
            {
                "name": f"ACME Kraków {vat}",
                "parent_id": self.company.id,
                "city": "Kraków",
                "country_id": self.env.ref("base.pl").id,
                "vat": vat,
            }
        )
        self.cr.precommit.run()  # the chart of accounts
        self.env.user.company_ids |= branch
        move = self.invoice(("A", 1, 100, "vs_kraj_23"), company_id=branch.id)
        self.assertEqual(move.company_id, branch)
        return move

    def test_branch_of_the_same_taxpayer(self):
        for vat in (False, "PL5265877635", "526-587-76-35"):
            with self.subTest(vat=vat):
                tree = self.built(self.branch_invoice(vat))
                self.assertEqual(self.texts(tree, "Podmiot1//NIP"), ["5265877635"])

    def test_branch_with_a_nip_of_its_own_is_refused(self):
        move = self.branch_invoice("PL1111111111")
        move.company_id.street = "ul. Krótka 1"
        (problem,) = move._l10n_pl_ksef_fa3_problems()
        self.assertEqual(
            (problem.code, problem.record, problem.field), ("KS01", move.company_id, "vat")
        )
        for word in ("1111111111", "5265877635", self.company.name, "clear the branch's Tax ID"):
            self.assertIn(word, problem.text)
        with self.assertRaisesRegex(UserError, "KS01"):
            move._l10n_pl_ksef_build_fa3()

    def pay(self, move, amount, day, journal=None):
        wizard = self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=move.ids
        )
        values = {"amount": amount, "payment_date": day}
        if journal:
            values["journal_id"] = journal.id
        wizard.create(values)._create_payments()

    def test_payments_before_issue(self):
        one = self.invoice(("A", 1, 100, "vs_kraj_23"))
        self.pay(one, 123, date(2026, 11, 4))
        tree = self.built(one)
        self.assertEqual(self.texts(tree, "Zaplacono", "DataZaplaty"), ["1", "2026-11-04"])
        cash = self.invoice(("A", 1, 100, "vs_kraj_23"))
        self.pay(cash, 123, date(2026, 11, 5), self.company_data["default_journal_cash"])
        found = self.texts(self.built(cash), "Zaplacono", "FormaPlatnosci")
        self.assertEqual(found, ["1", "1"], "paid in cash, whatever account is printed")
        two = self.invoice(("A", 1, 100, "vs_kraj_23"))
        self.pay(two, 100, date(2026, 11, 4))
        self.pay(two, 23, date(2026, 11, 3), self.company_data["default_journal_cash"])
        tree = self.built(two)
        parts = [
            tuple(
                part.findtext(name)
                for name in ("KwotaZaplatyCzesciowej", "DataZaplatyCzesciowej", "FormaPlatnosci")
            )
            for part in tree.iter("ZaplataCzesciowa")
        ]
        self.assertEqual(parts, [("23.00", "2026-11-03", "1"), ("100.00", "2026-11-04", "6")])
        self.assertEqual(self.texts(tree, "ZnacznikZaplatyCzesciowej"), ["2"])

    def test_bank_statement_and_shared_payment(self):
        """Money of a statement line counts, and of one payment for two invoices only the part."""
        first, second = (self.invoice(("A", 1, 100, "vs_kraj_23")) for _number in range(2))
        wizard = self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=(first | second).ids
        )
        wizard.create({"payment_date": date(2026, 11, 5), "group_payment": True})._create_payments()
        tree = self.built(second)
        self.assertEqual(self.texts(tree, "Zaplacono", "DataZaplaty"), ["1", "2026-11-05"])

        third = self.invoice(("A", 1, 100, "vs_kraj_23"))
        receivable = third.line_ids.filtered(lambda line: line.display_type == "payment_term")
        bank = self.company_data["default_journal_bank"]
        statement = self.env["account.bank.statement.line"].create(
            {"journal_id": bank.id, "date": "2026-11-05", "amount": 23.0, "payment_ref": "wpłata"}
        )
        _liquidity, suspense, _other = statement._seek_for_lines()
        suspense.account_id = receivable.account_id
        (suspense | receivable).reconcile()
        tree = self.built(third)
        paths = ("ZnacznikZaplatyCzesciowej", "KwotaZaplatyCzesciowej")
        self.assertEqual(self.texts(tree, *paths), ["1", "23.00"])

    def test_payment_methods_accounts_and_discount(self):
        method = self.company_data["default_journal_bank"].inbound_payment_method_line_ids[0]
        method.l10n_pl_ksef_payment_form = "other"
        method.l10n_pl_ksef_payment_text = "kompensata"
        self.bank_account.write(
            {"l10n_pl_ksef_description": "rachunek główny", "l10n_pl_ksef_own_account": "3"}
        )
        self.terms.write(
            {
                "early_discount": True,
                "discount_percentage": 2,
                "discount_days": 7,
                "early_pay_discount_computation": "included",
            }
        )
        move = self.invoice(("A", 1, 100, "vs_kraj_23"), preferred_payment_method_line_id=method.id)
        tree = self.built(move)
        paths = (
            "PlatnoscInna",
            "OpisPlatnosci",
            "OpisRachunku",
            "RachunekWlasnyBanku",
            "WarunkiSkonta",
            "WysokoscSkonta",
        )
        expected = [
            "1",
            "kompensata",
            "rachunek główny",
            "3",
            "Zapłata do 2026-11-12",
            "2% (do zapłaty 120.54 PLN)",
        ]
        self.assertEqual(self.texts(tree, *paths), expected)

    def test_contracts_descriptions_agreed_rate(self):
        euro = self.in_currency()
        move = self.invoice(
            ("A", 1, 100, "vs_kraj_23"),
            l10n_pl_ksef_contract_ids=[Command.create({"number": "U/1", "date": "2026-01-02"})],
            l10n_pl_ksef_description_ids=[
                Command.create({"key": "Budowa", "value": "Etap " + "x" * 300})
            ],
            l10n_pl_ksef_agreed_rate=4.25,
            l10n_pl_ksef_agreed_currency_id=euro.id,
            l10n_pl_ksef_intermediary=True,
        )
        tree = self.built(move)
        paths = ("NrUmowy", "DataUmowy", "KursUmowny", "WalutaUmowna", "PodmiotPosredniczacy")
        self.assertEqual(self.texts(tree, *paths), ["U/1", "2026-01-02", "4.25", "EUR", "1"])
        self.assertEqual([n.text for n in tree.iter("Klucz")], ["Budowa", "Budowa (2)"])

    def test_units_in_polish(self):
        self.env["res.lang"]._activate_lang("pl_PL")
        own = self.env["uom.uom"].create({"name": "service", "l10n_pl_ksef_code": "usł."})
        plain = self.env["uom.uom"].create({"name": "carton"})
        plain.with_context(lang="pl_PL").name = "karton"
        lines = [
            ("A", 1, 100, "vs_kraj_23", {"product_uom_id": unit.id})
            for unit in (own, plain, self.env.ref("uom.product_uom_kgm"))
        ]
        move = self.invoice(*lines)
        tree = self.built(move.with_context(lang="en_US"))
        self.assertEqual(self.rows(tree, "P_8A"), [("usł.",), ("karton",), ("kg",)])

    def test_unit_prices_of_many_decimals(self):
        self.env.ref("product.decimal_price").digits = 8
        move = self.invoice(("A", 1000, 0.004, "vs_kraj_23"), ("B", 300, 0.33333333, "vs_kraj_23"))
        self.assertEqual(
            self.rows(self.built(move), "P_9A", "P_11"),
            [("0.004", "4.00"), ("0.33333333", "100.00")],
        )

    def test_surcharge_and_returned_good(self):
        move = self.invoice(
            ("A", 2, 100, "vs_kraj_23", {"discount": -10}), ("B", -1, 30, "vs_kraj_23")
        )
        self.assertEqual(
            self.rows(self.built(move), "P_8B", "P_9A", "P_10", "P_11"),
            [("2", "110.00", None, "220.00"), ("-1", "30.00", None, "-30.00")],
        )

    def test_vendor_documents_and_self_billing_are_refused(self):
        bill = self.invoice(("A", 1, 100, None), move_type="in_invoice", post=False)
        self.refused(bill, "KS31")
        bill.journal_id.is_self_billing = True
        self.assertIn("Self-billing", self.refused(bill, "KS31"))

    def test_transport_by_hook(self):
        """A module that knows how the goods travel extends the builder."""
        address = fa3.TAdres(KodKraju="PL", AdresL1="ul. Portowa 1", AdresL2="81-001 Gdynia")
        carrier = fa3.TPodmiot2(NIP="2222222222", Nazwa="Przewoźnik sp. z o.o.")
        transport = fa3.Transport(
            RodzajTransportu=3,
            Przewoznik=fa3.Przewoznik(DaneIdentyfikacyjne=carrier, AdresPrzewoznika=address),
            NrZleceniaTransportu="ZT/7",
            OpisLadunku=13,
            JednostkaOpakowania="paleta EUR",
            DataGodzRozpTransportu=datetime(2026, 11, 5, 8, tzinfo=timezone.utc),
            WysylkaZ=address,
            WysylkaDo=address,
        )
        move = self.invoice(("A", 1, 100, "vs_kraj_23"))
        self.assertIsNone(self.built(move).find(".//Transport"))
        builder = type(self.env["l10n_pl_ksef.fa3"])
        with patch.object(builder, "_transport", lambda builder, draft: (transport,)):
            tree = self.built(move)
            wrong = replace(transport, RodzajTransportu=6)
            with patch.object(builder, "_transport", lambda builder, draft: (wrong,)):
                self.assertIn("RodzajTransportu", self.refused(move, "KS29"))
        paths = (
            "RodzajTransportu",
            "Przewoznik//NIP",
            "DataGodzRozpTransportu",
            "WysylkaDo/AdresL1",
        )
        expected = ["3", "2222222222", "2026-11-05T08:00:00Z", "ul. Portowa 1"]
        self.assertEqual(self.texts(tree, *paths), expected)

    def test_new_means_of_transport_by_hook(self):
        car = fa3.NowySrodekTransportu(
            P_22A=date(2026, 10, 1),
            P_NrWierszaNST=1,
            P_22BMK="Marka",
            P_22B="120 km",
            P_22B1="VIN123",
            P_22BT="osobowy",
        )
        block = fa3.NoweSrodkiTransportu(P_22=1, P_42_5=2, NowySrodekTransportu=(car,))
        move = self.invoice(("Auto", 1, 100, "vs_unia"), partner_id=self.foreign().id)
        builder = type(self.env["l10n_pl_ksef.fa3"])
        with patch.object(builder, "_new_means_of_transport", lambda builder, draft: block):
            tree = self.built(move)
        found = self.texts(tree, "P_22", "P_22N", "P_42_5", "P_22B1", "P_22BT")
        self.assertEqual(found, ["1", None, "2", "VIN123", "osobowy"])

    def test_excise_payment_link_and_lots_by_hook(self):
        move = self.invoice(("Olej napędowy", 10, 100, "vs_kraj_23"))
        builder, moves = type(self.env["l10n_pl_ksef.fa3"]), type(self.env["account.move"])
        link = "https://pay.example.com/p?IPKSeF=123abcDEF4567"
        with (
            patch.object(builder, "_excise", lambda builder, row: Decimal("12.34")),
            patch.object(moves, "_l10n_pl_ksef_payment_link", lambda move: link),
            patch.object(moves, "_l10n_pl_ksef_get_lots", lambda move: ["LOT 1", " ", "LOT 2"]),
        ):
            tree = self.built(move)
        paths = ("KwotaAkcyzy", "LinkDoPlatnosci", "IPKSeF")
        self.assertEqual(self.texts(tree, *paths), ["12.34", link, "123abcDEF4567"])
        self.assertEqual([n.text for n in tree.iter("NrPartiiTowaru")], ["LOT 1", "LOT 2"])

"""Rows 24 to 38 of the list of bugs of Odoo's own module, and the sections after it.

`test_row_NN_...` proves row NN of section 3 of peer-l10n_pl_edi.md, `test_new_N_...` number N of
section 4 (what a later version of that module does wrong), `test_scheduled_...` what stands below
the table. See `test_fa3_peer` for the rest.
"""

from datetime import date

from odoo import Command
from odoo.tests import tagged

from .common import KsefCommon
from .fa3_common import Fa3Common
from .fa3_compare import ANNOTATIONS, Fa3Compare, content, row

ROOT_NUMBER = "5265877635-20261015-0100A1B2C3D4-97"
ADVANCE_NUMBER = "5265877635-20261028-0100A1B2C3D6-04"
FINAL_NUMBER = "5265877635-20261029-0100A1B2C3DA-A3"
#: The reference of every correction of `original`.
CORRECTED = {
    "DataWystFaKorygowanej": "2026-10-15",
    "NrFaKorygowanej": "FV/2026/00101",
    "NrKSeF": "1",
    "NrKSeFFaKorygowanej": ROOT_NUMBER,
}


def pair(name, before, after, rate="23", number=1):
    """Rows before and after; each is (quantity, price, net)."""
    return [
        row(name, *before, rate, number=number, StanPrzed="1"),
        row(name, *after, rate, number=number),
    ]


@tagged("post_install_l10n", "post_install", "-at_install")
class TestFa3PeerCorrections(Fa3Compare, Fa3Common):
    def widget(self, **values):
        return self.original(("Widget", 10, 100, "vs_kraj_23"), **values)

    def check_correction(self, move, *rows, **values):
        usual = {"RodzajFaktury": "KOR", "DaneFaKorygowanej": CORRECTED, "TypKorekty": "2"}
        self.check(self.built(move), *rows, **(usual | values))

    def test_row_24_number_of_the_accepted_original(self):
        self.check_correction(
            self.refund(self.widget()),
            *pair("Widget", ("10", "100.00", "1000.00"), ("0", "100.00", "0.00")),
            P_13_1="-1000.00",
            P_14_1="-230.00",
            P_15="-1230.00",
        )

    def test_row_25_nothing_is_corrected(self):
        move = self.invoice(("A", 1, 100, "vs_kraj_23"), move_type="out_refund")
        (problem,) = move._l10n_pl_ksef_fa3_problems()
        self.assertEqual(
            (problem.code, problem.record, problem.field),
            ("KS17", move, "l10n_pl_ksef_corrected_move_ids"),
        )

    def test_row_26_type_and_reason(self):
        """Computed by the VAT period, and what the user says instead; never Odoo's `ref`."""
        root = self.widget()
        amounts = {"P_13_1": "-100.00", "P_14_1": "-23.00", "P_15": "-123.00"}
        rows = pair("Widget", ("10", "100.00", "1000.00"), ("9", "100.00", "900.00"))
        october = self.refund(root, {"quantity": 1}, taxable_supply_date=date(2026, 10, 20))
        self.assertIn("Reversal of", october.ref)
        self.check_correction(october, *rows, TypKorekty="1", **amounts)
        chosen = self.refund(
            root,
            {"quantity": 1},
            l10n_pl_ksef_correction_type="3",
            l10n_pl_ksef_correction_reason="Zwrot 1 szt.",
        )
        self.check_correction(
            chosen, *rows, TypKorekty="3", PrzyczynaKorekty="Zwrot 1 szt.", **amounts
        )

    def test_row_27_lower_price(self):
        root = self.original(("Usługa", 1, 200, "vs_kraj_23"))
        self.check_correction(
            self.refund(root, {"price_unit": 30}),
            *pair("Usługa", ("1", "200.00", "200.00"), ("1", "170.00", "170.00")),
            P_13_1="-30.00",
            P_14_1="-6.90",
            P_15="-36.90",
        )

    def test_row_28_euro_at_the_original_rate(self):
        """In the file and in the books: what is taken back is what was booked."""
        euro = self.in_currency(rate=4.5005, day="2026-10-01")
        root = self.original(("Maszyna", 3, 4520, "vs_kraj_23"), currency_id=euro.id)
        self.in_currency(rate=4.2, day="2026-10-20")
        credit = self.refund(root)
        rows = pair("Maszyna", ("3", "4520.00", "13560.00"), ("0", "4520.00", "0.00"))
        self.check_correction(
            credit,
            *({**item, "KursWaluty": "4.5005"} for item in rows),
            KodWaluty="EUR",
            P_13_1="-13560.00",
            P_14_1="-3118.80",
            P_14_1W="-14036.16",
            P_15="-16678.80",
        )
        for account in root.line_ids.account_id:
            lines = (root | credit).line_ids.filtered(lambda line, a=account: line.account_id == a)
            self.assertEqual(sum(lines.mapped("balance")), 0, account.display_name)

    def test_row_29_day_of_supply_of_the_original(self):
        root = self.widget(taxable_supply_date=date(2026, 10, 12))
        self.check_correction(
            self.refund(root, {"quantity": 1}),
            *pair("Widget", ("10", "100.00", "1000.00"), ("9", "100.00", "900.00")),
            P_6="2026-10-12",
            P_13_1="-100.00",
            P_14_1="-23.00",
            P_15="-123.00",
        )

    # -- advances ----------------------------------------------------------------------------------

    ORDER = (("Maszyna", 10, 1000, "vs_kraj_23"), ("Książka", 5, 100, "vs_kraj_5"))
    FINAL_ROWS = (
        row("Maszyna", "10", "1000.00", "10000.00", "23"),
        row("Książka", "5", "100.00", "500.00", "5", number=2),
    )

    def advance(self, **values):
        rows = [
            {"name": name, "quantity": quantity, "price": price, "tax_id": self.tax(tax).id}
            for name, quantity, price, tax in self.ORDER
        ]
        return self.invoice(
            ("Zaliczka", 1, 3000, "vs_kraj_23"),
            ("Zaliczka", 1, 150, "vs_kraj_5"),
            invoice_date=date(2026, 10, 28),
            l10n_pl_ksef_kind="ZAL",
            l10n_pl_ksef_order_row_ids=[Command.create(values) for values in rows],
            **values,
        )

    def final(self, advance):
        section = {"display_type": "line_section", "name": "Down Payments", "sequence": 20}
        deductions = [
            (name, -1, price, tax, {"l10n_pl_ksef_deduction": True, "sequence": 30})
            for name, price, tax in (("Zaliczka", 3000, "vs_kraj_23"), ("Zal.", 150, "vs_kraj_5"))
        ]
        move = self.invoice(
            *self.ORDER,
            *deductions,
            post=False,
            l10n_pl_ksef_advance_move_ids=[Command.set(advance.ids)],
        )
        move.write({"invoice_line_ids": [Command.create(section)]})
        move.action_post()
        return move

    def test_row_30_and_31_final_invoice(self):
        """The whole order in rows without gaps, and the KSeF number of the advance."""
        advance = self.advance()
        self.accept(advance, ADVANCE_NUMBER)
        self.check(
            self.built(self.final(advance)),
            *self.FINAL_ROWS,
            RodzajFaktury="ROZ",
            FakturaZaliczkowa={"NrKSeFFaZaliczkowej": ADVANCE_NUMBER},
            P_13_1="7000.00",
            P_14_1="1610.00",
            P_13_3="350.00",
            P_14_3="17.50",
            P_15="8977.50",
        )

    def order_rows(self):
        """`ZamowienieWiersz` of the order."""
        values = (("10", "1000.00", "10000.00", "2300.00"), ("5", "100.00", "500.00", "25.00"))
        return [
            {
                "NrWierszaZam": str(number),
                "P_7Z": name,
                "P_8AZ": "szt.",
                "P_8BZ": quantity,
                "P_9AZ": price,
                "P_11NettoZ": net,
                "P_11VatZ": vat,
                "P_12Z": rate,
            }
            for number, (name, rate, (quantity, price, net, vat)) in enumerate(
                zip(("Maszyna", "Książka"), ("23", "5"), values, strict=True), start=1
            )
        ]

    ADVANCED = {"P_13_1": "3000.00", "P_14_1": "690.00", "P_13_3": "150.00", "P_14_3": "7.50"}

    def test_row_32_advance(self):
        """The order instead of rows; the advances before it are not listed."""
        first = self.advance()
        self.accept(first, ADVANCE_NUMBER)
        order = {"WartoscZamowienia": "12825.00", "ZamowienieWiersz": self.order_rows()}
        self.check(
            self.built(self.advance()),
            RodzajFaktury="ZAL",
            P_15="3847.50",
            Zamowienie=order,
            **self.ADVANCED,
        )

    def reference(self, move, number):
        return {
            "DataWystFaKorygowanej": move.invoice_date.isoformat(),
            "NrFaKorygowanej": move.name,
            "NrKSeF": "1",
            "NrKSeFFaKorygowanej": number,
        }

    def test_row_33_correction_of_an_advance(self):
        advance = self.advance()
        self.accept(advance, ADVANCE_NUMBER)
        rows = []
        for item in self.order_rows():
            rows += [item | {"StanPrzedZ": "1"}, item]
        self.check_correction(
            self.refund(advance),
            RodzajFaktury="KOR_ZAL",
            DaneFaKorygowanej=self.reference(advance, ADVANCE_NUMBER),
            P_15="-3847.50",
            P_15ZK="3847.50",
            Zamowienie={"WartoscZamowienia": "12825.00", "ZamowienieWiersz": rows},
            **{name: f"-{value}" for name, value in self.ADVANCED.items()},
        )

    def test_row_33_correction_of_a_final_invoice(self):
        advance = self.advance()
        self.accept(advance, ADVANCE_NUMBER)
        final = self.final(advance)
        self.accept(final, FINAL_NUMBER)
        self.check_correction(
            self.refund(final, {"quantity": 2}, None, None, None),
            *pair("Maszyna", ("10", "1000.00", "10000.00"), ("8", "1000.00", "8000.00")),
            RodzajFaktury="KOR_ROZ",
            DaneFaKorygowanej=self.reference(final, FINAL_NUMBER),
            TypKorekty="1",
            FakturaZaliczkowa={"NrKSeFFaZaliczkowej": ADVANCE_NUMBER},
            P_13_1="-2000.00",
            P_14_1="-460.00",
            P_15="-2460.00",
            P_15ZK="8977.50",
        )

    # -- the rest of the list ----------------------------------------------------------------------

    def test_row_34_fee_inside_the_base(self):
        fee = self.sale_tax(
            "opłata", 0.2, False, amount_type="fixed", include_base_amount=True, sequence=-1
        )
        tree = self.built(self.invoice(("Widget", 10, 100, fee | self.tax("vs_kraj_23"))))
        self.check(
            tree,
            row("Widget", "10", "100.20", "1002.00", "23"),
            P_13_1="1002.00",
            P_14_1="230.46",
            P_15="1232.46",
        )

    def test_row_35_unit_in_polish(self):
        """Whatever the language of the person who sends, and of the customer."""
        self.env["res.lang"]._activate_lang("de_DE")
        self.hour.with_context(lang="de_DE").name = "Stunden"
        self.buyer.lang = "de_DE"
        move = self.invoice(("Praca", 2, 100, "vs_kraj_23", {"product_uom_id": self.hour.id}))
        for lang in ("en_US", "de_DE", "pl_PL"):
            self.check(
                self.built(move.with_context(lang=lang)),
                row("Praca", "2", "100.00", "200.00", "23", P_8A="godz."),
                P_13_1="200.00",
                P_14_1="46.00",
                P_15="246.00",
            )

    def test_row_36_address_without_the_country(self):
        tree = self.built(self.invoice(("A", 1, 100, "vs_kraj_23")))
        address = {"KodKraju": "PL", "AdresL1": "ul. Kwiatowa 1", "AdresL2": "00-001 Warszawa"}
        self.check_part(tree, "Podmiot1/Adres", address)

    def test_row_37_account_of_the_customer(self):
        """The account of a credit note is the customer's: nothing of it is told, short or not."""
        account = self.env["res.partner.bank"].create(
            {"acc_number": "123456", "partner_id": self.buyer.id}
        )
        credit = self.refund(self.widget(), partner_bank_id=account.id)
        self.assertEqual(credit.partner_bank_id, account)
        self.check_part(self.built(credit), "Fa/Platnosc", None)

    def test_row_38_mail_and_telephone(self):
        self.company.partner_id.write(
            {"email": "biuro@example.com, drugi@example.com", "phone": "+48 (22) 123-45-67"}
        )
        self.buyer.write({"email": "bez małpy", "phone": "601 602 603 wew. 1234567"})
        tree = self.built(self.invoice(("A", 1, 100, "vs_kraj_23")))
        contact = {"Email": "biuro@example.com", "Telefon": "+48221234567"}
        self.check_part(tree, "Podmiot1/DaneKontaktowe", contact)
        self.check_part(tree, "Podmiot2/DaneKontaktowe", None)

    # -- section 4: the later version --------------------------------------------------------------

    def test_new_1_and_4_services_in_one_base(self):
        """K_11 and K_12 of one tax: P_13_9 alone, not P_13_8 and no P_13_10 of 0.00."""
        move = self.invoice(("Usługa", 1, 500, "vs_dostu"), partner_id=self.foreign().id)
        names = set(self.tax("vs_dostu").invoice_repartition_line_ids.tag_ids.mapped("name"))
        self.assertTrue({"K_11", "K_12"} <= {name.lstrip("+-") for name in names})
        found = content(self.built(move).find("Fa"))
        totals = {tag: value for tag, value in found.items() if tag.startswith(("P_13", "P_14"))}
        self.assertEqual(totals, {"P_13_9": "500.00"})
        self.assertEqual(found["Adnotacje"], ANNOTATIONS | {"P_18": "1"})

    def test_new_2_order_and_incoterm(self):
        move = self.invoice(
            ("A", 1, 100, "vs_kraj_23"),
            ref="PO-778",
            invoice_incoterm_id=self.env.ref("account.incoterm_FCA").id,
            incoterm_location="Warszawa",
        )
        terms = self.built(move).find("Fa/WarunkiTransakcji")
        expected = {"Zamowienia": {"NrZamowienia": "PO-778"}, "WarunkiDostawy": "FCA Warszawa"}
        self.assertEqual(content(terms), expected)
        self.assertEqual([node.tag for node in terms], list(expected), "in the schema's order")

    def test_new_3_reference_of_a_credit_note(self):
        credit = self.refund(self.widget())
        self.assertIn("Reversal of", credit.ref)
        self.check_part(self.built(credit), "Fa/WarunkiTransakcji", None)

    def test_new_5_rate_of_six_decimals(self):
        yen = self.in_currency("JPY", 0.026137)
        tree = self.built(self.invoice(("A", 1, 1000000, "vs_kraj_23"), currency_id=yen.id))
        self.check(
            tree,
            row("A", "1", "1000000.00", "1000000.00", "23", KursWaluty="0.026137"),
            KodWaluty="JPY",
            P_13_1="1000000.00",
            P_14_1="230000.00",
            P_14_1W="6011.51",
            P_15="1230000.00",
        )

    def test_new_6_split_payment_above_the_gross_threshold(self):
        """More than 15 000 PLN gross; neither the net amount nor exactly 15 000 counts."""
        steel = self.env["product.product"].create({"name": "Stal", "l10n_pl_ksef_annex15": True})
        for price, vat, total, split in (
            ("12195.12", "2804.88", "15000.00", "2"),
            ("12195.13", "2804.88", "15000.01", "1"),
        ):
            move = self.invoice(("Stal", 1, float(price), "vs_kraj_23", {"product_id": steel.id}))
            self.check(
                self.built(move),
                row("Stal", "1", price, price, "23", P_12_Zal_15="1"),
                annotations={"P_18A": split},
                P_13_1=price,
                P_14_1=vat,
                P_15=total,
            )


@tagged("post_install_l10n", "post_install", "-at_install")
class TestFa3PeerProcess(KsefCommon):
    def test_scheduled_action_sees_every_company(self):
        """Numbers come within minutes, also to companies that the job's user does not work in."""
        job = self.env.ref("l10n_pl_ksef.ir_cron_poll")
        self.assertEqual((job.interval_type, job.interval_number <= 15), ("minutes", True))
        self.assertNotEqual(job.user_id.company_id, self.company)
        self.simulator.post("speed", polls=[50, 50])
        move = self.invoice()
        self.send(move, allow_fallback_pdf=True)
        self.assertEqual(move.l10n_pl_ksef_state, "sending")
        self.simulator.post("speed", polls=[0, 0])
        self.make_due(move.l10n_pl_ksef_document_ids)
        self.run_cron("ir_cron_poll")
        self.assertEqual(move.l10n_pl_ksef_state, "accepted")
        self.assertTrue(move.l10n_pl_ksef_number)

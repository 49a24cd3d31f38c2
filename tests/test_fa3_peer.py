"""Every row of the list of bugs of Odoo's own module: the invoice booked, the file compared whole.

`test_row_NN_...` proves row NN of section 3 of peer-l10n_pl_edi.md (rows 24 to 38 and the two
sections after it stand in `test_fa3_peer_corrections`). The processes that section 2 complains of:

| complaint | proof |
| --- | --- |
| no check against the schema before sending | test_schemas: test_invoices_are_checked |
| only the seller's address is checked | test_fa3: test_all_problems_in_one_message |
| the file is made when it is sent | test_flow: test_frozen_bytes_are_never_replaced |
| a rejected one is made anew from live data | test_flow: test_rejected_invoice_is_corrected_and_sent_again |
| saved only after the whole loop | e2e/test_crash, test_flow: test_process_dies_between_answer_and_record |
| no protection against sending twice | test_flow: test_lost_answer_is_resolved_by_hash |
| reset to draft is only hidden | test_flow: test_what_ksef_has_cannot_change |
| session and key shared by all users | test_access: test_accountant_reads_no_key_and_no_token |
| no batch | test_batch: test_package_brings_numbers_and_upos |
| UPO changed before it is saved | test_flow: test_send_brings_number_upo_and_code |
"""  # noqa: E501

from datetime import date

from odoo import Command
from odoo.tests import tagged

from .fa3_common import Fa3Common
from .fa3_compare import Fa3Compare, row


@tagged("post_install_l10n", "post_install", "-at_install")
class TestFa3Peer(Fa3Compare, Fa3Common):
    def test_row_01_five_percent(self):
        tree = self.built(self.invoice(("Książka", 10, 100, "vs_kraj_5")))
        self.check(
            tree,
            row("Książka", "10", "100.00", "1000.00", "5"),
            P_13_3="1000.00",
            P_14_3="50.00",
            P_15="1050.00",
        )

    def test_row_02_total_in_the_currency_of_the_invoice(self):
        euro = self.in_currency()
        tree = self.built(self.invoice(("Maszyna", 3, 4520, "vs_kraj_23"), currency_id=euro.id))
        self.check(
            tree,
            row("Maszyna", "3", "4520.00", "13560.00", "23", KursWaluty="4.5005"),
            KodWaluty="EUR",
            P_13_1="13560.00",
            P_14_1="3118.80",
            P_14_1W="14036.16",
            P_15="16678.80",
        )

    def test_row_03_rate_of_exchange_in_the_taxed_rows(self):
        """The invoice of 1 / 0.22219753360737698: neither inverted nor with 17 decimals."""
        euro = self.in_currency(rate=1 / 0.22219753360737698)
        lines = ("A", 1, 100, "vs_kraj_8"), ("B", 1, 50, "vs_kraj_0")
        tree = self.built(self.invoice(*lines, currency_id=euro.id))
        self.check(
            tree,
            row("A", "1", "100.00", "100.00", "8", KursWaluty="4.5005"),
            row("B", "1", "50.00", "50.00", "0 KR", number=2),
            KodWaluty="EUR",
            P_13_2="100.00",
            P_14_2="8.00",
            P_14_2W="36.00",
            P_13_6_1="50.00",
            P_15="158.00",
        )

    def test_row_04_no_rate_in_zlotys(self):
        tree = self.built(self.invoice(("A", 1, 100, "vs_kraj_23")))
        self.check(
            tree,
            row("A", "1", "100.00", "100.00", "23"),
            P_13_1="100.00",
            P_14_1="23.00",
            P_15="123.00",
        )

    def test_row_05_discount(self):
        tree = self.built(self.invoice(("Sprzęt", 20, 1000, "vs_kraj_23", {"discount": 10})))
        self.check(
            tree,
            row("Sprzęt", "20", "1000.00", "18000.00", "23", P_10="100.00"),
            P_13_1="18000.00",
            P_14_1="4140.00",
            P_15="22140.00",
        )

    def test_row_06_price_with_tax(self):
        tax = self.tax("vs_kraj_23").copy(
            {"name": "23% w cenie", "price_include_override": "tax_included"}
        )
        tree = self.built(self.invoice(("Artykuł", 2, 123, tax)))
        self.check(
            tree,
            row("Artykuł", "2", None, "200.00", "23", P_9B="123.00", P_11A="246.00"),
            P_13_1="200.00",
            P_14_1="46.00",
            P_15="246.00",
        )

    def test_row_07_prices_below_a_cent(self):
        self.env.ref("product.decimal_price").digits = 8
        lines = ("A", 1000, 0.004, "vs_kraj_23"), ("B", 300, 0.33333333, "vs_kraj_23")
        tree = self.built(self.invoice(*lines))
        self.check(
            tree,
            row("A", "1000", "0.004", "4.00", "23"),
            row("B", "300", "0.33333333", "100.00", "23", number=2),
            P_13_1="104.00",
            P_14_1="23.92",
            P_15="127.92",
        )

    def test_row_08_cash_basis_tax(self):
        self.company.tax_exigibility = True
        account = self.company_data["default_account_tax_sale"].copy({"reconcile": True})
        self.tax("vs_kraj_23").write(
            {"tax_exigibility": "on_payment", "cash_basis_transition_account_id": account.id}
        )
        move = self.invoice(("A", 1, 100, "vs_kraj_23"))
        self.assertFalse(move.line_ids.tax_tag_ids, "the case of the row: lines without grids")
        self.check(
            self.built(move),
            row("A", "1", "100.00", "100.00", "23"),
            annotations={"P_16": "1"},
            P_13_1="100.00",
            P_14_1="23.00",
            P_15="123.00",
        )

    def test_row_09_exempt_with_its_basis(self):
        basis = "art. 43 ust. 1 pkt 29 ustawy o VAT"
        self.tax("vs_kraj_zw").write(
            {"l10n_pl_ksef_exempt_basis_type": "A", "l10n_pl_ksef_exempt_basis": basis}
        )
        tree = self.built(self.invoice(("Kurs", 1, 200, "vs_kraj_zw")))
        self.check(
            tree,
            row("Kurs", "1", "200.00", "200.00", "zw"),
            annotations={"Zwolnienie": {"P_19": "1", "P_19A": basis}},
            P_13_7="200.00",
            P_15="200.00",
        )

    def test_row_10_traveller(self):
        tree = self.built(self.invoice(("A", 1, 200, "vs_zwrot_podróżnych_0")))
        self.check(
            tree,
            row("A", "1", "200.00", "200.00", "0 KR"),
            P_13_6_1="200.00",
            P_15="200.00",
        )

    def test_row_11_line_without_tax(self):
        move = self.invoice(("A", 1, 100, "vs_kraj_23"), ("B", 1, 5, None))
        (problem,) = move._l10n_pl_ksef_fa3_problems()
        line = move.invoice_line_ids[1]
        self.assertEqual((problem.code, problem.record, problem.field), ("KS07", line, "tax_ids"))
        self.refused(move, "KS07")

    def test_row_12_services_abroad(self):
        """EU business: np II; business outside the EU: np I. The buyer accounts for the tax."""
        swiss = self.foreign("CH", "CHE-123.456.788 TVA")
        for partner, tax, element, rate in (
            (self.foreign(), "vs_dostu", "P_13_9", "np II"),
            (swiss, "vs_ekspu", "P_13_8", "np I"),
        ):
            tree = self.built(self.invoice(("Usługa", 1, 500, tax), partner_id=partner.id))
            self.check(
                tree,
                row("Usługa", "1", "500.00", "500.00", rate),
                annotations={"P_18": "1"},
                P_15="500.00",
                **{element: "500.00"},
            )

    def buyer_part(self, tree):
        part = tree.find("Podmiot2/DaneIdentyfikacyjne")
        return {node.tag: node.text for node in part}

    def test_row_13_european_buyer(self):
        move = self.invoice(("A", 1, 100, "vs_unia"), partner_id=self.foreign().id)
        tree = self.built(move)
        expected = {"KodUE": "DE", "NrVatUE": "136695976", "Nazwa": "Muster GmbH"}
        self.assertEqual(self.buyer_part(tree), expected)
        self.check_part(
            tree,
            "Podmiot2/Adres",
            {"KodKraju": "DE", "AdresL1": "Hauptstr. 5", "AdresL2": "10115 Berlin"},
        )

    def test_row_14_greek_buyer(self):
        greek = self.foreign("GR", "EL123456783", name="Αφοί Παπαδόπουλος")
        tree = self.built(self.invoice(("A", 1, 100, "vs_unia"), partner_id=greek.id))
        expected = {"KodUE": "EL", "NrVatUE": "123456783", "Nazwa": "Αφοί Παπαδόπουλος"}
        self.assertEqual(self.buyer_part(tree), expected)
        self.assertEqual(self.texts(tree, "Podmiot2/Adres/KodKraju"), ["GR"])

    def test_row_15_long_text(self):
        words = [f"wyraz{index:03}" for index in range(67)]
        name, head, rest = (" ".join(part) for part in (words, words[:57], words[57:]))
        self.assertEqual((len(name), len(head)), (602, 512))
        tree = self.built(self.invoice((name, 1, 100, "vs_kraj_23")))
        self.check(
            tree,
            row(head, "1", "100.00", "100.00", "23"),
            DodatkowyOpis={"NrWiersza": "1", "Klucz": "Opis (2)", "Wartosc": rest},
            P_13_1="100.00",
            P_14_1="23.00",
            P_15="123.00",
        )

    def test_row_16_forbidden_characters(self):
        move = self.invoice(("Na\x01zw\x86a\ufdd0 z\x85tekstem", 1, 100, "vs_kraj_23"))
        self.assertIn("\x01", move.invoice_line_ids.name)
        self.check(
            self.built(move),
            row("Nazwa z tekstem", "1", "100.00", "100.00", "23"),
            P_13_1="100.00",
            P_14_1="23.00",
            P_15="123.00",
        )

    def test_row_17_day_of_supply(self):
        move = self.invoice(
            ("A", 1, 100, "vs_kraj_23"),
            taxable_supply_date=date(2026, 10, 31),
            delivery_date=date(2026, 10, 30),
        )
        self.check(
            self.built(move),
            row("A", "1", "100.00", "100.00", "23"),
            P_6="2026-10-31",
            P_13_1="100.00",
            P_14_1="23.00",
            P_15="123.00",
        )

    def test_row_18_supply_is_compared_with_the_invoice_date(self):
        """A locked period moves the accounting date; P_6 depends on P_1 alone."""
        self.company.tax_lock_date = date(2026, 10, 31)
        october = date(2026, 10, 30)
        line = ("A", 1, 100, "vs_kraj_23")
        for supply, told in ((october, None), (date(2026, 10, 29), "2026-10-29")):
            move = self.invoice(line, invoice_date=october, taxable_supply_date=supply)
            self.assertGreater(move.date, date(2026, 10, 31))
            tree = self.built(move)
            self.assertEqual(self.texts(tree, "P_1", "P_6"), ["2026-10-30", told])

    # -- payments ----------------------------------------------------------------------------------

    def register(self, moves, day, **values):
        wizard = self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=moves.ids
        )
        return wizard.create({"payment_date": day, **values})._create_payments()

    #: What the payment of every invoice of these tests says beside the money received.
    TERMS = {
        "TerminPlatnosci": {"Termin": "2026-11-19"},
        "FormaPlatnosci": "6",
        "RachunekBankowy": {
            "NrRB": "61109010140000071219812874",
            "SWIFT": "WBKPPLPP",
            "NazwaBanku": "Santander Bank Polska",
        },
    }

    def check_payment(self, move, **received):
        self.check_part(self.built(move), "Fa/Platnosc", self.TERMS | received)

    def test_row_19_one_partial_payment(self):
        move = self.invoice(("A", 1, 100, "vs_kraj_23"))
        self.register(move, date(2026, 11, 5), amount=23)
        part = {
            "KwotaZaplatyCzesciowej": "23.00",
            "DataZaplatyCzesciowej": "2026-11-05",
            "FormaPlatnosci": "6",
        }
        self.check_payment(move, ZnacznikZaplatyCzesciowej="1", ZaplataCzesciowa=part)

    def test_row_20_money_of_a_bank_statement(self):
        move = self.invoice(("A", 1, 100, "vs_kraj_23"))
        receivable = move.line_ids.filtered(lambda line: line.display_type == "payment_term")
        statement = self.env["account.bank.statement.line"].create(
            {
                "journal_id": self.company_data["default_journal_bank"].id,
                "date": "2026-11-04",
                "amount": 123.0,
                "payment_ref": "wpłata",
            }
        )
        _liquidity, suspense, _other = statement._seek_for_lines()
        suspense.account_id = receivable.account_id
        (suspense | receivable).reconcile()
        self.check_payment(move, Zaplacono="1", DataZaplaty="2026-11-04")

    def test_row_21_one_payment_of_several_invoices(self):
        """200.00 for two invoices of 123.00: each tells what it got of it."""
        moves = self.invoice(("A", 1, 100, "vs_kraj_23"))
        moves |= self.invoice(("A", 1, 100, "vs_kraj_23"))
        payment = self.register(moves, date(2026, 11, 5), group_payment=True, amount=200)
        self.assertEqual(payment.amount, 200)
        part = {"DataZaplatyCzesciowej": "2026-11-05", "FormaPlatnosci": "6"}
        self.check_payment(moves[0], Zaplacono="1", DataZaplaty="2026-11-05")
        self.check_payment(
            moves[1],
            ZnacznikZaplatyCzesciowej="1",
            ZaplataCzesciowa={"KwotaZaplatyCzesciowej": "77.00"} | part,
        )

    def test_row_22_two_instalments(self):
        terms = self.env["account.payment.term"].create(
            {
                "name": "halves",
                "line_ids": [
                    Command.create({"value_amount": 50, "nb_days": days}) for days in (14, 30)
                ],
            }
        )
        move = self.invoice(("A", 1, 100, "vs_kraj_23"), invoice_payment_term_id=terms.id)
        days = [{"Termin": "2026-11-19"}, {"Termin": "2026-12-05"}]
        self.check_payment(move, TerminPlatnosci=days)

    def test_row_23_one_stop_shop(self):
        tag = self.env["account.account.tag"].create(
            {"name": "OSS", "applicability": "taxes", "country_id": False}
        )
        lines = [
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
                "invoice_repartition_line_ids": lines,
                "refund_repartition_line_ids": lines,
            }
        )
        consumer = self.foreign(vat=False, name="Hans Schmidt", is_company=False)
        move = self.invoice(
            ("Buch", 2, 50, tax), partner_id=consumer.id, currency_id=self.in_currency().id
        )
        self.check(
            self.built(move),
            row("Buch", "2", "50.00", "100.00", None, P_12_XII="19"),
            KodWaluty="EUR",
            P_13_5="100.00",
            P_14_5="19.00",
            P_15="119.00",
        )

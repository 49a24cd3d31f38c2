"""An invoice of every example and kind goes to the simulator, which reads it as KSeF would."""

from datetime import timedelta

from odoo import Command
from odoo.tests import tagged

from ..ksef.fa3.reader import read
from .common import KsefCommon


@tagged("post_install_l10n", "post_install", "-at_install")
class TestFa3Accepted(KsefCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        address = {
            "street": "Hauptstr. 5",
            "city": "Berlin",
            "country_id": cls.env.ref("base.de").id,
        }
        partners = cls.env["res.partner"]
        cls.german = partners.create(
            {"name": "Muster GmbH", "is_company": True, "vat": "DE136695976"} | address
        )
        cls.consumer = partners.create({"name": "Hans Schmidt"} | address)
        cls.euro = cls.env.ref("base.EUR")
        cls.euro.active = True
        cls.env["res.currency.rate"].create(
            {
                "name": cls.today() - timedelta(days=1),
                "inverse_company_rate": 4.5005,
                "currency_id": cls.euro.id,
                "company_id": cls.company.id,
            }
        )
        cls.deposit = cls.env["product.product"].create(
            {"name": "Kaucja", "l10n_pl_ksef_settlement": True}
        )
        cls.tax("vs_kraj_zw").l10n_pl_ksef_exempt_basis = "art. 43 ust. 1 pkt 29 ustawy o VAT"

    @classmethod
    def tax(cls, name):
        return cls.env.ref(f"account.{cls.company.id}_{name}")

    def other_tax(self, name, amount, category):
        values = {"name": name, "amount": amount, "l10n_pl_ksef_category": category}
        return self.tax_23.copy(values | {"price_include_override": False})

    def make(self, *lines, **values):
        """A posted invoice; each line is (name, quantity, price, tax or its name, more)."""
        commands = []
        for name, quantity, price, tax, *more in lines:
            tax = self.tax(tax) if isinstance(tax, str) else tax
            line = {"name": name, "quantity": quantity, "price_unit": price}
            line["tax_ids"] = [Command.set(tax.ids if tax else [])]
            commands.append(Command.create(line | (more[0] if more else {})))
        return self.invoice(invoice_line_ids=commands, **values)

    def ordinary(self):
        """Name -> invoice of the examples and categories that need nothing before them."""
        german = {"partner_id": self.german.id}
        gross = self.tax_23.copy({"name": "brutto", "price_include_override": "tax_included"})
        rates = ("vs_kraj_23", "vs_kraj_8", "vs_kraj_5", "vs_kraj_0", "vs_kraj_zw")
        a23 = ("Towar", 10, 100, "vs_kraj_23")
        order = {"name": "Maszyna", "quantity": 10, "price": 1000, "tax_id": self.tax_23.id}
        taxed = {
            "C01": self.make(a23, ("Montaż", 1, 49.99, "vs_kraj_23")),
            "C02": self.make(*((rate, 1, 100, rate) for rate in rates)),
            "C03": self.make((*a23, {"discount": 10})),
            "C05": self.make(*[("Artykuł", 1, 9.99, gross)] * 3),
            "C08": self.make(a23, ("Rabat", 1, -100, "vs_kraj_23")),
            "C13": self.make(a23, ("Kaucja", 10, 0.5, None, {"product_id": self.deposit.id})),
            "C15": self.make(("Towar", 20, 100, "vs_unia"), **german),
            "C18": self.make(("Usługa", 10, 150, "vs_dostu"), **german),
            "C22": self.make(
                ("Buch", 2, 50, self.other_tax("19% DE", 19, "oss")),
                partner_id=self.consumer.id,
                currency_id=self.euro.id,
            ),
            "C25": self.make(("Maszyna", 3, 4520, "vs_kraj_23"), currency_id=self.euro.id),
            "C55": self.make(a23, l10n_pl_ksef_receipt=True, ref="PO-778", narration="Uwagi"),
            "triangular": self.make(("Towar", 1, 100, "vs_unia_triangular"), **german),
            "export": self.make(("Towar", 1, 100, "vs_eksp_tow"), partner_id=self.consumer.id),
            "np I": self.make(("Usługa", 1, 100, "vs_ekspu"), partner_id=self.consumer.id),
            "oo": self.make(("Stal", 1, 100, "vs_stal")),
            "margin": self.make(("Auto", 1, 100, self.other_tax("marża", 0, "margin_used"))),
            "UPR": self.make(("Parking", 1, 100, "vs_kraj_23"), l10n_pl_ksef_kind="UPR"),
            "ZAL": self.make(
                ("Zaliczka", 1, 3000, "vs_kraj_23"),
                l10n_pl_ksef_kind="ZAL",
                l10n_pl_ksef_order_row_ids=[Command.create(order)],
            ),
        }
        return taxed

    def accepted(self, moves):
        """Freeze and send these; name -> the document that the simulator accepted."""
        documents = {name: self.freeze(move).sudo() for name, move in moves.items()}
        everything = self.env["l10n_pl_ksef.document"].sudo().union(*documents.values())
        for job in ("ir_cron_flush", "ir_cron_poll"):
            self.make_due(everything)
            self.run_cron(job)
        for name, document in documents.items():
            self.assertEqual(document.state, "accepted", f"{name}: {document.error_text}")
        return {name: read(document._xml()).Fa for name, document in documents.items()}

    def refund(self, root, quantity=None):
        wizard = self.env["account.move.reversal"].with_context(
            active_model="account.move", active_ids=root.ids
        )
        made = wizard.create({"journal_id": root.journal_id.id, "date": self.today()})
        credit = self.env["account.move"].browse(made.refund_moves()["res_id"])
        if quantity:
            credit.invoice_line_ids.quantity = quantity
        credit.action_post()
        return credit

    def test_every_example_and_kind(self):
        moves = self.ordinary()
        first = self.accepted(moves)
        self.assertEqual({fa.RodzajFaktury for fa in first.values()}, {"VAT", "UPR", "ZAL"})
        final = self.make(
            ("Maszyna", 10, 1000, "vs_kraj_23"),
            ("Zaliczka", -1, 3000, "vs_kraj_23", {"l10n_pl_ksef_deduction": True}),
            l10n_pl_ksef_advance_move_ids=[Command.set(moves["ZAL"].ids)],
        )
        data = self.make(("Dane", 1, 0, "vs_kraj_8"), move_type="out_refund")
        data.write(
            {
                "l10n_pl_ksef_corrected_move_ids": [Command.set(moves["C01"].ids)],
                "l10n_pl_ksef_correction_method": "data",
            }
        )
        second = self.accepted(
            {
                "C35": self.refund(moves["C02"]),
                "C36": self.refund(moves["C03"], quantity=3),
                "gross": self.refund(moves["C05"], quantity=1),
                "euro": self.refund(moves["C25"]),
                "abroad": self.refund(moves["C15"], quantity=1),
                "ROZ": final,
                "data": data,
            }
        )
        self.assertEqual({fa.RodzajFaktury for fa in second.values()}, {"KOR", "ROZ"})
        third = self.accepted({"KOR_ROZ": self.refund(final), "KOR_ZAL": self.refund(moves["ZAL"])})
        self.assertEqual(
            {name: fa.RodzajFaktury for name, fa in third.items()}, {n: n for n in third}
        )

"""What the builder makes, the simulator accepts: it reads the files as the Ministry would."""

from datetime import timedelta

from odoo import Command
from odoo.tests import tagged

from ..ksef.fa3.reader import read
from .common import KsefCommon


@tagged("post_install_l10n", "post_install", "-at_install")
class TestFa3Sending(KsefCommon):
    def sent(self, move):
        """Send the posted move; the FA(3) document that the simulator has accepted."""
        self.send(move)
        self.assertEqual(move.l10n_pl_ksef_state, "accepted", move.l10n_pl_ksef_error)
        document = move.l10n_pl_ksef_document_ids
        self.assertEqual(len(document), 1)
        faktura = read(document.sudo()._xml())
        self.assertEqual(document.invoice_kind, faktura.Fa.RodzajFaktury)
        return faktura

    def test_correction_of_an_accepted_invoice(self):
        root = self.invoice(200)
        self.sent(root)
        wizard = (
            self.env["l10n_pl_ksef.correction"]
            .with_user(self.accountant)
            .with_context(active_id=root.id)
            .create({"reason": "Rabat", "date": self.today()})
        )
        wizard.line_ids.price = 150
        credit = self.env["account.move"].browse(wizard.action_create()["res_id"])
        credit.with_user(self.accountant).action_post()
        fa = self.sent(credit.with_user(self.accountant)).Fa
        self.assertEqual(fa.RodzajFaktury, "KOR")
        reference = fa.DaneFaKorygowanej[0]
        self.assertEqual(reference.NrKSeFFaKorygowanej, root.l10n_pl_ksef_number)
        self.assertEqual([str(row.P_11) for row in fa.FaWiersz], ["200.00", "150.00"])

    def test_euro_supply_abroad_third_party_and_advance(self):
        german = self.env["res.partner"].create(
            {
                "name": "Muster GmbH",
                "is_company": True,
                "vat": "DE136695976",
                "street": "Hauptstr. 5",
                "city": "Berlin",
                "country_id": self.env.ref("base.de").id,
            }
        )
        euro = self.env.ref("base.EUR")
        euro.active = True
        self.env["res.currency.rate"].create(
            {
                "name": self.today() - timedelta(days=1),
                "inverse_company_rate": 4.2567,
                "currency_id": euro.id,
                "company_id": self.company.id,
            }
        )
        line = {"name": "Towar", "quantity": 3, "price_unit": 99.99}
        supply = self.env.ref(f"account.{self.company.id}_vs_unia")
        abroad = self.invoice(
            partner_id=german.id,
            currency_id=euro.id,
            invoice_line_ids=[Command.create({**line, "tax_ids": [Command.set(supply.ids)]})],
        )
        self.assertEqual(str(self.sent(abroad).Fa.P_13_6_2), "299.97")
        party = {"partner_id": self.buyer.id, "role": "8"}
        euro_at_home = self.invoice(
            currency_id=euro.id, l10n_pl_ksef_third_party_ids=[Command.create(party)]
        )
        faktura = self.sent(euro_at_home)
        self.assertEqual(faktura.Podmiot2.JST, 1)
        self.assertEqual(str(faktura.Fa.FaWiersz[0].KursWaluty), "4.2567")
        row = {"name": "Towar", "quantity": 10, "price": 100, "tax_id": self.tax_23.id}
        advance = self.invoice(
            300, l10n_pl_ksef_kind="ZAL", l10n_pl_ksef_order_row_ids=[Command.create(row)]
        )
        self.assertEqual(self.sent(advance).Fa.RodzajFaktury, "ZAL")

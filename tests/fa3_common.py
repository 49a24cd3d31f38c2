import os
from datetime import date
from decimal import Decimal
from pathlib import Path

from freezegun import freeze_time
from lxml import etree

from odoo import Command
from odoo.exceptions import UserError

from odoo.addons.account.tests.common import AccountTestInvoicingCommon

from ..ksef import crypto
from ..ksef.fa3.reader import read
from ..ksef.fa3.schema import SCHEMA_FILES, validate_xsd

ROOT = Path(__file__).resolve().parents[1]
#: Not compared with the examples: moments, versions and what the fixtures name differently.
IGNORED = {"DataWytworzeniaFa", "SystemInfo", "UU_ID", "UU_IDZ", "P_2", "Indeks", "DaneKontaktowe"}


def schema_dir():
    """Folder of the Ministry's schemas, from the environment or beside the repository."""
    beside = ROOT.parent / "shared" / "ksef" / "fa"
    for candidate in filter(None, (os.environ.get("L10N_PL_KSEF_SCHEMAS"), beside)):
        if Path(candidate, SCHEMA_FILES[0]).is_file():
            return candidate
    return None


def flat(xml, ignored=()):
    """[(path, value)] of a document; decimals as Decimal, so that 100 equals 100.00."""
    ignored = IGNORED | set(ignored)
    result = []

    def walk(node, path):
        name = etree.QName(node).localname
        if name in ignored:
            return
        path = f"{path}/{name}"
        if len(node):
            for child in node:
                walk(child, path)
            return
        text = (node.text or "").strip()
        number = name.startswith(("P_8B", "P_9", "P_10", "P_11", "P_13", "P_14", "P_15"))
        result.append((path, Decimal(text) if number else text))

    walk(etree.fromstring(xml), "")
    return result


class Fa3Common(AccountTestInvoicingCommon):
    """The company, the buyer and the bank account of the examples, on 5 November 2026."""

    @classmethod
    @AccountTestInvoicingCommon.setup_country("pl")
    def setUpClass(cls):
        super().setUpClass()
        cls.frozen = freeze_time("2026-11-05 10:00:00")
        cls.frozen.start()
        cls.addClassCleanup(cls.frozen.stop)
        poland = cls.env.ref("base.pl")
        address = {"zip": "00-001", "city": "Warszawa", "country_id": poland.id}
        cls.company = cls.company_data["company"]
        cls.company.partner_id.write(
            {"name": "ACME Polska sp. z o.o.", "street": "ul. Kwiatowa 1", "vat": "PL5265877635"}
            | address
            | {"email": False, "phone": False}
        )
        bank = cls.env["res.bank"].create({"name": "Santander Bank Polska", "bic": "WBKPPLPP"})
        cls.bank_account = cls.env["res.partner.bank"].create(
            {
                "acc_number": "PL61 1090 1014 0000 0712 1981 2874",
                "partner_id": cls.company.partner_id.id,
                "bank_id": bank.id,
                "allow_out_payment": True,
            }
        )
        cls.buyer = cls.env["res.partner"].create(
            {"name": "F.H.U. Jan Kowalski", "is_company": True, "vat": "PL1111111111"}
            | {"street": "ul. Polna 1"}
            | address
        )
        cls.hour = cls.env.ref("uom.product_uom_hour")
        cls.terms = cls.env["account.payment.term"].create(
            {
                "name": "14 days",
                "line_ids": [Command.create({"value_amount": 100, "nb_days": 14})],
            }
        )

    @classmethod
    def tax(cls, name):
        """The company's tax by its name in the chart, e.g. ``vs_kraj_23``."""
        return cls.env["account.chart.template"].with_company(cls.company).ref(name)

    @classmethod
    def invoice(cls, *lines, post=True, **values):
        """A posted invoice; each line is (name, quantity, price, tax name, further values)."""
        commands = []
        for name, quantity, price, tax, *more in lines:
            line = {"name": name, "quantity": quantity, "price_unit": price}
            taxes = cls.tax(tax).ids if isinstance(tax, str) else (tax.ids if tax else [])
            line["tax_ids"] = [Command.set(taxes)]
            commands.append(Command.create(line | (more[0] if more else {})))
        move = cls.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": cls.buyer.id,
                "invoice_date": date(2026, 11, 5),
                "invoice_payment_term_id": cls.terms.id,
                "partner_bank_id": cls.bank_account.id,
                "invoice_line_ids": commands,
            }
            | values
        )
        if post:
            move.action_post()
        return move

    def built(self, move, example=None, ignored=(), preview=False):
        """The file as an element tree without namespaces, valid and as in the example."""
        xml = move._l10n_pl_ksef_preview()[0] if preview else move._l10n_pl_ksef_build_fa3()
        if schema_dir():
            self.assertEqual(validate_xsd(xml, schema_dir()), [])
        path = ROOT.parent / "shared" / "spec" / "fa3-examples" / f"{example}.xml"
        if example and path.is_file():
            self.assertEqual(flat(xml, ignored), flat(path.read_bytes(), ignored))
        tree = etree.fromstring(xml)
        for node in tree.iter():
            node.tag = etree.QName(node).localname
        return tree

    def texts(self, tree, *paths):
        return [tree.findtext(f".//{path}") for path in paths]

    def rows(self, tree, *names):
        """One tuple of texts for each row of the document."""
        return [tuple(row.findtext(name) for name in names) for row in tree.iter("FaWiersz")]

    def refused(self, move, *codes):
        """The refusal's text, which names each of the codes."""
        with self.assertRaises(UserError) as caught:
            move._l10n_pl_ksef_build_fa3()
        message = str(caught.exception)
        for code in codes:
            self.assertIn(code, message)
        return message

    @classmethod
    def foreign(cls, country="DE", vat="DE136695976", **values):
        """A business abroad; by default the one of the examples."""
        return cls.env["res.partner"].create(
            {
                "name": "Muster GmbH",
                "is_company": True,
                "vat": vat,
                "street": "Hauptstr. 5",
                "zip": "10115",
                "city": "Berlin",
                "country_id": cls.env["res.country"].search([("code", "=", country)]).id,
            }
            | values
        )

    @classmethod
    def sale_tax(cls, name, amount, category, **values):
        """A sales tax that the chart has not, with its category chosen by hand."""
        return cls.env["account.tax"].create(
            {
                "name": name,
                "amount": amount,
                "type_tax_use": "sale",
                "country_id": cls.env.ref("base.pl").id,
                "l10n_pl_ksef_category": category,
            }
            | values
        )

    @classmethod
    def in_currency(cls, name="EUR", rate=4.5005, day="2026-11-04"):
        """The currency, worth `rate` PLN from that day on."""
        currency = (
            cls.env["res.currency"].with_context(active_test=False).search([("name", "=", name)])
        )
        currency.active = True
        currency.rate_ids.unlink()
        cls.env["res.currency.rate"].create(
            {
                "name": day,
                "inverse_company_rate": rate,
                "currency_id": currency.id,
                "company_id": cls.company.id,
            }
        )
        return currency

    @classmethod
    def accept(cls, move, number):
        """Freeze the invoice's file as the document that KSeF accepted under that number."""
        xml = move._l10n_pl_ksef_build_fa3()
        cls.company.sudo().l10n_pl_ksef_environment = "test"
        connection = cls.env["l10n_pl_ksef.connection"]._for_company(cls.company, create=True)
        return (
            cls.env["l10n_pl_ksef.document"]
            .sudo()
            .create(
                {
                    "move_id": move.id,
                    "company_id": cls.company.id,
                    "connection_id": connection.id,
                    "seller_nip": "5265877635",
                    "invoice_kind": read(xml).Fa.RodzajFaktury,
                    "invoice_number": move.name,
                    "issue_date": move.invoice_date,
                    "xml_file": crypto.to_base64(xml),
                    "xml_sha256": crypto.to_base64(crypto.sha256(xml)),
                    "xml_size": len(xml),
                    "state": "accepted",
                    "ksef_number": number,
                }
            )
        )

    @classmethod
    def original(cls, *lines, number="5265877635-20261015-0100A1B2C3D4-97", **values):
        """An accepted invoice of 15 October."""
        name = values.pop("name", "FV/2026/00101")
        move = cls.invoice(*lines, **({"invoice_date": date(2026, 10, 15)} | values), post=False)
        move.name = name
        move.action_post()
        cls.accept(move, number)
        return move

    @classmethod
    def refund(cls, move, *changes, post=True, **values):
        """A credit note made by Odoo's reversal; each change is written on one line of it.

        A line without a change (None) is deleted; without any changes all of it is reversed.
        """
        wizard = cls.env["account.move.reversal"].with_context(
            active_model="account.move", active_ids=move.ids
        )
        made = wizard.create(
            {"journal_id": move.journal_id.id, "date": date(2026, 11, 5), "reason": "zwrot"}
        ).refund_moves()
        credit = cls.env["account.move"].browse(made["res_id"])
        credit.write(values)
        lines = credit.invoice_line_ids.filtered(lambda line: line.display_type == "product")
        for line, change in zip(lines, changes, strict=False):
            line.unlink() if change is None else line.write(change)
        if post:
            credit.action_post()
        return credit

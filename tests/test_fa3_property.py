"""Random invoices: a valid file that obeys the identities, or a refusal from the catalogue.

The seed is fixed, so a failure comes back; L10N_PL_KSEF_SEED and L10N_PL_KSEF_INVOICES choose
another run.
"""

import os
import random
import re
from datetime import date
from decimal import Decimal
from unittest.mock import patch

from lxml import etree

from odoo import Command
from odoo.exceptions import UserError
from odoo.tests import tagged

from ..ksef.fa3.schema import validate_xsd
from .fa3_common import Fa3Common, schema_dir

SEED = int(os.environ.get("L10N_PL_KSEF_SEED", "20261105"))
COUNT = int(os.environ.get("L10N_PL_KSEF_INVOICES", "200"))
CENT = Decimal("0.01")
TAXES = ("vs_kraj_23", "vs_kraj_23", "vs_kraj_8", "vs_kraj_5", "vs_kraj_0", "vs_kraj_zw", "vs_stal")
ABROAD = ("vs_unia", "vs_dostu", "vs_eksp_tow", "vs_ekspu", "vs_unia_triangular")
RATES = {
    "23": "P_13_1", "22": "P_13_1", "8": "P_13_2", "7": "P_13_2", "5": "P_13_3", "4": "P_13_4",
    "3": "P_13_4", "0 KR": "P_13_6_1", "0 WDT": "P_13_6_2", "0 EX": "P_13_6_3", "zw": "P_13_7",
    "np I": "P_13_8", "np II": "P_13_9", "oo": "P_13_10", None: "P_13_11",
}  # fmt: skip


def amount(node, name):
    return Decimal(node.findtext(name) or 0)


@tagged("post_install_l10n", "post_install", "-at_install")
class TestFa3Property(Fa3Common):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.ref("product.decimal_price").digits = 6
        cls.company.l10n_pl_ksef_exempt_basis = "art. 113 ust. 1 ustawy o VAT"
        cls.company.l10n_pl_ksef_exempt_basis_type = "A"
        cls.swiss = cls.foreign("CH", "CHE-123.456.788 TVA", name="Schweiz AG")
        cls.german = cls.foreign()
        cls.gross = {
            name: cls.tax(name).copy(
                {"name": f"{name} gross", "price_include_override": "tax_included"}
            )
            for name in ("vs_kraj_23", "vs_kraj_8", "vs_kraj_5")
        }
        cls.margin = cls.sale_tax("marża", 0, "margin_used")
        cls.fee = cls.sale_tax(
            "opłata", 0.37, False, amount_type="fixed", include_base_amount=True, sequence=-1
        )
        cls.deposit = cls.env["product.product"].create(
            {"name": "Kaucja", "l10n_pl_ksef_settlement": True}
        )
        cls.currencies = [
            cls.in_currency(name, rate)
            for name, rate in (("EUR", 4.5005), ("USD", 3.9127), ("JPY", 0.026137), ("HUF", 0.0109))
        ]

    def setUp(self):
        super().setUp()
        self.random = random.Random(SEED)

    def choice(self, *options):
        return self.random.choice(options)

    def line(self, abroad):
        """A random line, with a price that may be a cent, have odd decimals or be large."""
        price = self.choice(
            self.random.randint(1, 99999) / 100,
            round(self.random.uniform(0.0001, 5), 6),
            round(self.random.uniform(1, 200000), 2),
            0.01,
            0.0,
        )
        quantity = self.choice(1, 2, 3, 7, 10, 0.333, 12.345, 1000, -1, 0)
        discount = self.choice(0, 0, 0, 10, 7.5, 33.33, 100, -5)
        if abroad:
            taxes = self.tax(self.choice(*ABROAD))
        else:
            name = self.choice(*TAXES)
            taxes = self.tax(name)
            kind = self.random.random()
            if name in self.gross and kind < 0.4:
                taxes = self.gross[name]
            elif kind > 0.93:
                taxes = self.margin
            elif kind > 0.85:
                taxes |= self.fee
        values = {"discount": discount}
        if self.random.random() < 0.05:
            taxes, values = None, {"product_id": self.deposit.id}
        return (f"Pozycja {price}", quantity, price, taxes, values)

    def random_invoice(self):
        self.company.tax_calculation_rounding_method = self.choice(
            "round_globally", "round_per_line"
        )
        abroad = self.random.random() < 0.25
        lines = [self.line(abroad) for _number in range(self.random.randint(1, 6))]
        currency = self.choice(self.env.company.currency_id, *self.currencies)
        partner = self.choice(self.german, self.swiss, self.buyer) if abroad else self.buyer
        credit = self.random.random() < 0.2
        values = {"currency_id": currency.id, "partner_id": partner.id}
        if credit:
            origin = {"number": "FV/OLD/1", "date": date(2026, 1, 2)}
            values |= {
                "move_type": "out_refund",
                "l10n_pl_ksef_external_ids": [Command.create(origin)],
                "l10n_pl_ksef_correction_method": self.choice(
                    False, "difference", "difference_price"
                ),
            }
        return self.invoice(*lines, post=False, **values)

    def outcome(self, move, what):
        """The file of the invoice, or None when it was refused with codes of the catalogue."""
        try:
            return move._l10n_pl_ksef_build_fa3()
        except UserError as error:
            codes = re.findall(r"^- (KS\d\d) ·", str(error), re.MULTILINE)
            self.assertTrue(codes, f"{what}: {error}")
            for code in codes:
                self.assertNotIn(code, ("KS28", "KS29"), f"{what}: {error}")
            return None

    def check_identities(self, move, xml, what):
        if schema_dir():
            self.assertEqual(validate_xsd(xml, schema_dir()), [], what)
        tree = etree.fromstring(xml)
        for node in tree.iter():
            node.tag = etree.QName(node).localname
        fa = tree.find("Fa")
        sign = -1 if move.move_type == "out_refund" else 1
        totals = [n for n in fa if n.tag.startswith(("P_13", "P_14")) and not n.tag.endswith("W")]
        total = amount(fa, "P_15")
        self.assertEqual(sum(Decimal(node.text) for node in totals), total, what)
        settled = amount(fa, "Rozliczenie/SumaObciazen") - amount(fa, "Rozliczenie/SumaOdliczen")
        booked = sign * Decimal(repr(move.amount_total)).quantize(CENT)
        self.assertEqual(total + settled, booked, what)
        if move.currency_id.name != "PLN":
            vat = sum(Decimal(n.text) for n in fa if re.fullmatch(r"P_14_[1-4]W", n.tag))
            taxes = move.line_ids.filtered(lambda line: line.tax_line_id.l10n_pl_ksef_category)
            ledger = -sum(taxes.mapped("balance"))
            self.assertAlmostEqual(float(vat), ledger, places=2, msg=what)
        self.check_rows(fa, what)

    def check_rows(self, fa, what):
        sums = {}
        for row in fa.iter("FaWiersz"):
            factor = -1 if row.find("StanPrzed") is not None else 1
            margin = row.findtext("P_12") is None
            name = "P_11A" if margin else "P_11"
            base = RATES[row.findtext("P_12")]
            sums[base] = sums.get(base, 0) + factor * amount(row, name)
            price = row.findtext("P_9A") or row.findtext("P_9B")
            stated = amount(row, "P_11A" if row.findtext("P_9B") else "P_11")
            quantity = amount(row, "P_8B")
            computed = quantity * (Decimal(price) - amount(row, "P_10"))
            slack = CENT + CENT / 2 + abs(quantity) * Decimal("0.000000005")
            self.assertLessEqual(abs(computed - stated), slack, f"{what}: {row.findtext('P_7')}")
        for base, found in sums.items():
            self.assertEqual(found, amount(fa, base), f"{what}: {base}")

    def is_short(self, move, xml, what):
        """Whether the rows came from the journal items; then base lines must say the same."""
        builder = type(self.env["l10n_pl_ksef.fa3"])
        load = builder._load_booked
        ways = []

        def booked(builder, draft):
            ways.append(load(builder, draft))
            return ways[-1]

        with patch.object(builder, "_load_booked", booked):
            told = [problem.message() for problem in move._l10n_pl_ksef_fa3_problems()]
        if ways != [True]:
            return False
        with patch.object(builder, "_load_booked", lambda builder, draft: False):
            problems = [problem.message() for problem in move._l10n_pl_ksef_fa3_problems()]
            self.assertEqual(problems, told, what)
            if xml:
                self.assertEqual(move._l10n_pl_ksef_build_fa3(), xml, what)
        return True

    def test_random_invoices(self):
        files = refusals = short = 0
        for number in range(COUNT):
            what = f"seed {SEED}, invoice {number}"
            move = self.random_invoice()
            try:
                with self.env.cr.savepoint():
                    move.action_post()
            except UserError:
                continue  # Odoo itself refuses negative totals
            xml = self.outcome(move, what)
            short += self.is_short(move, xml, what)
            if xml is None:
                refusals += 1
                continue
            files += 1
            self.check_identities(move, xml, what)
        self.assertGreater(files, COUNT / 3)
        self.assertGreater(refusals, 0)
        self.assertGreater(short, COUNT / 20)

    def test_random_corrections(self):
        """Chains of corrections of one invoice: every file obeys the identities."""
        numbers = (
            "5265877635-20261020-0100A1B2C3D5-30",
            "5265877635-20261016-0100A1B2C3D8-9B",
            "5265877635-20261017-0100A1B2C3D9-79",
        )
        checked = 0
        for chain in range(COUNT // 20):
            self.company.tax_calculation_rounding_method = self.choice(
                "round_globally", "round_per_line"
            )
            taxes = [self.tax("vs_kraj_23"), *self.gross.values()]
            lines = [
                (
                    f"Pozycja {index}",
                    self.random.randint(5, 20),
                    self.random.randint(100, 99999) / 100,
                    self.random.choice(taxes),
                    {"discount": self.choice(0, 10, 7.5)},
                )
                for index in range(self.random.randint(1, 4))
            ]
            with self.env.cr.savepoint() as savepoint:
                root = self.original(*lines, name=f"FV/2026/{900 + chain:05}")
                for number in numbers:
                    changes = []
                    for _line in lines:
                        quantity = {"quantity": self.random.randint(1, 2)}
                        changes.append(self.choice(quantity, {"price_unit": 1.37}, None))
                    if not any(changes):
                        changes[0] = {"quantity": 1}
                    credit = self.refund(root, *changes)
                    what = f"seed {SEED}, chain {chain}, {number}"
                    xml = self.outcome(credit, what)
                    if xml is None:
                        break
                    self.check_identities(credit, xml, what)
                    self.accept(credit, number)
                    checked += 1
                savepoint.rollback()
                self.env.invalidate_all()
        self.assertGreater(checked, COUNT // 20)

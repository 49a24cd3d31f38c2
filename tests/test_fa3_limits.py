"""Hostile text, long text, many lines: a valid file, nothing lost silently, or a clear refusal."""

from odoo import Command
from odoo.tests import tagged

from ..ksef.fa3.reader import read
from .fa3_common import Fa3Common

#: Every class of characters: markup, controls, forbidden ones, invisible marks, wide and combining
#: ones, right to left, astral.
NASTY = (
    "<b>&amp; ]]> <!-- <?xml \"'` \\ %s {x}\t\r\n\x0b\x7f\x85\x86\x9f\xa0\ufdd0\ufffe\U0001fffe"
    "\u200b\u200f\u202e\u2060\ufeff\u2028\u2029 zażółć gęślą jaźń ŁÓDŹ e\u0301"
    " 漢字 العربية שלום 😀🏴 ﬁ ½ €"
)
#: What must be left of it.
LEFT = ("<b>&amp; ]]>", "zażółć gęślą jaźń", "é", "漢字", "العربية", "שלום", "😀", "€")
GONE = "\x0b\x7f\x85\x86\x9f\ufdd0\ufffe\U0001fffe\u200b\u200f\u202e\u2060\ufeff\u2028\t\r\n"


@tagged("post_install_l10n", "post_install", "-at_install")
class TestFa3Limits(Fa3Common):
    def test_nasty_text_everywhere(self):
        self.buyer.write({"name": f"Nabywca {NASTY}", "street": NASTY, "city": NASTY, "ref": NASTY})
        self.company.partner_id.name = f"ACME {NASTY}"
        product = self.env["product.product"].create(
            {"name": NASTY, "default_code": NASTY[:60], "l10n_pl_ksef_pkwiu": NASTY[:60]}
        )
        move = self.invoice(
            (NASTY, 1, 100, "vs_kraj_23", {"product_id": product.id}),
            ref=NASTY,
            narration=f"<p>{'x' * 10}</p><p>Kapitał &lt;b&gt;</p>",
            incoterm_location=NASTY,
            invoice_incoterm_id=self.env.ref("account.incoterm_EXW").id,
            l10n_pl_ksef_description_ids=[Command.create({"key": NASTY, "value": NASTY})],
            l10n_pl_ksef_contract_ids=[Command.create({"number": NASTY})],
        )
        tree = self.built(move)
        for path in ("P_7", "Podmiot2//Nazwa", "AdresL1", "NrZamowienia", "Wartosc", "NrUmowy"):
            text = (
                tree.findtext(f".//{path}")
                if path != "AdresL1"
                else tree.findtext(".//Podmiot2/Adres/AdresL1")
            )
            for part in LEFT:
                self.assertIn(part, text, path)
            self.assertFalse(set(GONE) & set(text), path)
        self.assertIn("Kapitał <b>", tree.findtext(".//StopkaFaktury"))

    def test_nothing_is_lost_of_ten_thousand_characters(self):
        words = " ".join(f"słowo{index}" for index in range(1300))
        self.assertGreater(len(words), 10_000)
        move = self.invoice(
            (words, 1, 100, "vs_kraj_23"),
            post=False,
            narration=f"<p>{words[:9000]}</p>",
            l10n_pl_ksef_description_ids=[Command.create({"key": "Opis dzieła", "value": words})],
        )
        move.write(
            {
                "invoice_line_ids": [
                    Command.create({"display_type": "line_note", "name": words, "sequence": 99})
                ]
            }
        )
        move.action_post()
        self.built(move)
        fa = read(move._l10n_pl_ksef_build_fa3()).Fa
        row = fa.FaWiersz[0]
        overflow = [d.Wartosc for d in fa.DodatkowyOpis if d.Klucz.startswith("Opis (")]
        self.assertEqual(" ".join([row.P_7, *overflow]), words)
        notes = [d.Wartosc for d in fa.DodatkowyOpis if d.Klucz.startswith("Uwagi")]
        self.assertEqual(" ".join(notes), words)
        own = [d.Wartosc for d in fa.DodatkowyOpis if d.Klucz.startswith("Opis dzieła")]
        self.assertEqual(" ".join(own), words)

    def test_too_long_a_footer_is_told(self):
        move = self.invoice(("A", 1, 100, "vs_kraj_23"), narration="<p>" + "słowo " * 3000 + "</p>")
        _xml, draft = self.env["l10n_pl_ksef.fa3"]._build(move)
        self.assertEqual([(w.code, w.field) for w in draft.warnings], [("KS31", "narration")])

    def test_whatever_is_cut_off_is_told(self):
        """(record, field) of everything that has no overflow in FA(3) -> what is left of it."""
        long = "słowo " * 120
        self.buyer.write({"name": long, "street": long, "ref": long})
        product = self.env["product.product"].create({"name": "X", "default_code": "K" * 60})
        deposit = self.env["product.product"].create(
            {"name": "Kaucja", "l10n_pl_ksef_settlement": True}
        )
        move = self.invoice(
            ("A", 1, 100, "vs_kraj_23", {"product_id": product.id}),
            (long, 1, 5, None, {"product_id": deposit.id}),
            ref=long,
            invoice_incoterm_id=self.env.ref("account.incoterm_EXW").id,
            incoterm_location=long,
            l10n_pl_ksef_delivery_numbers=",".join(f"WZ/{index}" for index in range(1001)),
        )
        xml, draft = self.env["l10n_pl_ksef.fa3"]._build(move)
        self.assertTrue(xml, draft.problems)
        told = {(warning.record, warning.field) for warning in draft.warnings}
        expected = {(self.buyer, name) for name in ("name", "street", "ref")}
        expected |= {(move, name) for name in ("ref", "incoterm_location")}
        expected |= {(move, "l10n_pl_ksef_delivery_numbers"), (product, "default_code")}
        expected |= {(move.invoice_line_ids[1], "name")}
        self.assertEqual(told, expected)
        self.assertIn("słowo", next(w.text for w in draft.warnings if w.field == "street"))

    def test_identifiers_are_refused_rather_than_cut(self):
        self.buyer.l10n_pl_ksef_eori = "😀" * 200
        move = self.invoice(("A", 1, 100, "vs_kraj_23"))
        self.assertIn("NrEORI", self.refused(move, "KS29"))

    def test_long_names_of_an_order_go_on_in_descriptions(self):
        words = " ".join(f"słowo{index}" for index in range(200))
        row = {"name": words, "quantity": 1, "price": 1000, "tax_id": self.tax("vs_kraj_23").id}
        move = self.invoice(
            ("Zaliczka", 1, 300, "vs_kraj_23"),
            l10n_pl_ksef_kind="ZAL",
            l10n_pl_ksef_order_row_ids=[Command.create(row)],
        )
        self.built(move)
        fa = read(move._l10n_pl_ksef_build_fa3()).Fa
        rest = [item.Wartosc for item in fa.DodatkowyOpis]
        self.assertEqual(" ".join([fa.Zamowienie.ZamowienieWiersz[0].P_7Z, *rest]), words)
        self.assertEqual(fa.DodatkowyOpis[0].Klucz, "Zamówienie, wiersz 1")

    def test_a_thousand_lines(self):
        lines = [(f"Pozycja {index}", 1, 9.99, "vs_kraj_23") for index in range(1000)]
        tree = self.built(self.invoice(*lines))
        self.assertEqual(len(self.rows(tree)), 1000)
        self.assertEqual(self.texts(tree, "P_13_1"), ["9990.00"])

    def test_more_lines_than_ksef_takes(self):
        draft = self.env["account.move"].create({"move_type": "out_invoice"})
        lines = self.env["account.move.line"]
        for _number in range(10_001):
            lines += lines.new({"display_type": "product"})
        move = self.env["account.move"].new(
            {"move_type": "out_invoice", "partner_id": self.buyer.id}, origin=draft
        )
        move.invoice_line_ids = lines
        message = "\n".join(p.message() for p in move._l10n_pl_ksef_fa3_problems())
        self.assertIn("KS27", message)
        self.assertIn("split the invoice", message)

    def test_too_large_a_file_is_refused(self):
        lines = [("słowo " * 85, 1, 1, "vs_kraj_23")] * 1000
        description = [
            Command.create({"key": f"K{index}", "value": "x" * 5000}) for index in range(120)
        ]
        move = self.invoice(*lines, l10n_pl_ksef_description_ids=description)
        self.refused(move, "KS27")

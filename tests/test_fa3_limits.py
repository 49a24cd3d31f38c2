"""Hostile text, long text, many lines: a valid file, nothing lost silently, or a clear refusal."""

from odoo import Command
from odoo.tests import tagged
from odoo.tools import SQL

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

    def with_copies(self, move, line, count):
        """The booked invoice with so many more copies of a line that is worth nothing.

        Past the ORM: Odoo itself takes five minutes to book ten thousand lines.
        """
        self.env.flush_all()
        columns = [
            name
            for name, field in line._fields.items()
            if field.store and field.column_type and name != "id"
        ]
        names = SQL(", ").join(SQL.identifier(name) for name in columns)
        copied = self.env.execute_query(
            SQL(
                """
                INSERT INTO account_move_line (%(names)s)
                SELECT %(names)s FROM account_move_line, generate_series(1, %(count)s)
                 WHERE id = %(id)s RETURNING id
                """,
                names=names,
                count=count,
                id=line.id,
            )
        )
        ids = [identifier for (identifier,) in copied]
        relation = line._fields["tax_ids"]
        self.env.execute_query(
            SQL(
                "INSERT INTO %s (%s, %s) SELECT unnest(%s), %s RETURNING 1",
                SQL.identifier(relation.relation),
                SQL.identifier(relation.column1),
                SQL.identifier(relation.column2),
                ids,
                line.tax_ids.id,
            )
        )
        self.env.invalidate_all()
        return move

    def test_more_lines_than_ksef_takes(self):
        """10,001 booked lines are too many; 10,000 would do, if the file were not too large."""
        move = self.invoice(("Towar", 1, 100, "vs_kraj_23"), ("Gratis", 1, 0, "vs_kraj_23"))
        self.with_copies(move, move.invoice_line_ids[1], 9_998)
        self.assertEqual(len(move.invoice_line_ids), 10_000)
        (problem,) = move._l10n_pl_ksef_fa3_problems()
        self.assertEqual((problem.code, problem.record), ("KS27", move))
        self.assertIn("1000000 are allowed: split the invoice", problem.text)
        self.with_copies(move, move.invoice_line_ids[1], 1)
        self.assertEqual(move.state, "posted")
        (problem,) = move._l10n_pl_ksef_fa3_problems()
        self.assertEqual(
            (problem.code, problem.record, problem.field), ("KS27", move, "invoice_line_ids")
        )
        self.assertIn("More than 10,000 lines: split the invoice", problem.text)

    def test_too_large_a_file_is_refused(self):
        lines = [("słowo " * 85, 1, 1, "vs_kraj_23")] * 1000
        description = [
            Command.create({"key": f"K{index}", "value": "x" * 5000}) for index in range(120)
        ]
        move = self.invoice(*lines, l10n_pl_ksef_description_ids=description)
        self.refused(move, "KS27")

"""What a technical correction may change in a rejected file."""

from odoo.tests import BaseCase, tagged

from ..models.l10n_pl_ksef_document_technical import _changes

FILE = """<Faktura xmlns="x"><Naglowek><DataWytworzeniaFa>{made}</DataWytworzeniaFa></Naglowek>
<Podmiot2><NIP>1111111111</NIP><Nazwa>{name}</Nazwa>{mail}</Podmiot2>
<Fa>{rows}<P_15>123.00</P_15></Fa></Faktura>"""
ROW = "<FaWiersz><P_7>{}</P_7><P_11>100.00</P_11></FaWiersz>"
ONE = ROW.format("Usługa")


def file(made="1", name="Jan Kowalski", mail="", rows=ONE):
    return FILE.format(made=made, name=name, mail=mail, rows=rows).encode()


@tagged("post_install", "-at_install")
class TestTechnicalChanges(BaseCase):
    def changes(self, **new):
        return [
            (change["path"], change["before"], change["after"], change["content"])
            for change in _changes(file(), file(**new))
        ]

    def test_time_of_making_is_no_change(self):
        self.assertEqual(self.changes(made="2"), [])

    def test_element_that_comes_in_is_one_change(self):
        self.assertEqual(
            self.changes(mail="<Email>a@example.com</Email>"),
            [("Podmiot2/Email", "", "a@example.com", False)],
        )

    def test_names_may_lose_form_but_not_become_others(self):
        self.assertEqual(
            self.changes(name="Jan  Kowalski\u200b"),
            [("Podmiot2/Nazwa", "Jan Kowalski", "Jan  Kowalski\u200b", False)],
        )
        self.assertTrue(self.changes(name="Anna Nowak")[0][3])
        self.assertTrue(self.changes(rows=ROW.format("Towar"))[0][3])

    def test_row_more_or_less_is_content(self):
        more = self.changes(rows=ONE + ROW.format("Druga"))
        self.assertIn(("Fa/FaWiersz[2]/P_11", "", "100.00", True), more)
        less = self.changes(rows="")
        self.assertIn(("Fa/FaWiersz/P_11", "100.00", "", True), less)

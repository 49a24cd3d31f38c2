"""Third parties, JST and GV, factors, branches, authorised entities."""

from odoo import Command
from odoo.tests import tagged

from .fa3_common import Fa3Common

LINE = ("Towar", 1, 100, "vs_kraj_23")


@tagged("post_install_l10n", "post_install", "-at_install")
class TestFa3Parties(Fa3Common):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.school = cls.env["res.partner"].create(
            {
                "name": "Szkoła Podstawowa nr 1",
                "is_company": True,
                "vat": "PL2222222222",
                "street": "ul. Szkolna 1",
                "city": "Warszawa",
                "country_id": cls.env.ref("base.pl").id,
            }
        )

    def with_party(self, role, partner=None, **values):
        party = {"partner_id": (partner or self.school).id, "role": role, **values}
        return self.invoice(LINE, l10n_pl_ksef_third_party_ids=[Command.create(party)])

    def test_local_government_and_vat_group(self):
        for role, expected in (("8", ["1", "2"]), ("10", ["2", "1"])):
            tree = self.built(self.with_party(role))
            self.assertEqual(self.texts(tree, "JST", "GV"), expected)
            found = self.texts(tree, "Podmiot3//NIP", "Podmiot3/Rola", "Podmiot3//AdresL1")
            self.assertEqual(found, ["2222222222", role, "ul. Szkolna 1"])
        self.school.vat = False
        move = self.with_party("8")
        self.refused(move, "KS25")
        move.l10n_pl_ksef_third_party_ids.idwew = "1111111111-00001"
        tree = self.built(move)
        self.assertEqual(self.texts(tree, "Podmiot3//IDWew"), ["1111111111-00001"])
        move.l10n_pl_ksef_third_party_ids.idwew = "1111111112-00001"
        self.refused(move, "KS25")

    def test_templates_of_customer_and_company(self):
        self.buyer.l10n_pl_ksef_third_party_ids = [
            Command.create({"partner_id": self.school.id, "role": "8"})
        ]
        office = self.school.copy({"name": "Biuro rachunkowe", "vat": "PL3333333333"})
        self.company.l10n_pl_ksef_third_party_ids = [
            Command.create({"partner_id": office.id, "role": "5"})
        ]
        move = self.invoice(LINE)
        tree = self.built(move)
        self.assertEqual(sorted(node.text for node in tree.iter("Rola")), ["5", "8"])
        self.assertEqual(self.texts(tree, "JST"), ["1"])
        move.l10n_pl_ksef_third_party_ids = [Command.clear()]
        self.assertEqual(self.texts(self.built(move), "JST", "Rola"), ["2", None])

    def test_recipient_is_opted_in(self):
        unit = self.env["res.partner"].create(
            {
                "name": "Magazyn Łódź",
                "parent_id": self.buyer.id,
                "type": "delivery",
                "street": "ul. Inna 3",
                "city": "Łódź",
                "country_id": self.env.ref("base.pl").id,
            }
        )
        tree = self.built(self.invoice(LINE, partner_shipping_id=unit.id))
        self.assertIsNone(tree.find(".//Podmiot3"))
        unit.l10n_pl_ksef_recipient = True
        tree = self.built(self.invoice(LINE, partner_shipping_id=unit.id))
        found = self.texts(tree, "Podmiot3//Nazwa", "Podmiot3//BrakID", "Rola")
        self.assertEqual(found, ["Magazyn Łódź", "1", "2"])

    def test_factor_is_paid_on_his_own_account(self):
        self.env["res.partner.bank"].create(
            {"acc_number": "PL27 1140 2004 0000 3002 0135 5387", "partner_id": self.school.id}
        )
        tree = self.built(self.with_party("1"))
        found = self.texts(tree, "RachunekBankowyFaktora/NrRB", "RachunekBankowy", "FormaPlatnosci")
        self.assertEqual(found, ["27114020040000300201355387", None, "6"])

    def test_shares_employee_and_other_role(self):
        tree = self.built(self.with_party("4", share=40.5))
        self.assertEqual(self.texts(tree, "Udzial"), ["40.5"])
        self.refused(self.with_party("4", share=100), "KS26")
        tree = self.built(self.with_party("11"))
        self.assertEqual(self.texts(tree, "Podmiot3//BrakID", "Podmiot3//NIP"), ["1", None])
        tree = self.built(self.with_party("other", role_description="Gwarant"))
        found = self.texts(tree, "RolaInna", "OpisRoli", "Rola")
        self.assertEqual(found, ["1", "Gwarant", None])

    def test_authorised_entity(self):
        self.company.l10n_pl_ksef_representative_id = self.school
        tree = self.built(self.invoice(LINE))
        found = self.texts(tree, "PodmiotUpowazniony//NIP", "RolaPU")
        self.assertEqual(found, ["2222222222", "3"])
        self.school.vat = False
        self.refused(self.invoice(LINE), "KS01")

    def test_branch_without_a_number_of_its_own(self):
        branch = self.env["res.company"].create(
            {
                "name": "ACME Kraków",
                "parent_id": self.company.id,
                "street": "ul. Długa 1",
                "city": "Kraków",
                "country_id": self.env.ref("base.pl").id,
            }
        )
        self.env.user.company_ids |= branch
        move = self.invoice(LINE, post=False)
        move.company_id = branch
        tree = self.built(move, preview=True)
        found = self.texts(tree, "Podmiot1//NIP", "Podmiot1//Nazwa", "Podmiot3//Nazwa", "OpisRoli")
        expected = ["5265877635", "ACME Polska sp. z o.o.", "ACME Kraków", "Oddział sprzedawcy"]
        self.assertEqual(found, expected)
        self.assertEqual(self.texts(tree, "P_1M"), ["Kraków"])

    def test_correction_repeats_the_third_parties(self):
        root = self.original(
            LINE,
            l10n_pl_ksef_third_party_ids=[
                Command.create({"partner_id": self.school.id, "role": "8"})
            ],
        )
        tree = self.built(self.refund(root))
        self.assertEqual(self.texts(tree, "JST", "Rola", "Podmiot3//NIP"), ["1", "8", "2222222222"])

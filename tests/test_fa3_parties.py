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
        self.company.l10n_pl_ksef_representative_role = "2"
        self.school.write({"email": "komornik@example.com", "phone": "+48 22 100 20 30"})
        tree = self.built(self.invoice(LINE))
        found = self.texts(tree, "RolaPU", "EmailPU", "TelefonPU")
        self.assertEqual(found, ["2", "komornik@example.com", "+48221002030"])
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
        self.assertEqual(self.texts(tree, "P_1M", "Podmiot3//BrakID"), ["Kraków", "1"])
        branch.partner_id.l10n_pl_ksef_idwew = "5265877635-00001"
        found = self.texts(self.built(move, preview=True), "Podmiot3//IDWew", "Podmiot3//BrakID")
        self.assertEqual(found, ["5265877635-00001", None])

    def test_correction_repeats_the_third_parties(self):
        root = self.original(
            LINE,
            l10n_pl_ksef_third_party_ids=[
                Command.create({"partner_id": self.school.id, "role": "8"})
            ],
        )
        tree = self.built(self.refund(root))
        self.assertEqual(self.texts(tree, "JST", "Rola", "Podmiot3//NIP"), ["1", "8", "2222222222"])

    def test_every_role_has_its_place(self):
        parties = [
            Command.create({"partner_id": self.school.id, "role": role})
            for role in ("3", "5", "6", "7", "9")
        ]
        tree = self.built(self.invoice(LINE, l10n_pl_ksef_third_party_ids=parties))
        roles = [node.text for node in tree.iter("Rola")]
        self.assertEqual(roles, ["3", "5", "6", "7", "9"])
        self.assertEqual(self.texts(tree, "JST", "GV"), ["2", "2"], "the issuer's side")

    def test_other_addresses_contacts_and_registers_of_the_company(self):
        office = self.school.copy({"name": "Biuro", "street": "ul. Pocztowa 9"})
        seller = self.env["res.users"].create(
            {"name": "Sprzedawca", "login": "fa3_seller", "email": "sprzedawca@example.com"}
        )
        self.company.write(
            {
                "l10n_pl_ksef_correspondence_id": office.id,
                "l10n_pl_ksef_full_name": "ACME Polska spółka z ograniczoną odpowiedzialnością",
                "l10n_pl_ksef_regon": "123456785",
                "l10n_pl_ksef_bdo": "000123456",
            }
        )
        self.company.partner_id.email = "biuro@example.com"
        move = self.invoice(LINE, invoice_user_id=seller.id)
        tree = self.built(move)
        paths = ("Podmiot1/AdresKoresp/AdresL1", "PelnaNazwa", "REGON", "BDO", "Podmiot1//Email")
        expected = [
            "ul. Pocztowa 9",
            "ACME Polska spółka z ograniczoną odpowiedzialnością",
            "123456785",
            "000123456",
            "biuro@example.com",
        ]
        self.assertEqual(self.texts(tree, *paths), expected)
        self.company.l10n_pl_ksef_salesperson_contact = True
        found = self.texts(self.built(move), "Podmiot1//Email")
        self.assertEqual(found, ["sprzedawca@example.com"])

    def test_global_location_number(self):
        if "global_location_number" not in self.buyer._fields:
            self.skipTest("the module account_add_gln is not installed")
        self.buyer.global_location_number = "5901234123457"
        tree = self.built(self.invoice(LINE))
        found = self.texts(tree, "Podmiot2/Adres/GLN", "Podmiot1/Adres/GLN")
        self.assertEqual(found, ["5901234123457", None])

    def test_buyer_without_country_address_or_name(self):
        """What is missing -> the code, record and field of the only problem."""
        for values, code, field in (
            ({"country_id": False}, "KS03", "country_id"),
            ({"street": False, "zip": False, "city": False}, "KS06", "street"),
        ):
            partner = self.school.copy(values)
            (problem,) = self.invoice(LINE, partner_id=partner.id)._l10n_pl_ksef_fa3_problems()
            self.assertEqual((problem.code, problem.record, problem.field), (code, partner, field))
        consumer = self.env["res.partner"].create({"name": "Anna Nowak"})
        xml, draft = self.env["l10n_pl_ksef.fa3"]._build(self.invoice(LINE, partner_id=consumer.id))
        self.assertTrue(xml)
        self.assertEqual([(w.code, w.field) for w in draft.warnings], [("KS06", "street")])

    # -- corrections -------------------------------------------------------------------------------

    def test_corrections_keep_the_frozen_seller(self):
        root = self.original(LINE)
        self.company.partner_id.write({"street": "ul. Nowa 7", "name": "ACME SA"})
        tree = self.built(self.refund(root))
        found = self.texts(tree, "Podmiot1//Nazwa", "Podmiot1/Adres/AdresL1", "Podmiot1K")
        self.assertEqual(found, ["ACME Polska sp. z o.o.", "ul. Kwiatowa 1", None])
        tree = self.built(self.data_correction(root))
        paths = ("Podmiot1//Nazwa", "Podmiot1K//Nazwa", "Podmiot1K/Adres/AdresL1", "Podmiot2K")
        expected = ["ACME SA", "ACME Polska sp. z o.o.", "ul. Kwiatowa 1", None]
        self.assertEqual(self.texts(tree, *paths), expected)

    def data_correction(self, root):
        return self.refund(root, {"price_unit": 0}, l10n_pl_ksef_correction_method="data")

    def test_data_of_an_additional_buyer(self):
        parties = [
            Command.create({"partner_id": self.school.id, "role": "4", "share": 30}),
            Command.create({"partner_id": self.buyer.id, "role": "6"}),
        ]
        root = self.original(LINE, l10n_pl_ksef_third_party_ids=parties)
        self.school.street = "ul. Szkolna 2"
        tree = self.built(self.data_correction(root))
        paths = (
            "Podmiot3/IDNabywcy",
            "Podmiot3/Adres/AdresL1",
            "Podmiot2K/IDNabywcy",
            "Podmiot2K/Adres/AdresL1",
            "Podmiot2K//NIP",
            "Podmiot2/IDNabywcy",
        )
        expected = ["N2", "ul. Szkolna 2", "N2", "ul. Szkolna 1", "2222222222", None]
        self.assertEqual(self.texts(tree, *paths), expected)

    def test_a_tax_number_is_never_corrected(self):
        root = self.original(LINE)
        self.buyer.vat = "PL2222222222"
        message = self.refused(self.data_correction(root), "KS04")
        self.assertIn("to zero", message)

    def test_later_corrections_show_the_corrected_data(self):
        root = self.original(LINE)
        self.buyer.name = "Nowa nazwa"
        first = self.data_correction(root)
        self.accept(first, "5265877635-20261020-0100A1B2C3D5-30")
        self.buyer.name = "Jeszcze inna"
        tree = self.built(self.refund(root))
        self.assertEqual(
            self.texts(tree, "Podmiot2//Nazwa", "Podmiot2/IDNabywcy"), ["Nowa nazwa", None]
        )
        tree = self.built(self.data_correction(root))
        found = self.texts(tree, "Podmiot2//Nazwa", "Podmiot2K//Nazwa")
        self.assertEqual(found, ["Jeszcze inna", "Nowa nazwa"])

"""What Send & Print says of the FA(3) files: remarks do not block and lead to their record."""

from datetime import date
from unittest.mock import patch

from odoo import Command
from odoo.exceptions import UserError
from odoo.tests import tagged

from .fa3_common import Fa3Common

KEY = "l10n_pl_ksef"


@tagged("post_install_l10n", "post_install", "-at_install")
class TestFa3Alerts(Fa3Common):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # an account number that KSeF does not take: left out, with a remark
        cls.short = cls.env["res.partner.bank"].create(
            {"acc_number": "12345", "partner_id": cls.company.partner_id.id}
        )

    def alerts(self, *moves):
        """The alerts of Send & Print, without those about the connection."""
        moves = self.env["account.move"].union(*moves)
        data = {
            "sending_methods": {},
            "invoice_edi_format": False,
            "extra_edis": {KEY},
            "mail_partner_ids": moves.partner_id,
        }
        alerts = self.env["account.move.send"]._get_alerts(moves, {m: data for m in moves})
        ours = {key: alert for key, alert in alerts.items() if key.startswith(KEY)}
        ours.pop(f"{KEY}_connection", None)
        return ours

    def remarkable(self, *lines, **values):
        lines = lines or (("A", 1, 100, "vs_kraj_23"),)
        return self.invoice(*lines, partner_bank_id=self.short.id, **values)

    def test_a_sound_invoice_has_no_alert(self):
        self.assertEqual(self.alerts(self.invoice(("A", 1, 100, "vs_kraj_23"))), {})

    def test_remark_of_one_invoice_leads_to_its_record(self):
        (alert,) = self.alerts(self.remarkable()).values()
        self.assertEqual(alert["level"], "warning")
        self.assertIn("10 to 34 characters", alert["message"])
        self.assertEqual(
            (alert["action"]["res_model"], alert["action"]["res_id"]),
            ("res.partner.bank", self.short.id),
        )
        self.assertIn(self.short.display_name, alert["action_text"])

    def test_remarks_do_not_block(self):
        move = self.remarkable()
        self.company.sudo().l10n_pl_ksef_environment = "test"
        wizard = self.env["account.move.send.wizard"].create(
            {"move_id": move.id, "extra_edis": [KEY]}
        )
        wizard.alerts = self.alerts(move)
        wizard._raise_danger_alerts(wizard.alerts)
        broken = self.remarkable(("B", 1, 100, None))
        with self.assertRaisesRegex(UserError, "KS07"):
            wizard._raise_danger_alerts(self.alerts(broken))

    def test_problem_and_remark_of_one_record_stay_apart(self):
        move = self.remarkable(
            ("A", 1, 100, "vs_kraj_23"), ("B", 1, 100, None), taxable_supply_date=date(2027, 2, 1)
        )
        alerts = self.alerts(move)
        levels = [(alert["level"], alert["action"]["res_model"]) for alert in alerts.values()]
        expected = [("danger", "account.move"), ("warning", "account.move")]
        self.assertEqual(levels[:2], expected, "a line is mended in its invoice")
        self.assertIn("60 days", list(alerts.values())[1]["message"])

    def test_batch_tells_each_remark_once(self):
        moves = [self.remarkable() for _number in range(7)]
        sound = self.invoice(("A", 1, 100, "vs_kraj_23"))
        alerts = self.alerts(*moves, sound)
        self.assertEqual(list(alerts), [f"{KEY}_fa3_warnings"])
        alert = alerts[f"{KEY}_fa3_warnings"]
        self.assertEqual(alert["level"], "warning")
        self.assertEqual(alert["message"].count("10 to 34 characters"), 1)
        self.assertIn(f"{moves[4].name} and 2 more", alert["message"])
        self.assertEqual(alert["action"]["domain"], [("id", "in", [m.id for m in moves])])

    def test_batch_tells_problems_and_remarks(self):
        broken = self.remarkable(("B", 1, 100, None))
        alerts = self.alerts(broken, self.remarkable())
        self.assertEqual(list(alerts), [f"{KEY}_fa3", f"{KEY}_fa3_warnings"])
        self.assertEqual({alert["level"] for alert in alerts.values()}, {"warning"})
        self.assertIn(f"{broken.name}: KS07", alerts[f"{KEY}_fa3"]["message"])

    def test_every_file_is_made_once_and_frozen_ones_not_at_all(self):
        moves = [self.remarkable() for _number in range(4)]
        frozen = self.original(("A", 1, 100, "vs_kraj_23"))
        builder = type(self.env[f"{KEY}.fa3"])
        built = []
        original = builder._build

        def build(builder, move, **options):
            built.append(move)
            return original(builder, move, **options)

        with patch.object(builder, "_build", build):
            self.alerts(*moves, frozen)
            self.assertEqual(built, moves)
            built.clear()
            self.alerts(moves[0])
            self.assertEqual(built, moves[:1])

    def test_queries_of_a_batch_do_not_grow_with_it(self):
        line = [("A", 1, 100, "vs_kraj_23")] * 3
        moves = [self.remarkable(*line) for _number in range(12)]
        self.alerts(*moves)
        counts = []
        for size in (2, 12):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.alerts(*moves[:size])
            counts.append(self.env.cr.sql_log_count - before)
        # each invoice asks once whether its number was used
        self.assertLessEqual(counts[1] - counts[0], 12)

    def test_sections_are_told_where_the_company_wants_it(self):
        sections = [
            {"display_type": "line_section", "name": "Towary", "sequence": 1},
            {"display_type": "line_subsection", "name": "Duże", "sequence": 2},
            {"display_type": "line_section", "name": "Koniec " * 50, "sequence": 90},
        ]
        move = self.invoice(("A", 1, 100, "vs_kraj_23", {"sequence": 10}), post=False)
        move.write({"invoice_line_ids": [Command.create(values) for values in sections]})
        move.action_post()
        self.assertIsNone(self.built(move).find(".//DodatkowyOpis"))
        self.company.l10n_pl_ksef_sections = True
        found = [
            (node.findtext("NrWiersza"), node.findtext("Klucz"), node.findtext("Wartosc")[:6])
            for node in self.built(move).iter("DodatkowyOpis")
        ]
        expected = [("1", "Sekcja", "Towary"), ("1", "Sekcja", "Duże")]
        end = [(None, "Sekcja", "Koniec"), (None, "Sekcja (2)", "Koniec")]
        self.assertEqual(found, expected + end)

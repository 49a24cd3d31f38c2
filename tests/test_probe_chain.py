"""Checks as evidence: their chain, their sums, their cost, and who sees them."""

from datetime import datetime, timedelta
from unittest.mock import patch

from psycopg2 import IntegrityError

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .probe_common import KEYS, MONDAY, STATUS, ProbeCommon


@tagged("post_install", "-at_install", "post_install_l10n")
class TestProbeChain(ProbeCommon):
    # -- the chain -------------------------------------------------------------------------------

    def test_the_chain(self):
        self.tick(5)
        probes = self.env["l10n_pl_ksef.probe"].sudo()
        rows = probes.search([], order="id")
        self.assertEqual(rows[0].previous_hash, "")
        self.assertEqual(rows[1:].mapped("previous_hash"), rows[:-1].mapped("hash"))
        self.assertFalse(probes._breaks("simulator"))
        self.env.cr.execute(
            "UPDATE l10n_pl_ksef_probe SET total_ms = total_ms + 1 WHERE id = %s", [rows[2].id]
        )
        self.env.invalidate_all()
        self.assertEqual([b.code for b in probes._breaks("simulator")], ["changed"])
        self.env.cr.execute("DELETE FROM l10n_pl_ksef_probe WHERE id = %s", [rows[2].id])
        self.env.invalidate_all()
        self.assertEqual([b.code for b in probes._breaks("simulator")], ["missing"])

    def test_checks_stay(self):
        self.tick()
        probe = self.env["l10n_pl_ksef.probe"].sudo().search([])
        with self.assertRaises(UserError):
            probe.unlink()
        for user in (self.accountant, self.administrator):
            with self.subTest(user.login), self.assertRaises(AccessError):
                probe.with_user(user).write({"ok": False})
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(IntegrityError),
            self.env.cr.savepoint(),
        ):
            probe.copy()

    def test_old_checks_become_hourly_sums(self):
        self.tick(13)
        probes = self.env["l10n_pl_ksef.probe"].sudo()
        last = probes.search([("at", "<", datetime(2026, 7, 20, 9))], limit=1).hash
        self.set_clock(MONDAY + timedelta(days=90, hours=1))
        probes._gc_probes()
        self.assertEqual(probes.search_count([]), 2, "the hour that has not ended stays")
        hour = self.env["l10n_pl_ksef.probe.hour"].sudo().search([])
        self.assertEqual((hour.checks, hour.good, hour.availability), (11, 11, 100.0))
        self.assertEqual(hour.last_hash, last)
        self.assertFalse(probes._breaks("simulator"), "the chain hangs on the sum")
        self.tick()
        self.assertFalse(probes._breaks("simulator"))
        self.env.cr.execute(
            "DELETE FROM l10n_pl_ksef_probe WHERE id = (SELECT MIN(id) FROM l10n_pl_ksef_probe)"
        )
        self.env.invalidate_all()
        self.assertEqual([b.code for b in probes._breaks("simulator")], ["missing"])

    # -- what it costs, and for whom -------------------------------------------------------------

    def test_production_and_demo_are_always_asked(self):
        with patch(f"{STATUS}.ALWAYS", ("prod", "demo")):
            watched = self.env["l10n_pl_ksef.status"].sudo()._watched()
        self.assertEqual(watched.mapped("environment"), ["prod", "demo", "simulator"])
        self.company.sudo().l10n_pl_ksef_environment = False
        watched = self.env["l10n_pl_ksef.status"].sudo()._watched()
        self.assertFalse(watched, "nobody is there, nobody else is asked")

    def test_nobody_sees_it_without_login(self):
        self.tick()
        for name in ("status", "probe", "outage", "announcement", "failure"):
            records = self.env[f"l10n_pl_ksef.{name}"].with_user(self.env.ref("base.public_user"))
            with self.subTest(name), self.assertRaises(AccessError):
                records.search([])

    def test_leaving_the_environment_drops_its_proposal(self):
        self.down()
        self.tick(2)
        self.assertTrue(self.company.l10n_pl_ksef_proposal)
        self.company.sudo().l10n_pl_ksef_environment = "demo"
        self.assertFalse(self.company.l10n_pl_ksef_proposal)
        outage = self.outages()
        self.env["l10n_pl_ksef.status"].sudo()._watched()
        self.assertEqual(outage.end, self.clock)
        self.company.sudo().l10n_pl_ksef_environment = "simulator"
        self.up()
        self.tick()
        self.assert_says("yes")
        self.assertEqual(self.outages(), outage)

    def test_one_light_request_a_round(self):
        self.tick(3)
        routes = [f"{call['method']} {call['route']}" for call in self.simulator.get("log")]
        self.assertEqual(routes.count(KEYS), 3)
        self.assertEqual(len(routes), 9, "one check, and the beacon's two addresses")
        self.assertFalse([c for c in self.simulator.get("log") if c.get("context")])

    def test_the_cron_runs_it(self):
        cron = self.env.ref("l10n_pl_ksef.ir_cron_probe")
        self.assertEqual((cron.interval_number, cron.interval_type), (5, "minutes"))
        self.run_cron("ir_cron_probe")
        self.assert_says("yes")

    def test_failed_attempts_are_kept_for_the_evidence(self):
        move = self.invoice()
        self.down()
        self.send(move, allow_raising=False)
        failure = self.env["l10n_pl_ksef.failure"].with_user(self.accountant).search([])
        self.assertEqual(failure.connection_id, self.connection)
        self.assertEqual(failure[0].status, 503)
        self.assertNotIn("<", failure[0].text or "")

    def test_a_month_of_checks_in_few_queries(self):
        self.tick()
        self.env.cr.execute(
            """INSERT INTO l10n_pl_ksef_probe (environment, at, url, ok, reached, total_ms,
                                               availability, previous_hash, hash)
               SELECT key, %s::timestamp - number * interval '5 minutes', 'x', number %% 50 > 0,
                      true, 100 + number %% 400, CASE WHEN number %% 50 > 0 THEN 100 ELSE 0 END,
                      key || number, key || number
                 FROM generate_series(1, 8640) AS number,
                      (VALUES ('simulator'), ('prod')) AS e(key)""",
            [self.clock],
        )
        self.env.invalidate_all()
        self.env["l10n_pl_ksef.status"].sudo().create({"environment": "prod"})
        spec = {
            name: {} for name in ("online", "sentence", "availability_month", "graph", "announced")
        }
        page = self.env["l10n_pl_ksef.status"].with_user(self.accountant)
        page.web_search_read([], spec)  # warms what every page needs
        self.env.invalidate_all()
        with self.assertQueryCount(30):
            found = page.web_search_read([], spec)["records"]
        self.assertEqual(found[0]["availability_month"], "98.0%")

from odoo import api, fields, models

from .l10n_pl_ksef_connection import ENVIRONMENTS


class L10nPlKsefProbeHour(models.Model):
    """What stays of an hour of checks after 90 days."""

    _name = "l10n_pl_ksef.probe.hour"
    _description = "KSeF checks of an hour"
    _log_access = False
    _order = "hour desc, id desc"
    _rec_name = "hour"

    environment = fields.Selection(
        ENVIRONMENTS,
        required=True,
        readonly=True,
    )
    hour = fields.Datetime(required=True, readonly=True)
    checks = fields.Integer(readonly=True)
    good = fields.Integer("Good checks", readonly=True)
    total_ms = fields.Integer("Mean time (ms)", readonly=True, aggregator="avg")
    longest_ms = fields.Integer("Longest time (ms)", readonly=True, aggregator="max")
    availability = fields.Float("Availability (%)", readonly=True, aggregator="avg")
    last_hash = fields.Char("SHA-256 of the last check", required=True, readonly=True)
    last_number = fields.Integer(
        readonly=True, aggregator=None, help="Which check that was, whatever the clock said."
    )

    _one_per_hour = models.UniqueIndex(
        "(environment, hour)", "An hour of an environment has one sum."
    )

    @api.model
    def _anchor(self, environment):
        """The hash that the oldest check that is left follows; empty if none was ever thinned."""
        return self._newest(environment).last_hash or ""

    @api.model
    def _newest(self, environment):
        """The sum with the last check that was removed."""
        return self.search(
            [("environment", "=", environment)],
            order="last_number DESC NULLS LAST, hour DESC",
            limit=1,
        )

    @api.model
    def _add(self, probes):
        """Sum up checks that are removed afterwards. Oldest first, each only once."""
        groups = probes.sorted("id").grouped(
            lambda probe: (probe.environment, probe.at.replace(minute=0, second=0))
        )
        existing = {
            (row.environment, row.hour): row
            for row in self.search([("hour", "in", [hour for _environment, hour in groups])])
        }
        for key, rows in groups.items():
            found = existing.get(key, self.browse())
            checks = found.checks + len(rows)
            good = found.good + len(rows.filtered("ok"))
            spent = found.total_ms * found.checks + sum(rows.mapped("total_ms"))
            vals = {
                "checks": checks,
                "good": good,
                "total_ms": round(spent / checks),
                "longest_ms": max(found.longest_ms, *rows.mapped("total_ms")),
                "availability": 100.0 * good / checks,
                "last_hash": rows[-1].hash,
                "last_number": rows[-1].id,
            }
            if found:
                found.write(vals)
            else:
                self.create({"environment": key[0], "hour": key[1], **vals})

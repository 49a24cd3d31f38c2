"""Measurements of KSeF, chained by hash: nobody can change or remove one without a trace."""

from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..ksef import chain, verdict
from .l10n_pl_ksef_connection import ENVIRONMENTS, to_aware

KEPT_DAYS = 90  # then only hourly sums stay
_CHAINED = (
    "environment",
    "url",
    "ok",
    "reached",
    "control_ok",
    "status",
    "dns_ms",
    "connect_ms",
    "tls_ms",
    "first_byte_ms",
    "total_ms",
    "body_sha256",
    "body_size",
    "error",
)


class L10nPlKsefProbe(models.Model):
    """One public request to one environment (spec product, section 3). Append-only."""

    _name = "l10n_pl_ksef.probe"
    _description = "KSeF check"
    _log_access = False
    _order = "id desc"
    _rec_name = "at"

    environment = fields.Selection(
        ENVIRONMENTS,
        required=True,
        readonly=True,
    )
    at = fields.Datetime(required=True, readonly=True)
    url = fields.Char("Asked", required=True, readonly=True)
    ok = fields.Boolean(
        "KSeF works", readonly=True, help="An answer with which invoices can be sent."
    )
    reached = fields.Boolean(
        "KSeF reached", readonly=True, help="KSeF's own machines took the call."
    )
    control_ok = fields.Selection(
        [("yes", "Answered"), ("no", "Silent")],
        "Neutral address",
        readonly=True,
        help="Tells a dead line of our own from a dead KSeF; empty: none is set.",
    )
    status = fields.Integer("HTTP status", readonly=True, aggregator=None)
    dns_ms = fields.Integer("Name (ms)", readonly=True, aggregator="avg")
    connect_ms = fields.Integer("Connection (ms)", readonly=True, aggregator="avg")
    tls_ms = fields.Integer("TLS (ms)", readonly=True, aggregator="avg")
    first_byte_ms = fields.Integer("First byte (ms)", readonly=True, aggregator="avg")
    total_ms = fields.Integer("Total (ms)", readonly=True, aggregator="avg")
    body_sha256 = fields.Char("SHA-256 of the answer", readonly=True)
    body_size = fields.Integer("Bytes", readonly=True, aggregator=None)
    error = fields.Char(readonly=True)
    availability = fields.Float("Availability (%)", readonly=True, aggregator="avg")
    previous_hash = fields.Char(readonly=True)
    hash = fields.Char("SHA-256 of this row and the one before", required=True, readonly=True)

    _of_environment = models.Index("(environment, at)")
    _one_successor = models.UniqueIndex(
        "(environment, previous_hash)", "Two checks cannot follow the same one."
    )

    @api.ondelete(at_uninstall=False)
    def _unlink_never(self):
        raise UserError(self.env._("Checks of KSeF are evidence and stay."))

    @api.model
    def _note(self, environment, at, measurement, control_ok=None):
        """Append one measurement to the chain of its environment.

        :param at: naive UTC, when it was asked
        :param measurement: ksef.probe.Measurement
        :param control_ok: whether a neutral address answered, None if none was asked
        """
        vals = {
            "environment": environment,
            "at": at,
            "url": measurement.url,
            "ok": measurement.ok,
            "reached": measurement.reached,
            "control_ok": control_ok is not None and ("yes" if control_ok else "no"),
            "status": measurement.status or 0,
            "dns_ms": measurement.dns or 0,
            "connect_ms": measurement.connect or 0,
            "tls_ms": measurement.tls or 0,
            "first_byte_ms": measurement.first_byte or 0,
            "total_ms": measurement.total or 0,
            "body_sha256": measurement.body_sha256 or False,
            "body_size": measurement.body_size or 0,
            "error": measurement.error or False,
            "availability": 100.0 if measurement.ok else 0.0,
        }
        previous = self._last_hash(environment)
        row = self.new(vals)._chain_row()
        return self.create(
            {**vals, "previous_hash": previous, "hash": chain.row_hash(previous, row)}
        )

    @api.model
    def _last_hash(self, environment):
        """What the next row is chained to: the newest row, or what thinning left of it."""
        last = self.search([("environment", "=", environment)], limit=1)
        return last.hash or self.env["l10n_pl_ksef.probe.hour"]._anchor(environment)

    def _chain_row(self):
        """What the hash covers: texts, integers, booleans; None where there is nothing."""
        self.ensure_one()
        row = {name: self[name] for name in _CHAINED}
        for name in ("control_ok", "body_sha256", "error"):
            row[name] = row[name] or None
        return {"at": self.at.strftime("%Y-%m-%dT%H:%M:%SZ"), **row}

    def _chained_rows(self):
        """What ksef.chain.verify_chain reads: the rows of self with their hashes, oldest first."""
        return [
            {
                **probe._chain_row(),
                chain.PREVIOUS: probe.previous_hash or "",
                chain.HASH: probe.hash,
            }
            for probe in self.sorted("id")
        ]

    def _signals(self):
        """Self as ksef.verdict.Probe, oldest first."""
        return [
            verdict.Probe(
                at=to_aware(probe.at),
                ok=probe.ok,
                reached=probe.reached,
                control_ok=None if not probe.control_ok else probe.control_ok == "yes",
                seconds=probe.total_ms / 1000,
                error=probe.error or "",
            )
            for probe in self.sorted("id")
        ]

    @api.model
    def _breaks(self, environment):
        """Where the stored chain of an environment is broken: a list of ksef.chain.Break."""
        rows = self.sudo().search([("environment", "=", environment)], order="id")
        anchor = self.env["l10n_pl_ksef.probe.hour"].sudo()._anchor(environment)
        return chain.verify_chain(rows._chained_rows(), anchor)

    # -- keeping the table small -----------------------------------------------------------------

    @api.autovacuum
    def _gc_probes(self):
        """Hourly sums in the place of checks older than 90 days; only from the oldest end."""
        limit = (fields.Datetime.now() - timedelta(days=KEPT_DAYS)).replace(minute=0, second=0)
        for environment, _label in self._fields["environment"].selection:
            with self.env["l10n_pl_ksef.status"]._spare_others(environment):
                self.sudo()._thin(environment, limit)

    def _thin(self, environment, limit):
        """Up to the first check that stays: one made while the clock was wrong tears no hole."""
        same = [("environment", "=", environment)]
        first = self.search([*same, ("at", ">=", limit)], order="id", limit=1)
        before = [("id", "<", first.id)] if first else []
        old = self.search([*same, *before], order="id", limit=20_000)
        if not old:
            return
        self.env["l10n_pl_ksef.outage"].sudo()._before_thinning(old)
        self.env["l10n_pl_ksef.probe.hour"].sudo()._add(old)
        self.env.flush_all()
        self.env.execute_query(SQL("DELETE FROM l10n_pl_ksef_probe WHERE id IN %s", tuple(old.ids)))
        self.env.invalidate_all()

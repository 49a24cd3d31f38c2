"""Does KSeF work? One row is one environment as it looks from this server."""

import logging
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from psycopg2.errors import SerializationFailure

from odoo import api, fields, models

from ..ksef import errors, probe, verdict
from .l10n_pl_ksef_connection import ENVIRONMENTS, to_aware, to_naive

_logger = logging.getLogger(__name__)

ALWAYS = ("prod", "demo")  # for everybody who looks whether KSeF works
REST = timedelta(minutes=10)  # longer than the time between two checks
PASSAGES = timedelta(hours=24)


class L10nPlKsefStatus(models.Model):
    _name = "l10n_pl_ksef.status"
    _description = "KSeF status"
    _log_access = False
    _order = "sequence, id"
    _rec_name = "environment"

    environment = fields.Selection(
        ENVIRONMENTS,
        required=True,
        readonly=True,
    )
    sequence = fields.Integer(default=10)
    watched = fields.Boolean(default=True, readonly=True)

    circuit = fields.Selection(
        [("closed", "Works"), ("open", "Outage")], required=True, readonly=True, default="closed"
    )
    since = fields.Datetime(readonly=True)
    run = fields.Integer("Equal checks in a row", readonly=True)
    run_ok = fields.Boolean(readonly=True, default=True)
    run_since = fields.Datetime(readonly=True)
    last_at = fields.Datetime("Last check", readonly=True)

    beacon_at = fields.Datetime("Beacon read", readonly=True)
    beacon_error = fields.Char(readonly=True)
    beacon_status = fields.Char("Beacon", readonly=True, help="The Ministry's own word.")

    _one_per_environment = models.UniqueIndex("(environment)", "An environment has one status.")

    # -- the round, every five minutes -----------------------------------------------------------

    @api.model
    def _round(self):
        """Ask every watched environment, its beacon and the neutral addresses; note what came.

        No transaction is open while the network is asked.
        """
        asked = {}
        for status in self._watched():
            with self._spare_others(status.environment):
                address = self.env["l10n_pl_ksef.connection"]._environment_of(status.environment)
                asked[status] = address
        controls = self.env["res.company"]._l10n_pl_ksef_controls()
        at = fields.Datetime.now()
        self._checkpoint(remaining=len(asked))
        found = probe.ask(asked.values(), stopwatch=time.perf_counter, controls=controls)
        for status in asked:
            for step in (status._note_check, status._note_beacon, status._act):
                with self._spare_others(status.environment):
                    step(at, found)
            self._checkpoint(1)

    @contextmanager
    def _spare_others(self, what):
        """A fault with one environment, beacon, message or company loses nothing of another."""
        try:
            with self.env.cr.savepoint():
                yield
        except SerializationFailure:
            _logger.info("KSeF: another worker was faster; the next check goes on with %s", what)
        except Exception:  # noqa: BLE001 - logged whole
            _logger.exception("KSeF: unexpected fault with the check of %s", what)

    def _checkpoint(self, done=0, **kw):
        self.env["l10n_pl_ksef.document"]._checkpoint(done, **kw)

    @api.model
    def _watched(self):
        """The rows of all environments that matter now; new ones are made."""
        companies = self.env["res.company"].search([("l10n_pl_ksef_environment", "!=", False)])
        keys = {*ALWAYS, *companies.mapped("l10n_pl_ksef_environment")}
        existing = self.search([("environment", "!=", False)])
        for status in existing:
            if status.watched and status.environment not in keys:
                status._leave()
            elif not status.watched and status.environment in keys:
                status.watched = True
        order = ["prod", "demo", "test", "simulator"]
        missing = keys - set(existing.mapped("environment"))
        self.create([{"environment": key, "sequence": order.index(key)} for key in sorted(missing)])
        return self.search([("watched", "=", True)])

    def _note_check(self, at, found):
        """The measurement, and the outage that it may open or close.

        :param found: ksef.probe.Round
        """
        row = self.env["l10n_pl_ksef.probe"]._note(
            self.environment, at, found.measurements[self.environment], found.control_ok
        )
        before = self._circuit()
        if self.last_at and self.last_at > at:
            # the clock was put back: what was counted since then is not in a row with this
            before = replace(before, last_at=None)
        circuit = verdict.advance(before, *row._signals())
        self._store(circuit)
        self.env["l10n_pl_ksef.outage"]._note_trouble(self.environment, circuit)

    def _note_beacon(self, _at, found):
        """What the beacon said, or that it could not be read: then nothing else changes (law 3)."""
        report = found.beacons.get(self.environment)
        if report is None:
            return
        if isinstance(report, errors.KsefError):
            self.beacon_error = str(report)
            return
        self.write(
            {
                "beacon_at": fields.Datetime.now(),
                "beacon_error": False,
                "beacon_status": report.status,
            }
        )
        self.env["l10n_pl_ksef.announcement"]._take(self.environment, report.messages)

    def _act(self, _at, _found):
        """Let sending rest or go on, and the companies decide."""
        connections = self.env["l10n_pl_ksef.connection"].search(
            [("environment", "=", self.environment)]
        )
        until = fields.Datetime.now() + REST
        with self._spare_others(connections):
            if self.circuit == verdict.OPEN:
                connections._rest(until)
            elif self.run_ok and self.run_since == self.since and self.run == verdict.USUAL.good:
                connections._wake_up(until)
        for company in connections.company_id:
            with self._spare_others(company):
                company._l10n_pl_ksef_heed(self)

    def _leave(self):
        """Nobody is in this environment any more: what lasted ends with what was measured last."""
        last_at = self.last_at
        self._store(verdict.Circuit())
        self.watched = False
        self.env["l10n_pl_ksef.outage"].search(
            [("environment", "=", self.environment), ("kind", "=", "trouble"), ("end", "=", False)]
        )._end(last_at)

    # -- the circuit -----------------------------------------------------------------------------

    def _circuit(self):
        """The stored ksef.verdict.Circuit."""
        return verdict.Circuit(
            state=self.circuit,
            since=to_aware(self.since),
            run_ok=self.run_ok,
            run=self.run,
            run_since=to_aware(self.run_since),
            last_at=to_aware(self.last_at),
        )

    def _store(self, circuit):
        self.write(
            {
                "circuit": circuit.state,
                "since": to_naive(circuit.since),
                "run_ok": circuit.run_ok,
                "run": circuit.run,
                "run_since": to_naive(circuit.run_since),
                "last_at": to_naive(circuit.last_at),
            }
        )

    def _verdict(self, company=None):
        """The ksef.verdict.Verdict of this moment.

        :param company: whose invoices tell how long a number takes; without, those that the user
            may read
        """
        self.ensure_one()
        now = fields.Datetime.now()
        same = [("environment", "=", self.environment)]
        probes = self.env["l10n_pl_ksef.probe"].search(same, limit=12)
        if not any(probes.mapped("ok")):
            probes |= probes.search([*same, ("ok", "=", True)], limit=1)
        return verdict.judge(
            to_aware(now),
            self._circuit(),
            probes=probes._signals(),
            events=self.env["l10n_pl_ksef.outage"]._events(self.environment),
            passages=self._passages(now, company),
            beacon_read_at=to_aware(self.beacon_at),
        )

    def _passages(self, now, company):
        documents = self.env["l10n_pl_ksef.document"].search_fetch(
            [
                ("environment", "=", self.environment),
                ("sent_at", ">=", now - PASSAGES),
                ("state", "in", ("sent", "accepted", "rejected", "conflict")),
                *([("company_id", "child_of", company.id)] if company else []),
            ],
            ["sent_at", "acquired_at", "state", "write_date"],
            limit=1000,
        )
        return [
            verdict.Passage(
                sent_at=to_aware(document.sent_at),
                settled_at=to_aware(
                    document.state != "sent" and (document.acquired_at or document.write_date)
                ),
            )
            for document in documents
        ]

"""Our own request budget: what was asked of KSeF lately, by all workers together."""

import math
import time
from datetime import datetime, timedelta, timezone

from odoo import api, fields, models
from odoo.tools import SQL

from ..ksef import budget, errors
from .l10n_pl_ksef_connection import to_aware, to_naive

PATIENCE = 3  # seconds that a call waits for its turn; longer, and its documents are put off


class L10nPlKsefRequest(models.Model):
    """One call of one connection. KSeF counts by context and address in sliding windows, and
    calls during a block prolong it (spec ksef-api, limits): so we count first.
    """

    _name = "l10n_pl_ksef.request"
    _description = "KSeF request"
    _log_access = False
    _order = "id desc"

    connection_id = fields.Many2one(
        "l10n_pl_ksef.connection", required=True, readonly=True, ondelete="cascade"
    )
    counter = fields.Char(required=True, readonly=True, help="The group of KSeF's limits.")
    at = fields.Datetime(required=True, readonly=True)

    _recent = models.Index("(connection_id, counter, at)")

    @api.model
    def _admit(self, connection, method, path):
        """Note a call that is made now; wait a moment for its turn.

        :raise errors.BudgetExceeded: its turn is too far away; `retry_after` says how far
        """
        counter = budget.DEFAULT.counter(method, path)
        rate = budget.DEFAULT.rate(counter)
        now = datetime.now(timezone.utc)
        self.flush_model()
        rows = self.env.execute_query(
            SQL(
                "SELECT at FROM l10n_pl_ksef_request"
                " WHERE connection_id = %s AND counter = %s AND at > %s",
                connection.id,
                counter,
                to_naive(now - budget.HORIZON),
            )
        )
        wait = budget.wait_seconds(rate, [to_aware(at) for (at,) in rows], now)
        if wait > PATIENCE:
            raise errors.BudgetExceeded(
                f"{counter}: the limit of requests is used up", retry_after=math.ceil(wait)
            )
        if wait:
            time.sleep(wait)
        moment = to_naive(now + timedelta(seconds=wait))
        self.sudo().create({"connection_id": connection.id, "counter": counter, "at": moment})

    @api.autovacuum
    def _gc_requests(self):
        """Windows are an hour long at most."""
        limit = fields.Datetime.now() - 2 * budget.HORIZON
        self.sudo().search([("at", "<", limit)], limit=10_000).unlink()

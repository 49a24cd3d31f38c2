"""Our own request budget: what was asked of KSeF lately, by all workers together."""

import math
import time
from contextlib import contextmanager
from datetime import timedelta, timezone

from odoo import api, fields, models
from odoo.tools import SQL

from ..ksef import budget, errors
from .l10n_pl_ksef_connection import to_aware

PATIENCE = 3  # seconds that a call waits for its turn; longer, and its documents are put off
LOCK = 0x4B536546  # names our advisory lock among those of a database: "KSeF"


def _to_column(moment):
    """An aware datetime for a timestamp column, with its fractions of a second."""
    return moment.astimezone(timezone.utc).replace(tzinfo=None)


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
        with self._alone(connection) as requests:
            wait = requests._take_turn(connection.id, counter)
        if wait > PATIENCE:
            raise errors.BudgetExceeded(
                f"{counter}: the limit of requests is used up", retry_after=math.ceil(wait)
            )
        if wait:
            time.sleep(wait)

    @contextmanager
    def _alone(self, connection):
        """This model in a transaction of its own, one worker at a time for one connection.

        What is noted there is seen by every worker at once, and stays noted when the work of this
        one is undone: KSeF has counted the call all the same. Two cursors, because a transaction
        sees what was committed when it began, so it may begin only when the turn has come.
        """
        if not self.env["l10n_pl_ksef.document"]._commits():
            yield self
            return
        with self.env.registry.cursor() as turn:
            turn.execute("SELECT pg_advisory_xact_lock(%s, %s)", [LOCK, connection.id])
            with self.env.registry.cursor() as cr:
                cr.execute("SELECT FROM l10n_pl_ksef_connection WHERE id = %s", [connection.id])
                if cr.rowcount:
                    yield self.with_env(self.env(cr=cr))
                    return
        yield self  # the connection itself is not committed yet: nobody else can use it

    def _take_turn(self, connection_id, counter):
        """Note a call at the earliest moment, unless that is too far away.

        The database's clock is the one that all workers share, also on several hosts.

        :return: seconds until that moment
        """
        ((now,),) = self.env.execute_query(SQL("SELECT clock_timestamp()"))
        rows = self.env.execute_query(
            SQL(
                "SELECT at FROM l10n_pl_ksef_request"
                " WHERE connection_id = %s AND counter = %s AND at > %s",
                connection_id,
                counter,
                _to_column(now - budget.HORIZON),
            )
        )
        calls = [to_aware(at) for (at,) in rows]
        # another worker may be waiting for a turn that it has taken already; what lies further
        # ahead was noted before a clock was put back
        ahead = now + timedelta(seconds=PATIENCE)
        start = max([now, *(call for call in calls if call <= ahead)])
        turn = start + timedelta(
            seconds=budget.wait_seconds(budget.DEFAULT.rate(counter), calls, start)
        )
        wait = (turn - now).total_seconds()
        if wait <= PATIENCE:
            self.env.execute_query(
                SQL(
                    "INSERT INTO l10n_pl_ksef_request (connection_id, counter, at)"
                    " VALUES (%s, %s, %s) RETURNING id",
                    connection_id,
                    counter,
                    _to_column(turn),
                )
            )
        return wait

    @api.autovacuum
    def _gc_requests(self):
        """Windows are an hour long at most."""
        limit = fields.Datetime.now() - 2 * budget.HORIZON
        self.sudo().search([("at", "<", limit)], limit=10_000).unlink()

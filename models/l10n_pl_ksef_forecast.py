"""How long the queue of a company takes within KSeF's limits, and which deadlines that misses."""

import math

from odoo import api, fields, models
from odoo.tools import SQL, format_date

from ..ksef import budget, forecast
from .l10n_pl_ksef_connection import to_aware, to_naive
from .l10n_pl_ksef_sender_batch import ALONE_AFTER, BATCH_ABOVE, MOST_BYTES, MOST_DOCUMENTS

RULE = forecast.Rule(BATCH_ABOVE, MOST_DOCUMENTS, MOST_BYTES)
UNDERWAY = ("sending", "sent")
STUCK = ("held", "conflict", "rejected")


class L10nPlKsefForecast(models.AbstractModel):
    _name = "l10n_pl_ksef.forecast"
    _description = "KSeF forecast of the queue"

    @api.model
    def _figures(self, company):
        """What waits in a company with its branches, by a few grouped queries; for readers of its
        documents (call it behind a check).

        :return: dict of

            * ``waiting``: documents to be sent; ``seconds`` until the last may be sent if sending
              begins now, ``done_at`` the same as naive UTC (False when nothing waits)
            * ``earliest_deadline`` of these (False: none has one yet)
            * ``overdue``: past their deadline, fix list included; ``at_risk``: will be when their
              turn comes
            * ``underway``: sent, without number yet; ``stuck``: the fix list
            * ``to_send``: posted invoices that nobody sent yet; ``corrections``: waiting for an
              original's number
            * ``offline``: the company is switched to OFFLINE, nothing is sent
            * ``level``: "none" (nothing waits), "safe", "risk" (overdue or at risk)
        """
        root = company.sudo().root_id
        connection = self.env["l10n_pl_ksef.connection"]._for_company(root).sudo()
        found = {
            "offline": root.l10n_pl_ksef_mode == "offline",
            **self._queue_figures(connection),
            **self._move_figures(root),
        }
        risk = found["overdue"] or found["at_risk"]
        return {**found, "level": "risk" if risk else "safe" if found["waiting"] else "none"}

    @api.model
    def _queue_figures(self, connection):
        rows = self._rows(connection)
        now = to_aware(fields.Datetime.now())
        queued = [
            forecast.Group(
                row["count"],
                row["size"],
                row["deadline"],
                offline=row["offline"],
                single=row["single"],
                not_before=to_aware(row["not_before"]),
            )
            for row in rows
            if row["state"] == "queued"
        ]
        ahead = forecast.forecast(
            queued,
            RULE,
            budget.DEFAULT,
            self._calls(connection, now),
            now,
            blocked_until=to_aware(connection.blocked_until),
        )
        today = self.env["account.move"]._l10n_pl_ksef_today()

        def count(states, late=False):
            return sum(
                row["count"]
                for row in rows
                if row["state"] in states
                and (not late or (row["deadline"] and row["deadline"] < today))
            )

        return {
            "waiting": ahead.count,
            "seconds": (ahead.done_at - now).total_seconds() if ahead.done_at else 0,
            "done_at": to_naive(ahead.done_at) if ahead.done_at else False,
            "earliest_deadline": min(
                (group.deadline for group in queued if group.deadline), default=False
            ),
            "overdue": ahead.overdue + count(STUCK, late=True),
            "at_risk": ahead.at_risk,
            "underway": count(UNDERWAY),
            "stuck": count(STUCK),
        }

    @api.model
    def _rows(self, connection):
        """Documents that are not done, grouped by what decides how and when they go."""
        self.env["l10n_pl_ksef.document"].flush_model()
        self.env.cr.execute(
            SQL(
                """
                SELECT state, deadline, COALESCE(issued_offline, FALSE) AS offline,
                       corrects_sha256 IS NOT NULL OR failures >= %s AS single,
                       COUNT(*) AS count, SUM(xml_size) AS size,
                       MAX(next_attempt_at) AS not_before
                  FROM l10n_pl_ksef_document
                 WHERE connection_id = %s AND state = ANY(%s)
                 GROUP BY 1, 2, 3, 4
                """,
                ALONE_AFTER,
                connection.id or None,
                ["queued", *UNDERWAY, *STUCK],
            )
        )
        return self.env.cr.dictfetchall()

    @api.model
    def _calls(self, connection, now):
        """Calls of the last hour that the limits count, by counter."""
        rows = self.env.execute_query(
            SQL(
                "SELECT counter, at FROM l10n_pl_ksef_request"
                " WHERE connection_id = %s AND counter = ANY(%s) AND at > %s",
                connection.id or None,
                [forecast.BATCH, forecast.SINGLE],
                to_naive(now - budget.HORIZON),
            )
        )
        calls = {}
        for counter, at in rows:
            calls.setdefault(counter, []).append(to_aware(at))
        return calls

    @api.model
    def _move_figures(self, root):
        moves = self.env["account.move"].sudo()
        groups = moves._read_group(
            [
                ("company_id", "child_of", root.id),
                ("state", "=", "posted"),
                "|",
                ("l10n_pl_ksef_state", "=", "to_send"),
                ("l10n_pl_ksef_waiting_since", "!=", False),
            ],
            ["l10n_pl_ksef_state"],
            ["__count"],
        )
        found = dict(groups)
        return {"to_send": found.get("to_send", 0), "corrections": found.get("queued", 0)}

    # -- in words --------------------------------------------------------------------------------

    @api.model
    def _sentences(self, figures):
        """The same for people: a list of {'text', 'level'} with level 'muted', 'good' or 'bad'."""
        found = self._queue_sentences(figures)
        if figures["overdue"]:
            found.append(
                ("bad", self.env._("Over their deadline: %s. Send them still.", figures["overdue"]))
            )
        if figures["at_risk"]:
            found.append(
                (
                    "bad",
                    self.env._("Will miss their deadline: %s.", figures["at_risk"]),
                )
            )
        if figures["stuck"]:
            found.append(("bad", self.env._("Need a person: %s.", figures["stuck"])))
        if figures["underway"]:
            found.append(
                ("muted", self.env._("Sent, waiting for the number: %s.", figures["underway"]))
            )
        if figures["corrections"]:
            found.append(
                (
                    "muted",
                    self.env._(
                        "Corrections that wait for their originals: %s.", figures["corrections"]
                    ),
                )
            )
        return [{"level": level, "text": text} for level, text in found]

    @api.model
    def _queue_sentences(self, figures):
        if not figures["waiting"]:
            return [("muted", self.env._("Nothing waits to be sent."))]
        values = {"count": figures["waiting"], "duration": self._duration(figures["seconds"])}
        if figures["offline"]:
            text = self.env._(
                "Waiting to be sent: %(count)s. They go after the way back to ONLINE; within "
                "KSeF's limits that takes %(duration)s.",
                **values,
            )
        else:
            text = self.env._(
                "Waiting to be sent: %(count)s. Within KSeF's limits that takes %(duration)s.",
                **values,
            )
        if not figures["earliest_deadline"]:
            return [("muted", text)]
        day = format_date(self.env, figures["earliest_deadline"])
        if figures["level"] == "risk":
            term = "muted", self.env._("Earliest deadline: the end of %s.", day)
        else:
            term = "good", self.env._("Earliest deadline: the end of %s. That is safe.", day)
        return [("muted", text), term]

    @api.model
    def _duration(self, seconds):
        if seconds < 60:
            return self.env._("less than a minute")
        hours, minutes = divmod(math.ceil(seconds / 60), 60)
        if not hours:
            return self.env._("%s min", minutes)
        return self.env._("%(hours)s h %(minutes)s min", hours=hours, minutes=minutes)

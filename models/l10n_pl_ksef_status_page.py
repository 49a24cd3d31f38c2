"""What people see of the status: colour, sentence, figures and a graph."""

import json
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL, format_datetime
from odoo.tools.misc import format_date

from ..ksef import verdict
from .l10n_pl_ksef_connection import to_naive
from .l10n_pl_ksef_outage import ANNOUNCED

WINDOWS = {"day": 1, "week": 7, "month": 30}  # days
AHEAD = timedelta(days=14)
ZONE = "Europe/Warsaw"


class L10nPlKsefStatus(models.Model):
    _inherit = "l10n_pl_ksef.status"

    online = fields.Selection(
        [
            (verdict.YES, "Works"),
            (verdict.LATE, "Numbers are late"),
            (verdict.UNCONFIRMED, "First failed check"),
            (verdict.NO, "Does not answer"),
            (verdict.UNKNOWN, "Not known"),
        ],
        "Now",
        compute="_compute_verdict",
    )
    whose = fields.Selection(
        [
            (verdict.NOBODY, "Nobody's"),
            (verdict.KSEF, "KSeF's"),
            (verdict.OWN_LINE, "Our own line's"),
            (verdict.UNKNOWN, "Not known"),
        ],
        "Whose trouble",
        compute="_compute_verdict",
    )
    legal_mode = fields.Selection(
        [
            ("offline24", "Offline24"),
            ("offline", "Offline (KSeF unavailable)"),
            ("emergency", "Emergency (KSeF failure)"),
            ("total_failure", "Total failure"),
        ],
        "An invoice issued offline now is",
        compute="_compute_verdict",
    )
    sentence = fields.Text("In words", compute="_compute_verdict")
    beacon_sentence = fields.Char(compute="_compute_beacon_sentence")
    is_announced = fields.Boolean(compute="_compute_announced")
    announced = fields.Text(compute="_compute_announced")
    availability_day = fields.Char("24 hours", compute="_compute_figures")
    availability_week = fields.Char("7 days", compute="_compute_figures")
    availability_month = fields.Char("30 days", compute="_compute_figures")
    latency_day = fields.Char("Mean time today", compute="_compute_figures")
    graph = fields.Text(compute="_compute_graph")

    # -- in words --------------------------------------------------------------------------------

    @api.depends("circuit", "last_at", "beacon_at")
    @api.depends_context("allowed_company_ids", "lang")
    def _compute_verdict(self):
        for status in self:
            found = status._verdict()
            status.online = found.online
            status.whose = found.whose
            status.legal_mode = found.mode
            status.sentence = status._sentence(found)

    def _sentence(self, found):
        """The verdict as a person says it, with the numbers behind it.

        :param found: ksef.verdict.Verdict
        """
        parts = [self._online_sentence(found)]
        if found.online in (verdict.NO, verdict.UNCONFIRMED):
            parts.append(self._whose_sentence(found.whose))
        if found.online != verdict.YES or found.event:
            parts.append(self._mode_sentence(found))
        return " ".join(filter(None, parts))

    def _online_sentence(self, found):
        figures = found.figures
        if found.online == verdict.YES:
            return self.env._(
                "KSeF answers: %(count)s good checks in a row, the last one in %(seconds)s s.",
                count=figures.run,
                seconds=self._number(figures.last_seconds),
            )
        if found.online == verdict.LATE:
            return self.env._(
                "KSeF answers, but numbers are late: %(count)s of our invoices wait, the oldest "
                "for %(minutes)s minutes.",
                count=figures.stuck,
                minutes=round(figures.oldest_stuck / 60),
            )
        if found.online == verdict.UNCONFIRMED:
            return self.env._(
                "The last check failed (%(error)s). The next one, within five minutes, tells "
                "whether it is an outage.",
                error=figures.last_error,
            )
        if found.online == verdict.NO:
            return self.env._(
                "KSeF has not answered since %(since)s (%(error)s).",
                since=self._moment(figures.trouble_since),
                error=figures.last_error,
            )
        if figures.probe_age is None:
            return self.env._("KSeF has not been checked yet.")
        return self.env._(
            "KSeF was last checked %(minutes)s minutes ago: is the scheduled action running?",
            minutes=round(figures.probe_age / 60),
        )

    def _whose_sentence(self, whose):
        if whose == verdict.KSEF:
            return self.env._("The trouble is KSeF's.")
        if whose == verdict.OWN_LINE:
            return self.env._(
                "The neutral address is silent too: the trouble is our own line, not KSeF's."
            )
        return self.env._(
            "Whether it is KSeF or our own line is not known; a neutral address in the settings "
            "would tell."
        )

    def _mode_sentence(self, found):
        mode = dict(self._fields["legal_mode"]._description_selection(self.env))[found.mode]
        if found.mode == "total_failure":
            return self.env._(
                "A total failure is announced: invoices are issued without KSeF and without codes."
            )
        if found.deadline.date:
            return self.env._(
                "An invoice issued offline now is %(mode)s and must reach KSeF by %(day)s.",
                mode=mode,
                day=format_date(self.env, found.deadline.date),
            )
        return self.env._(
            "An invoice issued offline now is %(mode)s; its deadline counts from the end of the "
            "announced trouble.",
            mode=mode,
        )

    def _moment(self, moment):
        return format_datetime(self.env, to_naive(moment), tz=ZONE, dt_format="short")

    def _number(self, value):
        lang = self.env["res.lang"]._lang_get(self.env.user.lang or "en_US")
        return lang.format("%.1f", value or 0.0)

    @api.depends("beacon_at", "beacon_error", "beacon_status")
    @api.depends_context("lang")
    def _compute_beacon_sentence(self):
        """The beacon's own age and trouble: it decides nothing alone, and its silence nothing."""
        for status in self:
            words = []
            if status.beacon_at:
                words.append(
                    self.env._(
                        "Latarnia said %(word)s at %(at)s.",
                        word=status.beacon_status or self.env._("an unknown word"),
                        at=format_datetime(self.env, status.beacon_at, tz=ZONE, dt_format="short"),
                    )
                )
            if status.beacon_error:
                words.append(
                    self.env._("Latarnia cannot be read now: what it said last stays in force.")
                )
            status.beacon_sentence = " ".join(words)

    @api.depends("beacon_at")
    @api.depends_context("lang")
    def _compute_announced(self):
        now = fields.Datetime.now()
        outages = self.env["l10n_pl_ksef.outage"].search(
            [
                ("environment", "in", self.mapped("environment")),
                ("kind", "in", list(ANNOUNCED)),
                ("mistaken", "=", False),
                ("start", "<=", now + AHEAD),
                *("|", ("end", "=", False), ("end", ">", now)),
            ],
            order="start",
        )
        for status in self:
            own = outages.filtered(lambda o, status=status: o.environment == status.environment)
            status.announced = "\n".join(outage._headline() for outage in own)
            status.is_announced = any(outage.start <= now for outage in own)

    # -- in figures ------------------------------------------------------------------------------

    @api.depends("last_at")
    @api.depends_context("lang")
    def _compute_figures(self):
        """Availability of three windows in one query; a dash where nothing was measured."""
        now = fields.Datetime.now()
        columns = [
            SQL(
                "AVG(availability) FILTER (WHERE at >= %s)",
                now - timedelta(days=days),
            )
            for days in WINDOWS.values()
        ]
        self.env["l10n_pl_ksef.probe"].flush_model()
        rows = self.env.execute_query(
            SQL(
                "SELECT environment, %s, AVG(total_ms) FILTER (WHERE at >= %s AND ok)"
                " FROM l10n_pl_ksef_probe WHERE at >= %s AND environment IN %s"
                " GROUP BY environment",
                SQL(", ").join(columns),
                now - timedelta(days=1),
                now - timedelta(days=max(WINDOWS.values())),
                tuple(self.mapped("environment")) or ("",),
            )
        )
        found = {environment: figures for environment, *figures in rows}
        for status in self:
            *parts, latency = found.get(status.environment, (None,) * (len(WINDOWS) + 1))
            words = ["–" if part is None else f"{self._number(part)}%" for part in parts]
            status.availability_day, status.availability_week, status.availability_month = words
            status.latency_day = "–" if latency is None else f"{round(latency)} ms"

    @api.depends("last_at")
    @api.depends_context("lang", "tz")
    def _compute_graph(self):
        """The last 24 hours for Odoo's own dashboard graph: mean time by hour, 0 where none was
        good.
        """
        now = fields.Datetime.now()
        local = fields.Datetime.context_timestamp(self, now)  # some zones lie half an hour apart
        since = now.replace(second=0) - timedelta(hours=23, minutes=local.minute)
        rows = self.env["l10n_pl_ksef.probe"]._read_group(
            [
                ("environment", "in", self.mapped("environment")),
                ("at", ">=", since),
                ("ok", "=", True),
            ],
            ["environment", "at:hour"],
            ["total_ms:avg"],
        )
        found = {(key, hour.replace(tzinfo=None)): value for key, hour, value in rows}
        for status in self:
            values = []
            for number in range(24):
                hour = fields.Datetime.context_timestamp(self, since + timedelta(hours=number))
                value = found.get((status.environment, hour.replace(tzinfo=None)), 0.0)
                values.append({"x": hour.strftime("%H:%M"), "y": round(value)})
            status.graph = json.dumps(
                [{"key": self.env._("Mean time (ms)"), "title": "", "values": values, "area": True}]
            )

    # -- what people press -----------------------------------------------------------------------

    def action_check_now(self):
        """Check in a moment, not within five minutes."""
        self.env.ref("l10n_pl_ksef.ir_cron_probe").sudo()._trigger()
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "message": self.env._("KSeF is being checked; look again in a minute."),
                "type": "info",
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    def action_times(self):
        """How long KSeF takes: a graph, a table and the checks behind them."""
        return self._open("l10n_pl_ksef.l10n_pl_ksef_probe_action", search_default_day=1)

    def action_availability(self):
        """How much of the time KSeF works."""
        return self._open(
            "l10n_pl_ksef.l10n_pl_ksef_probe_action",
            search_default_month=1,
            graph_measure="availability",
            graph_groupbys=["at:day"],
        )

    def action_outages(self):
        """Every outage and announcement of this environment."""
        return self._open("l10n_pl_ksef.l10n_pl_ksef_outage_action")

    def action_announcements(self):
        """Every message of the beacon, word for word, also those that announce nothing."""
        return self._open("l10n_pl_ksef.l10n_pl_ksef_announcement_action")

    def _open(self, xmlid, **context):
        self.ensure_one()
        context[f"search_default_{self.environment}"] = 1
        action = self.env["ir.actions.act_window"]._for_xml_id(xmlid)
        return {**action, "context": {**self.env.context, **context}}

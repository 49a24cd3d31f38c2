"""Intervals of trouble: announcements of the Ministry, and a company's own switches to OFFLINE."""

import re
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import format_datetime

from ..ksef import deadlines, verdict
from .l10n_pl_ksef_connection import ENVIRONMENTS, to_aware, to_naive
from .l10n_pl_ksef_document_offline import WAITING

YEARS = range(2000, 2200)
NEAR = timedelta(days=1)  # between the starts that a person and the beacon tell of one event
_NUMBER = re.compile(r"K/\d{4}/")  # K/2026/AWR/02; anything else is an address in the bulletin
# What only an announcement of the Ministry can make (law 3), gravest first.
ANNOUNCED = {
    deadlines.TOTAL_FAILURE: "total_failure",
    deadlines.FAILURE: "emergency",
    deadlines.UNAVAILABILITY: "offline",
}


class L10nPlKsefOutage(models.Model):
    _name = "l10n_pl_ksef.outage"
    _description = "KSeF outage"
    _order = "start desc, id desc"

    environment = fields.Selection(
        ENVIRONMENTS,
        required=True,
        readonly=True,
    )
    kind = fields.Selection(
        [
            ("own", "Own problem"),
            ("trouble", "KSeF did not answer"),
            ("unavailability", "Announced unavailability"),
            ("failure", "Announced failure"),
            ("total_failure", "Total failure"),
        ],
        required=True,
        readonly=True,
    )
    source = fields.Selection(
        [("probe", "Probe"), ("announcement", "Announcement"), ("user", "Entered by a person")],
        required=True,
        readonly=True,
        default="user",
    )
    company_id = fields.Many2one(
        "res.company",
        "Only for",
        readonly=True,
        index=True,
        help="Whose switch to OFFLINE it is; empty: trouble of KSeF itself, for everybody.",
    )
    start = fields.Datetime("From", required=True, readonly=True)
    end = fields.Datetime("To", readonly=True)
    announcement = fields.Char(
        readonly=True, help="Number or address of the Ministry's announcement, e.g. K/2026/AWR/02."
    )
    event_id = fields.Integer(
        "Number of the event",
        readonly=True,
        aggregator=None,
        help="The Ministry's: it ties the start and the end of one event together.",
    )
    announcement_ids = fields.One2many(
        "l10n_pl_ksef.announcement", "outage_id", "Messages", readonly=True
    )
    note = fields.Char("Reason", readonly=True)
    user_id = fields.Many2one("res.users", "By", readonly=True)
    mistaken = fields.Boolean("Entered by mistake", readonly=True)
    mistaken_by_id = fields.Many2one("res.users", "Declared mistaken by", readonly=True)

    _end_after_start = models.Constraint(
        'CHECK("end" IS NULL OR "end" >= start)', "An outage cannot end before it starts."
    )

    @api.constrains("kind", "announcement", "company_id")
    def _check_announcement(self):
        for outage in self:
            if (outage.kind in ANNOUNCED) != bool(outage.announcement) or (
                outage.kind == "own"
            ) != bool(outage.company_id):
                raise ValidationError(
                    self.env._(
                        "An announced outage needs the Ministry's announcement; an own problem "
                        "has none, and belongs to a company."
                    )
                )

    @api.constrains("kind", "start", "end")
    def _check_years(self):
        """Terms are counted from these days."""
        for outage in self:
            if any(day and day.year not in YEARS for day in (outage.start, outage.end)):
                raise ValidationError(self.env._("Check the year of the announced outage."))

    @api.ondelete(at_uninstall=False)
    def _unlink_never(self):
        raise UserError(self.env._("Outages are evidence for the tax office and stay."))

    @api.model_create_multi
    def create(self, vals_list):
        # EXTENDS 'base'
        outages = super().create(vals_list)
        outages._after_change()
        return outages

    def write(self, vals):
        # EXTENDS 'base'
        result = super().write(vals)
        self._after_change()
        return result

    def _after_change(self):
        """The deadlines of everything that waits follow from the announcements."""
        announced = self.filtered(lambda outage: outage.kind in ANNOUNCED)
        if announced:
            documents = self.env["l10n_pl_ksef.document"].sudo()
            documents.search(
                [
                    ("environment", "in", announced.mapped("environment")),
                    ("state", "in", WAITING),
                ]
            )._stamp_deadline()

    @api.model
    def _announce(self, environment, *, kind, number, start, end=False, event_id=0, **vals):
        """An announcement, from the beacon (`event_id`) or from a person: the same effect.

        One that is known already, by its event or its number, is brought up to date. What the
        beacon says replaces what a person entered; an end that the beacon does not know yet stays.

        :param start, end: naive UTC
        :return: the outage
        """
        outage = self._known(environment, kind, number, start, end, event_id)
        if not outage:
            return self.create(
                {
                    "environment": environment,
                    "kind": kind,
                    "source": "announcement" if event_id else "user",
                    "announcement": number,
                    "start": start,
                    "end": end,
                    "event_id": event_id,
                    **vals,
                }
            )
        if outage.event_id and not event_id:
            # the beacon knows better, but for an end that it has not told yet
            if end and not outage.end and end >= outage.start:
                outage.end = end
            return outage
        # an end that was moved before the start, or that the beacon took back, is none
        is_good = outage.end and outage.end >= start
        is_taken_back = event_id and outage.end in outage.announcement_ids.mapped("end")
        told = {
            "start": start,
            "end": end or (is_good and not is_taken_back and outage.end),
            "event_id": event_id or outage.event_id,
            "announcement": outage.announcement or number,
        }
        changed = {name: value for name, value in told.items() if outage[name] != value}
        if changed:
            outage.write(changed)
        return outage

    @api.model
    def _known(self, environment, kind, number, start, end, event_id):
        """The outage that an announcement tells of, or none. See `_announce`.

        What was declared a mistake is another matter, but for an event that the beacon repeats.
        """
        same = [("environment", "=", environment), ("kind", "=", kind)]
        if event_id:
            if found := self.search([*same, ("event_id", "=", event_id)], limit=1):
                return found
            same.append(("event_id", "=", 0))  # entered by a person
        same.append(("mistaken", "=", False))
        # a later message of the same event has another number
        numbers = ["|", ("announcement", "=", number), ("announcement_ids.number", "=", number)]
        if found := self.search([*same, *numbers], limit=1):
            return found
        # a person may have named the address in the bulletin, and the beacon gives the number
        meanwhile = [
            *same,
            ("start", ">=", start - NEAR),
            ("start", "<=", start + NEAR),
            *("|", ("end", "=", False), ("end", ">=", start)),
            *([("start", "<=", end)] if end else []),
        ]
        others = self.search(meanwhile)
        if event_id:
            return others.filtered(lambda outage: not _NUMBER.match(outage.announcement))[:1]
        return self.browse() if _NUMBER.match(number) else others.filtered("event_id")[:1]

    @api.model
    def _note_trouble(self, environment, circuit):
        """Open or close the outage that our own checks found.

        :param circuit: ksef.verdict.Circuit, after the latest check
        """
        lasting = self.search(
            [("environment", "=", environment), ("kind", "=", "trouble"), ("end", "=", False)]
        )
        if circuit.state == verdict.OPEN and not lasting:
            self.create(
                {
                    "environment": environment,
                    "kind": "trouble",
                    "source": "probe",
                    "start": to_naive(circuit.since),
                }
            )
        elif circuit.state == verdict.CLOSED and lasting:
            lasting._end(to_naive(circuit.since))

    # -- in words --------------------------------------------------------------------------------

    @api.depends("kind", "start", "announcement")
    @api.depends_context("lang")
    def _compute_display_name(self):
        for outage in self:
            outage.display_name = outage._headline()

    def _headline(self):
        """What, which announcement, and when, in Polish time."""
        kind = dict(self._fields["kind"]._description_selection(self.env))[self.kind]
        what = " ".join(filter(None, [kind, self.announcement]))
        start, end = (
            at and format_datetime(self.env, at, tz="Europe/Warsaw", dt_format="short")
            for at in (self.start, self.end)
        )
        if end:
            return self.env._(
                "%(what)s, from %(start)s to %(end)s", what=what, start=start, end=end
            )
        return self.env._("%(what)s, since %(start)s", what=what, start=start)

    # -- what belongs to it ----------------------------------------------------------------------

    def _probes(self):
        """The checks within it, with one before and one after: what tells that it began and ended.

        Oldest first.
        """
        self.ensure_one()
        probes = self.env["l10n_pl_ksef.probe"].sudo()
        same = [("environment", "=", self.environment)]
        since = [*same, ("at", ">=", self.start)]
        before = probes.search([*same, ("at", "<", self.start)], limit=1)
        if not self.end:
            return (before | probes.search(since)).sorted("id")
        within = probes.search([*since, ("at", "<", self.end)])
        after = probes.search([*same, ("at", ">=", self.end)], order="id", limit=1)
        return (before | within | after).sorted("id")

    def _documents(self, company):
        """The invoices of a company (with its branches) that were issued offline because of it."""
        self.ensure_one()
        return self.env["l10n_pl_ksef.document"].search(
            [
                ("environment", "=", self.environment),
                ("company_id", "child_of", company.id),
                ("issued_offline", "=", True),
                ("state", "!=", "withdrawn"),
                ("issued_offline_at", ">=", self.start),
                ("issued_offline_at", "<=", self.end or fields.Datetime.now()),
            ],
            order="id",
        )

    def _failures(self, company):
        """The attempts of a company that failed during it, oldest first."""
        self.ensure_one()
        return self.env["l10n_pl_ksef.failure"].search(
            [
                ("environment", "=", self.environment),
                ("company_id", "=", company.root_id.id),
                ("at", ">=", self.start),
                ("at", "<=", self.end or fields.Datetime.now()),
            ],
            order="id",
        )

    @api.model
    def _events(self, environment):
        """The announcements of an environment: a list of ksef.deadlines.Event."""
        outages = self.sudo().search(
            [
                ("environment", "=", environment),
                ("kind", "in", list(ANNOUNCED)),
                ("mistaken", "=", False),
            ]
        )
        return [deadlines.Event(o.kind, to_aware(o.start), to_aware(o.end)) for o in outages]

    @api.model
    def _announced_now(self, environment):
        """The gravest announcement that lasts now, or none."""
        now = fields.Datetime.now()
        open_ones = self.sudo().search(
            [
                ("environment", "=", environment),
                ("kind", "in", list(ANNOUNCED)),
                ("mistaken", "=", False),
                ("start", "<=", now),
                *("|", ("end", "=", False), ("end", ">", now)),
            ]
        )
        for kind in ANNOUNCED:
            if found := open_ones.filtered(lambda o, kind=kind: o.kind == kind):
                return found[0]
        return open_ones

    def action_end(self):
        """An announced trouble is over, as of now. A company's own ends by its switch."""
        self.env["l10n_pl_ksef.mode.wizard"]._check_user()
        self.check_access("read")
        self.sudo().filtered(lambda outage: outage.kind in ANNOUNCED)._end()

    def _end(self, at=None):
        """It is over, as of now or of `at`; never before it began, whatever a clock said."""
        at = at or fields.Datetime.now()
        for outage in self:
            if not outage.end:
                outage.end = max(at, outage.start)

    def action_mistaken(self):
        """It was entered by mistake: it stays as evidence and moves no deadline any more."""
        if not self.env.user.has_group("l10n_pl_ksef.group_l10n_pl_ksef_admin"):
            raise UserError(
                self.env._("Only a KSeF administrator may declare an announcement mistaken.")
            )
        self.check_access("read")
        announced = self.sudo().filtered(lambda outage: outage.kind in ANNOUNCED)
        announced.write({"mistaken": True, "mistaken_by_id": self.env.uid})
        announced._end()

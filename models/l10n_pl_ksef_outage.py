"""Intervals of trouble: announcements of the Ministry, and a company's own switches to OFFLINE."""

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..ksef import deadlines
from .l10n_pl_ksef_connection import to_aware

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
    _rec_name = "kind"

    environment = fields.Selection(
        [("test", "Test"), ("demo", "Demo"), ("prod", "Production"), ("simulator", "Simulator")],
        required=True,
        readonly=True,
    )
    kind = fields.Selection(
        [
            ("own", "Own problem"),
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
                    ("state", "in", ("queued", "held", "sending", "sent", "rejected")),
                ]
            )._stamp_deadline()

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

    def _end(self):
        self.filtered(lambda outage: not outage.end).write({"end": fields.Datetime.now()})

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

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError


class L10nPlKsefModeWizard(models.TransientModel):
    """The company's switch between ONLINE and OFFLINE: now, since when, why, by whom."""

    _name = "l10n_pl_ksef.mode.wizard"
    _description = "KSeF online / offline mode"

    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company.root_id
    )
    mode = fields.Selection(related="company_id.l10n_pl_ksef_mode")
    environment = fields.Selection(related="company_id.l10n_pl_ksef_environment")
    proposal = fields.Selection(related="company_id.l10n_pl_ksef_proposal")
    verdict = fields.Text("KSeF now", compute="_compute_verdict")
    current_id = fields.Many2one("l10n_pl_ksef.outage", compute="_compute_situation")
    announced_id = fields.Many2one("l10n_pl_ksef.outage", compute="_compute_situation")
    since = fields.Datetime(related="current_id.start")
    by_id = fields.Many2one(related="current_id.user_id", string="By")
    note = fields.Char(related="current_id.note", string="Because")
    history_ids = fields.Many2many("l10n_pl_ksef.outage", compute="_compute_situation")
    waiting = fields.Integer("Waiting to be sent", compute="_compute_forecast")
    earliest_deadline = fields.Date(compute="_compute_forecast")
    forecast = fields.Text("Queue", compute="_compute_forecast")
    risk = fields.Text("At risk", compute="_compute_forecast")

    kind = fields.Selection(
        [
            ("own", "Own problem: network, power, server, or our choice"),
            ("unavailability", "Unavailability of KSeF, announced by the Ministry"),
            ("failure", "Failure of KSeF, announced by the Ministry"),
            ("total_failure", "Total failure, announced in the mass media"),
        ],
        "Reason",
        default="own",
    )
    announcement = fields.Char(help="Number or address, e.g. K/2026/AWR/02.")
    start = fields.Datetime("Since", default=fields.Datetime.now)
    end = fields.Datetime("Until", help="Where the announcement names it.")
    remark = fields.Char("In words")

    @api.depends("company_id", "company_id.l10n_pl_ksef_mode")
    def _compute_situation(self):
        Outage = self.env["l10n_pl_ksef.outage"]
        for wizard in self:
            company = wizard.company_id
            wizard.current_id = company._l10n_pl_ksef_own_outage()
            wizard.announced_id = Outage._announced_now(wizard.environment)
            wizard.history_ids = Outage.search(
                [
                    ("environment", "=", wizard.environment),
                    ("company_id", "in", (False, company.id)),
                ],
                limit=80,
            )

    @api.depends("company_id", "company_id.l10n_pl_ksef_mode")
    @api.depends_context("lang")
    def _compute_forecast(self):
        Forecast = self.env["l10n_pl_ksef.forecast"]
        for wizard in self:
            figures = Forecast._figures(wizard.company_id)
            said = Forecast._sentences(figures)
            wizard.waiting = figures["waiting"]
            wizard.earliest_deadline = figures["earliest_deadline"]
            wizard.forecast = "\n".join(s["text"] for s in said if s["level"] != "bad")
            wizard.risk = "\n".join(s["text"] for s in said if s["level"] == "bad")

    @api.depends_context("lang")
    def _compute_display_name(self):
        self.display_name = self.env._("Online / offline mode")

    @api.depends("company_id")
    def _compute_verdict(self):
        for wizard in self:
            wizard.verdict = wizard.company_id._l10n_pl_ksef_status().sentence

    @api.model
    def _check_user(self):
        if not self.env.user.has_group("account.group_account_invoice"):
            raise AccessError(self.env._("Only people who invoice may change the mode."))

    @api.model
    def action_open(self, company=None):
        """The page for a company, else the one that is chosen, filled in with what was found."""
        wizard = self.create({"company_id": company.sudo().root_id.id} if company else {})
        if wizard.announced_id:
            wizard.kind = wizard.announced_id.kind
            wizard.announcement = wizard.announced_id.announcement
            wizard.start = wizard.announced_id.start
            wizard.end = wizard.announced_id.end
        elif wizard.proposal == "offline":
            wizard.remark = wizard.verdict
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Online / offline mode"),
            "res_model": self._name,
            "res_id": wizard.id,
            "view_mode": "form",
            "target": "current",
        }

    def action_queue(self):
        """The documents that wait."""
        return self.env["ir.actions.act_window"]._for_xml_id(
            "l10n_pl_ksef.l10n_pl_ksef_queue_action"
        )

    def action_offline(self):
        """Invoices are issued with two codes from now on; nothing is sent until ONLINE."""
        self.ensure_one()
        self._check_user()
        company = self.company_id.sudo()
        self.company_id.check_access("read")
        if not company.l10n_pl_ksef_environment:
            raise UserError(self.env._("Choose the KSeF environment in the settings first."))
        company._l10n_pl_ksef_offline_signer()  # the codes must be possible before anything else
        if self.kind != "own":
            self._announce()
        company._l10n_pl_ksef_go_offline(self._words(), source="user", user_id=self.env.uid)
        return self.action_open(self.company_id)

    def action_announce(self):
        """Only note the announcement: the company stays as it is."""
        self.ensure_one()
        self._check_user()
        self._announce()
        return self.action_open(self.company_id)

    def _announce(self):
        missing = [
            label
            for value, label in (
                (self.kind != "own", self.env._("Reason")),
                (self.announcement, self.env._("Announcement")),
                (self.start, self.env._("Since")),
            )
            if not value
        ]
        if missing:
            raise UserError(self.env._("For an announced outage fill in: %s.", ", ".join(missing)))
        self.env["l10n_pl_ksef.outage"].sudo()._announce(
            self.environment,
            kind=self.kind,
            number=self.announcement,
            start=self.start,
            end=self.end,
            user_id=self.env.uid,
            note=self._words(),
        )

    def _words(self):
        return self.remark or dict(self._fields["kind"]._description_selection(self.env))[self.kind]

    def action_online(self):
        """Back to ONLINE: what waits is sent, the earliest deadline first."""
        self.ensure_one()
        self._check_user()
        self.company_id.check_access("read")
        self.company_id.sudo()._l10n_pl_ksef_go_online()
        return self.action_open(self.company_id)

"""Generating a company's two KSeF certificates, after KSeF was asked whether there is room."""

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date, format_datetime

from ..models.l10n_pl_ksef_enrolment import NEEDED


class L10nPlKsefCertificateWizard(models.TransientModel):
    _name = "l10n_pl_ksef.certificate.wizard"
    _description = "Generate KSeF certificates"

    connection_id = fields.Many2one(
        "l10n_pl_ksef.connection", required=True, default=lambda self: self._default_connection()
    )
    company_id = fields.Many2one(related="connection_id.company_id")
    environment = fields.Selection(related="connection_id.environment")
    certificates_until = fields.Datetime(related="connection_id.certificates_until")
    renewal_due = fields.Boolean(related="connection_id.renewal_due")
    key_type = fields.Selection(
        [("ec", "EC P-256 (recommended)"), ("rsa", "RSA 2048")], required=True, default="ec"
    )
    pair = fields.Char()
    blocked = fields.Selection(
        [("token", "A KSeF token cannot ask for certificates"), ("limit", "No room")]
    )
    can_request = fields.Boolean()
    requests_left = fields.Integer()
    requests_limit = fields.Integer()
    certificates_left = fields.Integer()
    certificates_limit = fields.Integer()
    message = fields.Html(compute="_compute_message")
    wait_text = fields.Text()
    room_again_at = fields.Datetime()
    other_way = fields.Boolean()
    error_text = fields.Text()
    enrolment_ids = fields.Many2many("l10n_pl_ksef.enrolment", compute="_compute_enrolment_ids")
    step = fields.Selection(
        [("start", "Start"), ("blocked", "Blocked"), ("run", "Progress"), ("done", "Done")],
        compute="_compute_enrolment_ids",
    )

    is_rejected = fields.Boolean(compute="_compute_enrolment_ids")

    def _default_connection(self):
        connection = self.env["l10n_pl_ksef.connection"]._for_company(self.env.company)
        return connection.with_env(self.env)

    @api.depends("connection_id", "pair", "blocked")
    def _compute_enrolment_ids(self):
        Enrolment = self.env["l10n_pl_ksef.enrolment"]
        for wizard in self:
            rows = Enrolment.browse()
            if wizard.pair:
                rows = Enrolment.search([("pair", "=", wizard.pair)])
            elif wizard.connection_id:
                # what a closed browser or a dead process left behind comes first
                rows = Enrolment._open_ones(wizard.connection_id)
            wizard.enrolment_ids = rows
            wizard.is_rejected = "rejected" in rows.mapped("state")
            if rows:
                finished = all(row.state in ("done", "cancelled") for row in rows)
                wizard.step = "done" if finished else "run"
            else:
                wizard.step = "blocked" if wizard.blocked else "start"

    # -- the check of the limits -----------------------------------------------------------------

    def action_generate(self):
        """Ask for the limits; only where both leave room for two, make the keys and requests."""
        connection = self._connection()
        self.write({"error_text": False, "blocked": False, "wait_text": False, "other_way": False})
        if connection.auth_method == "token":
            self.blocked = "token"
            return self._reopen()
        enrolments = self.env["l10n_pl_ksef.enrolment"].sudo()
        rows = enrolments._open_ones(connection)
        if not rows:
            limits = connection._ask(lambda: enrolments._limits(connection))
            self._note_limits(limits)
            if limits.shortages(NEEDED):
                self.blocked = "limit"
                return self._reopen()
            rows = enrolments._begin(connection, self.key_type)
        self.pair = rows[0].pair
        rows._continue()
        return self._reopen()

    def _note_limits(self, limits):
        self.write(
            {
                "can_request": limits.can_request,
                "requests_left": limits.requests.remaining,
                "requests_limit": limits.requests.limit,
                "certificates_left": limits.certificates.remaining,
                "certificates_limit": limits.certificates.limit,
            }
        )

    def _compute_message(self):
        for wizard in self:
            wizard.message = wizard._limit_message() if wizard.blocked == "limit" else False

    def _limit_message(self):
        """Which limit, the figures, whose they are, what used them up; that it is no fault here."""
        subject = self._connection()._login_subject() or self.env._("the subject that logged in")
        figures = self.env._(
            "requests for certificates left: %(requests)s of %(all_requests)s; active "
            "certificates that may still be added: %(places)s of %(all_places)s",
            requests=self.requests_left,
            all_requests=self.requests_limit,
            places=self.certificates_left,
            all_places=self.certificates_limit,
        )
        reasons = []
        if self.requests_left < NEEDED:
            reasons.append(
                self.env._(
                    "The limit of certificate requests leaves fewer than two: it counts every "
                    "request of the last 30 days, also those that were rejected and those whose "
                    "certificates were revoked since. Earlier trials, another program or another "
                    "company of the same person may have used them up. A next request is possible "
                    "30 days after the first of them at the earliest."
                )
            )
        if self.certificates_left < NEEDED:
            reasons.append(
                self.env._(
                    "The limit of active certificates leaves fewer than two: this subject holds "
                    "as many certificates as KSeF allows, in all programs and companies together."
                )
            )
        if not self.can_request and not reasons:
            reasons.append(
                self.env._("KSeF does not let this subject ask for a certificate at present.")
            )
        return Markup("<p><b>%s</b></p><p>%s</p><p>%s</p><ul>%s</ul><p>%s</p>") % (
            self.env._("No certificates can be created now."),
            self.env._(
                "Two are needed: one to log in and one for the offline mode. This is no error of "
                "the program: on KSeF's side this subject has no room left. Nothing was made and "
                "no request was used up."
            ),
            self.env._(
                "The limits are those of %(subject)s: %(figures)s.",
                subject=subject,
                figures=figures,
            ),
            Markup().join(Markup("<li>%s</li>") % reason for reason in reasons),
            self.env._("There are three ways on:"),
        )

    # -- the three ways on -----------------------------------------------------------------------

    def action_wait(self):
        """Say from when it may be possible again, and remind of it on that day."""
        connection = self._connection()
        listed = self.env["l10n_pl_ksef.certificate"].sudo()
        limits, moment = connection._ask(lambda: listed._when_room(connection))
        self._note_limits(limits)
        self.write({"room_again_at": moment, "other_way": False})
        _summary, self.wait_text = self._waiting()
        connection._tell_administrators(self._reminder_day(), self._waiting)
        return self._reopen()

    def _reminder_day(self):
        latest = fields.Datetime.add(fields.Datetime.now(), days=30)
        return (self.room_again_at or latest).date()

    def _waiting(self):
        """(summary, note) of when it may be possible again, in the language of the context."""
        if self.room_again_at:
            text = self.env._(
                "As far as KSeF's data tell, two certificates can be asked for again from "
                "%(moment)s. You will be reminded on that day.",
                moment=format_datetime(self.env, self.room_again_at),
            )
        else:
            text = self.env._(
                "KSeF's list does not show what used them up (rejected requests are not in it). "
                "Requests renew 30 days after they were made: at the latest on %(day)s, if nobody "
                "asks for certificates of this subject until then. You will be reminded on that "
                "day.",
                day=format_date(self.env, self._reminder_day()),
            )
        if self.certificates_left < NEEDED:
            text += " " + self.env._(
                "A certificate that is revoked frees its place at once, without waiting."
            )
        return self.env._("KSeF certificates may be possible again"), text

    def action_manage(self):
        """The list of this subject's certificates, fresh from KSeF, where they can be revoked."""
        self._connection()
        return self.connection_id.action_certificates()

    def action_other_way(self):
        """Show how to work without certificates of one's own."""
        self.write({"other_way": True, "wait_text": False})
        return self._reopen()

    def action_connect(self):
        """Another way to log in."""
        return self.connection_id.action_connect_wizard()

    # -- going on --------------------------------------------------------------------------------

    def action_continue(self):
        """Go on from wherever the requests stand; no finished step is repeated."""
        self._connection()
        rows = self.enrolment_ids.sudo()
        self.write({"error_text": False, "pair": rows[:1].pair})
        try:
            rows._continue()
        except UserError as error:
            self.error_text = str(error)
        return self._reopen()

    def action_give_up(self):
        """Use the certificate that is there and leave the other request."""
        self._connection()
        rows = self.enrolment_ids.sudo()
        self.pair = rows[:1].pair
        rows._give_up()
        return self._reopen()

    def _connection(self):
        """The connection with all rights, for a KSeF administrator only.

        :raise UserError: the user is none, or the company uses another environment
        """
        self.ensure_one()
        connection = self.connection_id._as_administrator()
        if connection != connection._for_company(connection.company_id):
            raise UserError(
                self.env._("The company uses another KSeF environment. Choose this one first.")
            )
        return connection

    def _reopen(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("KSeF certificates"),
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "views": [(False, "form")],
            "target": "new",
        }

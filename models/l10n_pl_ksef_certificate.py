"""The certificates of a subject as KSeF lists them, beside what is stored here."""

import logging

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..ksef import certificates, errors
from .l10n_pl_ksef_connection import to_aware, to_naive
from .l10n_pl_ksef_enrolment import NEEDED

_logger = logging.getLogger(__name__)

REMINDERS = (60, 30, 14, 7, 1, 0)  # days before the end
RENEWAL_DAYS = 30
RECENT_DAYS = 30  # how long after its acceptance a printed KOD II is still likely to be scanned
KINDS = {"Authentication": "authentication", "Offline": "offline"}
STATES = {"Active": "active", "Blocked": "blocked", "Revoked": "revoked", "Expired": "expired"}
ACTIVITY = "l10n_pl_ksef.mail_activity_type_certificate"


class L10nPlKsefCertificate(models.Model):
    _name = "l10n_pl_ksef.certificate"
    _description = "KSeF certificate"
    _order = "status, valid_to desc, id"

    connection_id = fields.Many2one(
        "l10n_pl_ksef.connection", required=True, readonly=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="connection_id.company_id", store=True, index=True)
    environment = fields.Selection(related="connection_id.environment")
    serial_number = fields.Char(required=True, readonly=True)
    name = fields.Char(readonly=True)
    kind = fields.Selection(
        [("authentication", "Login"), ("offline", "Offline codes (KOD II)")],
        "Type",
        readonly=True,
    )
    status = fields.Selection(
        [
            ("active", "Active"),
            ("blocked", "Blocked"),
            ("revoked", "Revoked"),
            ("expired", "Expired"),
        ],
        readonly=True,
    )
    common_name = fields.Char("Issued for", readonly=True)
    subject = fields.Char(
        readonly=True, help="NIP, PESEL or fingerprint whose limits it counts against."
    )
    valid_from = fields.Datetime(readonly=True)
    valid_to = fields.Datetime("Valid until", readonly=True)
    last_used_at = fields.Datetime("Last use", readonly=True)
    requested_at = fields.Datetime("Requested on", readonly=True)
    certificate_id = fields.Many2one(
        "certificate.certificate",
        "Stored as",
        readonly=True,
        ondelete="set null",
        groups="base.group_system",
    )
    usage = fields.Selection(
        [
            ("login", "Logs in this company"),
            ("offline", "Signs its offline codes"),
            ("kept", "Stored here, not in use"),
            ("elsewhere", "Not stored here"),
        ],
        "Where used",
        compute="_compute_usage",
    )
    relying_count = fields.Integer("Offline documents", compute="_compute_usage")

    _unique_serial = models.UniqueIndex(
        "(connection_id, serial_number)", "KSeF lists each certificate once."
    )

    @api.depends("certificate_id", "company_id")
    def _compute_usage(self):
        for row in self.sudo():
            company = row.company_id
            if not row.certificate_id:
                row.usage = "elsewhere"
            elif row.certificate_id == company.l10n_pl_ksef_auth_certificate_id:
                row.usage = "login"
            elif row.certificate_id == company.l10n_pl_ksef_offline_certificate_id:
                row.usage = "offline"
            else:
                row.usage = "kept"
            row.relying_count = len(row._relying_documents())

    def _relying_documents(self):
        """Offline documents that carry this certificate's KOD II and may still be scanned.

        KSeF judges the certificate when a code is scanned: after a revocation the codes on paper
        no longer verify. Unsent documents count, and accepted ones of the last days.
        """
        self.ensure_one()
        recent = fields.Datetime.subtract(fields.Datetime.now(), days=RECENT_DAYS)
        return self.env["l10n_pl_ksef.document"].search(
            [
                ("connection_id", "=", self.connection_id.id),
                ("qr_certificate_url", "like", f"/{self.serial_number}/"),
                "|",
                ("state", "not in", ("accepted", "superseded", "withdrawn")),
                "&",
                ("state", "=", "accepted"),
                ("acquired_at", ">=", recent),
            ]
        )

    # -- the list --------------------------------------------------------------------------------

    @api.model
    def _refresh(self, connection):
        """Make the rows equal to KSeF's list, and note the state of what is stored here.

        :raise UserError, errors.KsefError: no login, no answer
        """
        entries = certificates.query(connection._client())
        rows = {
            row.serial_number: row for row in self.search([("connection_id", "=", connection.id)])
        }
        ours = self._stored(connection.company_id)
        for entry in entries:
            certificate = ours.get(entry.serial, self.env["certificate.certificate"])
            vals = {
                "name": entry.name,
                "kind": KINDS.get(entry.kind),
                "status": STATES.get(entry.status),
                "common_name": entry.common_name,
                "subject": f"{entry.subject_type} {entry.subject_value}",
                "valid_from": to_naive(entry.valid_from),
                "valid_to": to_naive(entry.valid_to),
                "last_used_at": to_naive(entry.last_used_at),
                "requested_at": to_naive(entry.requested_at),
                "certificate_id": certificate.id,
            }
            certificate.l10n_pl_ksef_status = STATES.get(entry.status)
            row = rows.pop(entry.serial, None)
            if row:
                row.write(vals)
            else:
                self.create(
                    {
                        "connection_id": connection.id,
                        "serial_number": entry.serial,
                        **vals,
                    }
                )
        for row in rows.values():
            row.unlink()
        self._note_unlisted(connection, ours, {entry.serial for entry in entries})
        return entries

    @api.model
    def _note_unlisted(self, connection, ours, listed):
        """Offline certificates are KSeF's own: what it does not list, it does not know.

        It lists those of the subject that has logged in; of another subject's nothing is said.
        """
        subject = connection._login_subject()
        for serial, certificate in ours.items():
            if (
                subject
                and serial not in listed
                and certificate.scope == "ksef_offline"
                and connection._subject_of(certificate._l10n_pl_ksef_der()) == subject
            ):
                certificate.l10n_pl_ksef_status = "unlisted"

    @api.model
    def _stored(self, company):
        """KSeF's serial number → certificate of this company's that is stored here."""
        found = self.env["certificate.certificate"].search(
            [("company_id", "=", company.id), ("scope", "in", ("ksef_auth", "ksef_offline"))]
        )
        return {
            certificate._l10n_pl_ksef_serial(): certificate
            for certificate in found
            if certificate.serial_number
        }

    @api.model
    def _when_room(self, connection):
        """(limits, when two certificates may be asked for again).

        The moment is naive UTC, False if KSeF does not tell.

        :raise UserError, errors.KsefError: no login, no answer
        """
        limits = certificates.limits(connection._client())
        entries = self._refresh(connection)
        now = to_aware(fields.Datetime.now())
        moment = certificates.room_again_at(limits, entries, NEEDED, now)
        return limits, to_naive(moment) or False

    # -- what people press -----------------------------------------------------------------------

    @api.model
    def action_refresh(self):
        """The list of the user's company, asked for now."""
        connection = self.env["l10n_pl_ksef.connection"]._for_company(self.env.company)
        if not connection:
            raise UserError(self.env._("Choose the KSeF environment first."))
        return connection.with_env(self.env).action_certificates()

    def action_revoke(self):
        """Ask for the reason first, and say what a revocation does."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Revoke a KSeF certificate"),
            "res_model": "l10n_pl_ksef.revoke.wizard",
            "view_mode": "form",
            "views": [(False, "form")],
            "target": "new",
            "context": {"default_certificate_id": self.id},
        }

    def action_renew(self):
        """A new pair, from 30 days before the end of this one."""
        self.ensure_one()
        return self.connection_id.action_generate_certificates()

    def _revoke(self, reason):
        """Revoke in KSeF, for good, and read what became of it; call it behind a check.

        :param reason: Unspecified, Superseded or KeyCompromise
        :raise UserError: KSeF does not do it
        """
        self.ensure_one()
        connection = self.connection_id
        if connection.auth_method == "token":
            raise UserError(
                self.env._(
                    "KSeF revokes certificates only after a login with a certificate or signature, "
                    "not with a KSeF token."
                )
            )
        connection._ask(lambda: self._revoke_now(reason))
        if self.exists() and self.status == "active":
            raise UserError(
                self.env._("KSeF did not answer, and the certificate is still active. Try again.")
            )

    def _revoke_now(self, reason):
        connection = self.connection_id
        try:
            certificates.revoke(connection._client(), self.serial_number, reason)
        except errors.KsefError as error:
            # After a lost answer, and where it was revoked before, the list tells the truth.
            if not error.outcome_unknown and error.code != certificates.NOT_ACTIVE:
                raise
        self._refresh(connection)

    # -- every day -------------------------------------------------------------------------------

    @api.model
    def _cron_check(self):
        """Are the companies' certificates active, and how long still? One company holds up none."""
        Document = self.env["l10n_pl_ksef.document"]
        connections = self.env["l10n_pl_ksef.connection"].search(
            [("company_id.l10n_pl_ksef_environment", "!=", False)]
        )
        for connection in connections:
            if connection != connection._for_company(connection.company_id):
                continue  # another environment than the one in force
            connection._remind_of_certificates()
            Document._checkpoint()
            if connection._is_blocked():
                continue  # KSeF is left alone after trouble
            try:
                self._refresh(connection)
            except (UserError, errors.KsefError) as error:
                _logger.info("KSeF certificates of %s: %s", connection.display_name, error)
            else:
                connection._alert_of_certificates()
            Document._checkpoint()

"""Telling the administrators of certificates that end or were revoked, once each."""

from odoo import fields, models
from odoo.tools import format_date

from .l10n_pl_ksef_certificate import ACTIVITY, REMINDERS, RENEWAL_DAYS


class L10nPlKsefConnection(models.Model):
    _inherit = "l10n_pl_ksef.connection"

    certificates_until = fields.Datetime(
        "Certificates valid until", compute="_compute_certificates_until"
    )
    renewal_due = fields.Boolean(compute="_compute_certificates_until")

    def _compute_certificates_until(self):
        soon = fields.Datetime.add(fields.Datetime.now(), days=RENEWAL_DAYS)
        for connection in self:
            ends = [end for end in connection._certificates().mapped("date_end") if end]
            connection.certificates_until = min(ends, default=False)
            connection.renewal_due = bool(ends) and min(ends) <= soon

    def _certificates(self):
        """What the company logs in and signs offline codes with."""
        company = self.sudo().company_id
        offline = company.l10n_pl_ksef_offline_certificate_id
        if self.auth_method != "certificate":
            return offline
        return company.l10n_pl_ksef_auth_certificate_id | offline

    def _remind_of_certificates(self):
        """One reminder at 60, 30, 14, 7 and 1 days and after the end, each in place of the last."""
        today = fields.Date.context_today(self)
        for certificate in self._certificates().filtered("date_end"):
            days = (certificate.date_end.date() - today).days
            passed = [step for step in REMINDERS if days <= step]
            step = min(passed, default=None)
            if step is None:
                certificate.l10n_pl_ksef_reminded = False
            elif certificate.l10n_pl_ksef_reminded != step + 1:
                # stored one higher, so that 0 keeps its meaning of "none yet"
                certificate.l10n_pl_ksef_reminded = step + 1
                self._tell_administrators(
                    self.env._(
                        "KSeF certificate ends on %s", format_date(self.env, certificate.date_end)
                    ),
                    self.env._(
                        'The certificate "%s" ends soon or has ended. Have a new pair generated: '
                        "KSeF > Certificates > Generate. The old one is kept as long as documents "
                        "need it.",
                        certificate.display_name,
                    ),
                    certificate.date_end.date(),
                )

    def _alert_of_certificates(self):
        """Tell once of a certificate in use that KSeF no longer lets be used."""
        dead = self._certificates().filtered(
            lambda certificate: certificate.l10n_pl_ksef_status in ("blocked", "revoked", "expired")
        )
        if dead and self.state != "problem":
            text = self.env._(
                "KSeF no longer accepts: %s. Have a new pair generated, or choose another "
                "certificate in the settings.",
                ", ".join(dead.mapped("display_name")),
            )
            self.write({"state": "problem", "message": text})
            self._tell_administrators(
                self.env._("A KSeF certificate in use is revoked"),
                text,
                fields.Date.context_today(self),
            )

    def _tell_administrators(self, summary, note, deadline):
        """One activity for each KSeF administrator; an earlier one is replaced."""
        self.activity_unlink([ACTIVITY])
        for user in self._administrators():
            self.activity_schedule(
                ACTIVITY, date_deadline=deadline, summary=summary, note=note, user_id=user.id
            )

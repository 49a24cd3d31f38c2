"""Telling the administrators of certificates that end or were revoked, once each."""

from odoo import fields, models

from .l10n_pl_ksef_certificate import ACTIVITY, REMINDERS, RENEWAL_DAYS

DEAD = ("blocked", "revoked", "expired", "unlisted")


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
            step = min([step for step in REMINDERS if days <= step], default=None)
            # stored one higher, so that 0 keeps its meaning of "none yet"
            stored = 0 if step is None else step + 1
            if certificate.l10n_pl_ksef_reminded != stored:
                certificate.l10n_pl_ksef_reminded = stored
                if stored:
                    self._tell_administrators(
                        certificate.date_end.date(), certificate._l10n_pl_ksef_ending
                    )

    def _alert_of_certificates(self):
        """Tell once of a certificate in use that KSeF no longer lets be used."""
        dead = self._certificates().filtered(
            lambda certificate: certificate.l10n_pl_ksef_status in DEAD
        )
        if not dead:
            return
        _summary, text = dead._l10n_pl_ksef_dead()
        # another problem, of the login say, must not hide this one
        if (self.state, self.message) != ("problem", text):
            self.write({"state": "problem", "message": text})
            self._tell_administrators(fields.Date.context_today(self), dead._l10n_pl_ksef_dead)

    def _tell_administrators(self, deadline, words):
        """One activity for each KSeF administrator, in their language, in place of an earlier one.

        :param words: a method without arguments that returns (summary, note)
        """
        self.activity_unlink([ACTIVITY])
        record, name = words.__self__, words.__name__
        for user in self._administrators():
            summary, note = getattr(record.with_context(lang=user.lang), name)()
            self.activity_schedule(
                ACTIVITY, date_deadline=deadline, summary=summary, note=note, user_id=user.id
            )

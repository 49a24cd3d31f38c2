"""What the checks of KSeF mean for those who are connected to it."""

from markupsafe import escape

from odoo import api, fields, models


class L10nPlKsefConnection(models.Model):
    _inherit = "l10n_pl_ksef.connection"

    @api.model
    def _cron_probe(self):
        """Every five minutes: does KSeF answer (spec product, section 3)?"""
        self.env["l10n_pl_ksef.status"]._round()

    def _rest(self, until):
        """An outage is confirmed: nothing is sent before `until`, and it is put off by each check.

        Were the checks to stop, sending would go on by itself. A row that another worker holds is
        left to the next check.
        """
        for connection in self.try_lock_for_update(allow_referencing=True):
            vals = {}
            if connection.state != "problem":  # what a person has to mend stays readable
                words = connection.with_context(lang=connection.company_id.partner_id.lang).env
                vals["message"] = words._("KSeF does not answer.")
            if not connection.blocked_until or connection.blocked_until < until:
                vals["blocked_until"] = until
            connection.write(vals)

    def _wake_up(self, until):
        """The outage is over: what waits goes now.

        :param until: a rest beyond it is not ours: KSeF itself asked for it (429)
        """
        for connection in self.try_lock_for_update(allow_referencing=True):
            vals = {"failures": 0}
            if connection.state != "problem":
                vals["message"] = False
            if connection.blocked_until and connection.blocked_until <= until:
                vals["blocked_until"] = False
            connection.write(vals)
        for cron in ("ir_cron_flush", "ir_cron_poll"):
            self.env["l10n_pl_ksef.document"]._trigger(cron)

    # -- the proposal ----------------------------------------------------------------------------

    def _propose(self, summary, note, *, is_new):
        """One activity for each person in charge, updated, never repeated.

        :param summary, note: methods of the company without arguments, in the reader's language
        :param is_new: else only what is still there is updated; who was done with it stays so
        """
        kind = "l10n_pl_ksef.mail_activity_type_outage"
        existing = {activity.user_id: activity for activity in self.activity_search([kind])}
        for user in self._administrators() or self._administrator():
            company = self.company_id.with_context(lang=user.lang)
            vals = {
                "summary": getattr(company, summary)(),
                "note": escape(getattr(company, note)()),  # with the error as it came
            }
            if user in existing:
                existing[user].write(vals)
            elif is_new:
                self.activity_schedule(
                    kind, user_id=user.id, date_deadline=fields.Date.context_today(self), **vals
                )

    def _drop_proposal(self):
        self.activity_unlink(["l10n_pl_ksef.mail_activity_type_outage"])

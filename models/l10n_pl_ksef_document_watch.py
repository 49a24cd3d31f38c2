"""Telling people of deadlines: an activity for whoever is responsible, a mail for who wants it."""

import logging
from datetime import timedelta

from markupsafe import Markup

from odoo import api, fields, models
from odoo.tools import format_date

from ..ksef import warsaw
from .l10n_pl_ksef_connection import to_naive
from .l10n_pl_ksef_document_offline import DEADLINE, WAITING

_logger = logging.getLogger(__name__)

# Seconds before the end of the deadline at which a person is told, the last one first.
STAGES = (("over", 0), ("4h", 4 * 3600), ("24h", 24 * 3600))


class L10nPlKsefDocument(models.Model):
    _inherit = "l10n_pl_ksef.document"

    def _deadline_end(self):
        """The moment when the deadline is over, as Odoo's naive UTC."""
        return to_naive(warsaw.end_of(self.deadline))

    @api.model
    def _cron_watch(self):
        """Tell people 24 and 4 hours before a deadline, and when it is over; once each."""
        self._note_late()
        horizon = fields.Date.context_today(self) + timedelta(days=2)
        documents = self.search(
            [
                ("state", "in", WAITING),
                ("deadline_status", "=", "due"),
                ("deadline", "<=", horizon),
                ("move_id.state", "=", "posted"),
            ],
            order="deadline, id",
        )._in_force()
        for company, group in documents.grouped("company_id").items():
            told = group._warn_where_due()
            told._mail_deadlines(company)
            group._checkpoint(len(told))

    def _warn_where_due(self):
        """Warn of each that has come to its next stage; those, the earliest deadline first."""
        now = fields.Datetime.now()
        told = self.browse()
        for document in self:
            left = (document._deadline_end() - now).total_seconds()
            stage = next((name for name, seconds in STAGES if left <= seconds), None)
            if not stage or stage == document.deadline_stage:
                continue
            try:
                with self.env.cr.savepoint():
                    document._warn(stage)
            except Exception:  # noqa: BLE001 - logged whole; the others are told all the same
                _logger.exception("KSeF: nobody could be told of %s", document)
            else:
                told |= document
        return told

    def _stage_texts(self):
        """What each stage is called, in the language of the context."""
        return {
            "24h": self.env._("KSeF deadline within a day"),
            "4h": self.env._("KSeF deadline within four hours"),
            "over": self.env._("KSeF deadline is over: send it still"),
        }

    def _warn(self, stage):
        self.ensure_one()
        lang = self.company_id.partner_id.lang
        # mail is what the company has to ask for: Odoo's own, one for each activity, stays out
        move = self.move_id.with_context(lang=lang, mail_activity_quick_update=True)
        vals = {
            "summary": self.with_context(lang=lang)._stage_texts()[stage],
            "note": move.env._(
                "KSeF must have %(number)s by the end of %(date)s.",
                number=self.invoice_number,
                date=self.deadline,
            ),
            "date_deadline": self.deadline,
        }
        activity = move.activity_search([DEADLINE])
        if activity:
            activity.write(vals)
        else:
            user = move._l10n_pl_ksef_responsible()
            move.activity_schedule(DEADLINE, user_id=user.id, **vals)
        self.sudo().deadline_stage = stage

    # -- mail ------------------------------------------------------------------------------------

    def _mail_deadlines(self, company):
        """One mail a person for all of these, to those whom the company has named in its settings.

        It is put in Odoo's queue of mails. It says numbers and days, nothing of the content.
        """
        if not self:
            return
        people = company.sudo().root_id.l10n_pl_ksef_deadline_user_ids
        for user in people.filtered(lambda u: u.email and company in u.company_ids):
            subject, body = self.with_context(lang=user.lang)._deadline_mail(company)
            self.env["mail.mail"].sudo().create(
                {
                    "subject": subject,
                    "body_html": body,
                    "email_to": user.email_formatted,
                    "auto_delete": True,
                }
            )

    def _deadline_mail(self, company):
        """(subject, body) in the language of the context."""
        texts = self._stage_texts()
        base = company.get_base_url()
        rows = [
            Markup('<li><a href="%s">%s</a>: %s (%s)</li>')
            % (
                f"{base}/mail/view?model=account.move&res_id={document.move_id.id}",
                document.invoice_number,
                texts[document.deadline_stage],
                format_date(self.env, document.deadline),
            )
            for document in self
        ]
        subject = self.env._(
            "%(company)s: %(count)s invoices that KSeF must have soon",
            company=company.display_name,
            count=len(self),
        )
        intro = self.env._("KSeF must have these invoices by the end of their day:")
        return subject, Markup("<p>%s</p><ul>%s</ul>") % (intro, Markup().join(rows))

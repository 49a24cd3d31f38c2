"""What people press on a KSeF document, and what the scheduler calls."""

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_datetime

from ..ksef import errors


class L10nPlKsefDocument(models.Model):
    _inherit = "l10n_pl_ksef.document"

    def action_retry(self):
        """Send held documents again: the same bytes."""
        self.move_id.check_access("write")
        held = self.sudo()._lock("held")
        if not held:
            raise UserError(
                self.env._("None of these documents is held; there is nothing to retry.")
            )
        held._transition("queued", next_attempt_at=False, failures=0)
        self._trigger("ir_cron_flush")
        return self._notify(self.env._("Back in the queue; it is sent within a minute."))

    def action_check(self):
        """Ask KSeF now, instead of waiting for the scheduled action."""
        self.move_id.check_access("write")
        now = fields.Datetime.now()
        documents = self.sudo()
        busy = documents.filtered(lambda d: d.state == "sending" and d.lease_until > now)
        documents.filtered(
            lambda d: d.state == "accepted"
            and not d.upo_file
            and d.session_id
            and d.reference_number
        ).upo_pending = True
        self.env["l10n_pl_ksef.sender"].sudo()._settle(documents - busy)
        return self._notify("\n".join(document._situation() for document in documents))

    def _situation(self):
        """Where this document stands, in a sentence."""
        self.ensure_one()
        connection = self.connection_id
        if self.state == "sending" and self.lease_until > fields.Datetime.now():
            return self.env._(
                "%(number)s is being sent right now. Ask again after %(time)s.",
                number=self.invoice_number,
                time=format_datetime(self.env, self.lease_until),
            )
        if connection._is_blocked() and (self.state != "accepted" or self.upo_pending):
            return self.env._(
                "KSeF is not asked about %(number)s before %(time)s: %(reason)s",
                number=self.invoice_number,
                time=format_datetime(self.env, connection.blocked_until),
                reason=connection.message,
            )
        state = dict(self._fields["state"]._description_selection(self.env))[self.state]
        parts = [state, self.ksef_number, self.state != "accepted" and self.error_text]
        return f"{self.invoice_number}: {', '.join(filter(None, parts))}"

    def action_conflict_accept(self):
        """An administrator says: the original in KSeF is this invoice.

        Its bytes are fetched: KOD I, dates and mode are those of the file that KSeF has.
        """
        self._check_administrator()
        for document in self.sudo()._lock("conflict"):
            if not document.original_ksef_number:
                raise UserError(
                    self.env._(
                        "KSeF named no original for %s: look it up in KSeF's own application.",
                        document.invoice_number,
                    )
                )
            try:
                self.env["l10n_pl_ksef.sender"].sudo()._take_original(document)
            except errors.KsefError as error:
                raise UserError(document.connection_id._explain(error)) from error
            document.move_id.message_post(
                body=self.env._("Conflict in KSeF decided: the original there is this invoice.")
            )

    def action_conflict_reject(self):
        """An administrator says: the original in KSeF is another invoice."""
        self._check_administrator()
        for document in self.sudo()._lock("conflict"):
            document._reject(
                "440",
                self.env._(
                    "KSeF holds another invoice under the number %s. Give this one a new number: "
                    "the same one would be refused again.",
                    document.invoice_number,
                ),
            )

    def _check_administrator(self):
        if not self.env.user.has_group("l10n_pl_ksef.group_l10n_pl_ksef_admin"):
            raise UserError(self.env._("Only a KSeF administrator may decide this."))
        self.check_access("read")

    @api.model
    @api.readonly
    def forecast(self):
        """The forecast of the company's queue, for the page of the queue.

        :return: list of {'text', 'level'}, see `l10n_pl_ksef.forecast`
        """
        self.check_access("read")
        Forecast = self.env["l10n_pl_ksef.forecast"]
        return Forecast._sentences(Forecast._figures(self.env.company))

    def _notify(self, message):
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "message": message,
                "type": "info",
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    @api.model
    def _trigger(self, cron, at=None):
        """Run a scheduled action of ours now, or at a moment."""
        self.env.ref(f"l10n_pl_ksef.{cron}").sudo()._trigger(at=at)

    # -- scheduled actions -----------------------------------------------------------------------

    @api.model
    def _cron_flush(self):
        """Send what is queued and due; before that, corrections whose wait is over."""
        self.env["account.move"]._l10n_pl_ksef_release_waiting()
        self.env["l10n_pl_ksef.sender"]._flush()

    @api.model
    def _cron_poll(self):
        """Resolve unknown outcomes, fetch numbers and UPOs."""
        self.env["l10n_pl_ksef.sender"]._poll()

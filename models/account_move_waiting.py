"""Corrections that wait for the KSeF number of what they correct (spec offline, section 10)."""

from odoo import api, fields, models
from odoo.exceptions import UserError

from .account_move import TROUBLE

NO_NUMBER = "KS18"  # the builder's code for a corrected invoice without a number


class AccountMove(models.Model):
    _inherit = "account.move"

    l10n_pl_ksef_waiting_since = fields.Datetime(
        "Waits for another invoice since",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="Sent by itself as soon as the corrected invoice has its KSeF number.",
    )
    l10n_pl_ksef_waiting_data = fields.Json(
        "To go on with",
        readonly=True,
        copy=False,
        groups=fields.NO_ACCESS,
        help="What Send & Print was asked to do; goes on when KSeF accepts the correction.",
    )
    l10n_pl_ksef_waits_for_ids = fields.Many2many(
        "account.move",
        string="Waits for the KSeF number of",
        compute="_compute_l10n_pl_ksef_waits_for_ids",
        compute_sudo=True,
    )

    @api.depends("l10n_pl_ksef_waiting_since", "l10n_pl_ksef_corrected_move_ids.l10n_pl_ksef_state")
    def _compute_l10n_pl_ksef_waits_for_ids(self):
        for move in self:
            waits = move.l10n_pl_ksef_waiting_since and move._l10n_pl_ksef_waits_for()
            move.l10n_pl_ksef_waits_for_ids = waits or False

    @api.depends("l10n_pl_ksef_waiting_since")
    def _compute_l10n_pl_ksef_summary(self):
        # EXTENDS 'l10n_pl_ksef'
        super()._compute_l10n_pl_ksef_summary()
        for move in self.filtered("l10n_pl_ksef_waiting_since"):
            if move.l10n_pl_ksef_state == "to_send":
                move.l10n_pl_ksef_state = "queued"

    # -- for whom --------------------------------------------------------------------------------

    def _l10n_pl_ksef_unnumbered(self):
        """The corrected invoices that have no KSeF number, and should have one."""
        self.ensure_one()
        if not self.l10n_pl_ksef_is_correction:
            return self.browse()
        external = self.l10n_pl_ksef_external_ids.filtered(lambda d: d.purpose == "corrected")
        # sudo: the corrected invoice may be of a colleague
        return self.sudo().l10n_pl_ksef_corrected_move_ids.filtered(
            lambda root: (
                root.name not in external.mapped("number")
                and not root.l10n_pl_ksef_total_failure_id
                and "accepted" not in root.l10n_pl_ksef_document_ids.mapped("state")
            )
        )

    def _l10n_pl_ksef_waits_for(self):
        """The corrected invoices that are still to get their KSeF number.

        Not those of another time or system: they will never have one from here.
        """
        return self._l10n_pl_ksef_unnumbered().filtered(
            lambda root: root.state == "draft" or root._l10n_pl_ksef_is_due()
        )

    def _l10n_pl_ksef_waiting_corrections(self):
        return self.sudo().search(
            [
                ("l10n_pl_ksef_corrected_move_ids", "in", self.ids),
                ("l10n_pl_ksef_waiting_since", "!=", False),
            ]
        )

    def _l10n_pl_ksef_fa3_findings(self):
        # EXTENDS 'l10n_pl_ksef': what only waits is no problem
        problems, warnings = super()._l10n_pl_ksef_fa3_findings()
        waits = self._l10n_pl_ksef_waits_for()
        if waits and waits == self._l10n_pl_ksef_unnumbered():
            problems = [problem for problem in problems if problem.code != NO_NUMBER]
        return problems, warnings

    # -- waiting ---------------------------------------------------------------------------------

    def _l10n_pl_ksef_wait(self):
        """Have this correction sent as soon as what it corrects has its number.

        :return: why nothing is frozen now, a sentence; None when it need not wait
        """
        self.ensure_one()
        if self.sudo().l10n_pl_ksef_document_ids._binding():
            return None
        waits = self._l10n_pl_ksef_waits_for()
        if not waits:
            return None
        self.check_access("write")
        text = self._l10n_pl_ksef_waiting_text(waits)
        vals = {"l10n_pl_ksef_waiting_data": self.sending_data}
        if not self.l10n_pl_ksef_waiting_since:
            vals["l10n_pl_ksef_waiting_since"] = fields.Datetime.now()
            self.message_post(body=text)
        self.sudo().write(vals)
        return text

    def _l10n_pl_ksef_waiting_text(self, waits):
        return self.env._(
            "It waits for the KSeF number of %s, which it has to name; then it is sent by itself.",
            ", ".join(waits.mapped("display_name")),
        )

    def _l10n_pl_ksef_stop_waiting(self):
        self.sudo().filtered("l10n_pl_ksef_waiting_since").write(
            {"l10n_pl_ksef_waiting_since": False, "l10n_pl_ksef_waiting_data": False}
        )

    @api.model
    def _l10n_pl_ksef_release_waiting(self):
        """Freeze the corrections whose originals have their numbers by now, oldest first.

        One that cannot be frozen stops waiting and tells a person; the others go (law 6).
        """
        Document = self.env["l10n_pl_ksef.document"]
        waiting = self.search(
            [("l10n_pl_ksef_waiting_since", "!=", False), ("state", "=", "posted")],
            order="invoice_date, id",
        )
        for move in waiting:
            if move._l10n_pl_ksef_waits_for() or not move._l10n_pl_ksef_is_due():
                continue
            with self.env["l10n_pl_ksef.sender"]._spare_others(Document):
                lang = move.company_id.partner_id.lang
                move.with_context(lang=lang)._l10n_pl_ksef_release()
            if Document._checkpoint(1) <= 0:
                Document._trigger("ir_cron_flush")
                return

    def _l10n_pl_ksef_release(self):
        locked = self.try_lock_for_update(allow_referencing=True)
        locked.invalidate_recordset(["l10n_pl_ksef_waiting_since"])
        for move in locked.filtered("l10n_pl_ksef_waiting_since"):
            going_on = move.sudo().l10n_pl_ksef_waiting_data
            move._l10n_pl_ksef_stop_waiting()
            move.activity_unlink([TROUBLE])
            try:
                move._l10n_pl_ksef_freeze().sudo().resume_sending = going_on
            except UserError as error:
                move._l10n_pl_ksef_on_trouble(
                    self.env._("The correction cannot be sent to KSeF"),
                    self.env._("%s Put this right, then press Send.", error),
                )

    # -- what happens to the original ------------------------------------------------------------

    def _l10n_pl_ksef_on_accepted(self, document):
        # EXTENDS 'l10n_pl_ksef'
        super()._l10n_pl_ksef_on_accepted(document)
        if self._l10n_pl_ksef_waiting_corrections():
            document._trigger("ir_cron_flush")

    def _l10n_pl_ksef_on_trouble(self, summary, note):
        # EXTENDS 'l10n_pl_ksef': who waits for it must know
        super()._l10n_pl_ksef_on_trouble(summary, note)
        for correction in self._l10n_pl_ksef_waiting_corrections():
            super(AccountMove, correction)._l10n_pl_ksef_on_trouble(
                self.env._("The corrected invoice is stuck before KSeF"),
                self.env._(
                    "This correction waits for the KSeF number of %(number)s. %(note)s",
                    number=self.name,
                    note=note,
                ),
            )

    def _l10n_pl_ksef_withdraw(self):
        # EXTENDS 'l10n_pl_ksef'
        self._l10n_pl_ksef_stop_waiting()
        return super()._l10n_pl_ksef_withdraw()

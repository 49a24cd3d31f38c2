"""Issuing without KSeF: the legal modes of an invoice, KOD II, and invoices outside KSeF."""

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError

from ..ksef import warsaw
from .account_move import TROUBLE
from .l10n_pl_ksef_connection import to_aware
from .l10n_pl_ksef_document_offline import DEADLINE
from .l10n_pl_ksef_outage import ANNOUNCED


class AccountMove(models.Model):
    _inherit = "account.move"

    l10n_pl_ksef_total_failure_id = fields.Many2one(
        "l10n_pl_ksef.outage",
        "Issued outside KSeF because of",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="Total failure of KSeF (art. 106ng): no file, no codes, never sent. JPK mark BFK.",
    )

    l10n_pl_ksef_may_issue_offline = fields.Boolean(
        "May be issued offline",
        compute="_compute_l10n_pl_ksef_may_issue_offline",
        compute_sudo=True,
        help="It is frozen, KSeF surely does not have it, and no print of it is out.",
    )

    l10n_pl_ksef_technical_id = fields.Many2one(
        "l10n_pl_ksef.document",
        "Rejected after its print was handed over",
        compute="_compute_l10n_pl_ksef_may_issue_offline",
        compute_sudo=True,
    )
    l10n_pl_ksef_deadline_status = fields.Selection(
        selection=lambda self: self.env["l10n_pl_ksef.document"]
        ._fields["deadline_status"]
        .selection,
        string="KSeF term",
        compute="_compute_l10n_pl_ksef_may_issue_offline",
        compute_sudo=True,
    )

    @api.depends(
        "l10n_pl_ksef_document_ids.state",
        "l10n_pl_ksef_document_ids.issued_offline",
        "l10n_pl_ksef_document_ids.deadline_status",
    )
    def _compute_l10n_pl_ksef_may_issue_offline(self):
        in_force = self.l10n_pl_ksef_document_ids._in_force()
        for move in self:
            document = move._l10n_pl_ksef_document(in_force)
            move.l10n_pl_ksef_may_issue_offline = bool(document._withdrawable())
            move.l10n_pl_ksef_technical_id = document.filtered(
                lambda d: d.state == "rejected" and d.issued_offline
            )
            move.l10n_pl_ksef_deadline_status = (
                document.state not in ("accepted", "withdrawn") and document.deadline_status
            )

    @api.depends("l10n_pl_ksef_technical_id")
    def _compute_show_reset_to_draft_button(self):
        # EXTENDS 'l10n_pl_ksef': its print is out; a technical correction puts it right
        super()._compute_show_reset_to_draft_button()
        for move in self.filtered("l10n_pl_ksef_technical_id"):
            move.show_reset_to_draft_button = False

    # -- which mode ------------------------------------------------------------------------------

    def _l10n_pl_ksef_is_switched_offline(self):
        return self.company_id.sudo().root_id.l10n_pl_ksef_mode == "offline"

    def _l10n_pl_ksef_legal_mode(self, offline):
        """The mode that the law gives to an invoice that is issued now.

        Only an announcement of the Ministry makes more than offline24 of it (law 3).
        """
        late = self.invoice_date < self._l10n_pl_ksef_today()
        if not offline:
            return "offline24" if late else "online"
        environment = self.company_id.sudo().root_id.l10n_pl_ksef_environment
        announced = self.env["l10n_pl_ksef.outage"]._announced_now(environment)
        mode = ANNOUNCED.get(announced.kind, "offline24")
        # in a total failure an invoice may still be made for KSeF: it goes as an own choice
        return "offline24" if mode == "total_failure" else mode

    @api.depends("l10n_pl_ksef_total_failure_id")
    def _compute_l10n_pl_ksef_summary(self):
        # EXTENDS 'l10n_pl_ksef'
        super()._compute_l10n_pl_ksef_summary()
        for move in self.filtered("l10n_pl_ksef_total_failure_id"):
            move.l10n_pl_ksef_state = "exempt"
            move.l10n_pl_ksef_mode = "total_failure"

    def _l10n_pl_ksef_is_due(self):
        # EXTENDS 'l10n_pl_ksef'
        return super()._l10n_pl_ksef_is_due() and not self.l10n_pl_ksef_total_failure_id

    @api.constrains("l10n_pl_ksef_total_failure_id")
    def _check_l10n_pl_ksef_total_failure(self):
        for move in self.filtered("l10n_pl_ksef_total_failure_id"):
            outage = move.l10n_pl_ksef_total_failure_id
            root = move.company_id.sudo().root_id
            if (
                outage.kind != "total_failure"
                or outage.environment != root.l10n_pl_ksef_environment
                or move.invoice_date < warsaw.day_of(to_aware(outage.start))
                or move.sudo().l10n_pl_ksef_document_ids._binding()
            ):
                raise ValidationError(
                    self.env._(
                        "%s was not issued during that total failure, or KSeF may have it.",
                        move.display_name,
                    )
                )

    # -- what people press -----------------------------------------------------------------------

    def action_l10n_pl_ksef_issue_offline(self):
        """Issue these invoices now, with two codes; KSeF gets them when it can.

        Each stands for itself: the problems of some are told, the others are issued.
        """
        self._l10n_pl_ksef_check_invoicing()
        issued, problems = self.browse(), []
        for move in self:
            try:
                with self.env.cr.savepoint():
                    move._l10n_pl_ksef_issue_offline()
                issued |= move
            except UserError as error:
                problems.append(str(error))
        if problems and not issued:
            raise UserError("\n".join(problems))
        self.env["l10n_pl_ksef.document"]._trigger("ir_cron_flush")
        message = self.env._("Issued offline: %s.", ", ".join(issued.mapped("name")))
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "message": "\n".join([message, *problems]),
                "type": "warning" if problems else "success",
                "sticky": bool(problems),
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    def _l10n_pl_ksef_issue_offline(self):
        """Freeze if need be, and declare offline.

        :raise UserError: it is not for KSeF, is or may be there, or KOD II cannot be signed
        """
        self.ensure_one()
        if not self._l10n_pl_ksef_is_due():
            raise UserError(self.env._("%s is not an invoice for KSeF.", self.display_name))
        if waits := self._l10n_pl_ksef_waits_for():
            raise UserError(
                self.env._(
                    "%(number)s corrects %(corrected)s, which has no KSeF number yet, and cannot "
                    "be issued before. Press Send: it waits and goes by itself.",
                    number=self.display_name,
                    corrected=", ".join(waits.mapped("display_name")),
                )
            )
        document = self._l10n_pl_ksef_freeze(offline=True)
        if not document.issued_offline:
            document._issue_offline(self._l10n_pl_ksef_legal_mode(offline=True))
        self._message_log(
            body=self.env._(
                "Issued offline (%(mode)s); KSeF must have it by %(deadline)s.",
                mode=dict(self._fields["l10n_pl_ksef_mode"]._description_selection(self.env))[
                    document.legal_mode
                ],
                deadline=document.deadline
                or (
                    self.env._("no day: the duty is lifted")
                    if document.deadline_status == "lifted"
                    else self.env._("the term after the outage")
                ),
            )
        )
        return document

    def action_l10n_pl_ksef_technical_correction(self):
        """Compare with the rejected file, then correct it technically."""
        self.ensure_one()
        return self.l10n_pl_ksef_technical_id.action_technical_correction()

    def _l10n_pl_ksef_check_invoicing(self):
        if not self.env.user.has_group("account.group_account_invoice"):
            raise AccessError(self.env._("Only people who invoice may decide how it is issued."))
        self.check_access("write")

    def action_l10n_pl_ksef_issue_outside(self):
        """Total failure of KSeF: the invoice is issued without KSeF, once and for all."""
        self._l10n_pl_ksef_check_invoicing()
        for move in self:
            environment = move.company_id.sudo().root_id.l10n_pl_ksef_environment
            outage = self.env["l10n_pl_ksef.outage"]._announced_now(environment)
            if outage.kind != "total_failure":
                raise UserError(
                    self.env._(
                        "No total failure of KSeF is announced now. Enter the announcement under "
                        "KSeF > Online / offline mode first."
                    )
                )
            if not move._l10n_pl_ksef_is_due() or move.sudo().l10n_pl_ksef_document_ids._binding():
                raise UserError(
                    self.env._("%s cannot be issued outside KSeF any more.", move.display_name)
                )
            move._l10n_pl_ksef_stop_waiting()
            move._l10n_pl_ksef_detach_pdf()
            move.l10n_pl_ksef_total_failure_id = outage
            move.message_post(
                body=self.env._(
                    "Issued outside KSeF: total failure, %s. Mark it BFK in JPK.",
                    outage.announcement,
                )
            )

    def action_l10n_pl_ksef_undo_outside(self):
        """It was no invoice of a total failure: it has to go to KSeF after all.

        :raise UserError: a correction names it as issued outside KSeF
        """
        self._l10n_pl_ksef_check_invoicing()
        for move in self.filtered("l10n_pl_ksef_total_failure_id"):
            relying = move._l10n_pl_ksef_relying()
            if relying:
                raise UserError(
                    self.env._(
                        "%(number)s stays outside KSeF: %(others)s say so in their KSeF files, or "
                        "were issued outside with it.",
                        number=move.display_name,
                        others=", ".join(relying.mapped("display_name")),
                    )
                )
            announcement = move.l10n_pl_ksef_total_failure_id.announcement
            move.activity_unlink([TROUBLE])
            move._l10n_pl_ksef_detach_pdf()
            move.l10n_pl_ksef_total_failure_id = False
            move.message_post(
                body=self.env._(
                    "No invoice of the total failure %s: that was a mistake. It has to go to KSeF.",
                    announcement,
                )
            )

    def _l10n_pl_ksef_relying(self):
        """Corrections that were issued in the belief that this invoice is outside KSeF."""
        self.ensure_one()
        # sudo: corrections of colleagues count
        corrections = self.sudo().search(
            [
                ("l10n_pl_ksef_corrected_move_ids", "in", self.ids),
                ("state", "=", "posted"),
            ]
        )
        return corrections.filtered(
            lambda move: (
                move.l10n_pl_ksef_total_failure_id or move.l10n_pl_ksef_document_ids._binding()
            )
        )

    def _l10n_pl_ksef_on_accepted(self, document):
        # EXTENDS 'l10n_pl_ksef'
        self.activity_unlink([DEADLINE])
        super()._l10n_pl_ksef_on_accepted(document)

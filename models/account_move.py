import logging

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..ksef import crypto
from ..ksef.fa3.reader import read
from .l10n_pl_ksef_document import ABSENT, BINDING, LIVE
from .l10n_pl_ksef_document_offline import DEADLINE

# What Odoo's own module l10n_pl_edi knows of an invoice that it sent (law 10).
SENT_BY_OTHER_MODULE = ("l10n_pl_edi_number", "l10n_pl_edi_ref")

_logger = logging.getLogger(__name__)
TROUBLE = "l10n_pl_ksef.mail_activity_type_trouble"


class AccountMove(models.Model):
    _inherit = "account.move"

    l10n_pl_ksef_document_ids = fields.One2many(
        "l10n_pl_ksef.document", "move_id", "KSeF documents", readonly=True, copy=False
    )
    l10n_pl_ksef_state = fields.Selection(
        selection=[
            ("exempt", "Outside KSeF"),
            ("to_send", "To send"),
            ("queued", "Queued"),
            ("sending", "Being sent"),
            ("accepted", "Accepted"),
            ("rejected", "Rejected"),
            ("attention", "Needs attention"),
        ],
        string="KSeF status",
        compute="_compute_l10n_pl_ksef_summary",
        store=True,
        copy=False,
        index="btree_not_null",
        tracking=True,
    )
    l10n_pl_ksef_mode = fields.Selection(
        selection=[
            ("online", "Online"),
            ("offline24", "Offline24"),
            ("offline", "Offline (KSeF unavailable)"),
            ("emergency", "Emergency (KSeF failure)"),
            ("total_failure", "Total failure"),
        ],
        string="KSeF mode",
        compute="_compute_l10n_pl_ksef_summary",
        store=True,
        copy=False,
    )
    l10n_pl_ksef_number = fields.Char(
        "KSeF number",
        compute="_compute_l10n_pl_ksef_summary",
        store=True,
        copy=False,
        index="trigram",
        tracking=True,
    )
    l10n_pl_ksef_accepted_at = fields.Datetime(
        "Accepted by KSeF", compute="_compute_l10n_pl_ksef_summary", store=True, copy=False
    )
    l10n_pl_ksef_deadline = fields.Date(
        "KSeF deadline", compute="_compute_l10n_pl_ksef_summary", store=True, copy=False
    )
    l10n_pl_ksef_error = fields.Text("KSeF problem", compute="_compute_l10n_pl_ksef_error")
    l10n_pl_ksef_held = fields.Boolean("Held before KSeF", compute="_compute_l10n_pl_ksef_error")
    l10n_pl_ksef_live_document_id = fields.Many2one(
        "l10n_pl_ksef.document", compute="_compute_l10n_pl_ksef_error"
    )

    # -- summary ---------------------------------------------------------------------------------

    def _l10n_pl_ksef_document(self, in_force=None):
        """The document that speaks for this invoice: accepted, else live, else newest; or none."""
        self.ensure_one()
        documents = self.l10n_pl_ksef_document_ids.sorted("id", reverse=True)
        documents = documents._in_force() if in_force is None else documents & in_force
        for states in (("accepted",), (*LIVE, "conflict"), ("rejected",)):
            if found := documents.filtered(lambda d, states=states: d.state in states):
                return found[0]
        return documents[:0]

    @api.depends(
        "state",
        "move_type",
        "l10n_pl_ksef_document_ids.state",
        "l10n_pl_ksef_document_ids.legal_mode",
        "l10n_pl_ksef_document_ids.ksef_number",
        "l10n_pl_ksef_document_ids.deadline",
    )
    def _compute_l10n_pl_ksef_summary(self):
        summary = {"held": "attention", "conflict": "attention", "sent": "sending"}
        in_force = self.sudo().l10n_pl_ksef_document_ids._in_force()
        for move in self:
            document = move.sudo()._l10n_pl_ksef_document(in_force)
            if document.state == "rejected" and move.state != "posted":
                document = document.browse()  # it is being put right
            if document and document.state != "withdrawn":
                move.l10n_pl_ksef_state = summary.get(document.state, document.state)
            else:
                move.l10n_pl_ksef_state = "to_send" if move._l10n_pl_ksef_is_due() else False
            move.l10n_pl_ksef_mode = document.legal_mode
            move.l10n_pl_ksef_number = document.ksef_number
            move.l10n_pl_ksef_accepted_at = document.acquired_at
            move.l10n_pl_ksef_deadline = document.state != "accepted" and document.deadline

    def _l10n_pl_ksef_is_due(self):
        """Whether this posted sale has to go through KSeF from here."""
        self.ensure_one()
        root = self.company_id.sudo().root_id
        return bool(
            self.state == "posted"
            and self.move_type in ("out_invoice", "out_refund")
            and root.l10n_pl_ksef_environment
            # what was issued before must not be issued again by a second look at it
            and self.invoice_date
            and root.l10n_pl_ksef_start_date
            and self.invoice_date >= root.l10n_pl_ksef_start_date
            and not any(self[name] for name in SENT_BY_OTHER_MODULE if name in self._fields)
        )

    @api.depends(
        "l10n_pl_ksef_state", "l10n_pl_ksef_number", "l10n_pl_ksef_document_ids.error_text"
    )
    def _compute_l10n_pl_ksef_error(self):
        for move in self:
            document = move._l10n_pl_ksef_document()
            connection = document.connection_id.sudo()  # only its sentence is shown
            waits = document.state in LIVE and connection._is_blocked()
            move.l10n_pl_ksef_live_document_id = document.state in BINDING and document
            move.l10n_pl_ksef_held = document.state == "held"
            move.l10n_pl_ksef_error = document.state not in ("accepted", "withdrawn") and (
                document.error_text or (waits and connection.message)
            )

    # -- freezing --------------------------------------------------------------------------------

    def _l10n_pl_ksef_freeze(self, offline=False):
        """Build, check and store the FA(3) file; nothing leaves yet.

        :param offline: issue it now, with KOD II; so does a company that is switched to OFFLINE
        :return: the live document: the new one, or the one that is there already
        :raise UserError: everything that stands against it, at once; then nothing is stored
        """
        self.ensure_one()
        self.check_access("write")
        offline = offline or self._l10n_pl_ksef_is_switched_offline()
        document = self.sudo().l10n_pl_ksef_document_ids._binding()[:1]
        with self.env.cr.savepoint():  # whoever catches the error finds nothing half made
            if not document:
                document = self._l10n_pl_ksef_new_document()
            if offline and document.state in ABSENT and not document.issued_offline:
                document._issue_offline(self._l10n_pl_ksef_legal_mode(offline=True))
        return document

    def _l10n_pl_ksef_new_document(self):
        connection = self.env["l10n_pl_ksef.connection"]._for_company(self.company_id)
        if not connection:
            raise UserError(self._l10n_pl_ksef_missing()[0])
        xml = self._l10n_pl_ksef_build_fa3()
        return (
            self.env["l10n_pl_ksef.document"]
            .sudo()
            .create(
                {
                    "move_id": self.id,
                    "company_id": self.company_id.id,
                    "connection_id": connection.id,
                    "seller_nip": connection._nip(),
                    "invoice_kind": read(xml).Fa.RodzajFaktury,
                    "invoice_number": self.name,
                    "issue_date": self.invoice_date,
                    "legal_mode": self._l10n_pl_ksef_legal_mode(offline=False),
                    "xml_file": crypto.to_base64(xml),
                    "xml_sha256": crypto.to_base64(crypto.sha256(xml)),
                    "xml_size": len(xml),
                }
            )
        )

    @api.model
    def _l10n_pl_ksef_today(self):
        """The legal day: Europe/Warsaw."""
        return fields.Date.context_today(
            self.with_context(tz="Europe/Warsaw"), fields.Datetime.now()
        )

    def _l10n_pl_ksef_missing(self):
        """What this company lacks before anything can be sent: a list of sentences."""
        company = self.company_id.sudo().root_id
        connection = self.env["l10n_pl_ksef.connection"]._for_company(company)
        missing = []
        if not company.l10n_pl_ksef_environment:
            missing.append(
                self.env._("%s: choose the KSeF environment in the settings.", company.display_name)
            )
        elif (
            not connection
            or (
                connection.auth_method == "certificate"
                and not company.l10n_pl_ksef_auth_certificate_id
            )
            or (connection.auth_method == "token" and not connection.token)
        ):
            missing.append(
                self.env._(
                    "%s: no certificate or token for the login to KSeF. "
                    "A KSeF administrator sets it in the settings and presses Connect.",
                    company.display_name,
                )
            )
        return missing

    # -- what the documents report -----------------------------------------------------------------

    def _l10n_pl_ksef_on_accepted(self, document):
        self.ensure_one()
        self._l10n_pl_ksef_detach_pdf()
        self.activity_unlink([TROUBLE])
        self._message_log(
            body=self.env._("KSeF accepted this invoice under the number %s.", document.ksef_number)
        )
        if document.resume_sending and not self.sending_data:
            self.sending_data = document.resume_sending
            document.resume_sending = False
            self.env.ref("account.ir_cron_account_move_send").sudo()._trigger()

    def _l10n_pl_ksef_detach_pdf(self):
        """The codes changed: the PDF from before stays attached, the next one is made anew."""
        stale = self.sudo().invoice_pdf_report_id
        if stale:
            stale.res_field = False
            self.invalidate_recordset(["invoice_pdf_report_id", "invoice_pdf_report_file"])

    def _l10n_pl_ksef_on_trouble(self, summary, note):
        """One activity a subject, updated, never repeated."""
        self.ensure_one()
        activity = self.activity_search([TROUBLE])
        if activity:
            activity.write({"summary": summary, "note": note})
        else:
            user = self._l10n_pl_ksef_responsible()
            self.activity_schedule(TROUBLE, summary=summary, note=note, user_id=user.id)
        self.message_post(body=note)

    def _l10n_pl_ksef_responsible(self):
        """The person who may put it right: salesperson or author with invoicing rights."""
        for user in (self.invoice_user_id, self.create_uid):
            if (
                user.active
                and user != self.env.ref("base.user_root")
                and user.has_group("account.group_account_invoice")
            ):
                return user
        connection = self.env["l10n_pl_ksef.connection"]._for_company(self.company_id)
        return connection._administrator()

    # -- guards (law 5) ----------------------------------------------------------------------------

    @api.constrains("state", "name", "invoice_date", "company_id", "move_type")
    def _check_l10n_pl_ksef_frozen(self):
        for move in self:
            document = move.sudo().l10n_pl_ksef_document_ids._binding()[:1]
            if document and (
                move.state != "posted"
                or move.name != document.invoice_number
                or move.invoice_date != document.issue_date
                or move.company_id != document.company_id
            ):
                raise ValidationError(
                    self.env._(
                        "KSeF has %(number)s of %(date)s, or is getting it: its status, number, "
                        "date and company cannot change any more. Issue a correction instead.",
                        number=document.invoice_number,
                        date=document.issue_date,
                    )
                )

    def _l10n_pl_ksef_withdraw(self):
        """Take back what KSeF surely does not have."""
        rejected = (
            self.sudo()
            .l10n_pl_ksef_document_ids._in_force()
            .filtered(lambda d: d.state == "rejected" and d.issued_offline)
        )
        if rejected:
            raise UserError(
                self.env._(
                    "%s was handed over offline and then rejected by KSeF: its print with the "
                    "codes is out. Make a technical correction of the same content on the KSeF "
                    "document, not another invoice.",
                    ", ".join(rejected.mapped("invoice_number")),
                )
            )
        documents = self.sudo().l10n_pl_ksef_document_ids._withdrawable()
        documents = documents._lock(*ABSENT)
        documents._transition("withdrawn", next_attempt_at=False)
        for move in documents.move_id:
            move.message_post(
                body=self.env._("Taken out of the KSeF queue; KSeF does not have it.")
            )
        self.activity_unlink([TROUBLE, DEADLINE])

    def button_draft(self):
        # EXTENDS 'account'
        self._l10n_pl_ksef_withdraw()
        return super().button_draft()

    def button_cancel(self):
        # EXTENDS 'account'
        self._l10n_pl_ksef_withdraw()
        return super().button_cancel()

    @api.depends("l10n_pl_ksef_state", "l10n_pl_ksef_document_ids.state")
    def _compute_show_reset_to_draft_button(self):
        # EXTENDS 'account'
        super()._compute_show_reset_to_draft_button()
        for move in self:
            binding = move.sudo().l10n_pl_ksef_document_ids._binding()
            if binding - binding._withdrawable():
                move.show_reset_to_draft_button = False

    @api.ondelete(at_uninstall=False)
    def _unlink_except_l10n_pl_ksef(self):
        if self.sudo().l10n_pl_ksef_document_ids:
            raise UserError(
                self.env._(
                    "An invoice that was prepared for KSeF cannot be deleted; cancel it instead."
                )
            )

    # -- what people press -------------------------------------------------------------------------

    def action_l10n_pl_ksef_send(self):
        """Open Send & Print, where KSeF is ticked."""
        return self.action_invoice_sent() if len(self) == 1 else self.action_send_and_print()

    def action_l10n_pl_ksef_check(self):
        """Ask KSeF now for numbers and UPOs."""
        return self.l10n_pl_ksef_live_document_id.action_check()

    def action_l10n_pl_ksef_retry(self):
        """Send held documents again."""
        return self.l10n_pl_ksef_live_document_id.action_retry()

    def action_l10n_pl_ksef_documents(self):
        """Show the documents of these invoices."""
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("KSeF documents"),
            "res_model": "l10n_pl_ksef.document",
            "view_mode": "list,form",
            "domain": [("move_id", "in", self.ids)],
        }

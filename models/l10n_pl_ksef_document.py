"""The queue of KSeF: one row is one frozen FA(3) file of one invoice."""

import base64
import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..ksef import crypto, links

_logger = logging.getLogger(__name__)

LIVE = ("queued", "held", "sending", "sent")
# What KSeF has, or may have: nothing about such an invoice may change (law 5).
BINDING = (*LIVE, "accepted", "conflict")

#                 ┌──── resolve: absent · refused before acceptance ────┐
#                 ▼                                                     │
#  freeze ────► queued ─────────── intend (commit) ──────────────────► sending ─ reply · found ► sent
#                │  ▲                                                   │                         │
#    withdraw ───┤  └──── retry ──── held ◄──── right, key, our own bug ┘                         │
#                ▼                    ▲                                                           │
#            withdrawn                └──────── 410 415, five failures ───────────────────────────┤
#                                                                                                 │
#    queued   ◄── 405 435 500 550, in a new session ──────────────────────────────────────────────┤
#    accepted ◄── 200, or 440 with our own hash ──────────────────────────────────────────────────┤
#    conflict ◄── 440 otherwise; an administrator makes it accepted or rejected ──────────────────┤
#    rejected ◄── 430 450; superseded when a newer document is accepted ──────────────────────────┘
#
#  queued -> sending, held, withdrawn
#  held -> queued
#  sending -> sent, queued, held
#  sent -> accepted, rejected, conflict, queued, held
#  conflict -> accepted, rejected
#  rejected -> superseded
#  accepted ->
#  superseded ->
#  withdrawn ->
TRANSITIONS = {
    "queued": {"sending", "held", "withdrawn"},
    "held": {"queued"},
    "sending": {"sent", "queued", "held"},
    "sent": {"accepted", "rejected", "conflict", "queued", "held"},
    "conflict": {"accepted", "rejected"},
    "rejected": {"superseded"},
    "accepted": set(),
    "superseded": set(),
    "withdrawn": set(),
}


class L10nPlKsefDocument(models.Model):
    _name = "l10n_pl_ksef.document"
    _description = "KSeF document"
    _order = "id desc"
    _rec_name = "invoice_number"
    _check_company_auto = True

    move_id = fields.Many2one(
        "account.move", required=True, readonly=True, index=True, ondelete="restrict"
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    connection_id = fields.Many2one("l10n_pl_ksef.connection", required=True, readonly=True)
    environment = fields.Selection(related="connection_id.environment", store=True)
    seller_nip = fields.Char("Seller NIP", required=True, readonly=True)
    invoice_kind = fields.Char(
        "Kind (RodzajFaktury)", required=True, readonly=True, help="RodzajFaktury of FA(3)."
    )
    invoice_number = fields.Char(
        "Invoice number", required=True, readonly=True, help="P_2 of FA(3)."
    )
    issue_date = fields.Date(required=True, readonly=True, help="P_1 of FA(3).")
    legal_mode = fields.Selection(
        selection=[
            ("online", "Online"),
            ("offline24", "Offline24"),
            ("offline", "Offline (KSeF unavailable)"),
            ("emergency", "Emergency (KSeF failure)"),
            ("total_failure", "Total failure"),
        ],
        required=True,
        readonly=True,
        default="online",
    )
    xml_file = fields.Binary("FA(3) file", required=True, readonly=True, attachment=True)
    xml_filename = fields.Char(compute="_compute_filenames")
    xml_sha256 = fields.Char(
        "SHA-256",
        required=True,
        readonly=True,
        help="Base64 of the 32-byte digest of the FA(3) file.",
    )
    xml_size = fields.Integer("Size in bytes", required=True, readonly=True)
    corrects_sha256 = fields.Char("Technically corrects (SHA-256)", readonly=True)
    qr_invoice_url = fields.Char("KOD I", compute="_compute_qr_invoice_url")

    state = fields.Selection(
        selection=[
            ("queued", "Queued"),
            ("held", "Held"),
            ("sending", "Sending (outcome unknown)"),
            ("sent", "Sent"),
            ("accepted", "Accepted"),
            ("rejected", "Rejected"),
            ("conflict", "Conflict"),
            ("superseded", "Superseded"),
            ("withdrawn", "Withdrawn"),
        ],
        required=True,
        readonly=True,
        default="queued",
        index=True,
    )
    session_id = fields.Many2one("l10n_pl_ksef.session", readonly=True, index="btree_not_null")
    reference_number = fields.Char(readonly=True, help="KSeF's reference of this sending.")
    attempt = fields.Integer("Attempts", readonly=True, default=0)
    failures = fields.Integer("Failures in a row", readonly=True, default=0)
    lease_until = fields.Datetime(readonly=True)
    next_attempt_at = fields.Datetime("Next attempt", readonly=True)
    sent_at = fields.Datetime(readonly=True)
    deadline = fields.Date(readonly=True)
    ksef_number = fields.Char("KSeF number", readonly=True, index="btree_not_null")
    original_ksef_number = fields.Char(
        "Number of the original",
        readonly=True,
        help="What KSeF named when it answered 440 (duplicate).",
    )
    acquired_at = fields.Datetime("Number assigned", readonly=True)
    upo_file = fields.Binary("UPO", readonly=True, attachment=True)
    upo_filename = fields.Char(compute="_compute_filenames")
    upo_pending = fields.Boolean("UPO pending", readonly=True)
    error_code = fields.Char(readonly=True)
    error_kind = fields.Char(readonly=True)
    error_text = fields.Text("What KSeF said", readonly=True)
    superseded_by_id = fields.Many2one("l10n_pl_ksef.document", readonly=True)

    _one_live_per_move = models.UniqueIndex(
        "(move_id) WHERE state IN ('queued', 'held', 'sending', 'sent')",
        "This invoice already has a document on its way to KSeF.",
    )
    _one_accepted_per_move = models.UniqueIndex(
        "(move_id) WHERE state = 'accepted'", "KSeF has already accepted this invoice."
    )
    _unique_number = models.UniqueIndex(
        "(connection_id, ksef_number) WHERE ksef_number IS NOT NULL",
        "Two documents cannot have one KSeF number.",
    )
    _unique_content = models.UniqueIndex(
        "(connection_id, xml_sha256)", "This FA(3) file is already in the queue of KSeF."
    )
    _sha256_length = models.Constraint(
        "CHECK(length(xml_sha256) = 44)", "The SHA-256 must be 32 bytes in Base64."
    )
    _due = models.Index("(state, next_attempt_at) WHERE state IN ('queued', 'sending', 'sent')")

    @api.depends("invoice_number")
    def _compute_filenames(self):
        for document in self:
            name = (document.invoice_number or "").replace("/", "_")
            document.xml_filename = f"{name}_FA3.xml"
            document.upo_filename = f"{name}_UPO.xml"

    @api.depends("xml_sha256", "seller_nip", "issue_date", "environment")
    def _compute_qr_invoice_url(self):
        for document in self:
            document.qr_invoice_url = document.xml_sha256 and links.invoice_url(
                document.sudo().connection_id._ksef_environment().qr,
                document.seller_nip,
                document.issue_date,
                crypto.from_base64(document.xml_sha256),
            )

    @api.ondelete(at_uninstall=False)
    def _unlink_never(self):
        raise UserError(
            self.env._("KSeF documents are evidence for the tax office and cannot be deleted.")
        )

    def _xml(self):
        """The frozen bytes; raises rather than let others than the hashed ones leave (law 1)."""
        self.ensure_one()
        xml = base64.b64decode(self.with_context(bin_size=False).xml_file)
        if crypto.to_base64(crypto.sha256(xml)) != self.xml_sha256:
            raise UserError(
                self.env._(
                    "The stored FA(3) file of %(number)s is not the file that was frozen. "
                    "Restore it from a backup; it is not sent.",
                    number=self.invoice_number,
                )
            )
        return xml

    # -- state machine ---------------------------------------------------------------------------

    def _transition(self, state, **vals):
        """The only way to change a state: refuses what the drawing does not have."""
        for document in self:
            if state not in TRANSITIONS[document.state]:
                raise UserError(
                    self.env._(
                        "The KSeF document of %(number)s cannot go from %(old)s to %(new)s.",
                        number=document.invoice_number,
                        old=document.state,
                        new=state,
                    )
                )
        self.sudo().write({"state": state, **vals})

    @api.model
    def _checkpoint(self, done=0, **kw):
        """Make what happened so far durable.

        :return: seconds left for this run of a scheduled action; infinite outside of one
        """
        in_cron = self.env.context.get("ir_cron_progress_id")
        if in_cron or self.env["account.move.send"]._can_commit():
            return self.env["ir.cron"]._commit_progress(done, **kw)
        self.env.flush_all()  # a plain test may not commit
        return float("inf")

    def _lock(self, *states):
        """The rows of self that nobody else works on and that still are in one of the states."""
        locked = self.try_lock_for_update(allow_referencing=True)
        locked.invalidate_recordset(["state", "attempt", "lease_until"])
        return locked.filtered(lambda document: document.state in states)

    # -- settling --------------------------------------------------------------------------------

    def _accept(self, number, acquired_at, mode):
        """KSeF took this very file. `mode` is KSeF's invoicingMode: Online, Offline or None."""
        self.ensure_one()
        vals = {
            "ksef_number": number,
            "acquired_at": acquired_at,
            "upo_pending": bool(self.reference_number),
            "error_code": False,
            "error_kind": False,
            "error_text": False,
            "failures": 0,
            "next_attempt_at": False,
        }
        if mode == "Offline" and self.legal_mode == "online":
            # art. 106nda(16): it arrived after the day in P_1
            vals["legal_mode"] = "offline24"
        self._transition("accepted", **vals)
        older = self.move_id.l10n_pl_ksef_document_ids.filtered(lambda d: d.state == "rejected")
        older._transition("superseded", superseded_by_id=self.id)
        self.move_id._l10n_pl_ksef_on_accepted(self)

    def _reject(self, code, text):
        self.ensure_one()
        self._transition(
            "rejected",
            error_code=str(code),
            error_kind="final",
            error_text=text,
            next_attempt_at=False,
        )
        self.move_id._l10n_pl_ksef_on_trouble(
            self.env._("KSeF rejected this invoice"),
            self.env._(
                "KSeF said: %(text)s (%(code)s). Reset the invoice to draft, correct it and send it again.",
                text=text,
                code=code,
            ),
        )

    def _hold(self, kind, code, text):
        self.ensure_one()
        self._transition(
            "held",
            error_kind=kind,
            error_code=str(code or ""),
            error_text=text,
            lease_until=False,
            next_attempt_at=False,
        )
        self.move_id._l10n_pl_ksef_on_trouble(
            self.env._("The invoice waits: KSeF cannot take it yet"),
            self.env._(
                "%(text)s Put this right, then press Retry on the KSeF document.", text=text
            ),
        )

    def _requeue(self, text, *, code=None, delay=None, counts=True):
        """Back to the queue; KSeF surely does not have the file. `delay` in seconds."""
        self.ensure_one()
        failures = self.failures + 1 if counts else self.failures
        if delay is None:
            delay = 60 * (1, 2, 5, 15, 30, 60)[min(failures, 6) - 1 if failures else 0]
        self._transition(
            "queued",
            session_id=False,
            reference_number=False,
            lease_until=False,
            failures=failures,
            error_code=str(code or ""),
            error_kind="retry",
            error_text=text,
            next_attempt_at=fields.Datetime.now() + timedelta(seconds=delay),
        )

    def _conflict(self, number, text):
        self.ensure_one()
        self._transition(
            "conflict",
            error_code="440",
            error_kind="question",
            error_text=text,
            original_ksef_number=number,
            next_attempt_at=False,
        )
        self.move_id._l10n_pl_ksef_on_trouble(
            self.env._("KSeF has another file under this invoice number"),
            self.env._(
                "%(text)s A KSeF administrator must compare the two and decide on the KSeF "
                "document.",
                text=text,
            ),
        )

    # -- what people press -----------------------------------------------------------------------

    def action_retry(self):
        """Send a held document again: the same bytes."""
        self.move_id.check_access("write")
        locked = self.sudo()._lock("held")
        locked._transition("queued", next_attempt_at=False, failures=0)
        self.env.ref("l10n_pl_ksef.ir_cron_flush").sudo()._trigger()
        return self._notify(self.env._("Back in the queue; it is sent within a minute."))

    def action_check(self):
        """Ask KSeF now, instead of waiting for the scheduled action."""
        self.move_id.check_access("write")
        self.env["l10n_pl_ksef.sender"].sudo()._settle(self.sudo(), now=True)

    def action_conflict_accept(self):
        """An administrator says: the original in KSeF is this invoice."""
        self._check_administrator()
        for document in self.sudo()._lock("conflict"):
            if not document.original_ksef_number:
                raise UserError(
                    self.env._(
                        "KSeF named no original for %s; look it up in KSeF and reject this "
                        "document.",
                        document.invoice_number,
                    )
                )
            document._accept(document.original_ksef_number, fields.Datetime.now(), None)
            document.move_id.message_post(
                body=self.env._("Conflict in KSeF decided: the original there is this invoice.")
            )

    def action_conflict_reject(self):
        """An administrator says: the original in KSeF is another invoice."""
        self._check_administrator()
        for document in self.sudo()._lock("conflict"):
            document._reject("440", document.error_text or "")

    def _check_administrator(self):
        if not self.env.user.has_group("l10n_pl_ksef.group_l10n_pl_ksef_admin"):
            raise UserError(self.env._("Only a KSeF administrator may decide this."))
        self.check_access("read")

    def _notify(self, message):
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "message": message,
                "type": "info",
                "next": {"type": "ir.actions.act_window_close"},
            },
        }

    # -- scheduled actions -----------------------------------------------------------------------

    @api.model
    def _cron_flush(self):
        """Send what is queued and due."""
        self.env["l10n_pl_ksef.sender"]._flush()

    @api.model
    def _cron_poll(self):
        """Resolve unknown outcomes, fetch numbers and UPOs."""
        self.env["l10n_pl_ksef.sender"]._poll()

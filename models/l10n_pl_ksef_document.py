"""The queue of KSeF: one row is one frozen FA(3) file of one invoice."""

import base64
import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..ksef import crypto, links
from .l10n_pl_ksef_connection import BACKOFF

_logger = logging.getLogger(__name__)

LIVE = ("queued", "held", "sending", "sent")
# What KSeF has, or may get: nothing about such an invoice may change (law 5).
BINDING = (*LIVE, "accepted", "conflict")
# What KSeF surely does not have.
ABSENT = ("queued", "held")
MAX_FAILURES = 5  # then a person looks

#                 ┌──── resolve: absent · refused before acceptance ───┐
#                 ▼                                                    │
#  freeze ────► queued ─────────── intend (commit) ─────────────────► sending ─ reply · found ► sent
#                │  ▲                                                  │                         │
#                │  └──── retry ──── held ◄──── permission, our bug ───┘                         │
#                ▼                   │ ▲                                                         │
#            withdrawn ◄── withdraw ─┘ └──────── 410 415, five failures ─────────────────────────┤
#                                                                                                │
#    queued   ◄── 405 435 500 550, in a new session ─────────────────────────────────────────────┤
#    accepted ◄── 200, or 440 with our own hash ─────────────────────────────────────────────────┤
#    conflict ◄── 440 otherwise; an administrator makes it rejected ─────────────────────────────┤
#    rejected ◄── 430 450; superseded when another document is accepted ─────────────────────────┘
#
#  queued -> sending, held, withdrawn
#  held -> queued, withdrawn
#  sending -> sent, queued, held
#  sent -> accepted, rejected, conflict, queued, held
#  conflict -> rejected
#  rejected -> superseded
#  accepted ->
#  superseded ->
#  withdrawn ->
TRANSITIONS = {
    "queued": {"sending", "held", "withdrawn"},
    "held": {"queued", "withdrawn"},
    "sending": {"sent", "queued", "held"},
    "sent": {"accepted", "rejected", "conflict", "queued", "held"},
    "conflict": {"rejected"},
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
    issued_offline = fields.Boolean(
        readonly=True, help="It was handed over before KSeF had it: sent with offlineMode."
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
    tried_session_ids = fields.Many2many(
        "l10n_pl_ksef.session",
        string="Tried in",
        readonly=True,
        help="Every session in which it was sent.",
    )
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
    resume_sending = fields.Json(
        "To go on with",
        help="What Send & Print was asked to do; goes on when KSeF accepts.",
        readonly=True,
        groups=fields.NO_ACCESS,
    )
    superseded_by_id = fields.Many2one("l10n_pl_ksef.document", readonly=True)

    _one_live_per_move = models.UniqueIndex(
        "(move_id, connection_id) WHERE state IN ('queued', 'held', 'sending', 'sent')",
        "This invoice already has a document on its way to KSeF.",
    )
    _one_accepted_per_move = models.UniqueIndex(
        "(move_id, connection_id) WHERE state = 'accepted'",
        "KSeF has already accepted this invoice.",
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

    def _in_force(self):
        """Those that speak for their invoices.

        A document of a trial environment says nothing once its company has left it; one of
        Production always does.
        """
        connections = {
            company: self.env["l10n_pl_ksef.connection"]._for_company(company)
            for company in self.company_id
        }
        return self.filtered(
            lambda d: d.environment == "prod" or d.connection_id == connections[d.company_id]
        )

    def _binding(self):
        """Those that tie their invoices: KSeF has them or may get them (law 5)."""
        return self.filtered(lambda d: d.state in BINDING)._in_force()

    def _withdrawable(self):
        """Those that KSeF does not have, and nobody holds a print of as if it had."""
        return self.filtered(lambda d: d.state in ABSENT and not d.issued_offline)

    def _xml(self):
        """The frozen bytes; raises rather than let others than the hashed ones leave (law 1)."""
        self.ensure_one()
        xml = base64.b64decode(self.with_context(bin_size=False).xml_file or b"")
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
    def _commits(self):
        """Whether steps are made durable here; a plain test may not commit."""
        return bool(
            self.env.context.get("ir_cron_progress_id")
            or self.env["account.move.send"]._can_commit()
        )

    @api.model
    def _checkpoint(self, done=0, **kw):
        """Make what happened so far durable, and see what others did meanwhile.

        :return: seconds left for this run of a scheduled action; infinite outside of one
        """
        if self._commits():
            return self.env["ir.cron"]._commit_progress(done, **kw)
        self.env.flush_all()
        self.env.invalidate_all()  # a commit forgets what was read with other rights, too
        return float("inf")

    def _lock(self, *states):
        """The rows of self that nobody else works on and that still are in one of the states.

        The state is looked at first: whoever sends a document could not record what became of it
        while another worker held its row, if only to find that there is nothing to do.

        :raise SerializationFailure: another worker changed one between the look and the lock
        """
        self.invalidate_recordset(["state", "attempt", "lease_until", "session_id"])
        fitting = self.filtered(lambda document: document.state in states)
        return fitting.try_lock_for_update(allow_referencing=True)

    def _lock_idle(self):
        """The rows of self that may be put off: nobody else works on them or is sending them."""
        now = fields.Datetime.now()
        idle = self.filtered(lambda d: d.state != "sending" or d.lease_until <= now)
        return idle._lock("queued", "sending", "sent", "accepted")

    def _wait_for_turn(self, text, seconds):
        """The limit of requests is used up: nothing is wrong, only later."""
        at = fields.Datetime.now() + timedelta(seconds=seconds)
        self.write({"next_attempt_at": at, "error_kind": "retry", "error_text": text})
        self.filtered(lambda d: d.state == "sending").lease_until = at

    def _put_off(self, text, *, kind="retry", delay=None):
        """Not now: remember why, and come back later each time. `delay` in seconds."""
        for document in self:
            failures = document.failures + 1
            wait = delay or BACKOFF[min(failures, len(BACKOFF)) - 1]
            document.write(
                {
                    "failures": failures,
                    "error_kind": kind,
                    "error_text": text,
                    "next_attempt_at": fields.Datetime.now() + timedelta(seconds=wait),
                }
            )

    # -- settling --------------------------------------------------------------------------------

    def _accept(self, number, acquired_at, mode):
        """KSeF took this very file. `mode` is KSeF's invoicingMode: Online, Offline or None."""
        self.ensure_one()
        vals = {
            "ksef_number": number,
            "acquired_at": acquired_at,
            "upo_pending": bool(self.session_id and self.reference_number),
            "error_code": False,
            "error_kind": False,
            "error_text": False,
            "failures": 0,
            "next_attempt_at": False,
        }
        if mode == "Offline" and self.legal_mode == "online":
            # art. 106nda(16): it arrived after the day in P_1
            vals["legal_mode"] = "offline24"
        elif mode == "Online" and self.legal_mode == "offline24":
            vals["legal_mode"] = "online"  # at midnight KSeF's clock decides, not ours
        self._transition("accepted", **vals)
        older = self.move_id.l10n_pl_ksef_document_ids.filtered(
            lambda d: d.state == "rejected" and d.connection_id == self.connection_id
        )
        older._transition("superseded", superseded_by_id=self.id)
        self.move_id._l10n_pl_ksef_on_accepted(self)

    def _reject(self, code, text):
        self.ensure_one()
        way_out = self.env._("Reset the invoice to draft, correct it and send it again.")
        if self.issued_offline:
            way_out = self.env._(
                "Its print with the codes was handed over: make a technical correction."
            )
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
                "KSeF said: %(text)s (%(code)s). %(way_out)s",
                text=text,
                code=code,
                way_out=way_out,
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
        if failures >= MAX_FAILURES:
            self._hold("retry", code, text)
            return
        if delay is None:
            delay = BACKOFF[min(max(failures, 1), len(BACKOFF)) - 1]
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

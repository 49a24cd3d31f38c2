"""Confirmations of KSeF's unavailability: files frozen for a tax audit, never changed again."""

import base64
import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools.image import image_data_uri

from ..ksef import evidence, evidence_file, numbers, qr, warsaw
from .l10n_pl_ksef_connection import to_aware

_logger = logging.getLogger(__name__)

# Days after the end of an outage in which its confirmation is still made by itself.
SETTLING_DAYS = 7
MODULE_MM = 0.9  # of the printed code: paper has room, and copies of copies must be readable


class L10nPlKsefEvidence(models.Model):
    _name = "l10n_pl_ksef.evidence"
    _description = "Confirmation of KSeF unavailability"
    _order = "id desc"

    name = fields.Char(compute="_compute_name")
    outage_id = fields.Many2one(
        "l10n_pl_ksef.outage", required=True, readonly=True, index=True, ondelete="restrict"
    )
    company_id = fields.Many2one(
        "res.company",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
        help="The head company; the invoices of its branches are covered too.",
    )
    environment = fields.Selection(related="outage_id.environment")
    kind = fields.Selection(
        selection="_selection_kind", required=True, readonly=True, help="When it was made."
    )
    period_start = fields.Datetime("From", required=True, readonly=True)
    period_end = fields.Datetime(
        "To", readonly=True, help="Empty: the outage lasted when the confirmation was made."
    )
    made_at = fields.Datetime("Made", required=True, readonly=True)
    user_id = fields.Many2one("res.users", "Made by", required=True, readonly=True)
    file = fields.Binary("JSON file", required=True, readonly=True, attachment=True)
    filename = fields.Char(compute="_compute_name")
    sha256 = fields.Char("SHA-256", required=True, readonly=True, index=True)
    probe_count = fields.Integer("Checks", readonly=True, aggregator=None)
    announcement_count = fields.Integer("Announcements", readonly=True, aggregator=None)
    attempt_count = fields.Integer("Failed attempts", readonly=True, aggregator=None)
    invoice_count = fields.Integer("Invoices", readonly=True, aggregator=None)
    move_ids = fields.Many2many(
        "account.move",
        "l10n_pl_ksef_evidence_move_rel",
        "evidence_id",
        "move_id",
        "Invoices covered",
        readonly=True,
    )

    _sha256_length = models.Constraint(
        "CHECK(length(sha256) = 64)", "The SHA-256 must be 64 hexadecimal digits."
    )

    @api.model
    def _selection_kind(self):
        return self.env["l10n_pl_ksef.outage"]._fields["kind"]._description_selection(self.env)

    @api.depends("period_start", "sha256")
    def _compute_name(self):
        for record in self:
            day = record.period_start and warsaw.day_of(to_aware(record.period_start))
            record.name = f"KSeF {day} {(record.sha256 or '')[:8]}"
            record.filename = f"{record.name.replace(' ', '_')}.json"

    @api.depends("name")
    def _compute_display_name(self):
        for record in self:
            record.display_name = record.name

    def write(self, vals):
        # EXTENDS 'base': not even the system changes what was confirmed
        if vals:
            raise UserError(
                self.env._(
                    "A confirmation stays as it was made. Make another one of the same outage."
                )
            )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_never(self):
        raise UserError(
            self.env._("Confirmations are evidence for the tax office and cannot be deleted.")
        )

    # -- making ----------------------------------------------------------------------------------

    @api.model
    def _check_user(self):
        if not self.env.user.has_group("account.group_account_invoice"):
            raise AccessError(self.env._("Only people who invoice may make confirmations."))

    @api.model
    def _make(self, outage, company):
        """Freeze all that is known of an outage, for one company with its branches.

        The caller has checked who asks.
        """
        outage, company = outage.sudo(), company.sudo().root_id
        now = fields.Datetime.now()
        documents, outside = outage._documents(company), outage._outside(company)
        parts = {
            "probes": tuple(outage._probes()._chained_rows()),
            "announcements": tuple(self._announcements(outage)),
            "attempts": tuple(self._attempts(outage, company)),
            "invoices": tuple(
                sorted(
                    [*map(self._invoice, documents), *map(self._outside_invoice, outside)],
                    key=lambda invoice: invoice.number,
                )
            ),
            "anchors": tuple(self._anchors(outage, now)),
        }
        content = evidence_file.build(
            evidence_file.Evidence(
                environment=outage.environment,
                made_at=to_aware(now),
                seller=evidence_file.Seller(
                    company.name, numbers.normalize_nip(company.vat or "") or company.vat or ""
                ),
                outage=evidence_file.Outage(
                    id=outage.id,
                    kind=outage.kind,
                    source=outage.source,
                    start=to_aware(outage.start),
                    end=to_aware(outage.end),
                    announcement=outage.announcement or "",
                    reason=outage.note or "",
                ),
                **parts,
            )
        )
        return self.sudo().create(
            {
                "outage_id": outage.id,
                "company_id": company.id,
                "kind": outage.kind,
                "period_start": outage.start,
                "period_end": outage.end,
                "made_at": now,
                "user_id": self.env.uid,
                "file": base64.b64encode(content),
                "sha256": evidence.file_sha256(content),
                "move_ids": (documents.move_id | outside).ids,
                "probe_count": len(parts["probes"]),
                "announcement_count": len(parts["announcements"]),
                "attempt_count": len(parts["attempts"]),
                "invoice_count": len(parts["invoices"]),
            }
        )

    @api.model
    def _announcements(self, outage):
        return [
            evidence_file.Announcement(
                number=row.number or "",
                event_id=row.event_id or None,
                category=row.category or "",
                kind=row.kind or "",
                version=row.version,
                raw=row.raw,
                read_at=to_aware(row.read_at),
            )
            for row in outage.announcement_ids.sorted(lambda row: (row.read_at, row.id))
        ]

    @api.model
    def _attempts(self, outage, company):
        return [
            evidence_file.Attempt(
                at=to_aware(row.at), kind=row.kind, status=row.status, text=row.text or ""
            )
            for row in outage._failures(company)
        ]

    @api.model
    def _invoice(self, document):
        return evidence_file.Invoice(
            number=document.invoice_number,
            issue_date=document.issue_date,
            legal_mode=document.legal_mode,
            deadline=document.deadline or None,
            deadline_status=document.deadline_status or "",
            xml_sha256=document.xml_sha256,
            ksef_number=document.ksef_number or None,
            acquired_at=to_aware(document.acquired_at),
        )

    @api.model
    def _outside_invoice(self, move):
        """One that a total failure kept outside KSeF: no file, no duty (art. 106ng)."""
        return evidence_file.Invoice(
            number=move.name,
            issue_date=move.invoice_date,
            legal_mode="total_failure",
            deadline=None,
            deadline_status="lifted",
            xml_sha256="",
        )

    @api.model
    def _anchors(self, outage, now):
        """The hourly sums from an hour before to an hour after it, and the newest of all.

        From the newest the chain goes on.
        """
        hours = self.env["l10n_pl_ksef.probe.hour"].sudo()
        same = [("environment", "=", outage.environment)]
        margin = timedelta(hours=1)
        first = outage.start.replace(minute=0, second=0) - margin
        last = (outage.end or now) + margin
        found = hours.search([*same, ("hour", ">=", first), ("hour", "<=", last)])
        return [
            evidence_file.Anchor(to_aware(row.hour), row.checks, row.good, row.last_hash)
            for row in (found | hours._newest(outage.environment)).sorted("hour")
        ]

    @api.model
    def _cron_make(self):
        """The confirmation of every outage that ended lately and has invoices issued offline."""
        now = fields.Datetime.now()
        outages = self.env["l10n_pl_ksef.outage"].search(
            [("end", "<=", now), ("end", ">=", now - timedelta(days=SETTLING_DAYS))]
        )
        missing = outages._without_evidence()
        for done, (outage, company) in enumerate(missing, 1):
            if outage._documents(company) or outage._outside(company):
                self._make_guarded(outage, company)
            if not self.env["l10n_pl_ksef.document"]._checkpoint(1, remaining=len(missing) - done):
                break

    def _make_guarded(self, outage, company):
        """One confirmation that cannot be made does not hold up the next."""
        try:
            with self.env.cr.savepoint():
                self._make(outage, company)
        except Exception:  # noqa: BLE001 - logged whole; the next run tries again
            _logger.exception("The confirmation of KSeF outage %s could not be made", outage.id)

    # -- using -----------------------------------------------------------------------------------

    def _content(self):
        """The frozen bytes, whatever they are by now."""
        self.ensure_one()
        return base64.b64decode(self.with_context(bin_size=False).file or b"")

    def _data(self):
        """What is printed and handed out; raises rather than use a file that was changed."""
        content = self._content()
        if evidence.file_sha256(content) != self.sha256:
            raise UserError(
                self.env._(
                    "The stored file of %(name)s is not the file that was made. "
                    "Press Verify to see what is wrong, and restore it from a backup.",
                    name=self.name,
                )
            )
        return evidence.read(content)

    def _faults(self):
        """What was wrong with the chain already when it was made: ksef.evidence.Problem."""
        return evidence.verify_file(self._content())

    def _code_image(self):
        """The SHA-256 as a QR code, for a page: a data URI."""
        return image_data_uri(base64.b64encode(qr.png(self.sha256)))

    def _code_millimetres(self):
        """Side of the printed code."""
        return qr.side_mm(self.sha256, MODULE_MM)

    def _render_pdf(self):
        """The confirmation on paper, from the frozen file alone."""
        self.ensure_one()
        self._data()
        report = self.env["ir.actions.report"].sudo()
        pdf, _kind = report._render_qweb_pdf("l10n_pl_ksef.report_evidence_action", self.ids)
        return pdf

    def action_attach(self):
        """PDF and JSON onto every invoice covered, once."""
        self.ensure_one()
        self._check_user()
        self.check_access("read")
        moves = self.move_ids
        moves.check_access("write")
        known = self.env["ir.attachment"].search(
            [
                ("res_model", "=", "account.move"),
                ("res_id", "in", moves.ids),
                ("name", "=", self.filename),
            ]
        )
        moves = moves.filtered(lambda move: move.id not in known.mapped("res_id"))
        if not moves:
            raise UserError(self.env._("Every invoice covered has this confirmation already."))
        files = [
            (self.filename.replace(".json", ".pdf"), self._render_pdf()),
            (self.filename, self._content()),
        ]
        for move in moves:
            move.message_post(
                body=self.env._(
                    "Confirmation of KSeF unavailability %(name)s, SHA-256 %(sha256)s.",
                    name=self.name,
                    sha256=self.sha256,
                ),
                attachments=files,
            )
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._("Attached to %s invoices.", len(moves)),
            },
        }

    def action_invoices(self):
        """The invoices covered."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Invoices covered"),
            "res_model": "account.move",
            "view_mode": "list,form",
            "domain": [("id", "in", self.move_ids.ids)],
        }

    def action_verify(self):
        """File and chain as they are now, told in words."""
        self.ensure_one()
        self.check_access("read")
        return self.env["l10n_pl_ksef.evidence.wizard"].create({"evidence_id": self.id})._show()

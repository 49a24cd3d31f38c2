"""Send & Print: KSeF comes before the PDF, because the PDF carries the number and KOD I."""

from odoo import api, fields, models
from odoo.exceptions import UserError

KEY = "l10n_pl_ksef"
CORE_KEY = "pl_ksef"  # Odoo's own l10n_pl_edi


class AccountMoveSend(models.AbstractModel):
    _inherit = "account.move.send"

    def _l10n_pl_ksef_is_applicable(self, move):
        return move._l10n_pl_ksef_is_due() and move.l10n_pl_ksef_state != "accepted"

    def _get_all_extra_edis(self) -> dict:
        # EXTENDS 'account'
        edis = super()._get_all_extra_edis()
        edis[KEY] = {
            "label": self.env._("by KSeF"),
            "is_applicable": self._l10n_pl_ksef_is_applicable,
            "help": self.env._("Send the invoice to KSeF and print its number and QR code."),
        }
        if core := edis.get(CORE_KEY):
            # law 10: one company uses one of the two modules
            applies = core["is_applicable"]
            edis[CORE_KEY] = {
                **core,
                "is_applicable": lambda move: (
                    not move.company_id.sudo().root_id.l10n_pl_ksef_environment and applies(move)
                ),
            }
        return edis

    # -- sending -----------------------------------------------------------------------------------

    @api.model
    def _hook_invoice_document_before_pdf_report_render(self, invoice, invoice_data):
        # EXTENDS 'account'
        super()._hook_invoice_document_before_pdf_report_render(invoice, invoice_data)
        if KEY not in invoice_data["extra_edis"] or invoice_data.get("error"):
            return
        if waits := invoice._l10n_pl_ksef_wait():
            # a person's request ends in the error below; the wish to send it must outlive that
            self.env["l10n_pl_ksef.document"]._checkpoint()
            self._l10n_pl_ksef_error(invoice_data, waits)
            return
        try:
            invoice._l10n_pl_ksef_freeze()
        except UserError as error:
            self._l10n_pl_ksef_error(invoice_data, str(error))

    @api.model
    def _call_web_service_before_invoice_pdf_render(self, invoices_data):
        # EXTENDS 'account'
        super()._call_web_service_before_invoice_pdf_render(invoices_data)
        moves = self.env["account.move"].union(
            *(move for move, data in invoices_data.items() if KEY in data["extra_edis"])
        )
        if not moves:
            return
        documents = moves.sudo().l10n_pl_ksef_document_ids
        documents._checkpoint()  # frozen before anything leaves (law 2)
        sender = self.env["l10n_pl_ksef.sender"]
        now = fields.Datetime.now()
        sender._send(
            documents.filtered(
                lambda d: d.state == "queued"
                # a person who presses Send does not wait; the scheduled action does
                and not (d.move_id.sending_data and d.next_attempt_at and d.next_attempt_at > now)
            )
        )
        sender._settle_while_waiting(documents)
        documents._checkpoint()
        for move in moves:
            # what was issued offline is handed over with its two codes, number or not
            offline = move.sudo().l10n_pl_ksef_live_document_id.issued_offline
            if move.l10n_pl_ksef_state != "accepted" and not (
                offline and move.l10n_pl_ksef_state in ("queued", "sending")
            ):
                self._l10n_pl_ksef_report(move, invoices_data[move])

    def _l10n_pl_ksef_report(self, move, data):
        """Why there is no number yet, and what happens next."""
        words = {
            "sending": self.env._(
                "KSeF is processing this invoice. The number comes by itself; "
                "send the e-mail when it is there."
            ),
            "queued": self.env._(
                "KSeF could not take it now. It is sent again by itself; if the buyer cannot wait, "
                "press Issue offline on the invoice."
            ),
            "attention": self.env._("It waits for a person; see the KSeF tab of the invoice."),
            "rejected": self.env._(
                "KSeF rejected it. Reset it to draft, correct it and send it again."
            ),
        }
        if move.sending_data and move.l10n_pl_ksef_state in ("sending", "queued"):
            # Odoo would run its queue over and over; ours brings the number, and then goes on
            move.l10n_pl_ksef_live_document_id.sudo().resume_sending = move.sending_data
            words["sending"] = words["queued"] = self.env._(
                "KSeF has not given the number yet. It comes by itself; then this goes on."
            )
        lines = [words.get(move.l10n_pl_ksef_state), move.l10n_pl_ksef_error]
        self._l10n_pl_ksef_error(data, *filter(None, lines))

    def _l10n_pl_ksef_error(self, data, *lines):
        data["error"] = {
            "error_title": self.env._("KSeF: the invoice has no number yet."),
            "errors": list(lines),
            KEY: True,
        }

    @api.model
    def _generate_invoice_fallback_documents(self, invoices_data):
        # EXTENDS 'account': a proforma must never go out as if it were the invoice that KSeF lacks
        super()._generate_invoice_fallback_documents(
            {
                move: data
                for move, data in invoices_data.items()
                if not (data.get("error") or {}).get(KEY)
            }
        )

"""Send & Print: KSeF comes before the PDF, because the PDF carries the number and KOD I."""

from odoo import api, models
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

    # -- before sending ----------------------------------------------------------------------------

    def _get_alerts(self, moves, moves_data):
        # EXTENDS 'account'
        alerts = super()._get_alerts(moves, moves_data)
        ours = moves.filtered(lambda move: KEY in moves_data[move]["extra_edis"])
        if not ours:
            return alerts
        problems = []
        for company in ours.company_id:
            problems += ours.filtered(lambda m, c=company: m.company_id == c)[
                :1
            ]._l10n_pl_ksef_missing()
        if problems:
            alerts["l10n_pl_ksef_connection"] = {
                "level": "danger",
                "message": "\n".join(problems),
                "action_text": self.env._("Open the settings"),
                "action": self.env["ir.actions.actions"]._for_xml_id(
                    "account.action_account_config"
                ),
            }
        for move in ours:
            if move.l10n_pl_ksef_live_document_id:
                continue
            try:
                move._l10n_pl_ksef_build_fa3()
            except UserError as error:
                alerts[f"l10n_pl_ksef_{move.id}"] = {
                    "level": "danger",
                    "message": f"{move.name}: {error}",
                    "action_text": self.env._("Open the invoice"),
                    "action": move._get_records_action(),
                }
        late = ours.filtered(lambda m: m.invoice_date and m.invoice_date < m._l10n_pl_ksef_today())
        if late:
            alerts["l10n_pl_ksef_late"] = {
                "level": "warning",
                "message": self.env._(
                    "Dated before today, so KSeF will mark as offline24: %s.",
                    ", ".join(late.mapped("name")),
                ),
            }
        return alerts

    # -- sending -----------------------------------------------------------------------------------

    @api.model
    def _hook_invoice_document_before_pdf_report_render(self, invoice, invoice_data):
        # EXTENDS 'account'
        super()._hook_invoice_document_before_pdf_report_render(invoice, invoice_data)
        if KEY not in invoice_data["extra_edis"] or invoice_data.get("error"):
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
        sender._send(documents.filtered(lambda d: d.state == "queued"))
        sender._settle_while_waiting(documents)
        documents._checkpoint()
        for move in moves:
            if move.l10n_pl_ksef_state != "accepted":
                self._l10n_pl_ksef_report(move, invoices_data[move])

    def _l10n_pl_ksef_report(self, move, data):
        """Why there is no number yet, and what happens next."""
        words = {
            "sending": self.env._(
                "KSeF is processing this invoice. The number comes by itself; "
                "send the e-mail when it is there."
            ),
            "queued": self.env._("KSeF could not take it now. It is sent again by itself."),
            "attention": self.env._("It waits for a person; see the KSeF tab of the invoice."),
            "rejected": self.env._(
                "KSeF rejected it. Reset it to draft, correct it and send it again."
            ),
        }
        lines = [words.get(move.l10n_pl_ksef_state), move.l10n_pl_ksef_error]
        self._l10n_pl_ksef_error(
            data, *filter(None, lines), retry=move.l10n_pl_ksef_state in ("sending", "queued")
        )

    def _l10n_pl_ksef_error(self, data, *lines, retry=False):
        data["error"] = {
            "error_title": self.env._("KSeF: the invoice has no number yet."),
            "errors": list(lines),
            "retry": retry,
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

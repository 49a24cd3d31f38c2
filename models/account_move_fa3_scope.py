from odoo import api, fields, models

#: Time zone of the Polish tax day: P_1 must not be later than today there.
WARSAW = "Europe/Warsaw"

#: Names the situation in which a `Problem` says that something is not supported yet.
UNSUPPORTED = "KS31"


class L10nPlKsefFa3(models.AbstractModel):
    _inherit = "l10n_pl_ksef.fa3"

    @api.model
    def _check_scope(self, draft):
        """Refuse what the generator cannot write yet: a clear refusal, never a wrong file."""
        move = draft.move
        for field_name, text in self._unsupported(move):
            way_out = self.env._("Issue this document outside Odoo for now.")
            draft.problem(UNSUPPORTED, move, field_name, f"{text} {way_out}")

    @api.model
    def _unsupported(self, move):
        """Yield (field, translated sentence) for every trait that is not supported yet."""
        _ = self.env._
        if move.move_type == "out_invoice":
            yield from self._unsupported_links(move)
        elif move.move_type == "out_refund":
            yield "move_type", _("Corrections (credit notes) are not supported yet.")
        elif move.journal_id.type == "purchase" and move.journal_id.is_self_billing:
            yield "journal_id", _("Self-billing is not supported yet.")
        else:
            yield "move_type", _("Only customer invoices go to KSeF.")
        if move.currency_id.name != "PLN":
            yield "currency_id", _("Invoices in a foreign currency are not supported yet.")
        vouchers = ("l10n_pl_vat_b_spv", "l10n_pl_vat_b_spv_dostawa", "l10n_pl_vat_b_mpv_prowizja")
        for name in vouchers:
            if move[name]:
                yield name, _("Voucher procedures are not supported yet.")
        # sudo: a user of a branch may not read its head company
        company = move.company_id.sudo()
        if company.parent_id and company.vat in (False, company.root_id.vat):
            yield "company_id", _("Invoices of a branch without a NIP are not supported yet.")

    @api.model
    def _unsupported_links(self, move):
        """Customer invoices that correct, settle or repeat another document."""
        _ = self.env._
        if move.reversed_entry_id:
            yield "reversed_entry_id", _("Corrections upwards are not supported yet.")
        if "debit_origin_id" in move._fields and move.debit_origin_id:
            yield "debit_origin_id", _("Debit notes (corrections) are not supported yet.")
        if move._is_downpayment():
            yield None, _("Advance invoices are not supported yet.")
        elif "is_downpayment" in move.invoice_line_ids._fields and any(
            line.is_downpayment for line in move.invoice_line_ids
        ):
            yield None, _("Final invoices that settle advances are not supported yet.")
        if "pos_order_ids" in move._fields and move.pos_order_ids:
            yield None, _("Invoices to fiscal receipts (FP) are not supported yet.")

    @api.model
    def _check_header(self, draft):
        """State, currency of the books, date and number."""
        move = draft.move
        _ = self.env._
        if move.company_id.currency_id.name != "PLN":
            text = _("VAT must be computed in PLN: the company's currency has to be PLN.")
            draft.problem("KS24", move.company_id, "currency_id", text)
        if move.state == "cancel":
            draft.problem("KS16", move, "state", _("The invoice is cancelled."))
        elif move.state != "posted" or not move.name or move.name == "/":
            draft.problem("KS16", move, "name", _("It has no number yet: confirm it first."))
        else:
            self._check_number(draft)
        today = fields.Datetime.context_timestamp(
            self.with_context(tz=WARSAW), fields.Datetime.now()
        ).date()
        if not move.invoice_date:
            draft.problem("KS14", move, "invoice_date", _("Enter the invoice date."))
        elif move.invoice_date > today:
            text = _(
                "The invoice date %(date)s is in the future. KSeF accepts it on that day at the "
                "earliest: wait, or correct the date.",
                date=move.invoice_date,
            )
            draft.problem("KS14", move, "invoice_date", text)

    @api.model
    def _check_number(self, draft):
        """KSeF remembers (NIP, kind, number) for ten years and refuses a second one."""
        move = draft.move
        # sudo: a user of a branch may not read its head company
        company = move.company_id.sudo()
        domain = [
            ("move_id", "!=", move.id),
            ("seller_nip", "=", self._seller_nip(company)),
            ("environment", "=", company.root_id.l10n_pl_ksef_environment),
            ("invoice_kind", "=", "VAT"),
            ("invoice_number", "=", move.name),
            ("state", "not in", ("rejected", "superseded", "withdrawn")),
        ]
        # sudo: the same NIP may be used by a company that this user does not see; only a count
        if self.env["l10n_pl_ksef.document"].sudo().search_count(domain, limit=1):
            text = self.env._(
                "The number was already used with this NIP. Numbers must be unique over all "
                "journals and companies with one NIP: rename this invoice."
            )
            draft.problem("KS16", move, "name", text)

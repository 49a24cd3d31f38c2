"""Which documents an invoice corrects, how, and at which exchange rate."""

from odoo import api, fields, models


class AccountMove(models.Model):
    _inherit = "account.move"

    l10n_pl_ksef_corrected_move_ids = fields.Many2many(
        "account.move",
        "l10n_pl_ksef_correction_rel",
        "correction_id",
        "corrected_id",
        string="Corrected invoices",
        compute="_compute_l10n_pl_ksef_corrected_move_ids",
        store=True,
        readonly=False,
        copy=False,
        domain="[('move_type', '=', 'out_invoice'), ('state', '=', 'posted'), "
        "('company_id', '=', company_id), ('commercial_partner_id', '=', commercial_partner_id)]",
        help="Always the original invoice, also when an earlier correction is corrected.",
    )
    l10n_pl_ksef_external_ids = fields.One2many(
        "l10n_pl_ksef.external_document",
        "move_id",
        "Documents outside this database",
        copy=False,
    )
    l10n_pl_ksef_correction_reason = fields.Char(
        "Reason of the correction", size=256, copy=False, help="PrzyczynaKorekty"
    )
    l10n_pl_ksef_correction_type = fields.Selection(
        [
            ("1", "On the date of the original invoice"),
            ("2", "On the date of the correction"),
            ("3", "On other dates"),
        ],
        "Effect in the VAT records",
        copy=False,
        help="TypKorekty. Empty: 1 in the period of the original or upwards, else 2.",
    )
    l10n_pl_ksef_correction_method = fields.Selection(
        [
            ("before_after", "Before and after"),
            ("difference", "Difference"),
            ("difference_price", "Difference of price"),
            ("collective", "Collective discount, without lines"),
            ("data", "Data of the parties only"),
        ],
        "Correction shows",
        copy=False,
        help="Empty: the lines before and after where the original is known, else the difference.",
    )
    l10n_pl_ksef_correction_period = fields.Char(
        "Period of the collective discount", size=256, copy=False, help="OkresFaKorygowanej"
    )
    l10n_pl_ksef_corrected_number = fields.Char(
        "Right number of the corrected invoice",
        size=256,
        copy=False,
        help="NrFaKorygowany: only when the number itself was wrong.",
    )
    l10n_pl_ksef_is_correction = fields.Boolean(
        "Is a correction", compute="_compute_l10n_pl_ksef_is_correction"
    )

    def _l10n_pl_ksef_origins(self):
        """The documents that this one was made from directly: reversed entry, debited invoice."""
        origins = self.reversed_entry_id
        if "debit_origin_id" in self._fields:
            origins |= self.debit_origin_id
        return origins

    @api.depends(lambda self: self._l10n_pl_ksef_origin_fields())
    def _compute_l10n_pl_ksef_corrected_move_ids(self):
        for move in self:
            roots = move.browse()
            if move.move_type in ("out_invoice", "out_refund"):
                roots = move._l10n_pl_ksef_origins()._l10n_pl_ksef_roots()
            # what a person linked by hand stays when there is nothing to derive it from
            move.l10n_pl_ksef_corrected_move_ids = roots or move.l10n_pl_ksef_corrected_move_ids

    @api.model
    def _l10n_pl_ksef_origin_fields(self):
        names = ["reversed_entry_id", "move_type"]
        return [*names, "debit_origin_id"] if "debit_origin_id" in self._fields else names

    def _l10n_pl_ksef_roots(self):
        """The invoices at the bottom: corrections are followed down to what they correct."""
        roots = seen = self.browse()
        todo = self
        while todo:
            seen |= todo
            below = self.browse()
            for move in todo:
                found = move._l10n_pl_ksef_origins() | move.l10n_pl_ksef_corrected_move_ids
                if found:
                    below |= found
                else:
                    roots |= move
            todo = below - seen
        return roots

    @api.depends(
        "move_type", "l10n_pl_ksef_corrected_move_ids", "l10n_pl_ksef_external_ids.purpose"
    )
    def _compute_l10n_pl_ksef_is_correction(self):
        for move in self:
            external = move.l10n_pl_ksef_external_ids.filtered(lambda d: d.purpose == "corrected")
            move.l10n_pl_ksef_is_correction = move.move_type == "out_refund" or (
                move.move_type == "out_invoice"
                and bool(external or move.l10n_pl_ksef_corrected_move_ids)
            )

    def _l10n_pl_ksef_current_lines(self):
        """The invoice's product lines as they stand after all corrections issued so far.

        :return: list of (line, quantity, unit price before discount, taxes)
        """
        self.ensure_one()
        builder = self.env["l10n_pl_ksef.fa3"]
        original, current = builder._original_and_current(self)
        keys = builder._row_keys(self)
        lines = []
        for line in self.invoice_line_ids.filtered(lambda item: item.display_type == "product"):
            old, row = original.get(keys[line.id]), current.get(keys[line.id])
            quantity, price = line.quantity, line.price_unit
            if row:
                quantity = float(row.P_8B)
                own = float(row.P_9A if row.P_9B is None else row.P_9B)
                if (row.P_9A, row.P_9B, row.P_10) == (old.P_9A, old.P_9B, old.P_10):
                    price = line.price_unit
                elif row.P_10 or line.discount >= 100:
                    price = own
                else:  # a price that a correction lowered has its discount inside
                    price = own / (1 - line.discount / 100)
            lines.append((line, quantity, price, line.tax_ids))
        return lines

    # -- exchange rate ---------------------------------------------------------------------------

    def _compute_invoice_currency_rate(self):
        # EXTENDS 'account': a correction is booked at the rate of the invoice that it corrects
        super()._compute_invoice_currency_rate()
        for move in self:
            root = move._l10n_pl_ksef_rate_origin()
            if root:
                move.invoice_currency_rate = root.invoice_currency_rate

    def _l10n_pl_ksef_rate_origin(self):
        """The one invoice whose exchange rate holds for this correction, or an empty recordset."""
        self.ensure_one()
        none = self.browse()
        sale = self.move_type in ("out_invoice", "out_refund")
        if not sale or self.company_id.account_fiscal_country_id.code != "PL":
            return none
        if self.currency_id == self.company_currency_id:
            return none
        roots = self._l10n_pl_ksef_origins()._l10n_pl_ksef_roots()
        roots = roots or self.l10n_pl_ksef_corrected_move_ids
        same = len(roots) == 1 and roots.currency_id == self.currency_id
        return roots if same else none

    def write(self, vals):
        result = super().write(vals)
        if "l10n_pl_ksef_corrected_move_ids" in vals:
            self.filtered(lambda move: move.state == "draft")._compute_invoice_currency_rate()
        return result

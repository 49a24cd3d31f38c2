from odoo import fields, models


class AccountMoveLine(models.Model):
    _inherit = "account.move.line"

    l10n_pl_ksef_supply_date = fields.Date(
        "Day of supply",
        copy=False,
        help="Only where the lines of one invoice were supplied on different days (P_6A).",
    )
    l10n_pl_ksef_corrected_line_id = fields.Many2one(
        "account.move.line",
        "Corrected line",
        copy=False,
        index="btree_not_null",
        help="Line of the original invoice that this line corrects.",
    )

    l10n_pl_ksef_deduction = fields.Boolean(
        "Deducts an advance",
        help="In a final invoice: the line takes off an advance; it counts, but is no row in KSeF.",
    )

    def _l10n_pl_ksef_is_deduction(self):
        """Whether the line takes an advance off a final invoice."""
        self.ensure_one()
        if self.l10n_pl_ksef_deduction:
            return True
        return "is_downpayment" in self._fields and self.is_downpayment

    def _copy_data_extend_business_fields(self, values):
        # EXTENDS 'account': called when an invoice is reversed or debited
        super()._copy_data_extend_business_fields(values)
        root = self
        if self.move_id.l10n_pl_ksef_is_correction:
            root = self.l10n_pl_ksef_corrected_line_id or self
        if root.move_id.move_type == "out_invoice" and self.display_type == "product":
            values["l10n_pl_ksef_corrected_line_id"] = root.id

"""A correction entered as the lines should have been: before and after side by side."""

from odoo import Command, api, fields, models
from odoo.exceptions import UserError


class L10nPlKsefCorrection(models.TransientModel):
    _name = "l10n_pl_ksef.correction"
    _description = "KSeF correction"

    move_id = fields.Many2one("account.move", "Corrected invoice", required=True, readonly=True)
    company_id = fields.Many2one(related="move_id.company_id")
    date = fields.Date(required=True, default=fields.Date.context_today)
    journal_id = fields.Many2one(
        "account.journal",
        required=True,
        domain="[('type', '=', 'sale'), ('company_id', '=', company_id)]",
    )
    reason = fields.Char(size=256)
    correction_type = fields.Selection(
        [
            ("1", "On the date of the original invoice"),
            ("2", "On the date of the correction"),
            ("3", "On other dates"),
        ],
        "Effect in the VAT records",
        help="Empty: on the date of the original upwards or in its month, else of the correction.",
    )
    method = fields.Selection(
        [
            ("before_after", "Before and after"),
            ("difference", "Difference"),
            ("data", "Data of the parties only"),
        ],
        "Shows",
        required=True,
        default="before_after",
    )
    line_ids = fields.One2many("l10n_pl_ksef.correction.line", "wizard_id", "Lines")

    @api.model
    def default_get(self, fields_list):
        values = super().default_get(fields_list)
        move = self.env["account.move"].browse(
            values.get("move_id") or self.env.context.get("active_id")
        )
        if not move:
            return values
        if move.move_type != "out_invoice" or move.state != "posted":
            raise UserError(self.env._("Choose a posted invoice to correct."))
        root = move._l10n_pl_ksef_roots()[:1]
        return {
            **values,
            "move_id": root.id,
            "journal_id": root.journal_id.id,
            "line_ids": [Command.create(line) for line in self._grid(root)],
        }

    @api.model
    def _grid(self, root):
        """The invoice's lines as they stand after all corrections issued so far."""
        grid = []
        for line, quantity, price, taxes in root._l10n_pl_ksef_current_lines():
            grid.append(
                {
                    "line_id": line.id,
                    "quantity_before": quantity,
                    "quantity": quantity,
                    "price_before": price,
                    "price": price,
                    "tax_ids_before": [Command.set(taxes.ids)],
                    "tax_ids": [Command.set(taxes.ids)],
                }
            )
        return grid

    def action_create(self):
        """Make the credit note or, when more is to be paid, the debit note, as a draft."""
        self.ensure_one()
        total = sum(self.line_ids.mapped("change"))
        sign = 1 if total > 0 else -1
        entries = [entry for line in self.line_ids for entry in line._entries(sign)]
        if self.method == "data":
            entries = [self._empty_entry()]
        if not entries:
            raise UserError(self.env._("Nothing was changed. Change a quantity, a price or a tax."))
        root = self.move_id
        correction = self.env["account.move"].create(
            {
                "move_type": "out_refund" if sign < 0 else "out_invoice",
                "reversed_entry_id": root.id if sign < 0 else False,
                "l10n_pl_ksef_corrected_move_ids": [Command.set(root.ids)],
                "partner_id": root.partner_id.id,
                "journal_id": self.journal_id.id,
                "currency_id": root.currency_id.id,
                "invoice_date": self.date,
                "invoice_origin": root.invoice_origin,
                "fiscal_position_id": root.fiscal_position_id.id,
                "l10n_pl_ksef_correction_reason": self.reason,
                "l10n_pl_ksef_correction_type": self.correction_type,
                "l10n_pl_ksef_correction_method": self.method,
                "invoice_line_ids": [Command.create(entry) for entry in entries],
            }
        )
        return {
            "type": "ir.actions.act_window",
            "res_model": "account.move",
            "res_id": correction.id,
            "view_mode": "form",
        }

    def _empty_entry(self):
        """A line without an amount: Odoo cannot post a document without one."""
        first = self.move_id.invoice_line_ids.filtered(lambda line: line.display_type == "product")[
            :1
        ]
        return {
            "name": self.env._("Correction of the data of the parties"),
            "quantity": 1,
            "price_unit": 0,
            "account_id": first.account_id.id,
            "tax_ids": [Command.set(first.tax_ids.ids)],
        }

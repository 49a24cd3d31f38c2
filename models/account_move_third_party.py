"""Third parties of an invoice: copied from the templates of the company and the customer."""

from odoo import Command, api, fields, models


class AccountMove(models.Model):
    _inherit = "account.move"

    l10n_pl_ksef_third_party_ids = fields.One2many(
        "l10n_pl_ksef.third_party",
        "move_id",
        "Third parties",
        compute="_compute_l10n_pl_ksef_third_party_ids",
        store=True,
        readonly=False,
        copy=False,
    )

    @api.depends("partner_id", "company_id", "move_type")
    def _compute_l10n_pl_ksef_third_party_ids(self):
        for move in self:
            if move.move_type != "out_invoice":
                continue
            templates = move.company_id.l10n_pl_ksef_third_party_ids
            templates |= move.commercial_partner_id.l10n_pl_ksef_third_party_ids
            values = templates._copy_values()
            recipient = move.partner_shipping_id
            if recipient.l10n_pl_ksef_recipient and recipient != move.commercial_partner_id:
                values.append({"partner_id": recipient.id, "role": "2"})
            if values or move.l10n_pl_ksef_third_party_ids:
                move.l10n_pl_ksef_third_party_ids = [
                    Command.clear(),
                    *(Command.create(line) for line in values),
                ]

"""Total failures that were none: what was issued outside KSeF because of them has to go there."""

from odoo import models


class L10nPlKsefOutage(models.Model):
    _inherit = "l10n_pl_ksef.outage"

    def action_mistaken(self):
        # EXTENDS 'l10n_pl_ksef'
        result = super().action_mistaken()
        # sudo: behind the check above; the invoices may be of any company in the environment
        moves = self.env["account.move"].sudo()
        for move in moves.search([("l10n_pl_ksef_total_failure_id", "in", self.ids)]):
            move = move.with_context(lang=move.company_id.partner_id.lang)
            move._l10n_pl_ksef_on_trouble(
                move.env._("This invoice has to go to KSeF after all"),
                move.env._(
                    "It was issued outside KSeF, but the total failure %s was entered by mistake. "
                    "Press That was a mistake on the invoice, then send it.",
                    move.l10n_pl_ksef_total_failure_id.announcement,
                ),
            )
        return result

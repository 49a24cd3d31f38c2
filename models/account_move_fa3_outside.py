from odoo import api, models


class L10nPlKsefFa3(models.AbstractModel):
    _inherit = "l10n_pl_ksef.fa3"

    @api.model
    def _root_document(self, draft, root):
        # EXTENDS 'l10n_pl_ksef': of a total failure nothing is in KSeF, and never will be (NrKSeFN)
        if root.sudo().l10n_pl_ksef_total_failure_id:
            reference = self._reference(root.invoice_date, root.name, None)
            draft.origin.references.append(reference)
            return None
        return super()._root_document(draft, root)

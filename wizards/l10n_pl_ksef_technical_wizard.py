from odoo import api, fields, models
from odoo.exceptions import UserError


class L10nPlKsefTechnicalWizard(models.TransientModel):
    """What a technical correction would change in the rejected file, before it is frozen."""

    _name = "l10n_pl_ksef.technical.wizard"
    _description = "KSeF technical correction"

    document_id = fields.Many2one("l10n_pl_ksef.document", required=True, readonly=True)
    said = fields.Text("What KSeF said", related="document_id.error_text")
    line_ids = fields.One2many("l10n_pl_ksef.technical.line", "wizard_id", readonly=True)
    has_content = fields.Boolean("Changes the content", compute="_compute_has_content")
    confirmed = fields.Boolean(
        "None of these changes what was sold, to whom, when and for how much"
    )

    @api.depends("line_ids.content")
    def _compute_has_content(self):
        for wizard in self:
            wizard.has_content = any(wizard.line_ids.mapped("content"))

    def action_correct(self):
        """Freeze and queue it; the comparison is made once more with what is frozen."""
        self.ensure_one()
        if self.line_ids and not self.confirmed:
            raise UserError(
                self.env._("Look at every change, then confirm that the invoice stays the same.")
            )
        self.document_id._correct_technically()
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "message": self.env._("Technical correction queued; it is sent within a minute."),
                "type": "success",
                "next": {"type": "ir.actions.act_window_close"},
            },
        }

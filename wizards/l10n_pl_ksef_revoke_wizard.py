"""Revoking a KSeF certificate, with what that does to documents on paper."""

from odoo import api, fields, models


class L10nPlKsefRevokeWizard(models.TransientModel):
    _name = "l10n_pl_ksef.revoke.wizard"
    _description = "Revoke a KSeF certificate"

    certificate_id = fields.Many2one("l10n_pl_ksef.certificate", required=True, readonly=True)
    serial_number = fields.Char(related="certificate_id.serial_number")
    kind = fields.Selection(related="certificate_id.kind")
    usage = fields.Selection(related="certificate_id.usage")
    relying_count = fields.Integer(related="certificate_id.relying_count")
    reason = fields.Selection(
        [
            ("Superseded", "Replaced by another certificate"),
            ("KeyCompromise", "Its private key may be known to others"),
            ("Unspecified", "Another reason"),
        ],
        required=True,
        default="Superseded",
    )
    understood = fields.Boolean("I understand that this cannot be undone")
    is_risky = fields.Boolean(compute="_compute_is_risky")

    @api.depends("certificate_id")
    def _compute_is_risky(self):
        for wizard in self:
            wizard.is_risky = bool(
                wizard.relying_count or wizard.usage in ("login", "offline", "elsewhere")
            )

    def action_revoke(self):
        """Revoke it in KSeF, for good."""
        self.ensure_one()
        self.certificate_id.connection_id._as_administrator()
        self.certificate_id.sudo()._revoke(self.reason)
        return {"type": "ir.actions.client", "tag": "soft_reload"}

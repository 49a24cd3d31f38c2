import base64

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError

MOST_BYTES = 20_000_000


class L10nPlKsefEvidenceWizard(models.TransientModel):
    """Is a confirmation of unavailability genuine? Of a stored one, or of an uploaded file."""

    _name = "l10n_pl_ksef.evidence.wizard"
    _description = "Verify a confirmation of KSeF unavailability"

    evidence_id = fields.Many2one("l10n_pl_ksef.evidence", "Confirmation", readonly=True)
    file = fields.Binary("JSON file", attachment=False)
    filename = fields.Char()
    sha256 = fields.Char(
        "SHA-256 as printed", help="From the paper or its QR code; spaces do not matter."
    )
    verdict = fields.Selection(
        [("good", "Genuine"), ("bad", "Not genuine")], compute="_compute_result"
    )
    result = fields.Html(compute="_compute_result", sanitize=False)
    asked = fields.Boolean()

    @api.depends("asked")
    def _compute_result(self):
        for wizard in self:
            wizard.verdict = wizard.result = False
            if not wizard.asked:
                continue
            faults, remarks = wizard._examine()
            wizard.verdict = "bad" if faults else "good"
            wizard.result = Markup("<ul>%s</ul>") % Markup("").join(
                Markup("<li>%s</li>") % sentence for sentence in (*faults, *remarks)
            )

    def _examine(self):
        self.ensure_one()
        Evidence = self.env["l10n_pl_ksef.evidence"]
        if self.evidence_id:
            return Evidence._examine(self.evidence_id._content(), self.evidence_id.sha256)
        content = base64.b64decode(self.with_context(bin_size=False).file or b"")
        return Evidence._examine(content, self.sha256 or None)

    def _show(self):
        """Verify, and show what was found."""
        self.ensure_one()
        self.asked = True
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Verify a confirmation"),
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "target": "new",
        }

    def action_verify(self):
        """Verify the uploaded file."""
        self.ensure_one()
        if not self.evidence_id and not self.file:
            raise UserError(self.env._("Choose the JSON file first."))
        # four characters of Base64 for three bytes
        if len(self.with_context(bin_size=False).file or b"") > MOST_BYTES * 4 // 3:
            raise UserError(self.env._("The file is too large for a confirmation."))
        return self._show()

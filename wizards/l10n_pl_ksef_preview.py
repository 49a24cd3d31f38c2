"""The FA(3) file of an invoice to look at, with its problems; nothing is frozen."""

import base64

from odoo import fields, models


class L10nPlKsefPreview(models.TransientModel):
    _name = "l10n_pl_ksef.preview"
    _description = "Preview of the KSeF file"

    move_id = fields.Many2one("account.move", required=True, readonly=True)
    xml_file = fields.Binary("FA(3) file", readonly=True)
    xml_filename = fields.Char(readonly=True)
    xml_text = fields.Text("Content", readonly=True)
    problems = fields.Text(readonly=True)
    warnings = fields.Text("Please look at", readonly=True)

    def _open(self, move):
        """The action that shows the preview of an invoice: its frozen file where it has one."""
        move.check_access("read")
        xml, problems, warnings = move._l10n_pl_ksef_preview()
        name = (move.name or "").replace("/", "_") or self.env._("draft")
        preview = self.create(
            {
                "move_id": move.id,
                "xml_file": base64.b64encode(xml) if xml else False,
                "xml_filename": f"{name}_FA3.xml",
                "xml_text": xml.decode() if xml else False,
                "problems": "\n".join(problems),
                "warnings": "\n".join(warnings),
            }
        )
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Preview of the KSeF file"),
            "res_model": self._name,
            "res_id": preview.id,
            "view_mode": "form",
            "target": "new",
        }

from odoo import fields, models


class L10nPlKsefSchemaUpload(models.TransientModel):
    """For servers without Internet: the administrator brings the Ministry's files."""

    _name = "l10n_pl_ksef.schema.upload"
    _description = "Upload of the schemas of FA(3)"

    attachment_ids = fields.Many2many("ir.attachment", string="Add files")

    def action_store(self):
        """Check the files and keep them. Raises UserError with all files that are wrong."""
        self.ensure_one()
        files = {attachment.name: attachment.raw for attachment in self.attachment_ids}
        self.env["l10n_pl_ksef.schemas"]._store(files)
        self.attachment_ids.unlink()
        # the settings show the new state
        return {"type": "ir.actions.client", "tag": "reload"}

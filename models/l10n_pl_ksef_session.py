from odoo import fields, models


class L10nPlKsefSession(models.Model):
    _name = "l10n_pl_ksef.session"
    _description = "KSeF session"
    _order = "id desc"
    _rec_name = "reference_number"
    _check_company_auto = True

    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    connection_id = fields.Many2one("l10n_pl_ksef.connection", required=True, readonly=True)
    environment = fields.Selection(related="connection_id.environment", store=True)
    kind = fields.Selection(
        [("online", "Interactive"), ("batch", "Batch")],
        required=True,
        readonly=True,
        default="online",
    )
    reference_number = fields.Char(required=True, readonly=True, index=True)
    opened_at = fields.Datetime(required=True, readonly=True, default=fields.Datetime.now)
    valid_until = fields.Datetime(readonly=True)
    closed_at = fields.Datetime(readonly=True)
    document_ids = fields.One2many("l10n_pl_ksef.document", "session_id", readonly=True)

    _unique_reference = models.UniqueIndex(
        "(connection_id, reference_number)", "This KSeF session is already recorded."
    )

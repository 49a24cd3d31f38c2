from odoo import api, fields, models
from odoo.exceptions import UserError


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    l10n_pl_ksef_environment = fields.Selection(
        related="company_id.l10n_pl_ksef_environment", readonly=False
    )
    l10n_pl_ksef_start_date = fields.Date(
        related="company_id.l10n_pl_ksef_start_date", readonly=False
    )
    l10n_pl_ksef_auth_certificate_id = fields.Many2one(
        related="company_id.l10n_pl_ksef_auth_certificate_id", readonly=False
    )
    l10n_pl_ksef_offline_certificate_id = fields.Many2one(
        related="company_id.l10n_pl_ksef_offline_certificate_id", readonly=False
    )
    l10n_pl_ksef_auto_switch = fields.Boolean(
        related="company_id.l10n_pl_ksef_auto_switch", readonly=False
    )
    l10n_pl_ksef_control_url = fields.Char(
        related="company_id.l10n_pl_ksef_control_url", readonly=False
    )
    l10n_pl_ksef_exempt_basis_type = fields.Selection(
        related="company_id.l10n_pl_ksef_exempt_basis_type", readonly=False
    )
    l10n_pl_ksef_exempt_basis = fields.Char(
        related="company_id.l10n_pl_ksef_exempt_basis", readonly=False
    )
    l10n_pl_ksef_deadline_user_ids = fields.Many2many(
        related="company_id.l10n_pl_ksef_deadline_user_ids", readonly=False
    )
    l10n_pl_ksef_connection_id = fields.Many2one(related="company_id.l10n_pl_ksef_connection_id")
    l10n_pl_ksef_connection_state = fields.Selection(
        related="company_id.l10n_pl_ksef_connection_id.state", string="KSeF connection status"
    )
    l10n_pl_ksef_connection_message = fields.Text(
        related="company_id.l10n_pl_ksef_connection_id.message", string="KSeF connection result"
    )
    l10n_pl_ksef_schema_state = fields.Selection(
        [("missing", "Missing"), ("ready", "Ready"), ("broken", "Broken")],
        "KSeF schemas",
        compute="_compute_l10n_pl_ksef_schema_state",
    )
    l10n_pl_ksef_schema_text = fields.Char(
        "State of the KSeF schemas", compute="_compute_l10n_pl_ksef_schema_state"
    )

    @api.depends("company_id")
    def _compute_l10n_pl_ksef_schema_state(self):
        state, text = self.env["l10n_pl_ksef.schemas"]._status()
        self.l10n_pl_ksef_schema_state = state
        self.l10n_pl_ksef_schema_text = text

    def action_l10n_pl_ksef_load_schemas(self):
        """Fetch the schemas from the Ministry now; the settings then show their new state."""
        self.env["l10n_pl_ksef.schemas"]._load()
        return {"type": "ir.actions.client", "tag": "reload"}

    def _l10n_pl_ksef_connection(self):
        self.ensure_one()
        connection = self.company_id.l10n_pl_ksef_connection_id
        if not connection:
            raise UserError(self.env._("Choose the KSeF environment first."))
        return connection.with_env(self.env)  # without the sudo that found it

    def action_l10n_pl_ksef_connect(self):
        """Log in to KSeF now and show the result; saving the settings never does."""
        return self._l10n_pl_ksef_connection().action_connect()

    def action_l10n_pl_ksef_connection(self):
        """Open the connection, where the way to log in and the token are."""
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("KSeF connection"),
            "res_model": "l10n_pl_ksef.connection",
            "res_id": self._l10n_pl_ksef_connection().id,
            "view_mode": "form",
            "views": [(False, "form")],
        }

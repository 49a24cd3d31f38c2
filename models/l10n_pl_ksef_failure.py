from datetime import timedelta

from odoo import api, fields, models

KEPT_DAYS = 400  # a tax year and its closing; what an outage needs is in its evidence


class L10nPlKsefFailure(models.Model):
    """One attempt of ours that KSeF did not answer as it should: evidence of an outage."""

    _name = "l10n_pl_ksef.failure"
    _description = "Failed KSeF request"
    _log_access = False
    _order = "id desc"
    _rec_name = "at"

    connection_id = fields.Many2one(
        "l10n_pl_ksef.connection", required=True, readonly=True, index=True, ondelete="restrict"
    )
    company_id = fields.Many2one(related="connection_id.company_id", store=True)
    environment = fields.Selection(related="connection_id.environment", store=True)
    at = fields.Datetime(required=True, readonly=True, index=True)
    kind = fields.Char(required=True, readonly=True, help="The class of the fault.")
    status = fields.Integer("HTTP status", readonly=True, aggregator=None)
    text = fields.Char(readonly=True)

    @api.model
    def _note(self, connection, error):
        """Keep a KsefError without anything that is secret: it has neither body nor token."""
        return self.sudo().create(
            {
                "connection_id": connection.id,
                "at": fields.Datetime.now(),
                "kind": type(error).__name__,
                "status": error.problem.status if error.problem else 0,
                "text": connection._explain(error),
            }
        )

    @api.autovacuum
    def _gc_failures(self):
        limit = fields.Datetime.now() - timedelta(days=KEPT_DAYS)
        self.sudo().search([("at", "<", limit)], limit=10_000).unlink()

"""KSeF on the card of a sales journal: what needs somebody, and whether KSeF works."""

from odoo import models

from .l10n_pl_ksef_document import LIVE

TO_FIX = ("rejected", "attention")


class AccountJournal(models.Model):
    _inherit = "account.journal"

    def _get_journal_dashboard_data_batched(self):
        # EXTENDS 'account'
        data = super()._get_journal_dashboard_data_batched()
        if not self.env["l10n_pl_ksef.status"].has_access("read"):
            return data
        journals = self.filtered(
            lambda journal: journal.type == "sale"
            and journal.company_id.sudo().root_id.l10n_pl_ksef_environment
        )
        counts = journals._l10n_pl_ksef_counts()
        forecasts = journals._l10n_pl_ksef_forecasts()
        statuses = {root: root._l10n_pl_ksef_status() for root in forecasts}
        for journal in journals:
            root = journal.company_id.sudo().root_id
            status = statuses[root]
            data[journal.id]["l10n_pl_ksef"] = {
                "offline": root.l10n_pl_ksef_mode == "offline",
                "proposal": root.l10n_pl_ksef_proposal,
                "announced": status.announced if status.is_announced else "",
                "forecast": forecasts[root],
                **counts[journal],
            }
        return data

    def _l10n_pl_ksef_counts(self):
        """How many invoices of each journal wait for KSeF, and how many need a person."""
        counts = {journal: {"waiting": 0, "to_fix": 0, "to_send": 0} for journal in self}
        states = dict.fromkeys(TO_FIX, "to_fix")
        states.update(dict.fromkeys(LIVE, "waiting"), to_send="to_send")
        for journal, state, count in self.env["account.move"]._read_group(
            [("journal_id", "in", self.ids), ("l10n_pl_ksef_state", "in", list(states))],
            ["journal_id", "l10n_pl_ksef_state"],
            ["__count"],
        ):
            counts[journal][states[state]] += count
        return counts

    def _l10n_pl_ksef_forecasts(self):
        """What waits, how long it takes, and what is at risk: sentences by head company."""
        Forecast = self.env["l10n_pl_ksef.forecast"]
        figures = {root: Forecast._figures(root) for root in self.company_id.sudo().root_id}
        return {
            root: Forecast._sentences(found) if found["waiting"] or found["level"] == "risk" else []
            for root, found in figures.items()
        }

    def action_l10n_pl_ksef_mode(self):
        """The page with the switch, for the company of this journal."""
        self.ensure_one()
        return self.env["l10n_pl_ksef.mode.wizard"].action_open(self.company_id.sudo())

    def action_l10n_pl_ksef_invoices(self):
        """The invoices of this journal that wait for KSeF or for a person."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "l10n_pl_ksef.l10n_pl_ksef_move_action"
        )
        action["domain"] = [
            ("journal_id", "=", self.id),
            ("l10n_pl_ksef_state", "in", [*LIVE, *TO_FIX, "to_send"]),
        ]
        return action

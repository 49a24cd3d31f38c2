"""What Send & Print says of invoices that cannot go to KSeF now, or are left out of it."""

from odoo import models

from .account_move_send import KEY


class AccountMoveSend(models.AbstractModel):
    _inherit = "account.move.send"

    def _get_alerts(self, moves, moves_data):
        # EXTENDS 'account'
        alerts = super()._get_alerts(moves, moves_data)
        ours = moves.filtered(lambda move: KEY in moves_data[move]["extra_edis"])
        left_out = (moves - ours).filtered(lambda move: move.l10n_pl_ksef_state == "to_send")
        if left_out:
            alerts["l10n_pl_ksef_left_out"] = {
                "level": "warning",
                "message": self.env._(
                    "Without KSeF the PDF is a working copy and no invoice: %s.",
                    ", ".join(left_out.mapped("name")),
                ),
            }
        waiting = ours.filtered(lambda move: move._l10n_pl_ksef_waits_for())
        if waiting == ours:
            alerts.pop("l10n_pl_ksef_offline", None)  # nothing of it is issued now
        alerts |= self._l10n_pl_ksef_waiting_alert(waiting)
        alerts |= self._l10n_pl_ksef_offline_alert(ours)
        return alerts

    def _l10n_pl_ksef_waiting_alert(self, moves):
        if not moves:
            return {}
        waiting = {move: move._l10n_pl_ksef_waits_for() for move in moves}
        originals = self.env["account.move"].union(*waiting.values()).sudo(False)
        alert = {
            "level": "info",
            "message": "\n".join(
                f"{move.name}: {move._l10n_pl_ksef_waiting_text(waits)}"
                for move, waits in waiting.items()
            ),
            "action_text": self.env._("Show what it waits for"),
            "action": originals._get_records_action(),
        }
        return {"l10n_pl_ksef_waits": alert}

    def _l10n_pl_ksef_offline_alert(self, moves):
        """The way out for those that KSeF did not take: the user chooses."""
        refused = moves.filtered(
            lambda move: (
                move.l10n_pl_ksef_may_issue_offline and not move._l10n_pl_ksef_is_switched_offline()
            )
        )
        if not refused:
            return {}
        alert = {
            "level": "info",
            "message": self.env._(
                "KSeF did not take these yet; they are tried again. Or issue them offline now, "
                "with two codes: %s.",
                ", ".join(refused.mapped("name")),
            ),
            "action_text": self.env._("Issue offline"),
            "action_call": ("account.move", "action_l10n_pl_ksef_issue_offline", refused.ids),
        }
        return {"l10n_pl_ksef_issue_offline": alert}

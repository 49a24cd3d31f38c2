"""What Send & Print says before anything is sent, with the way to what has to be looked at."""

from odoo import models

from .account_move_send import KEY

#: Invoices that one remark names; of the others it gives the number.
NAMED = 5


class AccountMoveSend(models.AbstractModel):
    _inherit = "account.move.send"

    def _get_alerts(self, moves, moves_data):
        # EXTENDS 'account'
        alerts = super()._get_alerts(moves, moves_data)
        ours = moves.filtered(lambda move: KEY in moves_data[move]["extra_edis"])
        if not ours:
            return alerts
        # a danger stops the whole batch: one bad invoice must not hold up the others (law 6)
        level = "danger" if len(moves) == 1 else "warning"
        missing = []
        for company in ours.company_id:
            first = ours.filtered(lambda m, c=company: m.company_id == c)[:1]
            missing += first._l10n_pl_ksef_missing()
        if missing:
            alerts["l10n_pl_ksef_connection"] = {
                "level": level,
                "message": "\n".join(missing),
                **self._l10n_pl_ksef_way_to_settings(),
            }
        alerts |= self._l10n_pl_ksef_file_alerts(ours, single=len(moves) == 1)
        offline = ours.filtered(lambda m: m._l10n_pl_ksef_is_switched_offline())
        if offline:
            alerts["l10n_pl_ksef_offline"] = {
                "level": "info",
                "message": self.env._(
                    "The company is switched to OFFLINE: the invoice is issued with two codes and "
                    "sent to KSeF later, within its deadline."
                ),
            }
        late = ours.filtered(lambda m: m.invoice_date and m.invoice_date < m._l10n_pl_ksef_today())
        if late:
            alerts["l10n_pl_ksef_late"] = {
                "level": "warning",
                "message": self.env._(
                    "Dated before today, so KSeF will mark as offline24: %s.",
                    ", ".join(late.mapped("name")),
                ),
            }
        return alerts

    def _l10n_pl_ksef_way_to_settings(self):
        """A button, for those who may open the settings."""
        if not self.env.user.has_group("base.group_system"):
            return {}
        return {
            "action_text": self.env._("Open the settings"),
            "action": self.env["ir.actions.actions"]._for_xml_id("account.action_account_config"),
        }

    # -- what the FA(3) files have -----------------------------------------------------------------

    def _l10n_pl_ksef_file_alerts(self, moves, single):
        """What stops the files of these invoices, and what a person should look at.

        Every file is made once. What is frozen already is not: it is sent as it is.

        :param single: the wizard is about one invoice, so that each record gets its own alert
        """
        problems, warnings = {}, {}
        for move in moves:
            if move.l10n_pl_ksef_live_document_id:
                continue
            stops, remarks = move._l10n_pl_ksef_fa3_findings()
            if stops:
                problems[move] = stops
            if remarks:
                warnings[move] = remarks
        if single:
            return {
                **self._l10n_pl_ksef_record_alerts("danger", problems),
                **self._l10n_pl_ksef_record_alerts("warning", warnings),
            }
        return {
            **self._l10n_pl_ksef_batch_problems(problems),
            **self._l10n_pl_ksef_batch_warnings(warnings),
        }

    def _l10n_pl_ksef_record_alerts(self, level, findings):
        """One alert for each record that has to be put right or looked at, with the way to it."""
        alerts = {}
        for finding in (item for items in findings.values() for item in items):
            record = finding.place()
            key = f"l10n_pl_ksef_{level}_{record._name}_{record.id}"
            alert = alerts.setdefault(key, {"level": level, "message": []})
            alert["message"].append(finding.message())
            if record and record.has_access("read"):
                alert["action_text"] = self.env._("Open %s", record.display_name)
                alert["action"] = record._get_records_action()
        for alert in alerts.values():
            alert["message"] = "\n".join(alert["message"])
        return alerts

    def _l10n_pl_ksef_batch_problems(self, problems):
        """Which invoices of a batch stay behind, and why; the others are sent."""
        if not problems:
            return {}
        lines = "\n".join(
            f"{move.name}: {problem.message()}"
            for move, stops in problems.items()
            for problem in stops
        )
        text = self.env._("KSeF cannot take these yet; the others are sent:\n%s", lines)
        return {"l10n_pl_ksef_fa3": self._l10n_pl_ksef_batch_alert(text, problems)}

    def _l10n_pl_ksef_batch_warnings(self, warnings):
        """Remarks about invoices of a batch, each remark once however many it is about."""
        by_text = {}
        for move, remarks in warnings.items():
            for remark in remarks:
                by_text.setdefault(remark.message(), []).append(move.name)
        if not by_text:
            return {}
        lines = []
        for message, names in by_text.items():
            shown = ", ".join(names[:NAMED])
            more = len(names) - NAMED
            if more > 0:
                shown = self.env._("%(invoices)s and %(count)s more", invoices=shown, count=more)
            lines.append(f"{shown}: {message}")
        text = self.env._("They can go to KSeF, but please look at:\n%s", "\n".join(lines))
        return {"l10n_pl_ksef_fa3_warnings": self._l10n_pl_ksef_batch_alert(text, warnings)}

    def _l10n_pl_ksef_batch_alert(self, message, moves):
        return {
            "level": "warning",
            "message": message,
            "action_text": self.env._("Show the invoices"),
            "action": self.env["account.move"].union(*moves)._get_records_action(),
        }

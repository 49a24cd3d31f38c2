"""What a company does when KSeF does not answer, and when it answers again."""

from urllib.parse import urlsplit

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..ksef import verdict
from .l10n_pl_ksef_connection import to_naive


def _is_address(url):
    try:
        parts = urlsplit(url)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False
    return is_web and "@" not in parts.netloc


class ResCompany(models.Model):
    _inherit = "res.company"

    l10n_pl_ksef_auto_switch = fields.Boolean(
        "Switch to OFFLINE and back by itself",
        copy=False,
        help="When two checks of KSeF in a row have failed, invoices are issued OFFLINE "
        "(offline24) without asking; after three good ones the company goes back to ONLINE. A "
        "total failure is never entered by itself.",
    )
    l10n_pl_ksef_control_url = fields.Char(
        "Neutral address",
        copy=False,
        help="Asked together with KSeF every five minutes, e.g. https://www.gov.pl. When it does "
        "not answer either, the trouble is our own line. Empty: nothing is asked.",
    )
    l10n_pl_ksef_proposal = fields.Selection(
        [(verdict.GO_OFFLINE, "Switch to OFFLINE"), (verdict.GO_ONLINE, "Back to ONLINE")],
        "KSeF proposal",
        readonly=True,
        copy=False,
    )

    @api.constrains("l10n_pl_ksef_control_url")
    def _check_l10n_pl_ksef_control_url(self):
        for company in self:
            url = company.l10n_pl_ksef_control_url
            if url and not _is_address(url):
                raise ValidationError(
                    self.env._(
                        "%s: the neutral address must look like https://www.gov.pl.",
                        company.display_name,
                    )
                )

    @api.model
    def _l10n_pl_ksef_controls(self):
        """The neutral addresses that companies chose, each once."""
        companies = self.sudo().search([("l10n_pl_ksef_control_url", "!=", False)])
        return sorted(set(companies.mapped("l10n_pl_ksef_control_url")))

    # -- the switch ------------------------------------------------------------------------------

    def _l10n_pl_ksef_own_outage(self):
        """The company's switch to OFFLINE that lasts, or none."""
        self.ensure_one()
        return self.env["l10n_pl_ksef.outage"].search(
            [("company_id", "=", self.id), ("end", "=", False)], limit=1
        )

    def _l10n_pl_ksef_go_offline(self, note, **vals):
        """Invoices are issued with two codes from now on; nothing is sent until ONLINE.

        Call it on a sudo record behind a check.

        :param vals: of the outage: who did it, and whether a person or a check
        :raise UserError: the codes are not possible
        """
        self.ensure_one()
        self._l10n_pl_ksef_offline_signer()
        if self.l10n_pl_ksef_mode != "offline":
            self.env["l10n_pl_ksef.outage"].create(
                {
                    "environment": self.l10n_pl_ksef_environment,
                    "kind": "own",
                    "company_id": self.id,
                    "start": fields.Datetime.now(),
                    "note": note,
                    **vals,
                }
            )
            self.l10n_pl_ksef_mode = "offline"
        self._l10n_pl_ksef_withdraw_proposal()

    def _l10n_pl_ksef_go_online(self):
        """Back to ONLINE: what waits is sent, the earliest deadline first."""
        self.ensure_one()
        self.l10n_pl_ksef_mode = "online"
        self._l10n_pl_ksef_own_outage()._end()
        self._l10n_pl_ksef_withdraw_proposal()
        self.env["l10n_pl_ksef.document"]._trigger("ir_cron_flush")

    # -- what the checks suggest -----------------------------------------------------------------

    def _l10n_pl_ksef_heed(self, status):
        """Propose a switch to every company that is in this environment, or switch where wanted.

        :param status: the row of the environment after a check
        """
        for company in self.filtered(
            lambda root: root.l10n_pl_ksef_environment == status.environment
        ):
            found = status._verdict(company)
            proposal = found.proposal(company.l10n_pl_ksef_mode)
            if proposal and company._l10n_pl_ksef_may_switch(proposal, found):
                company._l10n_pl_ksef_switch(proposal)
            elif proposal:
                company._l10n_pl_ksef_propose(proposal)
            else:
                company._l10n_pl_ksef_withdraw_proposal()

    def _l10n_pl_ksef_may_switch(self, proposal, found):
        """Whether it happens without a person: never into what only the Ministry can declare
        (law 3), not again where a person went back online in this outage, and back only from
        where it went by itself.
        """
        if not self.l10n_pl_ksef_auto_switch or found.needs_confirmation:
            return False
        if proposal == verdict.GO_OFFLINE:
            return not self.env["l10n_pl_ksef.outage"].search_count(
                [
                    ("company_id", "=", self.id),
                    ("end", ">=", to_naive(found.figures.trouble_since)),
                ],
                limit=1,
            )
        return self._l10n_pl_ksef_own_outage().source == "probe"

    def _l10n_pl_ksef_switch(self, proposal):
        if proposal == verdict.GO_ONLINE:
            self._l10n_pl_ksef_go_online()
            return
        words = self.with_context(lang=self.partner_id.lang).env
        try:
            with self.env.cr.savepoint():
                self._l10n_pl_ksef_go_offline(
                    words._("KSeF does not answer; switched by itself"), source="probe"
                )
        except UserError:
            # no Offline certificate: the proposal says what is missing when a person follows it
            self._l10n_pl_ksef_propose(proposal)

    def _l10n_pl_ksef_propose(self, proposal):
        connection = self.env["l10n_pl_ksef.connection"]._for_company(self)
        is_new = self.l10n_pl_ksef_proposal != proposal
        if is_new:
            self.l10n_pl_ksef_proposal = proposal
            connection._drop_proposal()
        connection._propose(
            "_l10n_pl_ksef_proposal_summary", "_l10n_pl_ksef_proposal_note", is_new=is_new
        )

    def _l10n_pl_ksef_withdraw_proposal(self):
        if self.l10n_pl_ksef_proposal:
            self.l10n_pl_ksef_proposal = False
            self.env["l10n_pl_ksef.connection"]._for_company(self)._drop_proposal()

    def _l10n_pl_ksef_proposal_summary(self):
        if self.l10n_pl_ksef_proposal == verdict.GO_ONLINE:
            return self.env._("KSeF answers again: go back to ONLINE?")
        if self._l10n_pl_ksef_status().legal_mode == "total_failure":
            return self.env._("A total failure of KSeF is announced")
        return self.env._("KSeF does not answer: issue invoices OFFLINE?")

    def _l10n_pl_ksef_proposal_note(self):
        status = self._l10n_pl_ksef_status()
        return self.env._(
            "%s Switch under KSeF > Online / offline mode.",
            status._sentence(status._verdict(self)),
        )

    def _l10n_pl_ksef_status(self):
        """The status of the environment that the company is in, or none."""
        return self.env["l10n_pl_ksef.status"].search(
            [("environment", "=", self.sudo().root_id.l10n_pl_ksef_environment)]
        )

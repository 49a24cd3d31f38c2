from datetime import timedelta

from odoo import api, models
from odoo.tools import SQL

from ..ksef.fa3 import model as fa3
from ..ksef.fa3.text import clean

#: Code of what FA(3) or this module cannot say, and of hints that have no code of their own.
UNSUPPORTED = "KS31"
#: Art. 106i(7): an invoice is issued at most 60 days before the supply.
MAX_DAYS_AHEAD = 60


class L10nPlKsefFa3(models.AbstractModel):
    _inherit = "l10n_pl_ksef.fa3"

    @api.model
    def _check_scope(self, draft):
        """Refuse what the generator cannot write: a clear refusal, never a wrong file."""
        move = draft.move
        self._check_branch(draft)
        if move.move_type in ("out_invoice", "out_refund"):
            return
        if move.journal_id.type == "purchase" and move.journal_id.is_self_billing:
            text = self.env._(
                "Self-billing is not supported: it needs the seller's permission and login in "
                "KSeF. Issue this document outside Odoo."
            )
            draft.problem(UNSUPPORTED, move, "journal_id", text)
        else:
            text = self.env._("Only customer invoices and credit notes go to KSeF.")
            draft.problem(UNSUPPORTED, move, "move_type", text)

    @api.model
    def _check_branch(self, draft):
        """The login belongs to the head company: KSeF takes no other seller's invoices from it."""
        # sudo: a user of a branch may not read its head company
        company = draft.move.company_id.sudo()
        head = company.root_id
        nip, head_nip = self._seller_nip(company), self._seller_nip(head)
        if nip != head_nip:
            text = self.env._(
                "The branch has the NIP %(nip)s, but its head company %(head)s logs in to KSeF "
                "with the NIP %(head_nip)s, and KSeF would refuse the invoice. If both are one "
                "taxpayer, clear the branch's Tax ID; otherwise make it a company of its own "
                "that is no branch, and connect that to KSeF.",
                nip=nip,
                head=head.name,
                head_nip=head_nip or "-",
            )
            draft.problem("KS01", company, "vat", text)

    @api.model
    def _check_header(self, draft):
        """State, number and dates."""
        move = draft.move
        _ = self.env._
        if move.state == "cancel":
            draft.problem("KS16", move, "state", _("The invoice is cancelled."))
        elif move.state != "posted" or not move.name or move.name == "/":
            draft.problem("KS16", move, "name", _("It has no number yet: confirm it first."))
        else:
            self._check_number(draft)
        today = move._l10n_pl_ksef_today()
        if not move.invoice_date:
            draft.problem("KS14", move, "invoice_date", _("Enter the invoice date."))
        elif move.invoice_date > today:
            text = _(
                "The invoice date %(date)s is in the future. KSeF accepts it on that day at the "
                "earliest: wait, or correct the date.",
                date=move.invoice_date,
            )
            draft.problem("KS14", move, "invoice_date", text)
        self._check_period(draft)

    @api.model
    def _check_period(self, draft):
        move = draft.move
        start, end = move.l10n_pl_ksef_period_from, move.l10n_pl_ksef_period_to
        if bool(start) != bool(end):
            text = self.env._("Enter both days of the period of supply, or none.")
            name = "l10n_pl_ksef_period_to" if start else "l10n_pl_ksef_period_from"
            draft.problem("KS15", move, name, text)
        elif start and start > end:
            text = self.env._("The period of supply ends before it begins.")
            draft.problem("KS15", move, "l10n_pl_ksef_period_to", text)
        supply = self._supply_date(move)
        if supply and move.invoice_date:
            if supply > move.invoice_date + timedelta(days=MAX_DAYS_AHEAD):
                text = self.env._(
                    "The supply is more than 60 days after the invoice (art. 106i(7) of the "
                    "VAT act)."
                )
                draft.warning("KS14", move, "taxable_supply_date", text)

    @api.model
    def _supply_date(self, move):
        """The day of supply that the invoice tells, or False."""
        return move.taxable_supply_date or move.delivery_date

    @api.model
    def _supply(self, draft):
        """P_6 or the period of supply, as keyword arguments of `Fa`.

        Compared with the day of issue, not with the accounting date. Days that differ from line to
        line stand in the rows instead.
        """
        move = draft.move
        if move.l10n_pl_ksef_period_from and move.l10n_pl_ksef_period_to:
            period = fa3.OkresFa(
                P_6_Od=move.l10n_pl_ksef_period_from, P_6_Do=move.l10n_pl_ksef_period_to
            )
            return {"OkresFa": period}
        if self._line_dates(draft):
            return {}
        days = {row.line.l10n_pl_ksef_supply_date for row in draft.rows} - {False}
        supply = days.pop() if len(days) == 1 else self._supply_date(move)
        return {"P_6": supply} if supply and supply != move.invoice_date else {}

    @api.model
    def _check_number(self, draft):
        """KSeF remembers (NIP, kind, number) for ten years and refuses a second one."""
        move = draft.move
        # sudo: a user of a branch may not read its head company
        company = move.company_id.sudo()
        documents = self.env["l10n_pl_ksef.document"]
        documents.flush_model(
            ["seller_nip", "environment", "invoice_kind", "invoice_number", "state"]
        )
        # past the record rules: the same NIP may be used by a company that this user does not see
        query = SQL(
            """
            SELECT 1 FROM l10n_pl_ksef_document
             WHERE seller_nip = %(nip)s AND invoice_number = %(number)s
               AND invoice_kind = %(kind)s AND environment = %(environment)s
               AND move_id != %(move)s
               AND state NOT IN ('rejected', 'superseded', 'withdrawn')
             LIMIT 1
            """,
            nip=self._seller_nip(company),
            number=move.name,
            kind=draft.kind,
            environment=company.root_id.l10n_pl_ksef_environment or None,
            move=move.id,
        )
        if self.env.execute_query(query):
            text = self.env._(
                "The number was already used with this NIP. Numbers must be unique over all "
                "journals and companies with one NIP: rename this invoice."
            )
            draft.problem("KS16", move, "name", text)

    @api.model
    def _issue_place(self, draft):
        """P_1M: what the company says, a branch its city; most leave it out."""
        company = draft.move.company_id
        place = self._fit(draft, company, "l10n_pl_ksef_issue_place", 256)
        if place or not company.sudo().parent_id:
            return place
        return self._fit(draft, company, "city", 256)

    @api.model
    def _delivery_notes(self, draft):
        """WZ: numbers of warehouse documents, each once, in order."""
        numbers = draft.move._l10n_pl_ksef_get_delivery_numbers()
        unique = sorted(set(filter(None, map(clean, numbers))))
        return self._first(draft, "l10n_pl_ksef_delivery_numbers", unique, 1000)

from decimal import Decimal

from odoo import api, models
from odoo.tools import html2plaintext

from ..ksef.fa3 import model as fa3
from ..ksef.fa3.categories import REVERSE_CHARGE
from ..ksef.fa3.lexical import rounded
from ..ksef.fa3.text import clean, pieces

#: Split payment is mandatory above this gross amount in PLN (VAT act, art. 108a(1a)).
SPLIT_PAYMENT_LIMIT = Decimal(15_000)
#: Categories that P_12, P_18 and P_19 explain: the legal notes of their taxes are not repeated.
SELF_EVIDENT = REVERSE_CHARGE | {"wdt", "export", "exempt", "np1"}
#: What an invoice of the second taxpayer in a simplified triangular transaction says (art. 136).
TRIANGULAR = (
    ("Adnotacja", "VAT: Faktura WE uproszczona na mocy art. 135-138 ustawy o ptu"),
    (
        "Oświadczenie",
        "Podatek z tytułu dokonanej dostawy zostanie rozliczony przez ostatniego w kolejności "
        "podatnika podatku od wartości dodanej",
    ),
)


class L10nPlKsefFa3(models.AbstractModel):
    _inherit = "l10n_pl_ksef.fa3"

    @api.model
    def _annotations(self, draft, total):
        """The eight annotations. A correction repeats those of the document that it corrects."""
        repeated = self._repeated_annotations(draft, total)
        if repeated:
            return repeated
        company = draft.move.company_id
        cash_method = company.l10n_pl_ksef_cash_method or any(
            row.tax and row.tax.tax_exigibility == "on_payment" for row in draft.all_rows
        )
        if cash_method and draft.buyer.get("BrakID"):
            text = self.env._("The cash method is not meant for sales to consumers.")
            draft.warning("KS31", draft.move, "partner_id", text)
        return fa3.Adnotacje(
            P_16=1 if cash_method else 2,
            P_17=2,
            P_18=1 if self._reverse_charge(draft) else 2,
            P_18A=1 if self._split_payment(draft, total) else 2,
            Zwolnienie=self._exemption(draft),
            NoweSrodkiTransportu=self._new_means_of_transport(draft)
            or fa3.NoweSrodkiTransportu(P_22N=1),
            P_23=1 if "triangular" in draft.categories else 2,
            PMarzy=self._margin(draft),
        )

    @api.model
    def _reverse_charge(self, draft):
        """P_18: one line for which the buyer accounts for the tax makes it the whole document's."""
        chosen = draft.move.l10n_pl_ksef_reverse_charge
        if chosen:
            return chosen == "yes"
        business = not draft.buyer.get("BrakID")
        return bool(draft.categories & REVERSE_CHARGE) or (business and "np1" in draft.categories)

    @api.model
    def _split_payment(self, draft, total):
        """P_18A: more than 15 000 PLN gross, a taxed row of Annex 15, a taxpayer as buyer."""
        move = draft.move
        if move.l10n_pl_ksef_split_payment:
            split = move.l10n_pl_ksef_split_payment == "yes"
        else:
            amount = total * draft.rate if draft.rate else total
            above = rounded(amount, 2) > SPLIT_PAYMENT_LIMIT
            split = bool(above and draft.buyer.get("NIP") and self._is_annexed(draft))
        if split and move.preferred_payment_method_line_id.journal_id.type == "cash":
            text = self.env._("Split payment and payment in cash contradict each other.")
            draft.warning("KS31", move, "preferred_payment_method_line_id", text)
        return split

    @api.model
    def _is_annexed(self, draft):
        """Whether a taxed row belongs to Annex 15."""
        return any(
            row.line.product_id._l10n_pl_ksef_is_annex15()
            for row in draft.rows
            if row.category and row.kind.taxed
        )

    @api.model
    def _exemption(self, draft):
        """Legal basis of the exempt rows: from their taxes, else from the company.

        Only one kind of basis may be given: different ones are joined under the first kind.
        """
        taxes = self.env["account.tax"].union(
            *(row.tax for row in draft.all_rows if row.category == "exempt")
        )
        if not taxes:
            return fa3.Zwolnienie(P_19N=1)
        company = draft.move.company_id
        found = {}
        for tax in taxes:
            source = tax if tax.l10n_pl_ksef_exempt_basis else company
            text = clean(source.l10n_pl_ksef_exempt_basis)
            if text:
                found.setdefault(text, source.l10n_pl_ksef_exempt_basis_type or "A")
            else:
                message = self.env._(
                    "The exemption has no legal basis. Enter it on the tax (for example art. 43 "
                    "ust. 1 pkt 29 ustawy o VAT) or in the settings of the company."
                )
                draft.problem("KS10", tax, "l10n_pl_ksef_exempt_basis", message)
        joined = "; ".join(found)
        if len(joined) > 256:
            message = self.env._("The legal bases are longer than 256 characters together.")
            draft.problem("KS10", taxes[0], "l10n_pl_ksef_exempt_basis", message)
        if len(set(found.values())) > 1:
            message = self.env._(
                "Several kinds of legal basis: all are given under the first kind."
            )
            draft.warning("KS10", taxes[0], "l10n_pl_ksef_exempt_basis_type", message)
        kind = next(iter(found.values()), "A")
        return fa3.Zwolnienie(P_19=1, **{f"P_19{kind}": joined or None})

    @api.model
    def _margin(self, draft):
        procedures = {row.kind.margin for row in draft.all_rows if row.category} - {None}
        if not procedures:
            return fa3.PMarzy(P_PMarzyN=1)
        if len(procedures) > 1:
            text = self.env._("Two margin procedures on one invoice: issue one invoice for each.")
            draft.problem("KS11", draft.move, "invoice_line_ids", text)
        return fa3.PMarzy(P_PMarzy=1, **{min(procedures): 1})

    @api.model
    def _new_means_of_transport(self, draft):
        """Hook for dealers: the `NoweSrodkiTransportu` element, or None when there are none."""
        return None

    @api.model
    def _repeated_annotations(self, draft, total):
        """Annotations of the corrected document; None for anything but corrections."""
        return None

    # -- additional descriptions -----------------------------------------------------------------

    @api.model
    def _all_descriptions(self, draft, overflow, notes):
        """`DodatkowyOpis`: triangular statement, overflow, notes, the user's own, legal notes."""
        move = draft.move
        found = []
        if "triangular" in draft.categories:
            found += [fa3.TKluczWartosc(Klucz=key, Wartosc=text) for key, text in TRIANGULAR]
        found += [*overflow, *notes]
        for item in move.l10n_pl_ksef_description_ids:
            key, text = self._fit(draft, item, "key", 250), clean(item.value)
            if key and text:
                found += self._descriptions(key, text, None)
        return (*found, *self._legal_notes(draft))

    @api.model
    def _legal_notes(self, draft):
        """Legal notes of the taxes, where the category itself does not say it already."""
        taxes = self.env["account.tax"].union(
            *(row.tax for row in draft.rows if row.category and row.category not in SELF_EVIDENT)
        )
        if not any(taxes.mapped("invoice_legal_notes")):
            return []
        found = []
        for tax in taxes.with_context(lang=self._polish()):
            notes = tax.invoice_legal_notes
            text = clean(html2plaintext(notes)) if notes else None
            if text:
                found += self._descriptions("Podstawa prawna", text, None)
        return found

    @api.model
    def _polish(self):
        """Polish where it is installed: an unknown language would be an error."""
        return "pl_PL" if "pl_PL" in dict(self.env["res.lang"].get_installed()) else "en_US"

    @api.model
    def _descriptions(self, key, text, number, first=1):
        """The text in pieces of 256 characters, the keys numbered from the second one."""
        return [
            fa3.TKluczWartosc(
                NrWiersza=number, Klucz=key if index == 1 else f"{key} ({index})", Wartosc=piece
            )
            for index, piece in enumerate(pieces(text, 256), start=first)
        ]

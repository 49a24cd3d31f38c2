from decimal import Decimal

from odoo import api, models

from ..ksef.fa3 import model as fa3
from .account_move_fa3_draft import Row, decimal
from .account_move_fa3_scope import UNSUPPORTED

#: Category -> (P_12, base element, tax element) of what can be written so far.
DOMESTIC = {
    "23": ("23", "P_13_1", "P_14_1"),
    "22": ("22", "P_13_1", "P_14_1"),
    "8": ("8", "P_13_2", "P_14_2"),
    "7": ("7", "P_13_2", "P_14_2"),
    "5": ("5", "P_13_3", "P_14_3"),
    "4": ("4", "P_13_4", "P_14_4"),
    "3": ("3", "P_13_4", "P_14_4"),
    "0kr": ("0 KR", "P_13_6_1", None),
    "exempt": ("zw", "P_13_7", None),
}
HALF_CENT = Decimal("0.005")


class L10nPlKsefFa3(models.AbstractModel):
    _inherit = "l10n_pl_ksef.fa3"

    @api.model
    def _load_rows(self, draft):
        """Product lines with their VAT tax, category and booked amounts; cash rounding apart.

        The amounts are those of the booked base lines, never `price_subtotal`: only they add up
        to the booked totals under global rounding.
        """
        move = draft.move
        base_lines, _tax_lines = move._get_rounded_base_and_tax_lines()
        base_lines.sort(key=lambda base: (base["record"].sequence, base["record"].id))
        strategy = move.invoice_cash_rounding_id.strategy
        if strategy == "biggest_tax" and any(
            line.display_type == "rounding" for line in move.line_ids
        ):
            text = self.env._(
                "Cash rounding changed the VAT. Choose a rounding that adds a rounding line."
            )
            draft.problem("KS12", move, "invoice_cash_rounding_id", text)
        for base_line in base_lines:
            kind = base_line["special_type"]
            if kind == "cash_rounding":
                details = base_line["tax_details"]
                draft.rounding += decimal(details["total_excluded_currency"])
            elif kind == "early_payment":
                text = self.env._(
                    "The early payment discount already lowers the VAT. Choose the tax reduction "
                    '"On early payment" in the payment terms.'
                )
                draft.problem("KS13", move, "invoice_payment_term_id", text)
            elif not kind:
                draft.rows.append(self._row(draft, base_line))
        if not draft.rows:
            draft.problem("KS07", move, "invoice_line_ids", self.env._("There is no product line."))
        if len(draft.rows) > 10_000:
            text = self.env._("More than 10,000 lines: split the invoice.")
            draft.problem("KS27", move, "invoice_line_ids", text)

    @api.model
    def _row(self, draft, base_line):
        line = base_line["record"]
        details = base_line["tax_details"]
        row = Row(line, base_line)
        vat_data = [data for data in details["taxes_data"] if self._is_vat(data["tax"])]
        others = [data for data in details["taxes_data"] if not self._is_vat(data["tax"])]
        if not vat_data:
            text = self.env._("The line has no VAT tax. Add one, for example 0% Exempt.")
            draft.problem("KS07", line, "tax_ids", text)
            return row
        if len(vat_data) > 1:
            text = self.env._("The line has several VAT taxes. Leave exactly one.")
            draft.problem("KS08", line, "tax_ids", text)
            return row
        data = vat_data[0]
        row.tax = data["tax"]
        row.category = self._category(draft, row.tax)
        row.net = decimal(details["total_excluded_currency"]) + decimal(
            details["delta_total_excluded_currency"]
        )
        row.vat = decimal(data["tax_amount_currency"])
        if others:
            included = data["raw_base_amount_currency"] - details["raw_total_excluded_currency"]
            amounts = sum(other["raw_tax_amount_currency"] for other in others)
            if abs(decimal(included - amounts, 6)) > HALF_CENT:
                names = ", ".join(other["tax"].name for other in others)
                text = self.env._(
                    "%(taxes)s is charged beside the VAT base, which is not supported yet.",
                    taxes=names,
                )
                draft.problem(UNSUPPORTED, line, "tax_ids", text)
            row.net += sum(decimal(other["tax_amount_currency"]) for other in others)
        return row

    @api.model
    def _is_vat(self, tax):
        """Fixed fees without a category are no VAT; everything else is."""
        return bool(tax.l10n_pl_ksef_category) or tax.amount_type != "fixed"

    @api.model
    def _category(self, draft, tax):
        """The tax's category when it can be written; otherwise a problem and None."""
        category = tax.l10n_pl_ksef_category
        if not category:
            text = self.env._("The tax has no KSeF category. Choose it on the tax form.")
            draft.problem("KS09", tax, "l10n_pl_ksef_category", text)
            return None
        if category not in DOMESTIC:
            labels = dict(tax._fields["l10n_pl_ksef_category"]._description_selection(self.env))
            text = self.env._(
                "Sales of the category “%(category)s” are not supported yet. Issue this document "
                "outside Odoo for now.",
                category=labels[category],
            )
            draft.problem(UNSUPPORTED, tax, "l10n_pl_ksef_category", text)
            return None
        rate = decimal(category) if category.isdecimal() else Decimal(0)
        if tax.amount_type == "percent" and decimal(tax.amount, 4) != rate:
            text = self.env._(
                "The KSeF category does not fit the rate of %(rate)s %%.", rate=f"{tax.amount:g}"
            )
            draft.problem("KS09", tax, "l10n_pl_ksef_category", text)
            return None
        return category

    @api.model
    def _fa(self, draft):
        move = draft.move
        totals = self._totals(draft)
        total = sum(totals.values(), Decimal(0))
        if not draft.problems:
            self._check_total(draft, total)
        supply = move.taxable_supply_date or move.delivery_date
        rows, descriptions = self._rows(draft)
        return fa3.Fa(
            KodWaluty=move.currency_id.name,
            P_1=move.invoice_date or None,
            P_2=move.name or None,
            P_6=supply if supply and supply != move.invoice_date else None,
            **totals,
            P_15=total,
            Adnotacje=self._annotations(draft),
            RodzajFaktury="VAT",
            TP=1 if move.commercial_partner_id.l10n_pl_links_with_customer else None,
            DodatkowyOpis=descriptions,
            FaWiersz=rows,
            Rozliczenie=self._settlement(draft, total),
            Platnosc=self._payment(draft),
            WarunkiTransakcji=self._terms(draft),
        )

    @api.model
    def _totals(self, draft):
        """Element name -> amount, for every category that occurs (also when it comes to 0.00)."""
        totals = {}
        for row in draft.rows:
            if not row.category:
                continue
            _rate, base, tax = DOMESTIC[row.category]
            totals[base] = totals.get(base, Decimal(0)) + row.net
            if tax:
                totals[tax] = totals.get(tax, Decimal(0)) + row.vat
        return totals

    @api.model
    def _check_total(self, draft, total):
        """The document's total and the settlement must be what the books say."""
        booked = decimal(draft.move.amount_total)
        if total + draft.rounding != booked:
            text = self.env._(
                "Lines and taxes add up to %(computed)s, the invoice says %(booked)s.",
                computed=total + draft.rounding,
                booked=booked,
            )
            draft.problem("KS28", draft.move, "amount_total", text)

    @api.model
    def _annotations(self, draft):
        cash_basis = any(row.tax and row.tax.tax_exigibility == "on_payment" for row in draft.rows)
        return fa3.Adnotacje(
            P_16=1 if cash_basis else 2,
            P_17=2,
            P_18=2,
            P_18A=2,
            Zwolnienie=self._exemption(draft),
            NoweSrodkiTransportu=fa3.NoweSrodkiTransportu(P_22N=1),
            P_23=2,
            PMarzy=fa3.PMarzy(P_PMarzyN=1),
        )

    @api.model
    def _exemption(self, draft):
        """Legal basis of the exempt rows: from their taxes, else from the company.

        Only one kind of basis may be given: different ones are joined under the first kind.
        """
        taxes = self.env["account.tax"]
        for row in draft.rows:
            if row.category == "exempt":
                taxes |= row.tax
        if not taxes:
            return fa3.Zwolnienie(P_19N=1)
        company = draft.move.company_id
        found = {}
        for tax in taxes:
            source = tax if tax.l10n_pl_ksef_exempt_basis else company
            text = self._text(source.l10n_pl_ksef_exempt_basis)
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
        kind = next(iter(found.values()), "A")
        return fa3.Zwolnienie(P_19=1, **{f"P_19{kind}": joined or None})

    @api.model
    def _settlement(self, draft, total):
        """Cash rounding: outside the amount of the invoice, but to be paid."""
        if not draft.rounding:
            return None
        item = (fa3.KwotaPowod(Kwota=abs(draft.rounding), Powod="Zaokrąglenie"),)
        if draft.rounding > 0:
            values = {"Obciazenia": item, "SumaObciazen": abs(draft.rounding)}
        else:
            values = {"Odliczenia": item, "SumaOdliczen": abs(draft.rounding)}
        due = total + draft.rounding
        values["DoZaplaty" if due >= 0 else "DoRozliczenia"] = abs(due)
        return fa3.Rozliczenie(**values)

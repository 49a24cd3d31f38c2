from decimal import Decimal

from odoo import api, models

from ..ksef.fa3 import model as fa3
from ..ksef.fa3.categories import CATEGORIES
from ..ksef.fa3.lexical import rounded
from .account_move_fa3_draft import Row, decimal

CENT = Decimal("0.01")
HALF_CENT = Decimal("0.005")
MAX_ROWS = 10_000


class L10nPlKsefFa3(models.AbstractModel):
    _inherit = "l10n_pl_ksef.fa3"

    @api.model
    def _load_rows(self, draft):
        """Product lines with their VAT tax, category and booked amounts; the rest as settlements.

        The amounts are those of the booked base lines, never `price_subtotal`: only they add up
        to the booked totals under global rounding.
        """
        move = draft.move
        kinds = move.invoice_line_ids.mapped("display_type")
        if kinds.count("product") > MAX_ROWS:
            text = self.env._("More than 10,000 lines: split the invoice.")
            draft.problem("KS27", move, "invoice_line_ids", text)
            return
        self._check_rounding(draft)
        if not self._load_booked(draft):
            self._load_base_lines(draft)
        if not draft.rows and not draft.deductions:
            draft.problem("KS07", move, "invoice_line_ids", self.env._("There is no product line."))
        self._load_rate(draft)

    @api.model
    def _load_base_lines(self, draft):
        """The rows and settlements of any invoice, by Odoo's own base lines."""
        move = draft.move
        self._prefetch_base_lines(move)
        base_lines, _tax_lines = move._get_rounded_base_and_tax_lines()
        base_lines.sort(key=lambda base: (base["record"].sequence, base["record"].id))
        for base_line in base_lines:
            kind = base_line["special_type"]
            if kind == "cash_rounding":
                amount = decimal(base_line["tax_details"]["total_excluded_currency"])
                draft.settlements.append((draft.sign * amount, "Zaokrąglenie"))
            elif kind == "early_payment":
                text = self.env._(
                    "The early payment discount already lowers the VAT. Choose the tax reduction "
                    '"On early payment" in the payment terms.'
                )
                draft.problem("KS13", move, "invoice_payment_term_id", text)
            elif not kind:
                row = self._row(draft, base_line)
                if row is not None:
                    self._add_row(draft, row)

    @api.model
    def _check_rounding(self, draft):
        move = draft.move
        if move.invoice_cash_rounding_id.strategy == "biggest_tax" and any(
            line.display_type == "rounding" for line in move.line_ids
        ):
            text = self.env._(
                "Cash rounding changed the VAT. Choose a rounding that adds a rounding line."
            )
            draft.problem("KS12", move, "invoice_cash_rounding_id", text)
        if move.currency_id.decimal_places > 2:
            text = self.env._(
                "KSeF knows amounts of two decimals only; invoice in another currency."
            )
            draft.problem("KS30", move, "currency_id", text)

    @api.model
    def _add_row(self, draft, row):
        """One product line: a row, or the deduction of an advance."""
        if self._is_advance_deduction(draft, row.line):
            draft.deductions.append(row)
        else:
            draft.rows.append(row)

    @api.model
    def _row(self, draft, base_line):
        """The row of a line; None when the line is only a settlement (deposit, toll)."""
        line = base_line["record"]
        details = base_line["tax_details"]
        row = Row(line, base_line)
        vat_data = []
        others = []
        for data in details["taxes_data"]:
            (vat_data if self._is_vat(data["tax"]) else others).append(data)
        net = decimal(details["total_excluded_currency"]) + decimal(
            details["delta_total_excluded_currency"]
        )
        if not vat_data:
            if line.product_id.l10n_pl_ksef_settlement:
                net += sum(decimal(other["tax_amount_currency"]) for other in others)
                reason = self._fit(draft, line, "name", 256, line.name or line.product_id.name)
                draft.settlements.append((draft.sign * net, reason))
                return None
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
        if others:
            net += self._fees(draft, line, data, details, others)
        row.net = draft.sign * net
        row.vat = draft.sign * decimal(data["tax_amount_currency"])
        row.vat_pln = draft.sign * decimal(data["tax_amount"])
        if row.category and row.kind.margin:
            # the tax of a margin is not disclosed: the row shows the gross amount
            row.net, row.vat, row.vat_pln = row.net + row.vat, Decimal(0), Decimal(0)
        return row

    @api.model
    def _fees(self, draft, line, vat, details, others):
        """Fees that belong to the VAT base, as an amount; the others become settlements.

        What the VAT base exceeds the price by tells which ones belong to it.
        """
        included = decimal(
            vat["raw_base_amount_currency"] - details["raw_total_excluded_currency"], 6
        )
        inside = [other for other in others if other["tax"].include_base_amount]
        for chosen in (inside, others, []):
            raw = decimal(sum(other["raw_tax_amount_currency"] for other in chosen), 6)
            if abs(included - raw) <= HALF_CENT:
                break
        else:
            names = ", ".join(other["tax"].name for other in others)
            text = self.env._(
                "It is not clear which of these taxes belong to the VAT base: %(taxes)s. Let them "
                "all affect the base of subsequent taxes, or none.",
                taxes=names,
            )
            draft.problem("KS08", line, "tax_ids", text)
            return Decimal(0)
        for other in others:
            if not any(other is item for item in chosen):
                amount = draft.sign * decimal(other["tax_amount_currency"])
                reason = self._fit(draft, other["tax"], "name", 256)
                draft.settlements.append((amount, reason))
        return sum((decimal(other["tax_amount_currency"]) for other in chosen), Decimal(0))

    @api.model
    def _is_vat(self, tax):
        """Fixed fees without a category are no VAT; everything else is."""
        return bool(tax.l10n_pl_ksef_category) or tax.amount_type != "fixed"

    @api.model
    def _category(self, draft, tax):
        """The tax's category; otherwise a problem and None."""
        category = tax.l10n_pl_ksef_category
        if not category:
            text = self.env._("The tax has no KSeF category. Choose it on the tax form.")
            draft.problem("KS09", tax, "l10n_pl_ksef_category", text)
            return None
        kind = CATEGORIES[category]
        free = category == "oss" or kind.margin
        rate = Decimal(category) if category.isdecimal() else Decimal(0)
        if tax.amount_type == "percent" and not free and decimal(tax.amount, 4) != rate:
            text = self.env._(
                "The KSeF category does not fit the rate of %(rate)s %%.", rate=f"{tax.amount:g}"
            )
            draft.problem("KS09", tax, "l10n_pl_ksef_category", text)
            return None
        return category

    # -- foreign currency ------------------------------------------------------------------------

    @api.model
    def _load_rate(self, draft):
        """The exchange rate of a foreign-currency invoice, as short as it was entered.

        Odoo keeps units of the currency per PLN; its inverse is wanted. Rates of the National Bank
        have four decimals: they are taken when the booked VAT confirms them, else six.
        """
        move = draft.move
        taxed = [row for row in draft.all_rows if row.category and row.kind.taxed]
        if not draft.foreign:
            return
        if move.company_id.sudo().currency_id.name != "PLN":
            if taxed:
                text = self.env._(
                    "VAT must be computed in PLN: the company's currency has to be PLN."
                )
                draft.problem("KS24", move.company_id, "currency_id", text)
            return
        inverse = Decimal(repr(float(move.invoice_currency_rate or 0.0)))
        if inverse <= 0 or (inverse == 1 and taxed):
            text = self.env._(
                "The exchange rate is missing or 1. Enter the rate of the last business day before "
                "the tax point."
            )
            draft.problem("KS24", move, "invoice_currency_rate", text)
            return
        vat = sum((row.vat for row in taxed), Decimal(0))
        booked = sum((row.vat_pln for row in taxed), Decimal(0))
        exact = 1 / inverse
        for decimals in (4, 6):
            draft.rate = rounded(exact, decimals)
            if abs(rounded(vat * draft.rate, 2) - booked) <= CENT * max(1, len(taxed)):
                return
        text = self.env._(
            "VAT of %(vat)s at the rate %(rate)s does not give the booked %(booked)s PLN.",
            vat=vat,
            rate=draft.rate,
            booked=booked,
        )
        draft.warning("KS28", move, "invoice_currency_rate", text)

    # -- totals ----------------------------------------------------------------------------------

    @api.model
    def _totals(self, draft):
        """Element name -> amount, for every category that occurs (also when it comes to 0.00).

        A correction leaves out what it does not change.
        """
        totals = {}
        for row in draft.all_rows:
            if not row.category:
                continue
            kind = row.kind
            amounts = [(kind.base, row.net), (kind.tax, row.vat)]
            if draft.foreign and kind.taxed:
                amounts.append((f"{kind.tax}W", row.vat_pln))
            for name, amount in amounts:
                if name:
                    totals[name] = totals.get(name, Decimal(0)) + amount
        if draft.origin:
            for base in [name for name in totals if name.startswith("P_13")]:
                tax = base.replace("P_13", "P_14")
                group = [name for name in (base, tax, f"{tax}W") if name in totals]
                if not any(totals[name] for name in group):
                    for name in group:
                        del totals[name]
        return totals

    @api.model
    def _total(self, totals):
        """P_15: everything but the VAT repeated in PLN."""
        amounts = (amount for name, amount in totals.items() if not name.endswith("W"))
        return sum(amounts, Decimal(0))

    @api.model
    def _check_total(self, draft, total):
        """The document's total and the settlement must be what the books say."""
        booked = draft.sign * decimal(draft.move.amount_total)
        computed = total + sum((amount for amount, _reason in draft.settlements), Decimal(0))
        if computed != booked:
            text = self.env._(
                "Lines and taxes add up to %(computed)s, the invoice says %(booked)s.",
                computed=computed,
                booked=booked,
            )
            draft.problem("KS28", draft.move, "amount_total", text)

    @api.model
    def _settlement(self, draft, total):
        """What is to be paid beside the amount of the invoice: deposits, cash rounding."""
        charges = [item for item in draft.settlements if item[0] > 0]
        deductions = [item for item in draft.settlements if item[0] < 0]
        if not charges and not deductions:
            return None
        values = {}
        for name, sum_name, items in (
            ("Obciazenia", "SumaObciazen", charges),
            ("Odliczenia", "SumaOdliczen", deductions),
        ):
            if items:
                values[name] = tuple(
                    fa3.KwotaPowod(Kwota=abs(amount), Powod=reason) for amount, reason in items
                )
                values[sum_name] = sum((abs(amount) for amount, _reason in items), Decimal(0))
        due = total + sum(amount for amount, _reason in draft.settlements)
        values["DoZaplaty" if due >= 0 else "DoRozliczenia"] = abs(due)
        return fa3.Rozliczenie(**values)

    @api.model
    def _is_advance_deduction(self, draft, line):
        """Whether the line takes an advance off; only with `sale`, see `account_move_fa3_sale`."""
        return False

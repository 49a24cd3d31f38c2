from decimal import Decimal

from odoo import api, models

from .account_move_fa3_draft import Row, decimal

#: Lines of an ordinary invoice; the others are something that only base lines explain.
_ORDINARY = frozenset(
    "product tax payment_term line_section line_subsection line_note cogs".split()
)


class L10nPlKsefFa3(models.AbstractModel):
    """The short way for ordinary invoices: what their journal items say needs no computing.

    Odoo's base lines say what share of a tax falls on each line. That is only asked for where a
    price contains the tax, where the tax is rounded line by line, and on corrections; and only
    they explain fees, groups of taxes, deposits, roundings and discounts spread over an invoice.
    Half of the time of a build would go there. Both ways give the same file, tests compare them.
    """

    _inherit = "l10n_pl_ksef.fa3"

    @api.model
    def _load_booked(self, draft):
        """Load the rows from the journal items; False, and nothing is done, where they do not do.

        The tax of all lines with one tax stands in the first of their rows.
        """
        move = draft.move
        lines = move.line_ids
        products = lines.filtered(lambda line: line.display_type == "product")
        if not self._is_ordinary(draft, lines, products):
            return False
        categories = {tax: self._category(draft, tax) for tax in products.tax_ids}
        taxes = {}
        for line in lines:
            if line.display_type == "tax":
                vat, vat_pln = taxes.get(line.tax_line_id, (Decimal(0), Decimal(0)))
                vat -= decimal(line.amount_currency)
                taxes[line.tax_line_id] = vat, vat_pln - decimal(line.balance)
        if taxes.keys() - categories.keys():
            return False
        for line in products.sorted(lambda line: (line.sequence, line.id)):
            tax = line.tax_ids
            # a journal item is a credit of an invoice and a debit of a credit note
            row = Row(line, {"special_mode": False, "price_unit": line.price_unit}, tax)
            row.category, row.net = categories[tax], -decimal(line.amount_currency)
            row.vat, row.vat_pln = taxes.pop(tax, (Decimal(0), Decimal(0)))
            self._add_row(draft, row)
        return True

    @api.model
    def _is_ordinary(self, draft, lines, products):
        """Whether every line has one plain tax on top of its price."""
        if draft.origin or not _ORDINARY.issuperset(lines.mapped("display_type")):
            return False
        if draft.move.company_id.tax_calculation_rounding_method == "round_per_line":
            return False
        return all(len(line.tax_ids) == 1 and not line.extra_tax_data for line in products) and all(
            self._is_plain(tax) for tax in products.tax_ids
        )

    @api.model
    def _is_plain(self, tax):
        """A tax on top of the price that is booked in one journal item."""
        category = tax.l10n_pl_ksef_category or "margin"
        return (
            tax.amount_type == "percent"
            and not tax.price_include
            and not category.startswith("margin")
            and len(tax.invoice_repartition_line_ids) == 2
            and len(tax.refund_repartition_line_ids) == 2
        )

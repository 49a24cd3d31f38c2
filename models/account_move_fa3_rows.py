import re
from decimal import Decimal

from odoo import api, models

from ..ksef.fa3 import model as fa3
from ..ksef.fa3.arithmetic import CENT, price_slack
from ..ksef.fa3.lexical import rounded
from ..ksef.fa3.text import clean, cut, pieces
from ..ksef.fa3.units import DEFAULT_UNIT, unit_symbol
from .account_move_fa3_amounts import DOMESTIC
from .account_move_fa3_draft import decimal

_GTIN_LENGTHS = (8, 12, 13, 14)


class L10nPlKsefFa3(models.AbstractModel):
    _inherit = "l10n_pl_ksef.fa3"

    @api.model
    def _text(self, text, limit=None):
        """Clean one-line text or None."""
        return clean(text or "", limit)

    @api.model
    def _rows(self, draft):
        """(rows, additional descriptions): notes and overlong names go into the descriptions."""
        units = self._unit_names(draft)
        by_line = {row.line.id: row for row in draft.rows}
        rows = []
        descriptions = []
        lines = draft.move.invoice_line_ids.sorted(lambda line: (line.sequence, line.id))
        for line in lines:
            if line.display_type == "line_note":
                note = clean(line.name or "")
                if note:
                    descriptions += self._descriptions("Uwagi", note, len(rows) or None)
            row = by_line.get(line.id)
            if not row or not row.category:
                continue
            number = len(rows) + 1
            name, overflow = self._row_name(draft, line)
            rows.append(self._fa_row(draft, row, number, name, units))
            if overflow:
                descriptions += self._descriptions("Opis", overflow, number, first=2)
        return tuple(rows), tuple(descriptions)

    @api.model
    def _descriptions(self, key, text, number, first=1):
        """The text in pieces of 256 characters, the keys numbered from the second one."""
        return [
            fa3.TKluczWartosc(
                NrWiersza=number, Klucz=key if index == 1 else f"{key} ({index})", Wartosc=piece
            )
            for index, piece in enumerate(pieces(text, 256), start=first)
        ]

    @api.model
    def _row_name(self, draft, line):
        """(P_7, what did not fit): the line's text without its [code], else the product's name."""
        code = line.product_id.default_code
        text = line.name or ""
        if code and text.startswith(f"[{code}]"):
            text = text[len(code) + 2 :]
        text = clean(text) or clean(line.product_id.name)
        if not text:
            draft.problem("KS29", line, "name", self.env._("The line has no description."))
            return None, ""
        return cut(text, 512)

    @api.model
    def _unit_names(self, draft):
        """Unit id -> Polish symbol, whatever the language of the user."""
        units = draft.move.invoice_line_ids.product_uom_id
        xmlids = units._get_external_ids()
        languages = dict(self.env["res.lang"].get_installed())
        named = units.with_context(lang="pl_PL" if "pl_PL" in languages else "en_US")
        names = {}
        for unit in named:
            symbols = filter(None, map(unit_symbol, xmlids.get(unit.id, [])))
            names[unit.id] = next(symbols, None) or clean(unit.name, 256)
        return names

    @api.model
    def _fa_row(self, draft, row, number, name, units):
        line = row.line
        product = line.product_id
        per_line = draft.move.company_id.tax_calculation_rounding_method == "round_per_line"
        quantity = decimal(line.quantity, 6)
        gross = bool(row.tax.price_include and not row.base_line["special_mode"])
        stated = row.net + row.vat if gross else row.net
        price, discount = self._price(row, quantity, stated, gross)
        return fa3.FaWiersz(
            NrWierszaFa=number,
            P_7=name,
            Indeks=self._text(product.default_code, 50),
            GTIN=self._gtin(product.barcode),
            CN=self._cn(product),
            P_8A=units.get(line.product_uom_id.id) or DEFAULT_UNIT,
            P_8B=quantity,
            P_9A=None if gross else price,
            P_9B=price if gross else None,
            P_10=discount,
            P_11=row.net,
            P_11A=stated if gross else None,
            P_11Vat=row.vat if per_line and DOMESTIC[row.category][2] else None,
            P_12=DOMESTIC[row.category][0],
            GTU=product.l10n_pl_vat_gtu or None,
        )

    @api.model
    def _price(self, row, quantity, stated, gross):
        """(unit price, discount per unit or None), so that quantity times price is the amount.

        The price is the one before discount. Where fees, fiscal positions or forced amounts make
        it miss the booked amount, the price follows from the amount (booked amounts come first).
        """
        percent = Decimal(repr(float(row.line.discount or 0.0)))
        price = decimal(row.base_line["price_unit"], 8)
        discount = rounded(price * percent / 100, 8)
        if percent < 0:  # a surcharge is part of the price
            price, discount = price - discount, Decimal(0)
        computed = rounded(quantity * (price - discount), 2)
        if abs(computed - stated) > CENT + price_slack(quantity) and quantity:
            # fees in the VAT base belong to the price
            price, discount = rounded(stated / quantity, 8), Decimal(0)
        return price, discount if discount else None

    @api.model
    def _gtin(self, barcode):
        """The barcode when it is a GTIN with the right check digit."""
        digits = (barcode or "").strip()
        if not re.fullmatch(r"[0-9]+", digits) or len(digits) not in _GTIN_LENGTHS:
            return None
        weighted = sum(
            int(digit) * (3 if index % 2 else 1) for index, digit in enumerate(reversed(digits))
        )
        return digits if weighted % 10 == 0 else None

    @api.model
    def _cn(self, product):
        """Combined nomenclature, where a module brings a field for it."""
        if "intrastat_code_id" in product._fields and product.intrastat_code_id:
            return self._text(product.intrastat_code_id.code, 50)
        return self._text(product.hs_code, 50) if "hs_code" in product._fields else None

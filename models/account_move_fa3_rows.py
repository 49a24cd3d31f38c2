import re
import uuid
from dataclasses import replace
from decimal import Decimal

from odoo import api, models, tools

from ..ksef.fa3 import model as fa3
from ..ksef.fa3.arithmetic import CENT, price_slack
from ..ksef.fa3.lexical import rounded
from ..ksef.fa3.text import clean, cut
from ..ksef.fa3.units import DEFAULT_UNIT, UNITS
from .account_move_fa3_draft import decimal

_GTIN_LENGTHS = (8, 12, 13, 14)
_SECTIONS = ("line_section", "line_subsection")
#: Fields of the voucher procedures on the invoice -> value of Procedura.
_VOUCHERS = {
    "l10n_pl_vat_b_spv": "B_SPV",
    "l10n_pl_vat_b_spv_dostawa": "B_SPV_DOSTAWA",
    "l10n_pl_vat_b_mpv_prowizja": "B_MPV_PROWIZJA",
}
#: Grids of the tax that name a procedure of the row.
_PROCEDURE_TAGS = ("I_42", "I_63")


class L10nPlKsefFa3(models.AbstractModel):
    _inherit = "l10n_pl_ksef.fa3"

    @api.model
    def _rows(self, draft):
        """(rows, additional descriptions): notes and overlong names go into the descriptions.

        A note is told of the row above it; a section, where the company wants them told, of the
        row below.
        """
        cache = self._row_cache(draft)
        by_line = {row.line.id: row for row in draft.rows}
        sections = draft.move.company_id.l10n_pl_ksef_sections
        rows, overflow, notes = [], [], []
        lines = draft.move.invoice_line_ids.sorted(lambda line: (line.sequence, line.id))
        for line in lines:
            if line.display_type == "line_note":
                notes += self._descriptions("Uwagi", clean(line.name) or "", len(rows) or None)
            elif sections and line.display_type in _SECTIONS:
                notes += self._descriptions("Sekcja", clean(line.name) or "", len(rows) + 1)
            row = by_line.get(line.id)
            if not row or not row.category:
                continue
            number = len(rows) + 1
            name, rest = self._row_name(draft, line)
            rows.append(self._fa_row(draft, row, number, name, cache))
            if rest:
                overflow += self._descriptions("Opis", rest, number, first=2)
        # a section at the end has no row below it
        last = len(rows)
        notes = [replace(n, NrWiersza=None) if (n.NrWiersza or 0) > last else n for n in notes]
        return tuple(rows), self._all_descriptions(draft, overflow, notes)

    @api.model
    def _row_cache(self, draft):
        """What many rows share, looked up once: units, products, procedures, dates, rounding."""
        company = draft.move.company_id
        lines = self.env["account.move.line"].union(*(row.line for row in draft.rows))
        dates = self._line_dates(draft)
        return {
            "units": self._unit_names(draft, lines.product_uom_id),
            "products": {product.id: self._product(draft, product) for product in lines.product_id},
            "procedures": self._procedures(draft),
            "dates": dates,
            "per_line": company.tax_calculation_rounding_method == "round_per_line",
            "keys": self._row_keys(draft.move),
        }

    @api.model
    def _row_keys(self, move):
        """Line id -> UU_ID of its row; corrections keep that of the original's line."""
        namespace = uuid.uuid5(uuid.NAMESPACE_OID, self._seller_nip(move.company_id))
        # the new invoice of "Reverse and create invoice" has the links too, but corrects nothing
        corrects = move.l10n_pl_ksef_is_correction
        keys = {}
        for line in move.invoice_line_ids:
            if line.display_type == "product":
                root = (corrects and line.l10n_pl_ksef_corrected_line_id) or line
                keys[line.id] = str(uuid.uuid5(namespace, str(root.id)))
        return keys

    @api.model
    def _line_dates(self, draft):
        """Line id -> P_6A, when the lines were supplied on different days; else empty."""
        own = {row.line.id: row.line.l10n_pl_ksef_supply_date for row in draft.rows}
        if not any(own.values()):
            return {}
        common = self._supply_date(draft.move) or draft.move.invoice_date
        days = {line: day or common for line, day in own.items()}
        if len(set(days.values())) == 1:
            return {}
        return {line: day for line, day in days.items() if day != draft.move.invoice_date}

    @api.model
    def _procedures(self, draft):
        """Tax id -> Procedura. What the tax says goes before the voucher boxes of the invoice."""
        vouchers = [value for name, value in _VOUCHERS.items() if draft.move[name]]
        if len(vouchers) > 1:
            text = self.env._("Only one voucher procedure can be told; the first one is.")
            draft.warning("KS31", draft.move, next(iter(_VOUCHERS)), text)
        result = {}
        for tax in self.env["account.tax"].union(*(row.tax for row in draft.rows if row.tax)):
            found = self._tax_procedure(draft, tax)
            if found and vouchers:
                text = self.env._(
                    "The procedure %(tax)s goes before that of the voucher.", tax=found
                )
                draft.warning("KS31", draft.move, next(iter(_VOUCHERS)), text)
            result[tax.id] = found or next(iter(vouchers), None)
        return result

    @api.model
    def _tax_procedure(self, draft, tax):
        category = tax.l10n_pl_ksef_category
        if category == "triangular":
            return "TT_D"
        if category == "oss":
            return "WSTO_EE" if draft.move.company_id.l10n_pl_ksef_interface else None
        if category != "wdt":
            return None
        tags = tax.with_context(lang="en_US").invoice_repartition_line_ids.tag_ids
        names = {(tag.name or "").lstrip("+-").strip() for tag in tags}
        return next((name for name in _PROCEDURE_TAGS if name in names), None)

    @api.model
    def _row_name(self, draft, line):
        """(P_7, what did not fit): the line's text without its [code], else the product's name."""
        name, rest = self._item_name(line.name, line.product_id)
        if not name:
            draft.problem("KS29", line, "name", self.env._("The line has no description."))
        return name, rest

    @api.model
    def _item_name(self, text, product):
        """(what fits into 512 characters or None, the rest) of the name of something sold."""
        text, code = text or "", product.default_code
        if code and text.startswith(f"[{code}]"):
            text = text[len(code) + 2 :]
        name, rest = cut(clean(text) or clean(product.name) or "", 512)
        return name or None, rest

    @api.model
    def _unit_names(self, draft, units):
        """Unit id -> Polish symbol, whatever the language of the user."""
        symbols = self._unit_symbols()
        names = {}
        for unit in units:
            own = self._fit(draft, unit, "l10n_pl_ksef_code", 256) or symbols.get(unit.id)
            names[unit.id] = own or self._fit(
                draft, unit.with_context(lang=self._polish()), "name", 256
            )
        return names

    @api.model
    @tools.ormcache()
    def _unit_symbols(self):
        """Id of Odoo's own unit -> Polish symbol. By XML id: names are translated and renamed."""
        lookup = self.env["ir.model.data"]._xmlid_to_res_id
        return {lookup(f"uom.{name}"): symbol for name, symbol in UNITS.items()}

    @api.model
    def _product(self, draft, product):
        """What a row says about its product, as keyword arguments of `FaWiersz`."""
        template = product.product_tmpl_id
        return {
            "Indeks": self._fit(draft, product, "default_code", 50),
            "GTIN": self._gtin(product.barcode),
            "PKWiU": clean(template.l10n_pl_ksef_pkwiu),
            "CN": self._cn(template),
            "PKOB": clean(template.l10n_pl_ksef_pkob),
            "P_12_Zal_15": 1 if product._l10n_pl_ksef_is_annex15() else None,
            "GTU": template.l10n_pl_vat_gtu or None,
        }

    @api.model
    def _fa_row(self, draft, row, number, name, cache):
        line = row.line
        kind = row.kind
        quantity = decimal(line.quantity, 6)
        gross = bool(kind.margin or (row.tax.price_include and not row.base_line["special_mode"]))
        stated = row.net + row.vat if gross else row.net
        price, discount = self._price(row, quantity, draft.sign * stated)
        per_line = cache["per_line"] and kind.tax and not kind.margin
        return fa3.FaWiersz(
            NrWierszaFa=number,
            UU_ID=cache["keys"].get(line.id),
            P_6A=cache["dates"].get(line.id),
            P_7=name,
            P_8A=cache["units"].get(line.product_uom_id.id) or DEFAULT_UNIT,
            P_8B=quantity,
            P_9A=None if gross else price,
            P_9B=price if gross else None,
            P_10=discount,
            P_11=None if kind.margin else row.net,
            P_11A=stated if gross else None,
            P_11Vat=row.vat if per_line else None,
            P_12=kind.rate,
            P_12_XII=decimal(row.tax.amount, 6) if row.category == "oss" else None,
            KwotaAkcyzy=self._excise(row),
            Procedura=cache["procedures"].get(row.tax.id),
            KursWaluty=draft.rate if kind.taxed else None,
            **cache["products"].get(line.product_id.id, {}),
        )

    @api.model
    def _excise(self, row):
        """Hook: the excise duty that a buyer (farmer) can claim back, as a Decimal, or None."""
        return None

    @api.model
    def _excise_refund(self, draft):
        """ZwrotAkcyzy: something sold is diesel of which a farmer claims the excise back."""
        return any(row.line.product_id.l10n_pl_ksef_excise_refund for row in draft.rows)

    @api.model
    def _price(self, row, quantity, stated):
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
        """Combined nomenclature: the product's own field, else that of a module that brings one."""
        if product.l10n_pl_ksef_cn:
            return clean(product.l10n_pl_ksef_cn)
        if "intrastat_code_id" in product._fields and product.intrastat_code_id:
            return clean(product.intrastat_code_id.code)
        return clean(product.hs_code) if "hs_code" in product._fields else None

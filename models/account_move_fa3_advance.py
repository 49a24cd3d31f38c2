import uuid
from dataclasses import replace
from decimal import Decimal

from odoo import api, models

from ..ksef.fa3 import model as fa3
from ..ksef.fa3.categories import CATEGORIES
from ..ksef.fa3.lexical import TOznaczenieProceduryZ, rounded
from ..ksef.fa3.text import clean
from ..ksef.fa3.units import DEFAULT_UNIT
from .account_move_fa3_draft import decimal

ZERO = Decimal(0)
#: What a row of an order calls the product's values of a row of an invoice.
_PRODUCT_NAMES = {
    "Indeks": "IndeksZ",
    "GTIN": "GTINZ",
    "PKWiU": "PKWiUZ",
    "CN": "CNZ",
    "PKOB": "PKOBZ",
    "P_12_Zal_15": "P_12Z_Zal_15",
    "GTU": "GTUZ",
}
#: What a change of the order changes in a row; the rest stays as it was frozen.
_CHANGING = ("P_8BZ", "P_9AZ", "P_11NettoZ", "P_11VatZ", "P_12Z", "P_12Z_XII")


class L10nPlKsefFa3(models.AbstractModel):
    _inherit = "l10n_pl_ksef.fa3"

    @api.model
    def _kind(self, draft):
        move = draft.move
        if draft.origin:
            return super()._kind(draft)
        if move.l10n_pl_ksef_kind:
            return move.l10n_pl_ksef_kind
        if move._is_downpayment():
            return "ZAL"
        deducts = any(line._l10n_pl_ksef_is_deduction() for line in move.invoice_line_ids)
        return "ROZ" if deducts or move.l10n_pl_ksef_advance_move_ids else super()._kind(draft)

    @api.model
    def _is_advance_deduction(self, draft, line):
        return draft.kind in ("ROZ", "KOR_ROZ") and line._l10n_pl_ksef_is_deduction()

    @api.model
    def _supply(self, draft):
        """Of an advance: the day on which the money came, when it is known."""
        if draft.kind != "ZAL":
            return super()._supply(draft)
        days = {day for _amount, day, _form in self._received(draft)}
        if len(days) > 1:
            return {}
        if days:
            return {"P_6": days.pop()} if days != {draft.move.invoice_date} else {}
        return super()._supply(draft)

    @api.model
    def _body(self, draft, total):
        values = super()._body(draft, total)
        if draft.kind in ("ZAL", "KOR_ZAL"):
            values |= self._advance_body(draft, total)
            descriptions = [replace(d, NrWiersza=None) for d in values["DodatkowyOpis"]]
            values["FaWiersz"] = ()
            values["DodatkowyOpis"] = (*descriptions, *draft.overflow)
        elif draft.kind in ("ROZ", "KOR_ROZ"):
            values |= self._final_body(draft, values["FaWiersz"], total)
        if draft.kind in ("KOR_ZAL", "KOR_ROZ"):
            values["P_15ZK"] = self._paid_before(draft)
            values["KursWalutyZK"] = draft.rate
        return values

    # -- advance invoices ------------------------------------------------------------------------

    @api.model
    def _advance_body(self, draft, total):
        if "wdt" in draft.categories:
            text = self.env._(
                "There are no advance invoices for intra-Community supplies of goods."
            )
            draft.problem("KS23", draft.move, "invoice_line_ids", text)
        rows = self._order_rows(draft)
        if draft.origin:
            return {"Zamowienie": self._order_before_and_after(draft, rows)} | self._advance_rate(
                draft
            )
        if not rows:
            text = self.env._(
                "An advance invoice shows the whole order (art. 106f(1)(4)): link a sales order or "
                "enter the order's rows."
            )
            report = (
                draft.warning
                if draft.move.company_id.l10n_pl_ksef_order_optional
                else draft.problem
            )
            report("KS22", draft.move, "l10n_pl_ksef_order_row_ids", text)
        return {
            "ZaliczkaCzesciowa": self._receipts(draft, total),
            # only the last advance of a fully paid order names the ones before
            "FakturaZaliczkowa": self._advance_references(
                draft, draft.move.l10n_pl_ksef_advance_move_ids
            ),
            "Zamowienie": self._whole_order(rows) if rows else None,
            **self._advance_rate(draft),
        }

    @api.model
    def _advance_rate(self, draft):
        taxed = any(CATEGORIES[category].taxed for category in draft.categories)
        return {"KursWalutyZ": draft.rate} if draft.rate and taxed else {}

    @api.model
    def _receipts(self, draft, total):
        """ZaliczkaCzesciowa: only when several receipts make up the advance."""
        parts = self._received(draft)
        if len(parts) < 2 or sum(amount for amount, _day, _form in parts) != total:
            return ()
        return tuple(
            fa3.ZaliczkaCzesciowa(P_6Z=day, P_15Z=amount, KursWalutyZW=draft.rate)
            for amount, day, _form in parts
        )

    @api.model
    def _whole_order(self, rows):
        worth = sum((row.P_11NettoZ + row.P_11VatZ for row in rows if not row.StanPrzedZ), ZERO)
        return fa3.Zamowienie(WartoscZamowienia=worth, ZamowienieWiersz=tuple(rows))

    @api.model
    def _order_rows(self, draft):
        """Rows of the order behind an advance."""
        lines = draft.move._l10n_pl_ksef_order_lines()
        namespace = uuid.uuid5(uuid.NAMESPACE_OID, self._seller_nip(draft.move.company_id))
        units = self._unit_names(draft, self.env["uom.uom"].union(*(line["uom"] for line in lines)))
        rows = []
        for number, line in enumerate(lines, start=1):
            vat = [tax for tax in line["tax"].flatten_taxes_hierarchy() if self._is_vat(tax)]
            category = self._category(draft, vat[0]) if len(vat) == 1 else None
            if not category:
                text = self.env._(
                    "Row %(number)s of the order needs exactly one VAT tax with a KSeF category.",
                    number=number,
                )
                draft.problem("KS22", draft.move, "l10n_pl_ksef_order_row_ids", text)
                continue
            rows.append(self._order_row(draft, number, line, vat[0], category, units, namespace))
        return rows

    @api.model
    def _order_row(self, draft, number, line, tax, category, units, namespace):
        product = line["product"]
        known = self._product(draft, product) if product else {}
        quantity, net = decimal(line["quantity"], 6), decimal(line["net"])
        name, rest = self._item_name(line["name"], product)
        if rest:
            draft.overflow += self._descriptions(f"Zamówienie, wiersz {number}", rest, None)
        procedure = self._tax_procedure(draft, tax)
        return fa3.ZamowienieWiersz(
            NrWierszaZam=number,
            UU_IDZ=str(uuid.uuid5(namespace, line["key"])),
            P_7Z=name,
            P_8AZ=units.get(line["uom"].id) or DEFAULT_UNIT,
            P_8BZ=quantity,
            P_9AZ=rounded(net / quantity, 8) if quantity else ZERO,
            P_11NettoZ=net,
            P_11VatZ=decimal(line["vat"]),
            P_12Z=CATEGORIES[category].rate,
            P_12Z_XII=decimal(tax.amount, 6) if category == "oss" else None,
            ProceduraZ=procedure if procedure in TOznaczenieProceduryZ.values else None,
            **{_PRODUCT_NAMES[name]: value for name, value in known.items()},
        )

    @api.model
    def _order_before_and_after(self, draft, rows):
        """The frozen order before, and after with the quantities and amounts of the order now."""
        origin = draft.origin
        orders = [file.Fa.Zamowienie for file in (origin.snapshot, *origin.corrections)]
        before = next((order for order in reversed(orders) if order), None)
        if not before:
            return self._whole_order(rows) if rows else None
        old = [row for row in before.ZamowienieWiersz if not row.StanPrzedZ]
        now = {row.UU_IDZ: row for row in rows}
        result = []
        for row in old:
            changed = now.pop(row.UU_IDZ, None) if rows else row
            values = {"P_8BZ": ZERO, "P_11NettoZ": ZERO, "P_11VatZ": ZERO}
            if changed:
                values = {name: getattr(changed, name) for name in _CHANGING}
            result += [replace(row, StanPrzedZ=1), replace(row, **values)]
        number = max(row.NrWierszaZam for row in old)
        for index, row in enumerate(now.values(), start=number + 1):
            result.append(replace(row, NrWierszaZam=index))
        return self._whole_order(result)

    # -- final invoices --------------------------------------------------------------------------

    @api.model
    def _final_body(self, draft, rows, total):
        if draft.origin:
            snapshot = draft.origin.snapshot.Fa
            if not rows:  # only what is left to pay changes
                state = draft.origin.state or []
                rows = tuple(row for old in state for row in (replace(old, StanPrzed=1), old))
            return {"FakturaZaliczkowa": snapshot.FakturaZaliczkowa, "FaWiersz": rows}
        references = self._advance_references(draft, draft.move._l10n_pl_ksef_advances())
        if not references and not draft.problems:
            text = self.env._("Choose the advance invoices that this final invoice settles.")
            draft.problem("KS21", draft.move, "l10n_pl_ksef_advance_move_ids", text)
        if not total:
            text = self.env._(
                "Nothing is left to pay: the last advance should have been the final invoice."
            )
            draft.warning("KS21", draft.move, "amount_total", text)
        return {"FakturaZaliczkowa": references}

    @api.model
    def _advance_references(self, draft, advances):
        """FakturaZaliczkowa of each advance: its KSeF number, or its own from another system."""
        external = draft.move.l10n_pl_ksef_external_ids.filtered(lambda d: d.purpose == "advance")
        references = []
        for document in external:
            number = document.ksef_number
            references.append(
                fa3.FakturaZaliczkowa(NrKSeFFaZaliczkowej=number)
                if number
                else fa3.FakturaZaliczkowa(NrKSeFZN=1, NrFaZaliczkowej=clean(document.number))
            )
        for advance in advances.sorted(lambda move: (move.invoice_date, move.id)):
            if advance.name in external.mapped("number"):
                continue
            # sudo: the advance may be of a colleague; only its number is read
            number = advance.sudo().l10n_pl_ksef_number
            if not number:
                text = self.env._(
                    "The advance invoice %(number)s has no KSeF number yet: send it first, or "
                    "enter it under the documents outside this database.",
                    number=advance.display_name,
                )
                draft.problem("KS21", draft.move, "l10n_pl_ksef_advance_move_ids", text)
                continue
            references.append(fa3.FakturaZaliczkowa(NrKSeFFaZaliczkowej=number))
        return tuple(references)

    @api.model
    def _is_annexed(self, draft):
        """An advance is told by the goods of its order, not by its own line."""
        if draft.kind != "ZAL":
            return super()._is_annexed(draft)
        return any(
            line["product"]._l10n_pl_ksef_is_annex15()
            for line in draft.move._l10n_pl_ksef_order_lines()
            if line["product"]
        )

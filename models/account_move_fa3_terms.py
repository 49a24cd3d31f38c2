import re

from odoo import api, models
from odoo.tools import html2plaintext

from ..ksef.fa3 import model as fa3
from ..ksef.fa3.text import clean, clean_lines, pieces
from .account_move_fa3_draft import decimal

#: Footer: characters of one block, blocks.
_FOOTER = (3500, 3)


class L10nPlKsefFa3(models.AbstractModel):
    _inherit = "l10n_pl_ksef.fa3"

    @api.model
    def _terms(self, draft):
        """Contracts, the customer's order, lots, terms of delivery, transport, agreed rate."""
        move = draft.move
        incoterm = (move.invoice_incoterm_id.code, move.incoterm_location)
        delivery = " ".join(filter(None, incoterm)) if incoterm[0] else ""
        lots = map(clean, move._l10n_pl_ksef_get_lots())
        values = {
            "Umowy": tuple(
                fa3.Umowy(DataUmowy=item.date or None, NrUmowy=clean(item.number))
                for item in move.l10n_pl_ksef_contract_ids
            ),
            "Zamowienia": self._orders(draft),
            "NrPartiiTowaru": self._first(draft, "invoice_line_ids", filter(None, lots), 1000),
            "WarunkiDostawy": self._fit(draft, move, "incoterm_location", 256, delivery),
            "Transport": self._transport(draft),
            "PodmiotPosredniczacy": 1 if move.l10n_pl_ksef_intermediary else None,
        }
        currency = move.l10n_pl_ksef_agreed_currency_id
        if currency and currency.name != "PLN" and not draft.foreign:
            values["KursUmowny"] = decimal(move.l10n_pl_ksef_agreed_rate, 6)
            values["WalutaUmowna"] = currency.name
        return fa3.WarunkiTransakcji(**values) if any(values.values()) else None

    @api.model
    def _transport(self, draft):
        """Hook for modules that know how the goods travel: `Transport` elements, at most 20."""
        return ()

    @api.model
    def _orders(self, draft):
        """The customer's order numbers. On a correction `ref` names the reversed invoice."""
        move = draft.move
        number = self._fit(draft, move, "ref", 256)
        if draft.origin or not number:
            return ()
        day = move._l10n_pl_ksef_get_order_date()
        return (fa3.Zamowienia(DataZamowienia=day or None, NrZamowienia=number),)

    @api.model
    def _footer(self, draft):
        """Terms and conditions as plain text, and the seller's numbers in public registers."""
        narration = draft.move.narration
        text = clean_lines(html2plaintext(narration)) if narration else None
        size, most = _FOOTER
        blocks = pieces(text or "", size)
        if len(blocks) > most:
            self._tell_lost(draft, draft.move, "narration", " ".join(blocks[most:]))
        registers = self._registers(draft, self._seller_company(draft.move))
        if not blocks and not registers:
            return None
        return fa3.Stopka(
            Informacje=tuple(fa3.Informacje(StopkaFaktury=part) for part in blocks[:most]),
            Rejestry=registers,
        )

    @api.model
    def _registers(self, draft, company):
        """KRS, REGON and BDO; the free field of the company only when it is a KRS number."""
        krs = company.l10n_pl_ksef_krs
        if not krs and re.fullmatch(r"\d{10}", (company.company_registry or "").strip()):
            krs = company.company_registry.strip()
        values = {
            "PelnaNazwa": self._fit(draft, company, "l10n_pl_ksef_full_name", 256),
            "KRS": krs or None,
            "REGON": company.l10n_pl_ksef_regon or None,
            "BDO": company.l10n_pl_ksef_bdo or None,
        }
        return (fa3.Rejestry(**values),) if any(values.values()) else ()

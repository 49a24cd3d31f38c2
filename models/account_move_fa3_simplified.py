from dataclasses import replace
from decimal import Decimal

from odoo import api, models

from ..ksef.fa3 import model as fa3
from .account_move_fa3_scope import UNSUPPORTED

#: Largest gross amount of a simplified invoice (art. 106e(5)(3) of the VAT act).
LIMITS = {"PLN": Decimal(450), "EUR": Decimal(100)}


class L10nPlKsefFa3(models.AbstractModel):
    """Simplified invoices (UPR): a buyer by NIP only, rows with a name and a rate, one total."""

    _inherit = "l10n_pl_ksef.fa3"

    @api.model
    def _buyer(self, draft):
        buyer = super()._buyer(draft)
        if draft.kind != "UPR" or not buyer:
            return buyer
        if "NIP" not in draft.buyer:
            text = self.env._("A simplified invoice needs a buyer with a Polish NIP.")
            draft.problem("KS04", draft.move.commercial_partner_id, "vat", text)
        identity = fa3.TPodmiot2(NIP=draft.buyer.get("NIP"))
        return fa3.Podmiot2(DaneIdentyfikacyjne=identity, JST=buyer.JST, GV=buyer.GV)

    @api.model
    def _body(self, draft, total):
        values = super()._body(draft, total)
        if draft.kind != "UPR":
            return values
        currency = draft.move.currency_id.name
        if total > LIMITS.get(currency, Decimal(0)) or "oss" in draft.categories:
            text = self.env._(
                "A simplified invoice is possible up to 450 PLN or 100 EUR, and not for one-stop "
                "shop sales. Choose the ordinary kind of invoice."
            )
            draft.problem(UNSUPPORTED, draft.move, "l10n_pl_ksef_kind", text)
        kept = ("NrWierszaFa", "UU_ID", "P_7", "P_12")
        empty = {name: None for name in vars(fa3.FaWiersz()) if name not in kept}
        values["FaWiersz"] = tuple(replace(row, **empty) for row in values["FaWiersz"])
        return values

    @api.model
    def _shown_totals(self, draft, totals):
        return {} if draft.kind == "UPR" else super()._shown_totals(draft, totals)

from dataclasses import asdict, replace

from odoo import api, models

from ..ksef.fa3 import model as fa3

#: Keys that keep a corrected buyer's new data and the old ones together (IDNabywcy).
BUYER_KEY = "N{}"
#: Rola of an additional buyer.
ADDITIONAL_BUYER = 4


class L10nPlKsefFa3(models.AbstractModel):
    """Parties of a correction: those of the frozen original, whatever became of the contacts.

    Only a correction of data shows those of today, and the old ones beside them. A tax number is
    never corrected: the schema asks for a correction to zero and a new invoice.
    """

    _inherit = "l10n_pl_ksef.fa3"

    @api.model
    def _seller(self, draft):
        """The seller with the name and address of the corrected invoice (art. 106j(2)(3))."""
        seller = super()._seller(draft)
        if not (draft.origin and draft.origin.snapshot):
            return seller
        old = draft.origin.latest.Podmiot1
        prefix = seller.PrefiksPodatnika or old.PrefiksPodatnika
        same = old.DaneIdentyfikacyjne.NIP == seller.DaneIdentyfikacyjne.NIP
        if draft.origin.method == "data" or not same:
            return replace(seller, PrefiksPodatnika=prefix)
        return replace(
            seller,
            PrefiksPodatnika=prefix,
            DaneIdentyfikacyjne=old.DaneIdentyfikacyjne,
            Adres=old.Adres,
        )

    @api.model
    def _buyer(self, draft):
        if not (draft.origin and draft.origin.snapshot):
            return super()._buyer(draft)
        old = replace(draft.origin.latest.Podmiot2, IDNabywcy=None)
        partner = draft.move.commercial_partner_id
        if draft.origin.method == "data":
            buyer = super()._buyer(draft)
            if buyer:
                self._check_same_number(draft, partner, old, buyer)
            changed = buyer and self._is_changed(old, buyer)
            return replace(buyer, IDNabywcy=BUYER_KEY.format(1)) if changed else buyer
        if draft.buyer and self._number(old) != self._number_of(draft.buyer):
            text = self.env._(
                "The customer's tax number changed since; the correction keeps the old one. A "
                "wrong NIP is put right by a correction to zero and a new invoice."
            )
            draft.warning("KS04", partner, "vat", text)
        return old

    @api.model
    def _corrected_third_parties(self, draft):
        """Podmiot3 of a correction."""
        return tuple(new for _old, new in self._third_parties_before_and_after(draft))

    @api.model
    def _third_parties_before_and_after(self, draft):
        """[(frozen one or None, what the correction shows)]; changed additional buyers with a key.

        They are told apart by their place: parties that were added or removed since have no pair.
        """
        frozen = draft.origin.latest.Podmiot3
        if draft.origin.method != "data":
            return [(None, party) for party in frozen]
        today = self._third_parties_of(draft, draft.origin.root)
        if [party.Rola for party in frozen] != [party.Rola for party in today]:
            return [(None, party) for party in today]
        pairs = []
        for number, (old, new) in enumerate(zip(frozen, today, strict=True), start=2):
            if new.Rola != ADDITIONAL_BUYER or not self._is_changed(old, new):
                pairs.append((None, new))
                continue
            self._check_same_number(draft, draft.origin.root, old, new)
            key = new.IDNabywcy or BUYER_KEY.format(number)
            pairs.append((old, replace(new, IDNabywcy=key)))
        return pairs

    @api.model
    def _is_changed(self, old, new):
        return (old.DaneIdentyfikacyjne, old.Adres) != (new.DaneIdentyfikacyjne, new.Adres)

    @api.model
    def _number(self, party):
        return self._number_of(asdict(party.DaneIdentyfikacyjne))

    @api.model
    def _number_of(self, identity):
        """What identifies a party beside its name."""
        return {name: value for name, value in identity.items() if value and name != "Nazwa"}

    @api.model
    def _check_same_number(self, draft, record, old, new):
        if self._number(old) != self._number(new):
            text = self.env._(
                "The tax number of %(name)s was another one on the corrected invoice. It cannot "
                "be corrected: correct the invoice to zero and issue a new one.",
                name=new.DaneIdentyfikacyjne.Nazwa,
            )
            draft.problem("KS04", record, "vat" if "vat" in record._fields else None, text)

    @api.model
    def _parties_before(self, draft):
        """Seller and buyers as they stood in the original, when the correction is about them."""
        latest = draft.origin.latest
        if not latest or draft.origin.method != "data":
            return {}
        values = {}
        # built once more: whatever is wrong with them is remembered only once
        seller, buyer = self._seller(draft), self._buyer(draft)
        old, old_buyer = latest.Podmiot1, latest.Podmiot2
        if old.DaneIdentyfikacyjne.NIP != seller.DaneIdentyfikacyjne.NIP:
            text = self.env._("The seller's NIP cannot be corrected: issue a new invoice.")
            draft.problem("KS01", draft.move.company_id, "vat", text)
        elif self._is_changed(old, seller):
            values["Podmiot1K"] = fa3.Podmiot1K(
                PrefiksPodatnika=old.PrefiksPodatnika,
                DaneIdentyfikacyjne=old.DaneIdentyfikacyjne,
                Adres=old.Adres,
            )
        before = []
        if buyer and buyer.IDNabywcy:
            before.append((old_buyer, buyer.IDNabywcy))
        for party, new in self._third_parties_before_and_after(draft):
            if party:
                before.append((party, new.IDNabywcy))
        values["Podmiot2K"] = tuple(self._buyer_before(party, key) for party, key in before)
        return values

    @api.model
    def _buyer_before(self, party, key):
        known = vars(fa3.TPodmiot2())
        identity = {
            name: value
            for name, value in vars(party.DaneIdentyfikacyjne).items()
            if name in known and value is not None
        }
        if not identity.keys() - {"Nazwa"}:  # Podmiot2K knows no internal identifier
            identity["BrakID"] = 1
        return fa3.Podmiot2K(
            DaneIdentyfikacyjne=fa3.TPodmiot2(**identity), Adres=party.Adres, IDNabywcy=key
        )

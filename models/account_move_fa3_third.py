from odoo import api, models

from ..ksef.fa3 import lexical
from ..ksef.fa3 import model as fa3
from ..ksef.fa3.text import clean
from ..ksef.numbers import is_nip
from .account_move_fa3_draft import decimal

FACTOR, ADDITIONAL_BUYER, LOCAL_GOVERNMENT, VAT_GROUP, EMPLOYEE = "1", "4", "8", "10", "11"
BRANCH = "Oddział sprzedawcy"


class L10nPlKsefFa3(models.AbstractModel):
    _inherit = "l10n_pl_ksef.fa3"

    @api.model
    def _third_parties(self, draft):
        """Podmiot3: a branch that invoices, then the third parties of the invoice."""
        snapshot = draft.origin and draft.origin.snapshot
        if snapshot:
            return self._corrected_third_parties(draft)
        return self._third_parties_of(draft, draft.move)

    @api.model
    def _third_parties_of(self, draft, move):
        """Podmiot3 of an invoice by what stands in the database today."""
        branch = ()
        if self._seller_company(move) != move.company_id.sudo():
            branch = (self._branch(draft, move.company_id.sudo().partner_id),)
        parties = move.l10n_pl_ksef_third_party_ids
        shares = sum(parties.filtered(lambda p: p.role == ADDITIONAL_BUYER).mapped("share"))
        if shares >= 100:
            text = self.env._(
                "The shares of the additional buyers must be less than 100 % together."
            )
            draft.problem("KS26", move, "l10n_pl_ksef_third_party_ids", text)
        return (*branch, *(self._third_party(draft, party) for party in parties))

    @api.model
    def _branch(self, draft, partner):
        number = clean(partner.l10n_pl_ksef_idwew)
        identity = {"IDWew": number} if number else {"BrakID": 1}
        address = self._address(draft, partner)
        return fa3.Podmiot3(
            DaneIdentyfikacyjne=fa3.TPodmiot3(
                **identity, Nazwa=self._fit(draft, partner, "name", 512)
            ),
            Adres=address if address.AdresL1 and address.KodKraju else None,
            RolaInna=1,
            OpisRoli=BRANCH,
        )

    @api.model
    def _third_party(self, draft, party):
        partner = party.partner_id
        identity = self._third_identity(draft, party)
        if party.role in (LOCAL_GOVERNMENT, VAT_GROUP) and not identity.keys() & {"NIP", "IDWew"}:
            text = self.env._(
                "%(name)s receives the invoice as a unit or group member: enter its own NIP or its "
                "internal identifier (NIP and five digits).",
                name=partner.display_name,
            )
            draft.problem("KS25", draft.move, "l10n_pl_ksef_third_party_ids", text)
        address = self._address(draft, partner)
        other = party.role == "other"
        return fa3.Podmiot3(
            IDNabywcy=clean(party.buyer_key),
            NrEORI=clean(partner.l10n_pl_ksef_eori),
            DaneIdentyfikacyjne=fa3.TPodmiot3(
                **identity, Nazwa=self._fit(draft, partner, "name", 512)
            ),
            Adres=address if address.AdresL1 and address.KodKraju else None,
            DaneKontaktowe=() if party.role == EMPLOYEE else self._contact(partner),
            Rola=None if other else int(party.role),
            RolaInna=1 if other else None,
            OpisRoli=self._fit(draft, party, "role_description", 256) if other else None,
            Udzial=decimal(party.share, 6) if party.share else None,
            NrKlienta=self._fit(draft, partner, "ref", 256),
        )

    @api.model
    def _third_identity(self, draft, party):
        """IDWew where there is one; a contact of a company has no number of its own."""
        partner = party.partner_id
        number = clean(party.idwew or partner.l10n_pl_ksef_idwew)
        if party.role == EMPLOYEE:
            return {"BrakID": 1}
        if number:
            if lexical.TNIPIdWew.problem(number) or not is_nip(number[:10]):
                text = self.env._(
                    "%(number)s is not an internal identifier: a valid NIP, a hyphen and five "
                    "digits.",
                    number=number,
                )
                draft.problem("KS25", draft.move, "l10n_pl_ksef_third_party_ids", text)
            return {"IDWew": number}
        if partner.commercial_partner_id != partner:
            return {"BrakID": 1}
        return self._buyer_identity(draft, partner)

    @api.model
    def _group_members(self, draft):
        roles = set(draft.move.l10n_pl_ksef_third_party_ids.mapped("role"))
        return 1 if LOCAL_GOVERNMENT in roles else 2, 1 if VAT_GROUP in roles else 2

    @api.model
    def _factor_accounts(self, draft):
        parties = draft.move.l10n_pl_ksef_third_party_ids.filtered(lambda p: p.role == FACTOR)
        accounts = [self._bank_account(draft, bank) for bank in parties.partner_id.bank_ids]
        return self._first(draft, "l10n_pl_ksef_third_party_ids", filter(None, accounts), 20)

    @api.model
    def _representative(self, draft):
        """PodmiotUpowazniony: enforcement authority, bailiff or tax representative."""
        company = self._seller_company(draft.move)
        partner = company.l10n_pl_ksef_representative_id
        if not partner:
            return None
        identity = self._buyer_identity(draft, partner)
        if "NIP" not in identity:
            text = self.env._("The authorised entity needs a valid Polish NIP.")
            draft.problem("KS01", partner, "vat", text)
        contacts = [
            fa3.DaneKontaktowePU(EmailPU=contact.Email, TelefonPU=contact.Telefon)
            for contact in self._contact(partner)
        ]
        return fa3.PodmiotUpowazniony(
            NrEORI=clean(partner.l10n_pl_ksef_eori),
            DaneIdentyfikacyjne=fa3.TPodmiot1(
                NIP=identity.get("NIP"), Nazwa=self._fit(draft, partner, "name", 512)
            ),
            Adres=self._address(draft, partner),
            DaneKontaktowe=tuple(contacts),
            RolaPU=int(company.l10n_pl_ksef_representative_role or 3),
        )

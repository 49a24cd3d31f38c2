import re

from odoo import api, models

from ..ksef.fa3 import lexical
from ..ksef.fa3 import model as fa3
from ..ksef.fa3.codes import EU_PREFIXES
from ..ksef.fa3.text import clean
from ..ksef.numbers import is_nip

#: Letters with which identifiers of a country legitimately begin, so that they are kept.
_KEPT_PREFIXES = ("CHE",)
#: What EU VAT numbers of other countries begin with; Greeks also write GR.
_EUROPE = (EU_PREFIXES | {"GR"}) - {"PL"}


class L10nPlKsefFa3(models.AbstractModel):
    _inherit = "l10n_pl_ksef.fa3"

    @api.model
    def _seller_nip(self, company):
        """Ten digits of the company's NIP, or what there is of it."""
        return re.sub(r"\D", "", company.vat or "")

    @api.model
    def _seller(self, draft):
        company = draft.move.company_id
        partner = company.partner_id
        nip = self._seller_nip(company)
        if not is_nip(nip):
            text = self.env._("Enter the company's valid Polish NIP (ten digits).")
            draft.problem("KS01", company, "vat", text)
        address = self._address(partner)
        if not address.AdresL1:
            text = self.env._("Enter the company's street and city.")
            draft.problem("KS02", company, "street", text)
        if not address.KodKraju:
            draft.problem("KS02", company, "country_id", self.env._("Enter the company's country."))
        return fa3.Podmiot1(
            DaneIdentyfikacyjne=fa3.TPodmiot1(NIP=nip, Nazwa=clean(partner.name, 512)),
            Adres=address,
            DaneKontaktowe=self._contact(partner),
        )

    @api.model
    def _buyer(self, draft):
        move = draft.move
        partner = move.commercial_partner_id
        if not partner:
            draft.problem("KS03", move, "partner_id", self.env._("Choose the customer."))
            return None
        identity = self._buyer_identity(draft, partner)
        address = self._address(partner)
        business = partner.is_company or not identity.get("BrakID")
        if not address.KodKraju and (business or address.AdresL1):
            draft.problem("KS03", partner, "country_id", self.env._("Enter the country."))
        if not address.AdresL1 and business:
            draft.problem("KS06", partner, "street", self.env._("Enter the street and city."))
        name = clean(partner.name, 512)
        if not name:
            draft.problem("KS06", partner, "name", self.env._("Enter the customer's name."))
        correspondence = None
        if move.partner_id != partner:
            correspondence = self._address(move.partner_id)
            incomplete = not correspondence.AdresL1 or not correspondence.KodKraju
            if incomplete or correspondence == address:
                correspondence = None
        return fa3.Podmiot2(
            DaneIdentyfikacyjne=fa3.TPodmiot2(**identity, Nazwa=name),
            Adres=address if address.AdresL1 else None,
            AdresKoresp=correspondence,
            # contacts of consumers are personal data that nobody asked for
            DaneKontaktowe=self._contact(move.partner_id, partner) if business else (),
            NrKlienta=clean(partner.ref, 256),
            JST=2,
            GV=2,
        )

    @api.model
    def _buyer_identity(self, draft, partner):
        """The one identification of the buyer, as keyword arguments of `TPodmiot2`.

        A Polish NIP never travels as a foreign number: its owner would not see the invoice.
        """
        number = re.sub(r"[\s.\-]", "", partner.vat or "").upper()
        country = partner.country_id.code or ""
        if number in ("", "/") or not re.search(r"\d", number):
            return {"BrakID": 1}
        digits = number[2:] if number.startswith("PL") else number
        european = number[:2] in _EUROPE
        polish = number.startswith("PL") or (country in ("PL", "") and not european)
        if polish and re.fullmatch(r"\d{11}", digits):
            return {"BrakID": 1}  # a PESEL is never written into an invoice
        if polish:
            if not is_nip(digits):
                text = self.env._(
                    "%(number)s is not a valid NIP. Correct it, or enter / if the buyer is a "
                    "consumer.",
                    number=partner.vat,
                )
                draft.problem("KS04", partner, "vat", text)
            return {"NIP": digits}
        return self._foreign_identity(draft, partner, number, country)

    @api.model
    def _foreign_identity(self, draft, partner, number, country):
        prefix = number[:2] if number[:2] in _EUROPE else country
        rest = number[2:] if number.startswith(prefix) else number
        if prefix in _EUROPE:
            problem = lexical.TNrVatUE.problem(rest)
            if problem:
                text = self.env._("%(number)s is not a valid EU VAT number.", number=partner.vat)
                draft.problem("KS05", partner, "vat", text)
            return {"KodUE": "EL" if prefix == "GR" else prefix, "NrVatUE": rest}
        if number.startswith(_KEPT_PREFIXES) or not re.match(r"\d", rest):
            rest = number
        return {"KodKraju": country, "NrID": clean(rest, 50)}

    @api.model
    def _address(self, partner):
        """Street as first line, postcode and city as second (as first when there is no street)."""
        street = ", ".join(filter(None, (clean(partner.street), clean(partner.street2))))
        city = " ".join(filter(None, (clean(partner.zip), clean(partner.city))))
        if city and partner.state_id and partner.country_id.code != "PL":
            city = f"{city}, {clean(partner.state_id.name)}"
        first, second = (street, city) if street else (city, "")
        return fa3.TAdres(
            KodKraju=partner.country_id.code or None,
            AdresL1=clean(first, 512),
            AdresL2=clean(second, 512),
        )

    @api.model
    def _contact(self, *partners):
        """The first usable e-mail and telephone; a number is never truncated."""
        email = phone = None
        for partner in partners:
            first = clean(re.split(r"[,;]", partner.email or "")[0])
            if not email and first and not lexical.TAdresEmail.problem(first):
                email = first
            plain = re.sub(r"[\s().\-/]", "", partner.phone or "")
            if not phone and re.fullmatch(r"\+?\d{3,15}", plain):
                phone = plain
        return (fa3.DaneKontaktowe(Email=email, Telefon=phone),) if email or phone else ()

import re

from odoo import api, models

from ..ksef.fa3 import lexical
from ..ksef.fa3 import model as fa3
from ..ksef.fa3.categories import INTRA_COMMUNITY
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
        """Ten digits of the NIP of the company, of the head company for a branch without one."""
        # sudo: a user of a branch may not read its head company
        company = company.sudo()
        return re.sub(r"\D", "", company.vat or company.root_id.vat or "")

    @api.model
    def _seller_company(self, move):
        """The taxpayer: the head company of a branch that has no NIP of its own."""
        company = move.company_id.sudo()
        own = company.vat and company.vat != company.root_id.vat
        return company if own else company.root_id

    @api.model
    def _seller(self, draft):
        company = self._seller_company(draft.move)
        partner = company.partner_id
        nip = self._seller_nip(company)
        if not is_nip(nip):
            text = self.env._("Enter the company's valid Polish NIP (ten digits).")
            draft.problem("KS01", company, "vat", text)
        address = self._address(draft, partner)
        if not address.AdresL1:
            text = self.env._("Enter the company's street and city.")
            draft.problem("KS02", company, "street", text)
        if not address.KodKraju:
            draft.problem("KS02", company, "country_id", self.env._("Enter the company's country."))
        correspondence = company.l10n_pl_ksef_correspondence_id
        status = company.l10n_pl_ksef_taxpayer_status
        people = (company.partner_id,)
        if company.l10n_pl_ksef_salesperson_contact and draft.move.invoice_user_id:
            people = (draft.move.invoice_user_id.sudo().partner_id, company.partner_id)
        return fa3.Podmiot1(
            PrefiksPodatnika="PL" if draft.categories & INTRA_COMMUNITY else None,
            NrEORI=clean(company.l10n_pl_ksef_eori),
            DaneIdentyfikacyjne=fa3.TPodmiot1(
                NIP=nip, Nazwa=self._fit(draft, partner, "name", 512)
            ),
            Adres=address,
            AdresKoresp=self._other_address(draft, correspondence, address),
            DaneKontaktowe=self._contact(*people),
            StatusInfoPodatnika=int(status) if status else None,
        )

    @api.model
    def _buyer(self, draft):
        move = draft.move
        partner = move.commercial_partner_id
        if not partner:
            draft.problem("KS03", move, "partner_id", self.env._("Choose the customer."))
            return None
        identity = draft.buyer
        self._check_buyer(draft, partner, identity)
        address = self._address(draft, partner)
        business = partner.is_company or not identity.get("BrakID")
        if not address.KodKraju and (business or address.AdresL1):
            draft.problem("KS03", partner, "country_id", self.env._("Enter the country."))
        if not address.AdresL1 and business:
            draft.problem("KS06", partner, "street", self.env._("Enter the street and city."))
        elif not address.AdresL1:
            text = self.env._("The consumer has no address; the invoice goes without one.")
            draft.warning("KS06", partner, "street", text)
        name = self._fit(draft, partner, "name", 512)
        if not name:
            draft.problem("KS06", partner, "name", self.env._("Enter the customer's name."))
        # contacts of consumers are personal data that nobody asked for
        contacts = business and move.company_id.l10n_pl_ksef_buyer_contact
        local, group = self._group_members(draft)
        return fa3.Podmiot2(
            NrEORI=clean(partner.l10n_pl_ksef_eori),
            DaneIdentyfikacyjne=fa3.TPodmiot2(**identity, Nazwa=name),
            Adres=address if address.AdresL1 else None,
            AdresKoresp=self._other_address(draft, move.partner_id - partner, address),
            DaneKontaktowe=self._contact(move.partner_id, partner) if contacts else (),
            NrKlienta=self._fit(draft, partner, "ref", 256),
            JST=local,
            GV=group,
        )

    @api.model
    def _group_members(self, draft):
        """(JST, GV): 1 when a local-government unit or VAT-group member receives it, else 2."""
        return 2, 2

    @api.model
    def _check_buyer(self, draft, partner, identity):
        """What the VAT categories ask of the buyer's identification."""
        if draft.categories & INTRA_COMMUNITY and "KodUE" not in identity:
            text = self.env._(
                "Enter the customer's EU VAT number: the tax of this invoice is meant for a "
                "business of another EU country."
            )
            draft.problem("KS05", partner, "vat", text)
        if "oo" in draft.categories and "NIP" not in identity:
            text = self.env._(
                "Domestic reverse charge needs a buyer with a Polish NIP; choose another tax for "
                "buyers abroad."
            )
            draft.problem("KS04", partner, "vat", text)

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
        return {"KodKraju": country or None, "NrID": clean(rest)}

    @api.model
    def _address(self, draft, partner):
        """Street as first line, postcode and city as second (as first when there is no street)."""
        street = ", ".join(filter(None, (clean(partner.street), clean(partner.street2))))
        city = " ".join(filter(None, (clean(partner.zip), clean(partner.city))))
        if city and partner.state_id and partner.country_id.code != "PL":
            city = f"{city}, {clean(partner.state_id.name)}"
        first, second = (street, city) if street else (city, "")
        gln = (
            partner["global_location_number"]
            if "global_location_number" in partner._fields
            else None
        )
        return fa3.TAdres(
            KodKraju=partner.country_id.code or None,
            AdresL1=self._fit(draft, partner, "street" if street else "city", 512, first),
            AdresL2=self._fit(draft, partner, "city", 512, second),
            GLN=clean(gln) if gln and re.fullmatch(r"\d{13}", gln.strip()) else None,
        )

    @api.model
    def _other_address(self, draft, partner, address):
        """The address of another contact, when it is complete and differs; else None."""
        if not partner:
            return None
        other = self._address(draft, partner)
        complete = other.AdresL1 and other.KodKraju
        return other if complete and other != address else None

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

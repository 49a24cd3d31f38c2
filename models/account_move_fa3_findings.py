import re

from odoo import api, models

#: Element (without its index) -> field of the record that it comes from.
_FIELDS = {
    "Podmiot1/DaneIdentyfikacyjne/NIP": "vat",
    "Podmiot1/DaneIdentyfikacyjne/Nazwa": "name",
    "Podmiot1/Adres/KodKraju": "country_id",
    "Podmiot1/Adres/AdresL1": "street",
    "Podmiot2/DaneIdentyfikacyjne/NIP": "vat",
    "Podmiot2/DaneIdentyfikacyjne/NrVatUE": "vat",
    "Podmiot2/DaneIdentyfikacyjne/NrID": "vat",
    "Podmiot2/DaneIdentyfikacyjne/Nazwa": "name",
    "Podmiot2/Adres/KodKraju": "country_id",
    "Podmiot2/Adres/AdresL1": "street",
    "Fa/KodWaluty": "currency_id",
    "Fa/P_1": "invoice_date",
    "Fa/P_2": "name",
    "Fa/P_6": "taxable_supply_date",
    "Fa/FaWiersz/P_7": "name",
    "Fa/FaWiersz/P_8A": "product_uom_id",
    "Fa/FaWiersz/P_8B": "quantity",
    "Fa/FaWiersz/P_9A": "price_unit",
    "Fa/FaWiersz/P_9B": "price_unit",
    "Fa/FaWiersz/P_10": "discount",
}


class L10nPlKsefFa3(models.AbstractModel):
    _inherit = "l10n_pl_ksef.fa3"

    @api.model
    def _add_findings(self, draft, findings):
        """Findings of the document's own rules as problems of the records they come from."""
        for finding in findings:
            record = self._finding_record(draft, finding.field)
            field_name = _FIELDS.get(re.sub(r"\[\d+\]", "", finding.field))
            text = self._finding_text(finding)
            if field_name not in record._fields:
                field_name = None
            if not field_name and finding.field:
                text = self.env._("element %(element)s %(text)s", element=finding.field, text=text)
            draft.problem(finding.code, record, field_name, text)

    @api.model
    def _finding_record(self, draft, path):
        """The record behind an element: a line, the company, the customer or the invoice."""
        row = re.match(r"Fa/FaWiersz\[(\d+)\]", path)
        if row and not draft.origin:
            exported = [item for item in draft.rows if item.category]
            return exported[int(row[1]) - 1].line
        if path.startswith("Podmiot1"):
            return draft.move.company_id
        if path.startswith("Podmiot2"):
            return draft.move.commercial_partner_id
        return draft.move

    @api.model
    def _finding_text(self, finding):
        """The translated sentence of a finding (the keys are those of `ksef.fa3.findings`)."""
        _ = self.env._
        texts = {
            "missing": _("is missing"),
            "choice": _("one of %(names)s is needed"),
            "conflict": _("only one of %(names)s may be given"),
            "too_many": _("at most %(limit)s allowed, %(count)s given"),
            "kind": _("must be a %(expected)s, not %(value)s"),
            "empty": _("is empty"),
            "too_long": _("is %(length)s characters long, %(limit)s are allowed"),
            "spaces": _("has leading, trailing or repeated spaces"),
            "forbidden": _("contains characters that KSeF refuses: %(characters)s"),
            "pattern": _("%(value)s does not have the required form"),
            "enum": _("%(value)s is not an allowed value"),
            "range": _("%(value)s is out of range"),
            "decimals": _("%(value)s has more than %(limit)s decimals"),
            "checksum": _("%(value)s has a wrong check digit"),
            "total": _("bases and taxes add up to %(computed)s, the total says %(stated)s"),
            "rows": _("rows add up to %(computed)s, the total of the rate says %(stated)s"),
            "row": _("quantity times price gives %(computed)s, the row says %(stated)s"),
            "numbering": _("row numbers must run 1, 2, 3 ..."),
            "size": _("the file has %(size)s bytes, %(limit)s are allowed: split the invoice"),
            "bytes": _("the file %(reason)s"),
        }
        return texts[finding.key] % finding.args

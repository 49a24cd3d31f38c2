"""Fetches what the parts of the document read, for many invoices at once.

Without it the ORM fetches all columns of every model for the first invoice, and taxes, tags and
products again for every other one. A field that is missing here costs a query, nothing else.
"""

from odoo import api, models
from odoo.exceptions import AccessError

#: Invoices whose data are fetched together.
BATCH = 50

_MOVE = """
    amount_total commercial_partner_id company_id currency_id delivery_date incoterm_location
    invoice_cash_rounding_id invoice_currency_rate invoice_date invoice_incoterm_id
    invoice_payment_term_id invoice_user_id journal_id move_type name narration partner_bank_id
    partner_id payment_state preferred_payment_method_line_id ref reversed_entry_id state
    taxable_supply_date l10n_pl_vat_b_mpv_prowizja l10n_pl_vat_b_spv l10n_pl_vat_b_spv_dostawa
    l10n_pl_ksef_agreed_currency_id l10n_pl_ksef_agreed_rate l10n_pl_ksef_correction_method
    l10n_pl_ksef_correction_period l10n_pl_ksef_correction_reason l10n_pl_ksef_correction_type
    l10n_pl_ksef_corrected_number l10n_pl_ksef_delivery_numbers l10n_pl_ksef_intermediary
    l10n_pl_ksef_kind l10n_pl_ksef_period_from l10n_pl_ksef_period_to l10n_pl_ksef_receipt
    l10n_pl_ksef_reverse_charge l10n_pl_ksef_split_payment invoice_line_ids line_ids
    l10n_pl_ksef_advance_move_ids l10n_pl_ksef_contract_ids l10n_pl_ksef_corrected_move_ids
    l10n_pl_ksef_description_ids l10n_pl_ksef_external_ids l10n_pl_ksef_third_party_ids
""".split()
_LINE = """
    amount_currency balance currency_id date_maturity discount discount_amount_currency
    discount_date display_type extra_tax_data is_downpayment move_id name price_unit product_id
    product_uom_id quantity sequence tax_line_id l10n_pl_ksef_corrected_line_id
    l10n_pl_ksef_deduction l10n_pl_ksef_supply_date tax_ids
""".split()
#: What only Odoo's base lines read.
_BASE_LINE = """
    account_id analytic_distribution group_tax_id partner_id tax_repartition_line_id tax_tag_ids
""".split()
_COMPANY = """
    account_price_include city currency_id parent_id parent_path partner_id
    tax_calculation_rounding_method l10n_pl_ksef_bdo l10n_pl_ksef_buyer_contact
    l10n_pl_ksef_cash_method l10n_pl_ksef_correspondence_id l10n_pl_ksef_environment
    l10n_pl_ksef_eori l10n_pl_ksef_exempt_basis l10n_pl_ksef_exempt_basis_type
    l10n_pl_ksef_full_name l10n_pl_ksef_interface l10n_pl_ksef_issue_place l10n_pl_ksef_krs
    l10n_pl_ksef_order_optional l10n_pl_ksef_reason_required l10n_pl_ksef_regon
    l10n_pl_ksef_representative_id l10n_pl_ksef_representative_role
    l10n_pl_ksef_salesperson_contact l10n_pl_ksef_sections l10n_pl_ksef_taxpayer_status
""".split()
_PARTNER = """
    city commercial_partner_id company_registry country_id email global_location_number is_company
    l10n_pl_ksef_eori l10n_pl_links_with_customer name phone ref state_id street street2 vat zip
""".split()
_TAX = """
    amount amount_type company_id include_base_amount invoice_legal_notes
    is_base_affected l10n_pl_ksef_category l10n_pl_ksef_exempt_basis
    l10n_pl_ksef_exempt_basis_type name price_include_override sequence tax_exigibility
    invoice_repartition_line_ids refund_repartition_line_ids
""".split()
_REPARTITION = "document_type factor_percent repartition_type tax_id".split()
_PRODUCT = "barcode default_code product_tmpl_id".split()
_TEMPLATE = """
    categ_id hs_code intrastat_code_id l10n_pl_ksef_annex15 l10n_pl_ksef_cn
    l10n_pl_ksef_excise_refund l10n_pl_ksef_pkob l10n_pl_ksef_pkwiu l10n_pl_ksef_settlement
    l10n_pl_vat_gtu name
""".split()


class L10nPlKsefFa3(models.AbstractModel):
    _inherit = "l10n_pl_ksef.fa3"

    @api.model
    def _prefetch(self, move):
        """Fetch what is read of the invoice and of those after it in its recordset."""
        if not move.id or "line_ids" in move._cache:
            return
        moves = self._batch(move)
        if not self._fetch(moves, _MOVE):
            return
        lines = moves.line_ids
        self._fetch(lines, _LINE)
        # sudo: a user of a branch may not read its head company
        companies = moves.company_id.sudo()
        self._fetch(companies, _COMPANY)
        companies |= companies.root_id
        self._fetch(companies, _COMPANY)
        self._fetch(moves.partner_id | moves.commercial_partner_id | companies.partner_id, _PARTNER)
        self._fetch(lines.tax_ids, _TAX)
        self._fetch(lines.product_id, _PRODUCT)
        self._fetch(lines.product_id.product_tmpl_id, _TEMPLATE)

    @api.model
    def _prefetch_base_lines(self, move):
        """The same for what `_get_rounded_base_and_tax_lines` reads besides."""
        line = move.line_ids[:1]
        if not line.id or "tax_tag_ids" in line._cache:
            return
        lines = self._batch(move).line_ids
        self._fetch(lines, _BASE_LINE)
        taxes = lines.tax_ids
        self._fetch(
            taxes.invoice_repartition_line_ids | taxes.refund_repartition_line_ids, _REPARTITION
        )

    @api.model
    def _batch(self, move):
        """The invoice and some of those after it in its recordset."""
        ids = list(move._prefetch_ids)
        if move.id not in ids:
            return move
        start = ids.index(move.id)
        return move.browse(ids[start : start + BATCH])

    @api.model
    def _fetch(self, records, names):
        """Whether these fields, as far as this database has them, are fetched now.

        They are not where the user may not read one of the records; then the ORM fetches one by
        one what is allowed, and complains where it is asked for more.
        """
        try:
            records.fetch([name for name in names if name in records._fields])
        except AccessError:
            return False
        return True

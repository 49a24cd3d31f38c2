"""What a person can say about an invoice for KSeF, and the hooks for other modules."""

from odoo import fields, models

YES_NO = [("yes", "Yes"), ("no", "No")]


class AccountMove(models.Model):
    _inherit = "account.move"

    l10n_pl_ksef_period_from = fields.Date(
        "Period of supply from",
        copy=False,
        help="For continuous supplies and services settled in periods (P_6_Od).",
    )
    l10n_pl_ksef_period_to = fields.Date("Period of supply to", copy=False, help="P_6_Do")
    l10n_pl_ksef_split_payment = fields.Selection(
        YES_NO,
        "Split payment",
        copy=False,
        help="P_18A. Empty: yes for more than 15 000 PLN gross with goods of Annex 15.",
    )
    l10n_pl_ksef_reverse_charge = fields.Selection(
        YES_NO,
        "Reverse charge",
        copy=False,
        help="P_18. Empty: yes where the taxes say that the buyer accounts for the tax.",
    )
    l10n_pl_ksef_receipt = fields.Boolean(
        "Invoice to a fiscal receipt",
        copy=False,
        help="FP: the sale was already registered with a cash register (art. 109(3d)).",
    )
    l10n_pl_ksef_intermediary = fields.Boolean(
        "Issued by an intermediary",
        help="PodmiotPosredniczacy: chain transaction of art. 22(2d) of the VAT act.",
    )
    l10n_pl_ksef_agreed_rate = fields.Float(
        "Agreed exchange rate", digits=(22, 6), help="Shown only on invoices in PLN (KursUmowny)."
    )
    l10n_pl_ksef_agreed_currency_id = fields.Many2one("res.currency", "Agreed currency")
    l10n_pl_ksef_delivery_numbers = fields.Char(
        "Warehouse documents",
        copy=False,
        help="Numbers of delivery notes (WZ), separated by commas.",
    )
    l10n_pl_ksef_description_ids = fields.One2many(
        "l10n_pl_ksef.description", "move_id", "Additional descriptions", copy=True
    )
    l10n_pl_ksef_contract_ids = fields.One2many(
        "l10n_pl_ksef.contract", "move_id", "Contracts", copy=True
    )

    # -- hooks -------------------------------------------------------------------------------------

    def _l10n_pl_ksef_get_delivery_numbers(self):
        """Numbers of the warehouse documents (WZ), a list of texts."""
        self.ensure_one()
        return (self.l10n_pl_ksef_delivery_numbers or "").split(",")

    def _l10n_pl_ksef_get_order_date(self):
        """Date of the customer's order, when something knows it."""
        self.ensure_one()
        return False

    def _l10n_pl_ksef_get_lots(self):
        """Lot numbers (NrPartiiTowaru), a list of texts."""
        self.ensure_one()
        return []

    def _l10n_pl_ksef_is_receipt_invoice(self):
        """FP: the invoice belongs to a receipt of a fiscal cash register."""
        self.ensure_one()
        if self.l10n_pl_ksef_receipt:
            return True
        return "pos_order_ids" in self._fields and bool(self.pos_order_ids)

    def _l10n_pl_ksef_payment_link(self):
        """Address of a payment page with the parameter IPKSeF, when a provider makes one."""
        self.ensure_one()
        return False

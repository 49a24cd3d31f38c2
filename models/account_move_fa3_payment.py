import re

from odoo import api, fields, models
from odoo.tools import html2plaintext

from ..ksef.fa3 import lexical
from ..ksef.fa3 import model as fa3
from ..ksef.fa3.text import clean, clean_lines, pieces
from .account_move_fa3_draft import decimal

#: FormaPlatnosci
CASH, BANK_TRANSFER = 1, 6


class L10nPlKsefFa3(models.AbstractModel):
    _inherit = "l10n_pl_ksef.fa3"

    @api.model
    def _payment(self, draft):
        """Payment as known when the invoice is issued; later payments never change the file."""
        move = draft.move
        terms = move.line_ids.filtered(lambda line: line.display_type == "payment_term")
        dates = sorted({line.date_maturity for line in terms if line.date_maturity})
        account = self._bank_account(move)
        method = move.preferred_payment_method_line_id
        form = CASH if method.journal_id.type == "cash" else None
        if not form and (account or method.journal_id.type == "bank"):
            form = BANK_TRANSFER
        values = {
            **self._payments_so_far(draft),
            "TerminPlatnosci": tuple(fa3.TerminPlatnosci(Termin=day) for day in dates),
            "FormaPlatnosci": form,
            "RachunekBankowy": (account,) if account else (),
            "Skonto": self._early_discount(move, terms),
        }
        return fa3.Platnosc(**values) if any(values.values()) else None

    @api.model
    def _payments_so_far(self, draft):
        """Payments already matched: one that pays everything by the invoice date, or each part."""
        move = draft.move
        if move.state != "posted":
            return {}
        partials = move._get_all_reconciled_invoice_partials() or []
        today = fields.Date.context_today(self.with_context(tz="Europe/Warsaw"))
        parts = [
            (decimal(part["amount"]), part["aml"].date)
            for part in partials
            if not part["is_exchange"]
            and part["aml"].date <= today
            and not part["aml"].move_id.is_invoice(include_receipts=True)
        ]
        if not parts:
            return {}
        full = sum(amount for amount, _day in parts) >= decimal(move.amount_total)
        if full and len(parts) == 1 and move.invoice_date and parts[0][1] <= move.invoice_date:
            return {"Zaplacono": 1, "DataZaplaty": parts[0][1]}
        return {
            "ZnacznikZaplatyCzesciowej": 2 if full and len(parts) > 1 else 1,
            "ZaplataCzesciowa": tuple(
                fa3.ZaplataCzesciowa(KwotaZaplatyCzesciowej=amount, DataZaplatyCzesciowej=day)
                for amount, day in sorted(parts, key=lambda part: part[1])
            ),
        }

    @api.model
    def _bank_account(self, move):
        """The account to pay to: 26 digits (NRB) for a Polish IBAN, as Polish banks show it."""
        bank_account = move.partner_bank_id
        number = re.sub(r"[^0-9A-Z]", "", (bank_account.acc_number or "").upper())
        polish = move.commercial_partner_id.country_id.code in ("PL", False)
        if polish and re.fullmatch(r"PL\d{26}", number):
            number = number[2:]
        if not number or lexical.TNrRB.problem(number):
            return None
        bic = clean(bank_account.bank_id.bic)
        return fa3.TRachunekBankowy(
            NrRB=number,
            SWIFT=bic if bic and not lexical.SWIFT_Type.problem(bic) else None,
            NazwaBanku=clean(bank_account.bank_id.name, 256),
        )

    @api.model
    def _early_discount(self, move, terms):
        """Discount for early payment, in words."""
        term = move.invoice_payment_term_id
        line = terms[:1]
        if not term.early_discount or term.early_pay_discount_computation != "included":
            return None
        if not line.discount_date:
            return None
        amount = f"{decimal(line.discount_amount_currency):.2f}".replace(".", ",")
        percent = f"{term.discount_percentage:g}".replace(".", ",")
        return fa3.Skonto(
            WarunkiSkonta=f"Zapłata do {line.discount_date.isoformat()}",
            WysokoscSkonta=f"{percent}% (do zapłaty {amount} PLN)",
        )

    @api.model
    def _terms(self, draft):
        """The customer's order number and the terms of delivery."""
        move = draft.move
        order = clean(move.ref, 256)
        incoterm = (move.invoice_incoterm_id.code, move.incoterm_location)
        delivery = clean(" ".join(filter(None, incoterm)), 256) if incoterm[0] else None
        if not order and not delivery:
            return None
        return fa3.WarunkiTransakcji(
            Zamowienia=(fa3.Zamowienia(NrZamowienia=order),) if order else (),
            WarunkiDostawy=delivery,
        )

    @api.model
    def _footer(self, draft):
        """The invoice's terms and conditions as plain text, at most three blocks."""
        narration = draft.move.narration
        text = clean_lines(html2plaintext(narration)) if narration else None
        if not text:
            return None
        blocks = pieces(text, 3500)[:3]
        return fa3.Stopka(Informacje=tuple(fa3.Informacje(StopkaFaktury=part) for part in blocks))

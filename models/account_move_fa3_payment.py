import re

from odoo import api, models

from ..ksef.fa3 import lexical
from ..ksef.fa3 import model as fa3
from ..ksef.fa3.text import clean
from .account_move_fa3_draft import decimal

#: FormaPlatnosci
CASH, BANK_TRANSFER = 1, 6
_FORMS_OF_JOURNALS = {"cash": CASH, "bank": BANK_TRANSFER, "credit": 2}


class L10nPlKsefFa3(models.AbstractModel):
    _inherit = "l10n_pl_ksef.fa3"

    @api.model
    def _payment(self, draft, total):
        """Payment as known when the invoice is issued; later payments never change the file.

        Nothing on a correction that gives money back: the bank account there is the customer's.
        """
        move = draft.move
        if draft.sign < 0 or (draft.origin and total <= 0):
            return None
        terms = move.line_ids.filtered(lambda line: line.display_type == "payment_term")
        dates = sorted({line.date_maturity for line in terms if line.date_maturity})
        account = self._bank_account(draft, move.partner_bank_id)
        factor = self._factor_accounts(draft)
        link = self._payment_link(draft)
        method = move.preferred_payment_method_line_id
        form = self._payment_form(draft, method, method.journal_id)
        if not form and (account or factor):
            form = {"FormaPlatnosci": BANK_TRANSFER}
        received, paid_by = self._payments_so_far(draft)
        form = paid_by or form
        values = {
            **received,
            "TerminPlatnosci": tuple(fa3.TerminPlatnosci(Termin=day) for day in dates),
            **form,
            "RachunekBankowy": (account,) if account and not factor else (),
            "RachunekBankowyFaktora": factor,
            "Skonto": self._early_discount(move, terms),
            **link,
        }
        return fa3.Platnosc(**values) if any(values.values()) else None

    @api.model
    def _payment_form(self, draft, method, journal):
        """How something is paid, as keyword arguments; what the method says, else the journal."""
        form = method.l10n_pl_ksef_payment_form
        if form == "other":
            text = self._fit(
                draft,
                method,
                "l10n_pl_ksef_payment_text",
                256,
                method.l10n_pl_ksef_payment_text or method.name,
            )
            return {"PlatnoscInna": 1, "OpisPlatnosci": text} if text else {}
        number = int(form) if form else _FORMS_OF_JOURNALS.get(journal.type)
        return {"FormaPlatnosci": number} if number else {}

    @api.model
    def _payments_so_far(self, draft):
        """(payments already matched, how the one that paid everything was made), two dictionaries.

        One payment that pays everything by the invoice date, or each part with its own form.
        """
        move = draft.move
        parts = self._received(draft)
        if not parts:
            return {}, {}
        full = sum(part[0] for part in parts) >= decimal(move.amount_total)
        if full and len(parts) == 1 and move.invoice_date and parts[0][1] <= move.invoice_date:
            return {"Zaplacono": 1, "DataZaplaty": parts[0][1]}, parts[0][2]
        parts_told = {
            "ZnacznikZaplatyCzesciowej": 2 if full else 1,
            "ZaplataCzesciowa": tuple(
                fa3.ZaplataCzesciowa(
                    KwotaZaplatyCzesciowej=amount, DataZaplatyCzesciowej=day, **form
                )
                for amount, day, form in parts
            ),
        }
        return parts_told, {}

    @api.model
    def _received(self, draft):
        """[(amount in the invoice's currency, day, form)] of the money received so far, by day.

        Also what was matched with a bank statement directly. Credit notes are no payment.
        """
        move = draft.move
        if move.state != "posted" or move.payment_state == "not_paid":
            return []
        today = move._l10n_pl_ksef_today()
        parts = []
        for part in move._get_all_reconciled_invoice_partials() or []:
            line = part["aml"]
            if part["is_exchange"] or line.date > today:
                continue
            if line.move_id.is_invoice(include_receipts=True):
                continue
            form = self._payment_form(
                draft, line.payment_id.payment_method_line_id, line.journal_id
            )
            parts.append((decimal(part["amount"]), line.date, form))
        return sorted(parts, key=lambda part: part[1])

    @api.model
    def _bank_account(self, draft, bank_account):
        """One account; 26 digits (NRB) of a Polish IBAN for Polish buyers who pay in PLN."""
        number = re.sub(r"[^0-9A-Z]", "", (bank_account.acc_number or "").upper())
        country = draft.move.commercial_partner_id.country_id.code
        domestic = country in ("PL", False) and not draft.foreign
        if domestic and re.fullmatch(r"PL\d{26}", number):
            number = number[2:]
        if not number:
            return None
        if lexical.TNrRB.problem(number):
            text = self.env._("The account number has not 10 to 34 characters and is left out.")
            draft.warning("KS31", bank_account, "acc_number", text)
            return None
        bank = bank_account.bank_id
        bic = clean((bank.bic or "").replace(" ", "").upper())
        own = bank_account.l10n_pl_ksef_own_account
        return fa3.TRachunekBankowy(
            NrRB=number,
            SWIFT=bic if bic and not lexical.SWIFT_Type.problem(bic) else None,
            RachunekWlasnyBanku=int(own) if own else None,
            NazwaBanku=self._fit(draft, bank, "name", 256),
            OpisRachunku=self._fit(
                draft,
                bank_account,
                "l10n_pl_ksef_description",
                256,
                bank_account.l10n_pl_ksef_description or bank_account.currency_id.name or "",
            ),
        )

    @api.model
    def _factor_accounts(self, draft):
        """Accounts of the factors; money goes there instead of to the seller."""
        return ()

    @api.model
    def _payment_link(self, draft):
        """LinkDoPlatnosci and IPKSeF, when a payment provider gives a link with the identifier."""
        link = clean(draft.move._l10n_pl_ksef_payment_link() or "")
        if not link or lexical.TLinkDoPlatnosci.problem(link):
            return {}
        identifier = re.search(r"[?&]IPKSeF=(\w{13})", link)[1]
        return {"LinkDoPlatnosci": link, "IPKSeF": identifier}

    @api.model
    def _early_discount(self, move, terms):
        """Discount for early payment, in words."""
        term = move.invoice_payment_term_id
        line = terms[:1]
        if not term.early_discount or term.early_pay_discount_computation != "included":
            return None
        if not line.discount_date:
            return None
        amount = f"{decimal(line.discount_amount_currency):.2f}"
        percent = f"{term.discount_percentage:g}"
        return fa3.Skonto(
            WarunkiSkonta=f"Zapłata do {line.discount_date.isoformat()}",
            WysokoscSkonta=f"{percent}% (do zapłaty {amount} {move.currency_id.name})",
        )

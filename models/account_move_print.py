"""What an invoice carries on paper and in the portal: heading, KOD I, KOD II."""

from odoo import api, fields, models
from odoo.tools.image import image_data_uri

from ..ksef import crypto, numbers, prints, qr


class AccountMove(models.Model):
    _inherit = "account.move"

    l10n_pl_ksef_qr_invoice_url = fields.Char(
        "KOD I", compute="_compute_l10n_pl_ksef_qr", compute_sudo=True
    )
    l10n_pl_ksef_qr_certificate_url = fields.Char(
        "KOD II", compute="_compute_l10n_pl_ksef_qr", compute_sudo=True
    )

    @api.depends(
        "l10n_pl_ksef_state",
        "l10n_pl_ksef_number",
        "l10n_pl_ksef_document_ids.qr_certificate_url",
    )
    def _compute_l10n_pl_ksef_qr(self):
        for move in self:
            document = move._l10n_pl_ksef_document()._binding()
            move.l10n_pl_ksef_qr_invoice_url = document.qr_invoice_url
            # with the number KOD II has served (regulation Dz.U. 2025 poz. 1815, par. 9)
            move.l10n_pl_ksef_qr_certificate_url = (
                document.state != "accepted" and document.qr_certificate_url
            )

    def _l10n_pl_ksef_print(self):
        """The ksef.prints.Print of an invoice that is frozen, else None."""
        self.ensure_one()
        if not self.l10n_pl_ksef_qr_invoice_url:
            return None
        buyer = self.commercial_partner_id
        # art. 106gb(4): who does not receive invoices through KSeF
        abroad = buyer.country_code not in (False, "PL")
        return prints.printed(
            self.l10n_pl_ksef_mode,
            ksef_number=self.l10n_pl_ksef_number or None,
            outside_ksef=abroad or not numbers.normalize_nip(buyer.vat or ""),
        )

    def _l10n_pl_ksef_is_confirmation(self):
        """Whether a print is no invoice yet but a *potwierdzenie transakcji*."""
        printed = self._l10n_pl_ksef_print()
        return bool(printed) and printed.heading == prints.CONFIRMATION

    def _l10n_pl_ksef_qr_codes(self):
        """What is printed: a list of {'url', 'label', 'image' (data URI), 'millimetres'}.

        KOD II is there when the invoice was issued offline: without its number, an online one is
        handed over to nobody.
        """
        printed = self._l10n_pl_ksef_print()
        urls = {
            prints.KOD_I: self.l10n_pl_ksef_qr_invoice_url,
            prints.KOD_II: self.l10n_pl_ksef_qr_certificate_url,
        }
        return [
            {
                "url": urls[code.kind],
                "label": code.label,
                "image": image_data_uri(crypto.to_base64(qr.png(urls[code.kind])).encode()),
                "millimetres": round(qr.side_mm(urls[code.kind]), 1),
            }
            for code in (printed.codes if printed else ())
            if urls[code.kind]
        ]

"""What an invoice carries on paper and in the portal: heading, KOD I, KOD II."""

from odoo import api, fields, models
from odoo.tools.image import image_data_uri

from ..ksef import crypto, numbers, prints, qr

# Categories of taxes (ksef.fa3.categories) of supplies outside Poland: art. 106gb(4)(1).
ABROAD = {"np1", "np2", "triangular", "oss"}


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

    def _l10n_pl_ksef_outside_buyer(self):
        """Whether the buyer is one of art. 106gb(4), who does not receive invoices through KSeF."""
        self.ensure_one()
        buyer = self.commercial_partner_id
        if buyer.l10n_pl_ksef_delivery:
            return buyer.l10n_pl_ksef_delivery == "outside"
        lines = self.invoice_line_ids.filtered(lambda line: line.display_type == "product")
        categories = set(lines.tax_ids.mapped("l10n_pl_ksef_category"))
        return (
            (bool(categories) and categories <= ABROAD)
            or buyer.country_code not in (False, "PL")
            or not numbers.normalize_nip(buyer.vat or "")
        )

    def _l10n_pl_ksef_printout(self):
        """How this invoice is printed now, or None where that is no matter of KSeF.

        :return: {'heading': one of ksef.prints, 'codes': list of {'url', 'label', 'image' (data
            URI), 'millimetres'}}
        """
        self.ensure_one()
        # the portal prints it too
        document = self.sudo()._l10n_pl_ksef_document()._binding()
        if not document and not self._l10n_pl_ksef_is_due():
            return None
        urls = {
            prints.KOD_I: document.qr_invoice_url,
            prints.KOD_II: document and document._certificate_url(),
        }
        printed = prints.printed(
            document.legal_mode or None,
            ksef_number=document.ksef_number or None,
            outside_ksef=self._l10n_pl_ksef_outside_buyer(),
            signed=bool(urls[prints.KOD_II]),
        )
        codes = [
            {
                "url": urls[code.kind],
                "label": code.label,
                "image": image_data_uri(crypto.to_base64(qr.png(urls[code.kind])).encode()),
                "millimetres": qr.side_mm(urls[code.kind]),
            }
            for code in printed.codes
        ]
        return {"heading": printed.heading, "codes": codes}

    def _l10n_pl_ksef_qr_codes(self):
        """The codes that are printed, see `_l10n_pl_ksef_printout`."""
        return (self._l10n_pl_ksef_printout() or {"codes": []})["codes"]

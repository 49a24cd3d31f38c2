"""Documents that were handed over before KSeF had them: KOD II, deadlines, warnings."""

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..ksef import crypto, deadlines, links
from .l10n_pl_ksef_connection import to_aware
from .l10n_pl_ksef_document import ABSENT

WAITING = ("queued", "held", "sending", "sent", "rejected")
DEADLINE = "l10n_pl_ksef.mail_activity_type_deadline"


class L10nPlKsefDocument(models.Model):
    _inherit = "l10n_pl_ksef.document"

    issued_offline_at = fields.Datetime(
        readonly=True, help="When it was declared offline: in the outage that made it necessary."
    )
    qr_certificate_url = fields.Char("KOD II", readonly=True)
    deadline_status = fields.Selection(
        [("due", "Due"), ("open", "Open: the outage lasts"), ("lifted", "No duty to send")],
        readonly=True,
    )
    deadline_stage = fields.Char(readonly=True, help="The last warning that was given.")

    @api.model_create_multi
    def create(self, vals_list):
        # EXTENDS 'l10n_pl_ksef.document'
        documents = super().create(vals_list)
        documents._stamp_deadline()
        for move in documents.move_id:  # a PDF from before has no codes
            move._l10n_pl_ksef_detach_pdf()
        return documents

    def _stamp_deadline(self):
        """The day until whose end (Warsaw) KSeF must have it; see ksef.deadlines for the law."""
        terms = {}
        for environment, documents in self.grouped("environment").items():
            events = self.env["l10n_pl_ksef.outage"]._events(environment)
            for document in documents:
                term = deadlines.deadline(
                    document.legal_mode,
                    document.issue_date,
                    events,
                    issued_at=to_aware(document._issued_at()),
                )
                terms.setdefault((term.date or False, term.status), []).append(document.id)
        for (day, status), ids in terms.items():
            documents = self.browse(ids).sudo()
            # what was said of an old day holds no more; the new one has its own warnings
            warned = documents.filtered(lambda d, day=day: d.deadline_stage and d.deadline != day)
            warned.deadline_stage = False
            warned.move_id.activity_unlink([DEADLINE])
            documents.write({"deadline": day, "deadline_status": status})

    def _issued_at(self):
        """When the invoice was frozen first; a technical correction is no new issue of it."""
        self.ensure_one()
        first = self.corrects_sha256 and self.move_id.l10n_pl_ksef_document_ids.filtered(
            lambda d: d.xml_sha256 == self.corrects_sha256
        )
        return (first or self)[0].create_date

    # -- issuing ---------------------------------------------------------------------------------

    def _issue_offline(self, legal_mode):
        """Sign KOD II and declare the mode: from now on it may be handed over without a number.

        :raise UserError: KSeF may have it already, or there is no good Offline certificate
        """
        self.ensure_one()
        if not self._lock(*ABSENT):
            raise UserError(
                self.env._(
                    "%s may be in KSeF already: wait until it has its number.", self.invoice_number
                )
            )
        self.sudo().write(
            {
                "issued_offline": True,
                "issued_offline_at": fields.Datetime.now(),
                "legal_mode": legal_mode,
                "qr_certificate_url": self._sign_offline(),
            }
        )
        self._stamp_deadline()
        # a PDF from before has no codes
        self.move_id._l10n_pl_ksef_detach_pdf()

    def _sign_offline(self):
        """The address behind KOD II. It is kept: an ECDSA signature is another one each time."""
        company = self.company_id.sudo().root_id
        signer = company._l10n_pl_ksef_offline_signer()
        certificate = company.l10n_pl_ksef_offline_certificate_id
        return links.certificate_url(
            self.connection_id.sudo()._ksef_environment().qr,
            "Nip",
            self.connection_id.sudo()._nip(),
            self.seller_nip,
            certificate._l10n_pl_ksef_serial(),
            crypto.from_base64(self.xml_sha256),
            signer.private_key,
        )

    def _certificate_url(self):
        """KOD II for a print of today, or False: with the number it has served (par. 9 of the
        regulation); without an Offline certificate there is none.

        What was issued offline keeps the one that it was issued with.
        """
        self.ensure_one()
        if self.state == "accepted" or self.qr_certificate_url:
            return self.state != "accepted" and self.qr_certificate_url
        try:
            return self._sign_offline()
        except UserError:  # told when the mode is switched, and on the page of certificates
            return False

    # -- midnight --------------------------------------------------------------------------------

    @api.model
    def _note_late(self):
        late = self.search([("state", "in", ABSENT), ("legal_mode", "=", "online")])._turn_late()
        late._checkpoint()

    def _turn_late(self):
        """What was meant for its own day and is not at KSeF is offline24 now (art. 106nda(16)).

        KSeF compares the day in P_1 with the day, in Warsaw, on which an invoice is sent or its
        batch session opened (spec offline, section 2). It is said before it is sent.

        :return: the documents that changed
        """
        today = self.env["account.move"]._l10n_pl_ksef_today()
        late = self.filtered(lambda d: d.legal_mode == "online" and d.issue_date < today)
        late.sudo().write({"legal_mode": "offline24"})
        late._stamp_deadline()
        for document in late:
            document.move_id._message_log(
                body=self.env._(
                    "KSeF did not get it on its own day, %(issued)s: it goes as offline24 and has "
                    "to be there by %(deadline)s.",
                    issued=document.issue_date,
                    deadline=document.deadline or self.env._("the term after the outage"),
                )
            )
        return late

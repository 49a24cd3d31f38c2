"""Duplicates (440): whose is the original that KSeF has, and what becomes of ours."""

import logging
from datetime import timedelta

from odoo import fields, models
from odoo.exceptions import UserError

from ..ksef import crypto, errors, types
from .l10n_pl_ksef_connection import to_naive
from .l10n_pl_ksef_sender import ABOUT_CONNECTION

_logger = logging.getLogger(__name__)

ORIGINAL_WITHIN = timedelta(days=1)  # KSeF's lists lag behind its verdicts
NOT_STORED_YET = 21165


class L10nPlKsefSender(models.AbstractModel):
    _inherit = "l10n_pl_ksef.sender"

    def _adopt(self, ksef, document, row, text, elsewhere):
        """440: is the original our own file? Only the same bytes make it accepted; never guessed.

        KSeF may name the original or not. Looked at are the session that it names, all sessions
        in which the file was tried, then the metadata of what this NIP issued.

        :param elsewhere: reference of a session → its invoices
        """
        number = row.original_ksef_number
        try:
            facts, other = self._own_session(elsewhere, document, row) or self._own_metadata(
                ksef, document, number
            )
        except ABOUT_CONNECTION:
            raise  # nothing was asked: it is no answer
        except errors.KsefError as error:
            if error.verdict != errors.Verdict.RETRY and error.code != NOT_STORED_YET:
                raise
            facts = other = None
        if facts:
            document.write({"original_ksef_number": facts["number"], **facts.pop("where")})
            document._accept(**facts)
        elif other or document.sent_at and self._age(document) > ORIGINAL_WITHIN:
            document._conflict(other or number, text)
        else:
            self._ask_later(document)

    def _own_session(self, elsewhere, document, row):
        """(facts, None) of the original from a session, (None, number) of another file, or None."""
        known = [row.original_session_reference]
        known += document.tried_session_ids.mapped("reference_number")
        for reference in dict.fromkeys(filter(None, known)):
            for found in elsewhere(reference):
                if not found.is_accepted:
                    continue
                if found.invoice_hash == document.xml_sha256:
                    session = self._session(document.connection_id, reference)
                    return {
                        "number": found.ksef_number,
                        "acquired_at": to_naive(found.acquired_at),
                        "mode": found.mode,
                        "where": {"session_id": session.id, "reference_number": found.reference},
                    }, None
                if found.ksef_number == row.original_ksef_number:
                    return None, found.ksef_number
        return None

    def _own_metadata(self, ksef, document, number):
        """(facts, number of another file) by the metadata; (None, None) while they are silent."""
        day = document.issue_date
        what = {"ksefNumber": number} if number else {"invoiceNumber": document.invoice_number}
        for item in self._metadata(ksef, "Issue", day, day, **what):
            if item.get("invoiceHash") == document.xml_sha256:
                # no session of ours: no UPO by session
                return {**self._facts(item), "where": {"reference_number": False}}, None
            return None, item.get("ksefNumber")
        if number and crypto.to_base64(crypto.sha256(ksef.invoice(number))) != document.xml_sha256:
            return None, number
        return None, None

    def _metadata(self, ksef, kind, first, last, **what):
        """What this NIP issued; `kind` says which of the dates lies between two days."""
        return ksef.query_metadata(
            {
                "subjectType": "Subject1",
                "dateRange": {
                    "dateType": kind,
                    "from": f"{first}T00:00:00",
                    "to": f"{last}T23:59:59",
                },
                **what,
            }
        )

    def _facts(self, item):
        try:
            acquired = types.parse_datetime(item["acquisitionDate"])
        except (KeyError, ValueError):
            raise errors.ProtocolError("KSeF's metadata lack the date of acquisition") from None
        return {
            "number": item["ksefNumber"],
            "acquired_at": to_naive(acquired),
            "mode": item.get("invoicingMode"),
        }

    def _rows_elsewhere(self, ksef, reference):
        """The invoices of another session; empty where that session is not ours to see."""
        try:
            return ksef.session_invoices(reference)
        except (errors.RequestRejected, errors.Forbidden, errors.Gone) as error:
            _logger.info("KSeF session %s of an original cannot be read: %s", reference, error)
            return []

    def _take_original(self, document):
        """The original in KSeF becomes the document of the invoice; ours was refused.

        :raise KsefError: KSeF does not give its content or its dates
        :raise UserError: it is not an invoice of this seller
        """
        number = document.original_ksef_number
        ksef = document.connection_id._client()
        xml = ksef.invoice(number)
        # the number holds the day on which it was assigned: NIP-YYYYMMDD-...
        day = fields.Date.to_date(f"{number[11:15]}-{number[15:17]}-{number[17:19]}")
        around = (fields.Date.subtract(day, days=2), fields.Date.add(day, days=2))
        items = self._metadata(ksef, "Invoicing", *around, ksefNumber=number)
        item = next((item for item in items if item.get("ksefNumber") == number), None)
        if item is None or number[:10] != document.seller_nip:
            raise UserError(
                self.env._("KSeF does not show %s among the invoices of this seller.", number)
            )
        facts = self._facts(item)
        original = document.create(
            {
                "move_id": document.move_id.id,
                "company_id": document.company_id.id,
                "connection_id": document.connection_id.id,
                "seller_nip": document.seller_nip,
                "invoice_kind": item.get("invoiceType") or document.invoice_kind,
                "invoice_number": item.get("invoiceNumber") or document.invoice_number,
                "issue_date": item.get("issueDate") or document.issue_date,
                "legal_mode": "offline24" if facts["mode"] == "Offline" else "online",
                "xml_file": crypto.to_base64(xml),
                "xml_sha256": crypto.to_base64(crypto.sha256(xml)),
                "xml_size": len(xml),
                "state": "accepted",
                "ksef_number": number,
                "acquired_at": facts["acquired_at"],
            }
        )
        document._transition("rejected")
        document._transition("superseded", superseded_by_id=original.id)
        document.move_id._l10n_pl_ksef_on_accepted(original)

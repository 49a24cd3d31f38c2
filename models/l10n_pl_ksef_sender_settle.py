"""Settles what was sent: resolves unknown outcomes, fetches numbers and UPOs, adopts originals."""

import logging
import time
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..ksef import crypto, errors, types, upo
from .l10n_pl_ksef_connection import to_naive
from .l10n_pl_ksef_document import MAX_FAILURES
from .l10n_pl_ksef_sender import ABOUT_CONNECTION, POLL_AFTER, SWITCHED_ON

_logger = logging.getLogger(__name__)

SETTLE_WAITS = (0.5, 1, 2, 4)  # seconds between questions while a user waits
ORIGINAL_WITHIN = timedelta(days=1)  # KSeF's lists lag behind its verdicts
NOT_STORED_YET = 21165
FEW = 3  # documents that are asked for one by one
OPENED = 100  # status of a session that nobody closed
NOTHING_VALID = 445  # status of a session that ended without one accepted document
INCOMPLETE = (21157, 21205, 21208)  # a batch cannot be closed: parts are missing


class L10nPlKsefSender(models.AbstractModel):
    _inherit = "l10n_pl_ksef.sender"

    @api.model
    def _poll(self):
        """Resolve, settle and archive; one list request covers a whole session."""
        Document = self.env["l10n_pl_ksef.document"]
        bare = [("upo_pending", "=", True)]
        due = (
            Document.search(self._due(["sending"], "lease_until"))
            | Document.search(self._due(["sent"]))
            | Document.search(self._due(["accepted"]) + bare)
        )
        Document._checkpoint(remaining=len(due))
        self._settle(due)
        Document._checkpoint(remaining=0)
        self._wake("ir_cron_poll", [("state", "=", "sent")])
        self._wake("ir_cron_poll", [("state", "=", "accepted"), *bare])
        self._wake("ir_cron_poll", [("state", "=", "sending")], "lease_until")
        self._wake("ir_cron_flush", [("state", "=", "queued"), SWITCHED_ON])

    @api.model
    def _settle(self, documents):
        """Ask KSeF what became of documents that are sending, sent, or accepted without UPO."""
        documents = documents.sudo().filtered(
            lambda d: d.state in ("sending", "sent") or d.state == "accepted" and d.upo_pending
        )
        for connection, group in documents.grouped("connection_id").items():
            if connection._is_blocked():
                continue
            lang = connection.company_id.partner_id.lang
            connection, group = (records.with_context(lang=lang) for records in (connection, group))
            try:
                ksef = connection._client()
                self.with_context(lang=lang)._settle_group(ksef, connection, group)
            except UserError as error:  # no certificate, no NIP
                connection._block(str(error), fix=True)
            except errors.BudgetExceeded as error:
                self._wait_for_turn(connection, group, error)
            except ABOUT_CONNECTION as error:
                connection._note_error(error)
            documents._checkpoint()

    def _settle_group(self, ksef, connection, documents):
        """:raise KsefError: only what concerns the whole connection"""
        for session, members in documents.grouped("session_id").items():
            with self._spare_others(members):
                try:
                    self._settle_session(ksef, session, members)
                except ABOUT_CONNECTION:
                    raise
                except errors.KsefError as error:
                    members._checkpoint()
                    self._put_off(members, connection._explain(error))
            if members._checkpoint(len(members)) <= 0:
                return

    def _settle_session(self, ksef, session, documents):
        now = fields.Datetime.now()
        open_ones = documents.filtered(
            lambda d: d.state == "sent" or (d.state == "sending" and d.lease_until <= now)
        )
        if open_ones:
            rows, silence = self._rows(ksef, session, open_ones)
            by_reference = {row.reference: row for row in rows}
            by_hash = {row.invoice_hash: row for row in rows}
            for document in open_ones:
                row = by_reference.get(document.reference_number) or by_hash.get(
                    document.xml_sha256
                )
                settle = (self._settle_one, ksef, row) if row else (self._settle_absent, silence)
                if self._apart(document, session, ("sending", "sent"), *settle) <= 0:
                    return
        for document in documents.filtered(lambda d: d.state == "accepted" and d.upo_pending):
            if self._apart(document, session, ("accepted",), self._fetch_upo, ksef) <= 0:
                return

    def _rows(self, ksef, session, documents):
        """What KSeF says of these documents, and what its silence about one means.

        KSeF allows 200 lists an hour, but 1200 answers: a few are asked for one by one.

        :return: (rows, silence): silence None means nothing yet, a text that KSeF surely does not
            have a document that is not among the rows
        """
        reference = session.reference_number
        references = documents.mapped("reference_number")
        if len(documents) <= FEW and all(references) and set(documents.mapped("state")) == {"sent"}:
            return [ksef.invoice_status(reference, ref) for ref in references], None
        # The status comes first: what KSeF takes up between two looks must not pass for absent.
        never_closed = "sending" in documents.mapped("state") and self._close_late(ksef, session)
        status = ksef.session_status(reference)
        rows = ksef.session_invoices(reference)
        if status.code in errors.SESSION_STATUS:
            return rows, "; ".join([status.description, *status.details])
        ended = status.code in (types.SUCCESS, NOTHING_VALID) or (
            never_closed and status.code == OPENED
        )
        if ended and (status.invoice_count or 0) <= len(rows):
            return rows, self.env._("KSeF did not receive the previous attempt.")
        return rows, None

    def _close_late(self, ksef, session):
        """Nothing may still be on its way when absence is read as "not received".

        :return: whether KSeF refuses to close, as parts of the package are missing: then it never
            works on any of it
        """
        close = ksef.close_batch if session.kind == "batch" else ksef.close_online
        try:
            close(session.reference_number)
        except ABOUT_CONNECTION:
            raise
        except errors.KsefError as error:
            _logger.info("KSeF session %s is not closed: %s", session.reference_number, error)
            return error.code in INCOMPLETE
        session.closed_at = session.closed_at or fields.Datetime.now()
        return False

    def _apart(self, document, session, states, settle, *args):
        """Settle one document in a transaction of its own; its faults are its own (law 6).

        :return: seconds left for this run
        """
        left = 1
        with self._spare_others(document):
            document._checkpoint()  # see what others did while KSeF was asked
            locked = document._lock(*states).filtered(lambda d: d.session_id == session)
            try:
                if locked:
                    settle(locked, *args)
            except ABOUT_CONNECTION:
                raise
            except errors.KsefError as error:
                self._put_off(locked, document.connection_id._explain(error))
            left = document._checkpoint()
        return left

    def _settle_one(self, document, ksef, row):
        if document.state == "sending":
            document._transition("sent", lease_until=False)
        document.reference_number = row.reference
        text = "; ".join(filter(None, [row.description, *row.details]))
        verdict = errors.INVOICE_STATUS.get(row.code)
        if row.is_accepted:
            document._accept(row.ksef_number, to_naive(row.acquired_at), row.mode)
            self._follow_upo(document, ksef, row)
        elif row.code < types.SUCCESS:
            self._ask_later(document)
        elif verdict is None:
            _logger.error("KSeF gave %s the unknown status %s", row.reference, row.code)
            self._put_off(document, f"{text} ({row.code})")
        elif verdict == errors.Verdict.RETRY:
            document._requeue(text, code=row.code)
        elif verdict == errors.Verdict.FIX:
            document._hold("fix", row.code, text)
        elif verdict == errors.Verdict.QUESTION:
            self._adopt(ksef, document, row, text)
        else:
            document._reject(row.code, text)

    def _settle_absent(self, document, silence):
        """KSeF's answer lacks it; `silence` is what that means, see `_rows`."""
        if silence:
            document._requeue(silence)
            return
        if document.state == "sending" and document.session_id.kind == "batch":
            document._transition("sent", lease_until=False)  # closed by now: KSeF is at it
        self._ask_later(document)

    # -- originals (440) -------------------------------------------------------------------------

    def _adopt(self, ksef, document, row, text):
        """440: is the original our own file? Only the same bytes make it accepted; never guessed.

        KSeF may name the original or not. Looked at are the session that it names, all sessions
        in which the file was tried, then the metadata of what this NIP issued.
        """
        number = row.original_ksef_number
        try:
            facts, other = self._own_session(ksef, document, row) or self._own_metadata(
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

    def _own_session(self, ksef, document, row):
        """(facts, None) of the original from a session, (None, number) of another file, or None."""
        known = [row.original_session_reference]
        known += document.tried_session_ids.mapped("reference_number")
        for reference in dict.fromkeys(filter(None, known)):
            for found in self._rows_elsewhere(ksef, reference):
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

    # -- later -----------------------------------------------------------------------------------

    def _follow_upo(self, document, ksef, row):
        """The link to the UPO that came with the number: no request that counts. If it fails,
        the UPO is asked for later.
        """
        if not row.upo_url:
            return
        try:
            self._keep_upo(document, ksef.upo_at(row.upo_url))
        except errors.KsefError as error:
            _logger.info("UPO of %s comes later: %s", document.ksef_number, error)

    def _fetch_upo(self, document, ksef):
        reference = document.session_id.reference_number
        self._keep_upo(document, ksef.upo(reference, document.reference_number))

    def _keep_upo(self, document, content):
        confirmed = upo.parse_upo(content).documents
        if not any(
            item.ksef_number == document.ksef_number and item.sha256 == document.xml_sha256
            for item in confirmed
        ):
            self._put_off(document, self.env._("KSeF sent the UPO of another invoice."))
            return
        document.write(
            {
                "upo_file": crypto.to_base64(content),
                "upo_pending": False,
                "next_attempt_at": False,
                "failures": 0,
                "error_kind": False,
                "error_text": False,
            }
        )

    @staticmethod
    def _age(document):
        return fields.Datetime.now() - (document.sent_at or document.write_date)

    def _ask_later(self, document):
        """KSeF is still at it: nothing is wrong."""
        age = self._age(document).total_seconds()
        delay = next((step for step in POLL_AFTER if step > age), POLL_AFTER[-1])
        at = fields.Datetime.now() + timedelta(seconds=delay)
        document.write({"next_attempt_at": at, "error_text": False})
        if document.state == "sending":
            document.lease_until = at

    def _put_off(self, documents, text):
        """KSeF does not tell; after some attempts a person is asked, and we go on asking."""
        for document in documents._lock("sending", "sent", "accepted"):
            document._put_off(text)
            if document.state == "sending":
                document.lease_until = document.next_attempt_at
            if document.failures == MAX_FAILURES and document.state == "accepted":
                document.move_id._l10n_pl_ksef_on_trouble(
                    self.env._("The UPO cannot be fetched"),
                    self.env._("%s The invoice is in KSeF; only its receipt is missing.", text),
                )
            elif document.failures == MAX_FAILURES:
                document.move_id._l10n_pl_ksef_on_trouble(
                    self.env._("KSeF does not tell what became of this invoice"),
                    self.env._(
                        "%s It is asked again by itself; do not issue the invoice a second time.",
                        text,
                    ),
                )

    @api.model
    def _settle_while_waiting(self, documents):
        """A few seconds of patience, so that the number is on the PDF that the user waits for."""
        for seconds in SETTLE_WAITS:
            waiting = documents.filtered(
                lambda d: d.state == "sent" or (d.state == "accepted" and d.upo_pending)
            )
            if not waiting or any(c._is_blocked() for c in waiting.connection_id):
                break
            time.sleep(seconds)
            self._settle(waiting)

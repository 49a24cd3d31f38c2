"""Settles what was sent: resolves unknown outcomes, fetches numbers and UPOs, adopts originals."""

import logging
import time
from datetime import timedelta
from functools import cache, partial

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import split_every

from ..ksef import crypto, errors, types, upo
from .l10n_pl_ksef_connection import to_naive
from .l10n_pl_ksef_document import MAX_FAILURES
from .l10n_pl_ksef_sender import ABOUT_CONNECTION, POLL_AFTER, SWITCHED_ON

_logger = logging.getLogger(__name__)

SETTLE_WAITS = (0.5, 1, 2, 4)  # seconds between questions while a user waits
FEW = 3  # documents that are asked for one by one
OPENED = 100  # status of a session that nobody closed
NOTHING_VALID = 445  # status of a session that ended without one accepted document
INCOMPLETE = (21157, 21205, 21208)  # a batch cannot be closed: parts are missing
TOGETHER = 50  # accepted documents that are recorded in one transaction
BARE = [("upo_pending", "=", True)]


class L10nPlKsefSender(models.AbstractModel):
    _inherit = "l10n_pl_ksef.sender"

    @api.model
    def _poll(self):
        """Resolve, settle and archive; one list request covers a whole session."""
        Document = self.env["l10n_pl_ksef.document"]
        due = self._due_to_settle()
        Document._checkpoint(remaining=len(due))
        self._settle(due)
        self._go_on(due, len(self._due_to_settle()), "ir_cron_poll")
        self._wake("ir_cron_poll", [("state", "=", "sent")])
        self._wake("ir_cron_poll", [("state", "=", "accepted"), *BARE])
        self._wake("ir_cron_poll", [("state", "=", "sending")], "lease_until")
        self._wake("ir_cron_flush", [("state", "=", "queued"), SWITCHED_ON])

    def _due_to_settle(self):
        Document = self.env["l10n_pl_ksef.document"]
        return (
            Document.search(self._due(["sending"], "lease_until"))
            | Document.search(self._due(["sent"]))
            | Document.search(self._due(["accepted"]) + BARE)
        )

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
        # duplicates may lead to the same session many times over
        elsewhere = cache(partial(self._rows_elsewhere, ksef))
        for session, members in documents.grouped("session_id").items():
            with self._spare_others(members):
                try:
                    self._settle_session(ksef, session, members, elsewhere)
                except errors.BudgetExceeded as error:
                    self._wait_for_turn(connection, members, error)
                except ABOUT_CONNECTION:
                    raise
                except errors.KsefError as error:
                    members._checkpoint()
                    self._put_off(members, connection._explain(error))
            if members._checkpoint(len(members)) <= 0:
                return

    def _settle_session(self, ksef, session, documents, elsewhere):
        now = fields.Datetime.now()
        open_ones = documents.filtered(
            lambda d: d.state == "sent" or (d.state == "sending" and d.lease_until <= now)
        )
        bare = documents.filtered(lambda d: d.state == "accepted" and d.upo_pending)
        if open_ones and self._settle_open(ksef, session, open_ones, elsewhere) <= 0:
            return
        if len(bare) > FEW:
            # the list has the links again, which cost no request that counts
            rows = {row.reference: row for row in ksef.session_invoices(session.reference_number)}
            links = {
                d: rows[d.reference_number].upo_url for d in bare if d.reference_number in rows
            }
            for several in split_every(TOGETHER, bare.ids, bare.browse):
                if self._receive_upos(ksef, session, several, links) <= 0:
                    return
            bare = bare.filtered("upo_pending")
        for document in bare:
            if self._apart(document, session, ("accepted",), self._fetch_upo, ksef) <= 0:
                return

    def _settle_open(self, ksef, session, documents, elsewhere):
        """Give each document what KSeF's list says of it.

        :return: seconds left for this run
        """
        rows, silence = self._rows(ksef, session, documents)
        by_reference = {row.reference: row for row in rows}
        by_hash = {row.invoice_hash: row for row in rows}
        found = {
            d: by_reference.get(d.reference_number) or by_hash.get(d.xml_sha256) for d in documents
        }
        accepted = documents.filtered(lambda d: found[d] and found[d].is_accepted)
        for several in split_every(TOGETHER, accepted.ids, documents.browse):
            if self._settle_accepted(ksef, session, several, found) <= 0:
                return 0
        left = 1
        for document in documents - accepted:
            row = found[document]
            settle = self._settle_one, ksef, row, elsewhere
            settle = settle if row else (self._settle_absent, silence)
            left = self._apart(document, session, ("sending", "sent"), *settle)
            if left <= 0:
                break
        return left

    def _settle_accepted(self, ksef, session, documents, rows):
        """Numbers first, then UPOs: a storage that does not answer must hold up no number.

        :return: seconds left for this run
        """
        self._together(
            documents, session, ("sending", "sent"), lambda d: self._record_number(d, rows[d])
        )
        return self._receive_upos(ksef, session, documents, {d: rows[d].upo_url for d in documents})

    def _receive_upos(self, ksef, session, documents, links):
        """UPOs from where KSeF said they are; what does not come now stays pending.

        :param links: document → address, or None
        :return: seconds left for this run
        """
        receipts = ksef.upos_at([links[d] for d in documents if links.get(d)])
        received = documents.filtered(lambda d: links.get(d) in receipts)
        return self._together(
            received, session, ("accepted",), lambda d: self._keep_upo(d, receipts[links[d]])
        )

    def _together(self, documents, session, states, settle):
        """Settle several documents in one transaction; where that fails, each in its own.

        :return: seconds left for this run
        """
        try:
            documents._checkpoint()  # see what others did while KSeF was asked
            for document in documents._lock(*states).filtered(lambda d: d.session_id == session):
                settle(document)
            return documents._checkpoint()
        except Exception:  # noqa: BLE001 - whose fault it is shows when each is tried apart
            if not documents._commits():
                raise
            self.env.cr.rollback()
        left = 1
        for document in documents:
            left = self._apart(document, session, states, settle)
            if left <= 0:
                break
        return left

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
            except errors.BudgetExceeded as error:
                self._wait_for_turn(document.connection_id, document, error)
            except ABOUT_CONNECTION:
                raise
            except errors.KsefError as error:
                self._put_off(locked, document.connection_id._explain(error))
            left = document._checkpoint()
        return left

    def _note_row(self, document, row):
        if document.state == "sending":
            document._transition("sent", lease_until=False)
        document.reference_number = row.reference

    def _record_number(self, document, row):
        self._note_row(document, row)
        document._accept(row.ksef_number, to_naive(row.acquired_at), row.mode)

    def _settle_one(self, document, ksef, row, elsewhere):
        """A document that KSeF did not accept, or not yet."""
        self._note_row(document, row)
        text = "; ".join(filter(None, [row.description, *row.details]))
        verdict = errors.INVOICE_STATUS.get(row.code)
        if row.code < types.SUCCESS:
            self._ask_later(document)
        elif verdict is None:
            _logger.error("KSeF gave %s the unknown status %s", row.reference, row.code)
            self._put_off(document, f"{text} ({row.code})")
        elif verdict == errors.Verdict.RETRY:
            document._requeue(text, code=row.code)
        elif verdict == errors.Verdict.FIX:
            document._hold("fix", row.code, text)
        elif verdict == errors.Verdict.QUESTION:
            self._adopt(ksef, document, row, text, elsewhere)
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

    # -- later -----------------------------------------------------------------------------------

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

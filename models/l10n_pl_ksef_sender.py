"""Sends what is queued and settles what was sent: the only model that drives KSeF sessions.

Every step is committed before the next (freeze, intend, send, record, settle, archive), so that
a process may die on any line and the next run brings the invoice home.
"""

import logging
import time
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..ksef import crypto, errors, types
from .l10n_pl_ksef_connection import to_naive

_logger = logging.getLogger(__name__)

LEASE = 600  # seconds in which nobody else touches a row that is being sent
MAX_FAILURES = 5
SETTLE_WAITS = (0.5, 1, 2, 4)  # seconds between questions while a user waits
POLL_AFTER = (60, 120, 300, 900, 3600)  # seconds by age, for the scheduled action


class L10nPlKsefSender(models.AbstractModel):
    _name = "l10n_pl_ksef.sender"
    _description = "KSeF sender"

    # -- entry points ----------------------------------------------------------------------------

    @api.model
    def _flush(self):
        """Send every document that is queued and due, earliest deadline first."""
        now = fields.Datetime.now()
        domain = [
            ("state", "=", "queued"),
            "|",
            ("next_attempt_at", "=", False),
            ("next_attempt_at", "<=", now),
        ]
        documents = self.env["l10n_pl_ksef.document"].search(domain, order="deadline, id")
        documents._checkpoint(remaining=len(documents))
        self._send(documents)
        # What is left was either put off, or time was up. Only the latter may ask for another run
        # at once: a remainder that does not shrink makes Odoo call again without end.
        left = self.env["l10n_pl_ksef.document"].search_count(domain)
        documents._checkpoint(remaining=left if left < len(documents) else 0)
        self._wake("l10n_pl_ksef.ir_cron_flush", "queued")

    @api.model
    def _poll(self):
        """Resolve, settle and archive; one list request covers a whole session."""
        Document = self.env["l10n_pl_ksef.document"]
        now = fields.Datetime.now()
        unknown = Document.search([("state", "=", "sending"), ("lease_until", "<=", now)])
        due = ["|", ("next_attempt_at", "=", False), ("next_attempt_at", "<=", now)]
        sent = Document.search([("state", "=", "sent"), *due])
        bare = Document.search([("state", "=", "accepted"), ("upo_pending", "=", True), *due])
        Document._checkpoint(remaining=len(unknown | sent | bare))
        self._settle(unknown | sent | bare)
        Document._checkpoint(remaining=0)
        self._wake("l10n_pl_ksef.ir_cron_poll", "sent", "accepted")
        self._wake("l10n_pl_ksef.ir_cron_poll", "sending", field="lease_until")
        if unknown:
            self._wake("l10n_pl_ksef.ir_cron_flush", "queued")

    def _wake(self, cron, *states, field="next_attempt_at"):
        """Run the scheduled action when the next row is due, not before: no hot loop."""
        row = self.env["l10n_pl_ksef.document"].search(
            [("state", "in", states), (field, "!=", False)], order=field, limit=1
        )
        if row:
            self.env.ref(cron).sudo()._trigger(at=max(row[field], fields.Datetime.now()))

    # -- sending ---------------------------------------------------------------------------------

    @api.model
    def _send(self, documents):
        """Send queued documents; one interactive session a connection. Commits after each step.

        A document that cannot be sent holds up no other (law 6).
        """
        for connection, group in documents.grouped("connection_id").items():
            group = group.sudo()
            connection = connection.sudo()
            if not self._is_sendable(connection, group):
                continue
            try:
                self._send_in_session(connection, group)
            except UserError as error:  # what a person has to put right: certificate, NIP, token
                self._hold_all(group, str(error))
            except errors.KsefError as error:
                self._note_all(connection, group, error)
            group._checkpoint()

    def _is_sendable(self, connection, documents):
        """Law 10 and neutralised copies: only what was frozen for the environment in force."""
        if connection == connection._for_company(connection.company_id):
            return True
        self._hold_all(
            documents,
            self.env._(
                "The document was made for the environment %s, which is not the company's any "
                "more.",
                connection.environment,
            ),
        )
        documents._checkpoint()
        return False

    def _send_in_session(self, connection, documents):
        ksef = connection._client()
        online = ksef.open_online()
        session = (
            self.env["l10n_pl_ksef.session"]
            .sudo()
            .create(
                {
                    "company_id": connection.company_id.id,
                    "connection_id": connection.id,
                    "reference_number": online.reference,
                    "valid_until": to_naive(online.valid_until),
                }
            )
        )
        documents._checkpoint()
        try:
            for document in documents:
                if not self._send_one(ksef, connection, session, online, document):
                    break
        finally:
            self._close(session, online)

    def _send_one(self, ksef, connection, session, online, document):
        """Intend, commit, send, record, commit.

        :return: False when the session or the connection is of no use for the next document
        """
        document = document._lock("queued")
        if not document:
            return True  # taken by someone else, or changed
        try:
            xml = document._xml()
        except UserError as error:
            document._hold("bug", "", str(error))
            document._checkpoint(1)
            return True
        attempt = document.attempt + 1
        document._transition(
            "sending",
            session_id=session.id,
            attempt=attempt,
            lease_until=fields.Datetime.now() + timedelta(seconds=LEASE),
            next_attempt_at=False,
        )
        document._checkpoint()
        try:
            reference = online.send(
                xml,
                # what became late by itself KSeF marks offline; declared is what was handed over
                offline=document.legal_mode not in ("online", "offline24")
                or bool(document.corrects_sha256),
                corrects_sha256=document.corrects_sha256
                and crypto.from_base64(document.corrects_sha256)
                or None,
            )
        except errors.KsefError as error:
            self._note_failure(connection, document, error)
            # another document may be fine after a refusal of this one; not so after the others
            going_on = isinstance(error, errors.RequestRejected) and not error.outcome_unknown
        else:
            document = document._lock("sending").filtered(lambda d: d.attempt == attempt)
            document._transition(
                "sent",
                reference_number=reference,
                sent_at=fields.Datetime.now(),
                lease_until=False,
                next_attempt_at=fields.Datetime.now() + timedelta(seconds=POLL_AFTER[0]),
                error_code=False,
                error_kind=False,
                error_text=False,
            )
            going_on = True
        seconds_left = self.env["l10n_pl_ksef.document"]._checkpoint(1)
        return going_on and seconds_left

    def _close(self, session, online):
        """Closing only asks for the collective UPO: a fault loses nothing, KSeF closes after 12 h."""
        try:
            online.close()
        except errors.KsefError as error:
            _logger.info("KSeF session %s stays open: %s", session.reference_number, error)
        else:
            session.closed_at = fields.Datetime.now()

    # -- failures --------------------------------------------------------------------------------

    def _note_failure(self, connection, document, error):
        """Verdict → state, in one place."""
        text = connection._explain(error)
        if error.outcome_unknown:
            # stays `sending` until resolved by hash (law 2)
            document.write({"error_kind": "unknown", "error_text": text})
            self.env.ref("l10n_pl_ksef.ir_cron_poll").sudo()._trigger(at=document.lease_until)
            return
        verdict = error.verdict
        if verdict == errors.Verdict.RETRY:
            document._requeue(text, code=error.code, delay=error.retry_after, counts=False)
        elif verdict == errors.Verdict.FIX:
            document._hold("fix", error.code, text)
        else:
            _logger.error("KSeF refused our request: %s", text)
            document._hold("bug", error.code, text)

    def _note_all(self, connection, documents, error):
        """A failure before any of the documents left: login, session."""
        text = connection._explain(error)
        for document in documents._lock("queued"):
            if error.verdict == errors.Verdict.FIX:
                document._hold("fix", error.code, text)
            else:
                delay = error.retry_after or 60 * (1, 2, 5, 15, 30, 60)[min(document.failures, 5)]
                document.write(
                    {
                        "next_attempt_at": fields.Datetime.now() + timedelta(seconds=delay),
                        "failures": document.failures + 1,
                        "error_kind": "retry",
                        "error_text": text,
                    }
                )
        if error.verdict == errors.Verdict.FIX:
            connection.write({"state": "problem", "message": text})

    def _hold_all(self, documents, text):
        for document in documents._lock("queued"):
            document._hold("fix", "", text)

    # -- settling --------------------------------------------------------------------------------

    @api.model
    def _settle(self, documents, now=False):
        """Ask KSeF what became of documents that are sending, sent, or accepted without UPO.

        :param now: also resolve what is sending although its lease still runs (a person asks)
        """
        for connection, group in documents.sudo().grouped("connection_id").items():
            connection = connection.sudo()
            try:
                ksef = connection._client()
            except (UserError, errors.KsefError) as error:
                _logger.warning("KSeF %s: %s", connection.environment, error)
                continue
            for session, members in group.grouped("session_id").items():
                try:
                    self._settle_session(ksef, session, members, now)
                except errors.KsefError as error:
                    self._postpone(connection, members, error)
                if not members._checkpoint(len(members)):
                    return

    def _settle_session(self, ksef, session, documents, now):
        documents = documents._lock("sending", "sent", "accepted")
        if not now:
            documents = documents.filtered(
                lambda d: d.state != "sending" or d.lease_until <= fields.Datetime.now()
            )
        open_ones = documents.filtered(lambda d: d.state != "accepted")
        if open_ones:
            if open_ones.filtered(lambda d: d.state == "sending"):
                # Nothing may still be on its way when absence is read as "not received".
                ksef.close_online(session.reference_number)
            rows = ksef.session_invoices(session.reference_number)
            by_reference = {row.reference: row for row in rows}
            by_hash = {row.invoice_hash: row for row in rows}
            for document in open_ones:
                row = by_reference.get(document.reference_number) or by_hash.get(
                    document.xml_sha256
                )
                self._settle_one(ksef, document, row)
        for document in documents.filtered(lambda d: d.state == "accepted" and d.upo_pending):
            self._fetch_upo(ksef, session, document)

    def _settle_one(self, ksef, document, row):
        if document.state == "sending":
            if not row:
                document._requeue(
                    self.env._("KSeF did not receive the previous attempt."), delay=0, counts=False
                )
                return
            document._transition("sent", reference_number=row.reference, lease_until=False)
        if not row:
            # a `sent` document is in the list from the moment of its 202
            self._ask_later(document)
            return
        text = "; ".join(filter(None, [row.description, *row.details]))
        verdict = errors.INVOICE_STATUS.get(row.code)
        if row.code == 200:
            document._accept(row.ksef_number, to_naive(row.acquired_at), row.mode)
        elif verdict is None:
            if row.code >= 400:
                _logger.error(
                    "KSeF gave %s the unknown status %s", document.reference_number, row.code
                )
            self._ask_later(document)
        elif verdict == errors.Verdict.RETRY:
            if document.failures + 1 >= MAX_FAILURES:
                document._hold("retry", row.code, text)
            else:
                document._requeue(text, code=row.code)
        elif verdict == errors.Verdict.FIX:
            document._hold("fix", row.code, text)
        elif verdict == errors.Verdict.QUESTION:
            self._adopt(ksef, document, row, text)
        else:
            document._reject(row.code, text)

    def _adopt(self, ksef, document, row, text):
        """440: is the original our own file? Only the same bytes make it accepted; never guessed.

        The original's session, where KSeF names it, tells hash, times and UPO in one request;
        else its content is fetched and hashed.
        """
        number = row.original_ksef_number
        if not number:
            document._conflict(False, text)
            return
        try:
            original = self._original(ksef, document, row)
        except errors.KsefError as error:
            if error.verdict == errors.Verdict.RETRY or error.code == 21165:
                self._ask_later(document)  # its content is not stored yet, or KSeF is busy
                return
            original = None
        if original is None:
            document._conflict(number, text)
        else:
            document.write({"original_ksef_number": number, **original.pop("where")})
            document._accept(number, **original)

    def _original(self, ksef, document, row):
        """Facts of the original if it is our own file: acquired_at, mode, where; else None.

        :raise KsefError: KSeF does not tell, or not yet
        """
        number = row.original_ksef_number
        reference = row.original_session_reference
        if reference:
            for found in self._rows_elsewhere(ksef, reference):
                if found.ksef_number != number:
                    continue
                if found.invoice_hash != document.xml_sha256:
                    return None
                session = self._session(document.connection_id, reference)
                return {
                    "acquired_at": to_naive(found.acquired_at),
                    "mode": found.mode,
                    "where": {"session_id": session.id, "reference_number": found.reference},
                }
        if crypto.to_base64(crypto.sha256(ksef.invoice(number))) != document.xml_sha256:
            return None
        day = document.issue_date
        meta = ksef.query_metadata(
            {
                "subjectType": "Subject1",
                "dateRange": {
                    "dateType": "Issue",
                    "from": f"{day}T00:00:00",
                    "to": f"{day}T23:59:59",
                },
                "ksefNumber": number,
            }
        )
        facts = next((item for item in meta if item.get("ksefNumber") == number), None)
        if facts is None:
            raise errors.NotSent("The metadata of the original are not there yet.")
        return {
            "acquired_at": to_naive(types.parse_datetime(facts["acquisitionDate"])),
            "mode": facts.get("invoicingMode"),
            "where": {"reference_number": False},  # no session of ours: no UPO by session
        }

    def _rows_elsewhere(self, ksef, reference):
        """The invoices of another session; empty where that session is not ours to see."""
        try:
            return ksef.session_invoices(reference)
        except (errors.RequestRejected, errors.Forbidden) as error:
            _logger.info("KSeF session %s of an original cannot be read: %s", reference, error)
            return []

    def _session(self, connection, reference):
        """The row of a remote session, made when it is not known here."""
        Session = self.env["l10n_pl_ksef.session"].sudo()
        return Session.search(
            [("connection_id", "=", connection.id), ("reference_number", "=", reference)], limit=1
        ) or Session.create(
            {
                "company_id": connection.company_id.id,
                "connection_id": connection.id,
                "reference_number": reference,
            }
        )

    def _fetch_upo(self, ksef, session, document):
        try:
            upo = ksef.upo(session.reference_number, document.reference_number)
        except errors.KsefError as error:
            _logger.info("UPO of %s not there yet: %s", document.ksef_number, error)
            self._ask_later(document)
            return
        document.write(
            {"upo_file": crypto.to_base64(upo), "upo_pending": False, "next_attempt_at": False}
        )

    def _ask_later(self, document):
        age = (fields.Datetime.now() - (document.sent_at or document.write_date)).total_seconds()
        delay = next((step for step in POLL_AFTER if step > age), POLL_AFTER[-1])
        document.next_attempt_at = fields.Datetime.now() + timedelta(seconds=delay)

    def _postpone(self, connection, documents, error):
        delay = error.retry_after or POLL_AFTER[1]
        at = fields.Datetime.now() + timedelta(seconds=delay)
        text = connection._explain(error)
        _logger.info("KSeF %s: %s", connection.environment, text)
        for document in documents._lock("sending", "sent", "accepted"):
            document.next_attempt_at = at
            if document.state == "sending" and document.lease_until <= fields.Datetime.now():
                document.lease_until = at

    @api.model
    def _settle_while_waiting(self, documents):
        """A few seconds of patience, so that the number is on the PDF that the user waits for."""
        for seconds in SETTLE_WAITS:
            waiting = documents.filtered(
                lambda d: d.state == "sent" or (d.state == "accepted" and d.upo_pending)
            )
            if not waiting:
                break
            time.sleep(seconds)
            self._settle(waiting)

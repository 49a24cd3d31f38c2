"""Sends what is queued: the only model that drives KSeF sessions.

Every step is committed before the next (freeze, intend, send, record, settle, archive), so that
a process may die on any line and the next run brings the invoice home.
"""

import logging
from contextlib import contextmanager
from datetime import timedelta

from psycopg2.errors import SerializationFailure

from odoo import Command, api, fields, models
from odoo.exceptions import UserError

from ..ksef import crypto, errors
from .l10n_pl_ksef_connection import to_naive

_logger = logging.getLogger(__name__)

LEASE = 600  # seconds in which nobody else touches a row that is being sent
LOST = 60  # seconds until a lost answer is looked into; KSeF may still be reading the request
# A company that is switched to OFFLINE sends nothing until it switches back.
SWITCHED_ON = ("connection_id.company_id.l10n_pl_ksef_mode", "!=", "offline")
POLL_AFTER = (60, 120, 300, 900, 3600)  # seconds by age, for the scheduled action
# What says something about the connection and nothing about one document.
ABOUT_CONNECTION = (errors.NotSent, errors.Unavailable, errors.RateLimited, errors.AuthError)


class L10nPlKsefSender(models.AbstractModel):
    _name = "l10n_pl_ksef.sender"
    _description = "KSeF sender"

    # -- entry points ----------------------------------------------------------------------------

    @api.model
    def _due(self, states, field="next_attempt_at"):
        """Domain of rows that may be worked on now."""
        now = fields.Datetime.now()
        return [
            ("state", "in", states),
            *("|", (field, "=", False), (field, "<=", now)),
            "|",
            ("connection_id.blocked_until", "=", False),
            ("connection_id.blocked_until", "<=", now),
        ]

    @api.model
    def _flush(self):
        """Send every document that is queued and due, the earliest deadline first."""
        Document = self.env["l10n_pl_ksef.document"]
        domain = [*self._due(["queued"]), SWITCHED_ON]
        documents = Document.search(domain, order="deadline, issue_date, id")
        documents._checkpoint(remaining=len(documents))
        self._send(documents)
        self._go_on(documents, documents.search_count(domain), "ir_cron_flush")
        self._wake("ir_cron_flush", [("state", "=", "queued"), SWITCHED_ON])

    @api.model
    def _go_on(self, documents, left, cron):
        """End this run of a scheduled action; what time was too short for gets another one at once.

        What is still due otherwise could not be done: asking for a run would be a loop without end.
        Odoo's own loop over a job that reports a remainder gives its later rounds no time.
        """
        documents._checkpoint(remaining=0)
        if 0 < left < len(documents):
            documents._trigger(cron)

    @api.model
    def _wake(self, cron, domain, field="next_attempt_at"):
        """Run the scheduled action when the next row is due. A minute apart: no hot loop."""
        soonest = fields.Datetime.now() + timedelta(seconds=60)
        # who presses Send may not read connections
        documents = self.env["l10n_pl_ksef.document"].sudo()
        moments = [
            max(filter(None, (at, connection.blocked_until, soonest)))
            for connection, at in documents._read_group(domain, ["connection_id"], [f"{field}:min"])
        ]
        if moments and not self._is_awaited(cron, min(moments)):
            documents._trigger(cron, at=min(moments))

    @api.model
    def _is_awaited(self, cron, moment):
        """Whether a scheduled action will run before that moment anyway, and look for itself."""
        triggers = self.env["ir.cron.trigger"].sudo()
        return bool(
            triggers.search_count(
                [
                    ("cron_id", "=", self.env.ref(f"l10n_pl_ksef.{cron}").id),
                    ("call_at", ">", fields.Datetime.now()),
                    ("call_at", "<=", moment),
                ],
                limit=1,
            )
        )

    # -- sending ---------------------------------------------------------------------------------

    @api.model
    def _send(self, documents):
        """Send queued documents; one interactive session a connection. Commits after each step.

        A document that cannot be sent holds up no other (law 6); trouble of the connection puts
        off all that would go through it.
        """
        for connection, group in documents.sudo().grouped("connection_id").items():
            # what is stored is read by the company's people, not by the scheduler's user
            lang = connection.company_id.partner_id.lang
            connection, group = (records.with_context(lang=lang) for records in (connection, group))
            group = self._sendable(connection, group)
            if not group or connection._is_blocked():
                continue
            with self._spare_others(group):
                self.with_context(lang=lang)._send_group(connection, group)
            group._checkpoint()
        self._wake("ir_cron_poll", [("state", "=", "sent")])

    def _send_group(self, connection, documents):
        try:
            self._send_in_session(connection, self._send_in_batches(connection, documents))
        except UserError as error:  # what a person has to put right: certificate, NIP, token
            connection._block(str(error), fix=True)
        except errors.BudgetExceeded as error:
            self._wait_for_turn(connection, documents, error)
        except errors.KsefError as error:
            connection._note_error(error)

    def _wait_for_turn(self, connection, documents, error):
        documents._checkpoint()
        documents._lock_idle()._wait_for_turn(connection._explain(error), error.retry_after)

    @contextmanager
    def _spare_others(self, documents):
        """An unexpected fault puts off these documents and stops no other (law 6).

        What is not committed is undone; a document that had left stays `sending` and is resolved.
        """
        try:
            yield
        except errors.KsefError:
            raise  # not unexpected
        except SerializationFailure:
            if not documents._commits():
                raise
            self.env.cr.rollback()
            _logger.info("KSeF: another worker was faster with %s", documents)
        except Exception:  # noqa: BLE001 - logged whole, and the documents are put off
            if not documents._commits():
                raise
            self.env.cr.rollback()
            _logger.exception("KSeF: unexpected fault with %s", documents)
            documents._lock_idle()._put_off(
                self.env._("Unexpected fault, see the server's log. It is tried again by itself."),
                kind="bug",
            )
            documents._checkpoint()

    def _sendable(self, connection, documents):
        """Only what was frozen for the environment in force goes out."""
        if connection == connection._for_company(connection.company_id):
            switched_off = connection.company_id.l10n_pl_ksef_mode == "offline"
            return documents.browse() if switched_off else documents
        text = self.env._(
            "The document was made for the environment %s, which is not the company's any more.",
            connection.environment,
        )
        for document in documents._lock("queued"):
            if connection.environment == "prod":
                document._hold("fix", "", text)
            else:
                document._transition("withdrawn", error_text=text)
        documents._checkpoint()
        return documents.browse()

    def _send_in_batches(self, connection, documents):
        """Hook: send what is better sent as a package.

        :return: the documents that are left for an interactive session
        """
        return documents

    def _send_in_session(self, connection, documents):
        if not documents:
            return
        online = connection._client().open_online()
        session = self._session(
            connection, online.reference, valid_until=to_naive(online.valid_until)
        )
        connection._unblock()
        documents._checkpoint()
        left = documents
        try:
            for document in documents:
                going_on = True  # after a fault that concerns this document only, too
                with self._spare_others(document):
                    going_on = self._send_one(connection, session, online, document)
                if not going_on:
                    break
                left -= document
        except errors.BudgetExceeded as error:
            self._wait_for_turn(connection, left, error)
        finally:
            self._close(session, online)

    def _session(self, connection, reference, **vals):
        """The row of a remote session, made when it is not known here."""
        Session = self.env["l10n_pl_ksef.session"].sudo()
        found = Session.search(
            [("connection_id", "=", connection.id), ("reference_number", "=", reference)], limit=1
        )
        return found or Session.create(
            {
                "company_id": connection.company_id.id,
                "connection_id": connection.id,
                "reference_number": reference,
                **vals,
            }
        )

    def _send_one(self, connection, session, online, document):
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
        document._turn_late()  # midnight may have passed since the session was opened
        document._transition(
            "sending",
            session_id=session.id,
            tried_session_ids=[Command.link(session.id)],
            attempt=attempt,
            sent_at=fields.Datetime.now(),
            lease_until=fields.Datetime.now() + timedelta(seconds=LEASE),
            next_attempt_at=False,
        )
        document._checkpoint()
        corrected = document.corrects_sha256
        try:
            reference = online.send(
                xml,
                # what only became late KSeF marks offline itself; declared is what was handed over
                offline=document.issued_offline,
                corrects_sha256=crypto.from_base64(corrected) if corrected else None,
            )
        except errors.KsefError as error:
            document._checkpoint()  # tokens, if they were renewed; and a fresh look at the row
            going_on = self._note_failure(connection, document, error, attempt)
        else:
            document._checkpoint()
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
        seconds_left = document._checkpoint(1)
        return going_on and seconds_left > 0

    def _close(self, session, online):
        """Closing only asks for the collective UPO: KSeF closes by itself after 12 hours."""
        try:
            online.close()
        except errors.KsefError as error:
            _logger.info("KSeF session %s stays open: %s", session.reference_number, error)
        else:
            session.closed_at = fields.Datetime.now()

    # -- failures --------------------------------------------------------------------------------

    def _note_failure(self, connection, document, error, attempt):
        """Verdict → state of the document that was being sent, in one place.

        :return: whether the next document may fare better
        """
        text = connection._explain(error)
        # another worker may have taken over meanwhile: what became of our attempt is no news then
        document = document._lock("sending").filtered(lambda d: d.attempt == attempt)
        if not document:
            return isinstance(error, errors.RequestRejected)
        if error.outcome_unknown:
            # stays `sending` until resolved by hash (law 2)
            self.env["l10n_pl_ksef.failure"]._note(connection, error)
            lease = fields.Datetime.now() + timedelta(seconds=LOST)
            document.write({"lease_until": lease, "error_kind": "unknown", "error_text": text})
            document._trigger("ir_cron_poll", at=lease)
            return False
        if isinstance(error, ABOUT_CONNECTION):
            document._requeue(text, code=error.code, delay=0, counts=False)
            if isinstance(error, errors.BudgetExceeded):
                document._checkpoint()
                raise error  # the others wait with it
            connection._note_error(error)
            return False
        verdict = error.verdict
        if verdict == errors.Verdict.RETRY:
            document._requeue(text, code=error.code, delay=error.retry_after)
        elif verdict == errors.Verdict.FIX:
            document._hold("fix", error.code, text)
        else:
            _logger.error("KSeF refused our request: %s", text)
            document._hold("bug", error.code, text)
        # another document may be fine after a refusal of this one; not so after the others
        return isinstance(error, errors.RequestRejected)

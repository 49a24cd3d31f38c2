"""Many documents at once: a package in a batch session."""

import logging
from dataclasses import replace
from datetime import timedelta
from itertools import chain

from odoo import Command, fields, models
from odoo.exceptions import UserError

from ..ksef import errors, package
from .l10n_pl_ksef_sender import LOST, POLL_AFTER

_logger = logging.getLogger(__name__)

BATCH_ABOVE = 10  # due documents; fewer go one by one, as each then has its answer at once
# One package is packed and recorded in one transaction, within Odoo's limit for scheduled actions.
MOST_DOCUMENTS = 1000
MOST_BYTES = 20_000_000
PORTION_BYTES = 1_000_000  # of files that are read together
# KSeF gives 20 minutes a part; nobody else looks at the rows while a package may be uploading.
UPLOAD_LEASE = timedelta(minutes=20)
# After so many failures a document goes alone: one of its package may have spoiled it for all.
ALONE_AFTER = 2


class L10nPlKsefSender(models.AbstractModel):
    _inherit = "l10n_pl_ksef.sender"

    def _send_in_batches(self, connection, documents):
        # EXTENDS 'l10n_pl_ksef.sender'
        left = super()._send_in_batches(connection, documents)
        # technical corrections go by interactive session only
        suited = left.filtered(lambda d: not d.corrects_sha256 and d.failures < ALONE_AFTER)
        # offlineMode holds for a whole package: online and offline never share one
        for offline, group in suited.grouped("issued_offline").items():
            while len(group) > BATCH_ABOVE:
                try:
                    taken = self._send_batch(connection, group, offline)
                except errors.RequestRejected as error:
                    # what KSeF has against packages, it may not have against single documents
                    _logger.error("KSeF refused a batch session: %s", connection._explain(error))
                    group._checkpoint()
                    return left
                group -= taken
                left -= taken
                if not taken or group._checkpoint() <= 0:
                    return left.browse()
        return left

    def _send_batch(self, connection, documents, offline):
        """One package: intend, commit, upload, close, record, commit.

        KSeF works on nothing before the session is closed, so that a fault before that means
        "not received"; later ones leave `sending`, and the list of the session tells.

        :return: the documents that were dealt with or belong to another worker
        :raise KsefError: the session cannot be opened; nothing left
        """
        documents = documents[:MOST_DOCUMENTS]
        locked = documents._lock("queued")
        ksef = connection._client()
        taken = []
        files = self._files(locked, taken)
        first = next(files, None)
        if first is None:  # other workers have them, or none could be read
            documents._checkpoint()
            return documents
        limits = self._package_limits(ksef)
        with package.pack(chain([first], files), limits) as packed:
            packed_documents = locked.browse([d.id for d in taken[: packed.count]])
            packed_documents._turn_late()  # the day of the opening counts for the whole package
            batch = ksef.open_batch(packed, offline=offline)
            session = self._session(connection, batch.reference, kind="batch")
            self._intend(packed_documents, session, UPLOAD_LEASE * len(packed.parts))
            connection._unblock()
            packed_documents._checkpoint()
            try:
                batch.upload()
                batch.close()
            except errors.KsefError as error:
                packed_documents._checkpoint()
                self.env["l10n_pl_ksef.failure"]._note(connection, error)
                self._note_batch_failure(packed_documents, session, connection._explain(error))
            else:
                session.closed_at = fields.Datetime.now()
                self._record_batch(packed_documents, session)
        documents._checkpoint(packed.count)
        return documents - locked.browse([d.id for d in taken[packed.count :]])

    def _package_limits(self, ksef):
        """What KSeF grants, and what fits into one of our transactions."""
        granted = ksef.context_limits().batch
        return replace(
            granted,
            invoices=min(granted.invoices, MOST_DOCUMENTS),
            archive_bytes=min(granted.archive_bytes, MOST_BYTES),
        )

    def _files(self, documents, taken):
        """The frozen bytes one after the other; `taken` gets the documents as they go."""
        for several in self._in_portions(documents):
            for document in several:
                try:
                    xml = document._xml()
                except UserError as error:
                    document._hold("bug", "", str(error))
                    continue
                taken.append(document)
                yield xml
            # the cache would otherwise hold every file until the end
            several.invalidate_recordset(["xml_file"])

    @staticmethod
    def _in_portions(documents):
        """The same documents, few enough at a time for their files to be in memory together."""
        portion, size = [], 0
        for document in documents:
            if portion and size + document.xml_size > PORTION_BYTES:
                yield documents.browse(portion)
                portion, size = [], 0
            portion.append(document.id)
            size += document.xml_size
        yield documents.browse(portion)

    def _intend(self, documents, session, lease):
        by_attempt = documents.grouped("attempt")
        for attempt, group in by_attempt.items():
            group._transition(
                "sending",
                session_id=session.id,
                tried_session_ids=[Command.link(session.id)],
                attempt=attempt + 1,
                sent_at=fields.Datetime.now(),
                lease_until=fields.Datetime.now() + lease,
                next_attempt_at=False,
            )

    def _record_batch(self, documents, session):
        documents._checkpoint()
        now = fields.Datetime.now()
        documents._lock("sending").filtered(lambda d: d.session_id == session)._transition(
            "sent",
            sent_at=now,
            lease_until=False,
            next_attempt_at=now + timedelta(seconds=POLL_AFTER[0]),
            error_code=False,
            error_kind=False,
            error_text=False,
        )

    def _note_batch_failure(self, documents, session, text):
        """The package did not get through, or the answer to the closing is lost."""
        _logger.info("KSeF batch %s: %s", session.reference_number, text)
        lease = fields.Datetime.now() + timedelta(seconds=LOST)
        documents._lock("sending").filtered(lambda d: d.session_id == session).write(
            {"lease_until": lease, "error_kind": "unknown", "error_text": text}
        )
        documents._trigger("ir_cron_poll", at=lease)

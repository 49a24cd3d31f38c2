"""What the Ministry's status beacon (Latarnia) said, word for word."""

import hashlib

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..ksef import latarnia
from .l10n_pl_ksef_connection import ENVIRONMENTS, to_naive


def _storable(text):
    """PostgreSQL stores neither NUL nor half a surrogate pair; `raw` has them escaped."""
    return text.replace("\0", "").encode(errors="replace").decode()


class L10nPlKsefAnnouncement(models.Model):
    """One message of the beacon in one version. Every version stays (art. 106ne VAT act)."""

    _name = "l10n_pl_ksef.announcement"
    _description = "KSeF announcement"
    _log_access = False
    _order = "published desc, id desc"
    _rec_name = "number"

    environment = fields.Selection(
        ENVIRONMENTS,
        required=True,
        readonly=True,
    )
    number = fields.Char(readonly=True, help="As the Ministry numbers it, e.g. K/2026/AWR/02.")
    event_id = fields.Integer("Number of the event", readonly=True, aggregator=None)
    category = fields.Char(readonly=True, help="MAINTENANCE, FAILURE or TOTAL_FAILURE.")
    kind = fields.Char(
        "Type", readonly=True, help="MAINTENANCE_ANNOUNCEMENT, FAILURE_START or FAILURE_END."
    )
    version = fields.Integer(readonly=True, aggregator=None, help="A correction has a higher one.")
    title = fields.Char(readonly=True)
    text = fields.Text(readonly=True)
    start = fields.Datetime("From", readonly=True)
    end = fields.Datetime("To", readonly=True)
    published = fields.Datetime(readonly=True)
    raw = fields.Text("As received", required=True, readonly=True)
    raw_sha256 = fields.Char(required=True, readonly=True)
    read_at = fields.Datetime("First read", required=True, readonly=True)
    outage_id = fields.Many2one("l10n_pl_ksef.outage", readonly=True, index="btree_not_null")

    _once = models.UniqueIndex(
        "(environment, raw_sha256)", "This message of the beacon is stored already."
    )

    @api.ondelete(at_uninstall=False)
    def _unlink_never(self):
        raise UserError(self.env._("Announcements of the Ministry are evidence and stay."))

    @api.model
    def _take(self, environment, messages):
        """Keep what is new, and let the events that follow open, change and end outages.

        :param messages: the messages of one reading, ksef.latarnia.Message
        """
        digests = {hashlib.sha256(m.raw.encode()).hexdigest(): m for m in messages}
        known = set(
            self.search(
                [("environment", "=", environment), ("raw_sha256", "in", list(digests))]
            ).mapped("raw_sha256")
        )
        events = {}
        for digest, message in digests.items():
            if digest not in known:
                events.setdefault(message.event_id, []).append((digest, message))
        for event_id, new in events.items():
            # what cannot be kept or applied hides no other event, and is tried again
            with self.env["l10n_pl_ksef.status"]._spare_others(f"event {event_id}"):
                self._keep(environment, new)

    def _keep(self, environment, new):
        """Store the new messages of one event, pairs of digest and message, and apply them."""
        rows = self.create(
            [
                {
                    "environment": environment,
                    "number": _storable(message.number),
                    "event_id": message.event_id,
                    "category": _storable(message.category),
                    "kind": _storable(message.kind),
                    "version": message.version,
                    "title": _storable(message.title),
                    "text": _storable(message.text),
                    "start": to_naive(message.start),
                    "end": to_naive(message.end),
                    "published": to_naive(message.published),
                    "raw": message.raw,
                    "raw_sha256": digest,
                    "read_at": fields.Datetime.now(),
                }
                for digest, message in new
            ]
        )
        rows._open_outages()

    def _open_outages(self):
        """An event is told by all its messages together, those of earlier readings included."""
        environment, event_id = self[0].environment, self[0].event_id
        if not event_id:
            return
        Outage = self.env["l10n_pl_ksef.outage"]
        same = [("environment", "=", environment), ("event_id", "=", event_id)]
        related, kinds = self.search(same), []
        for told in latarnia.announcements(latarnia.Message.from_raw(row.raw) for row in related):
            kinds.append(told.kind)
            outage = Outage._announce(
                environment,
                kind=told.kind,
                number=_storable(told.messages[-1].number) or str(told.event_id),
                start=to_naive(told.start),
                end=to_naive(told.end),
                event_id=told.event_id,
                note=_storable(told.messages[-1].title),
            )
            raws = {message.raw for message in told.messages}
            related.filtered(lambda row, raws=raws: row.raw in raws).outage_id = outage
        if kinds:
            # a correction changed its category: what it was called before moves no deadline
            Outage.search(
                [*same, ("kind", "not in", kinds), ("mistaken", "=", False)]
            ).mistaken = True

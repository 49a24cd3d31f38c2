"""Certificate requests: the only model that asks KSeF for certificates.

A pair is made: one certificate logs in, the other signs the codes of offline invoices. Every step
is committed before the next, so that a process may die on any line and "Continue" goes on.
"""

import logging
import secrets
import time
from datetime import datetime, timedelta, timezone

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..ksef import certificates, enrollment, errors, keys
from ..ksef.types import IN_PROGRESS_BELOW

_logger = logging.getLogger(__name__)

NEEDED = 2  # one certificate to log in, one for the offline codes
LEASE = 120  # seconds in which a request may still be on its way to KSeF
LOST_AFTER = timedelta(days=1)  # a request that KSeF counted has become a certificate by then
WAITS = (0.5, 1, 2, 4)  # seconds between questions while a person waits
KINDS = {"authentication": enrollment.AUTHENTICATION, "offline": enrollment.OFFLINE}
SCOPES = {"authentication": "ksef_auth", "offline": "ksef_offline"}

#  new ── key made ──► keyed ── intend (commit) ──► requesting ── reference ──► requested
#   ▲                    ▲                              │  │                       │
#   │                    └── surely not counted ────────┘  └── found by name ─┐    │ issued
#   │                                                                         ▼    ▼
#   └── Continue: new key, limits again ── rejected ◄── 400 500 550 ────────  issued
#                                                                               │ retrieved, checked
#   done ◄── both are here: set on the company ── stored ◄──────────────────────┘
TRANSITIONS = {
    "new": {"keyed", "rejected", "cancelled"},
    "keyed": {"requesting", "rejected", "cancelled"},
    "requesting": {"requested", "issued", "keyed", "rejected", "cancelled"},
    "requested": {"issued", "rejected", "cancelled"},
    "issued": {"stored", "rejected", "cancelled"},
    "stored": {"done"},
    "rejected": {"new", "cancelled"},
    "done": set(),
    "cancelled": set(),
}
UNFINISHED = ("new", "keyed", "requesting", "requested", "issued", "rejected")
OPEN = (*UNFINISHED, "stored")


class L10nPlKsefEnrolment(models.Model):
    _name = "l10n_pl_ksef.enrolment"
    _description = "KSeF certificate request"
    _order = "id"

    connection_id = fields.Many2one(
        "l10n_pl_ksef.connection", required=True, readonly=True, index=True, ondelete="restrict"
    )
    company_id = fields.Many2one(related="connection_id.company_id", store=True, index=True)
    pair = fields.Char(required=True, readonly=True, index=True)
    kind = fields.Selection(
        [("authentication", "Login"), ("offline", "Offline codes (KOD II)")],
        "Certificate for",
        required=True,
        readonly=True,
    )
    key_type = fields.Selection(
        [("ec", "EC P-256"), ("rsa", "RSA 2048")], required=True, readonly=True, default="ec"
    )
    name = fields.Char("Name in KSeF", required=True, readonly=True)
    key_id = fields.Many2one(
        "certificate.key", readonly=True, ondelete="restrict", groups="base.group_system"
    )
    certificate_id = fields.Many2one(
        "certificate.certificate", readonly=True, ondelete="set null", groups="base.group_system"
    )
    state = fields.Selection(
        [
            ("new", "Not begun"),
            ("keyed", "Key made"),
            ("requesting", "Requested (outcome unknown)"),
            ("requested", "Requested"),
            ("issued", "Issued"),
            ("stored", "Stored here"),
            ("done", "In use"),
            ("rejected", "Rejected"),
            ("cancelled", "Given up"),
        ],
        required=True,
        readonly=True,
        default="new",
    )
    subject = fields.Json(readonly=True, help="What KSeF wants the request to contain.")
    remaining_before = fields.Integer(
        "Requests left before this one", readonly=True, help="By which a lost answer is resolved."
    )
    requester = fields.Char("Requested as", readonly=True, help="Whose count of requests it is.")
    attempt = fields.Integer("Requests made", readonly=True)
    requested_at = fields.Datetime("Requested on", readonly=True)
    reference_number = fields.Char(readonly=True)
    serial_number = fields.Char(readonly=True)
    valid_to = fields.Datetime("Valid until", readonly=True)
    error_text = fields.Text("What happened", readonly=True)

    _one_open = models.UniqueIndex(
        "(connection_id, kind) WHERE state NOT IN ('done', 'cancelled')",
        "Certificates are already being generated for this connection.",
    )
    _unique_name = models.UniqueIndex("(name)", "This name of a certificate was used before.")

    @api.ondelete(at_uninstall=False)
    def _unlink_never(self):
        raise UserError(self.env._("Certificate requests are kept: KSeF counts them."))

    # -- beginning -------------------------------------------------------------------------------

    @api.model
    def _open_ones(self, connection=None):
        """The requests that are not finished, of one connection or of all."""
        domain = [("state", "in", OPEN)]
        if connection is not None:
            domain.append(("connection_id", "=", connection.id))
        return self.search(domain)

    @api.model
    def _limits(self, connection):
        """What KSeF grants: certificates.Limits.

        :raise UserError, errors.KsefError: no login
        """
        return certificates.limits(connection._client())

    @api.model
    def _begin(self, connection, key_type):
        """Two rows for a new pair, committed; call it after the limits were found sufficient."""
        stamp = f"{fields.Date.today():%Y%m%d}-{secrets.token_hex(3)}"
        rows = self.create(
            [
                {
                    "connection_id": connection.id,
                    "pair": stamp,
                    "kind": kind,
                    "key_type": key_type,
                    "name": self._free_name(kind, stamp),
                }
                for kind in KINDS
            ]
        )
        rows._checkpoint()
        return rows

    @staticmethod
    def _free_name(kind, stamp):
        return f"Odoo {'logowanie' if kind == 'authentication' else 'offline'} {stamp}"

    def _checkpoint(self):
        return self.env["l10n_pl_ksef.document"]._checkpoint()

    # -- going on --------------------------------------------------------------------------------

    def _run(self, waits=()):
        """Take a pair as far as it goes: the login certificate first, then the other.

        :param waits: seconds between questions while KSeF makes a certificate
        """
        for seconds in (0, *waits):
            time.sleep(seconds)
            for row in self.sorted("id"):
                row._advance()
                if row.state in UNFINISHED:
                    break  # the second must not use up a request while the first is in doubt
            if not self.filtered(lambda row: row.state == "requested"):
                break
        self._finish()
        waiting = self.filtered(lambda row: row.state in ("requesting", "requested", "issued"))
        if waiting:
            cron = self.env.ref("l10n_pl_ksef.ir_cron_enrolment").sudo()
            cron._trigger(at=fields.Datetime.now() + timedelta(minutes=1))
        self._checkpoint()

    def _advance(self):
        """One row as far as it goes now; commits after every step."""
        self.ensure_one()
        for _step in range(len(UNFINISHED)):
            row = self._lock()
            before = row.state
            if not row or before not in UNFINISHED or before == "rejected":
                return
            try:
                getattr(row, f"_step_{before}")()
            except UserError as error:
                row.error_text = str(error)
            except errors.KsefError as error:
                row.error_text = row.connection_id._explain(error)
            row._checkpoint()
            if row.state == before:
                return

    def _lock(self):
        """Self, unless somebody else works on it at this moment."""
        row = self.try_lock_for_update(allow_referencing=True)
        row.invalidate_recordset()
        return row

    def _set(self, state, **vals):
        """The only way to change a state: refuses what the drawing does not have."""
        if state not in TRANSITIONS[self.state]:
            raise UserError(
                self.env._(
                    "The certificate request %(name)s cannot go from %(old)s to %(new)s.",
                    name=self.name,
                    old=self.state,
                    new=state,
                )
            )
        self.write({"state": state, "error_text": False, **vals})

    def _step_new(self):
        key = self.env["certificate.key"]._l10n_pl_ksef_store(
            keys.generate(self.key_type), f"{self.name}.key", self.company_id
        )
        self._set("keyed", key_id=key.id)

    def _step_keyed(self):
        ksef = self.connection_id._client()
        subject = certificates.enrollment_data(ksef)
        request = enrollment.csr(subject, self.key_id._l10n_pl_ksef_load())
        limits = certificates.limits(ksef)
        if limits.shortages(1):
            self._set("rejected", error_text=self._no_room(limits))
            return
        attempt = self.attempt + 1
        self._set(
            "requesting",
            subject=subject,
            requester=self.connection_id._login_subject(),
            remaining_before=limits.requests.remaining,
            requested_at=fields.Datetime.now(),
            attempt=attempt,
        )
        self._checkpoint()
        try:
            reference = certificates.enroll(ksef, self.name, KINDS[self.kind], request)
        except errors.KsefError as error:
            text = self.connection_id._explain(error)
            if error.outcome_unknown:
                self.error_text = text
            elif isinstance(error, errors.RequestRejected):
                self._set("rejected", error_text=text)
            else:  # it never left, or KSeF did not look at it
                self._set("keyed", error_text=text)
            return
        if self._lock().filtered(lambda row: row.state == "requesting" and row.attempt == attempt):
            self._set("requested", reference_number=reference)

    def _step_requesting(self):
        """The answer was lost: KSeF's own list and its count of requests tell what became of it."""
        if self.connection_id._login_subject() != self.requester:
            self.error_text = self.env._(
                "Only %s can find out what became of the request. Log in as before.",
                self.requester,
            )
            return
        ksef = self.connection_id._client()
        if self._find(ksef):
            return
        age = fields.Datetime.now() - self.requested_at
        if age < timedelta(seconds=LEASE):
            self.error_text = self.env._(
                "KSeF's answer was lost. In two minutes it is certain whether the request arrived."
            )
            return
        if certificates.limits(ksef).requests.remaining >= self.remaining_before:
            self._set(
                "keyed", error_text=self.env._("KSeF did not receive the request; it is repeated.")
            )
        elif age > LOST_AFTER:
            self._set(
                "rejected",
                error_text=self.env._("KSeF counted the request but made no certificate for it."),
            )
        else:
            self.error_text = self.env._(
                "KSeF has counted the request; the certificate is not in its list yet."
            )

    def _find(self, ksef):
        """Whether KSeF lists a certificate with the name of this request; then it is issued."""
        found = [
            entry
            for entry in certificates.query(ksef, name=self.name)
            if entry.name == self.name and entry.kind == KINDS[self.kind]
        ]
        if found:
            self._set("issued", serial_number=found[0].serial)
        return bool(found)

    def _step_requested(self):
        ksef = self.connection_id._client()
        try:
            status = certificates.enrollment_status(ksef, self.reference_number)
        except errors.Gone:  # after 30 days
            if not self._find(ksef):
                self._set("rejected", error_text=self.env._("KSeF no longer knows this request."))
            return
        if status.is_issued:
            self._set("issued", serial_number=status.serial)
        elif status.code >= IN_PROGRESS_BELOW:
            words = "; ".join(filter(None, [status.description, *status.details]))
            self._set(
                "rejected",
                error_text=self.env._(
                    "KSeF rejected the request: %(words)s (%(code)s).",
                    words=words,
                    code=status.code,
                ),
            )

    def _step_issued(self):
        ksef = self.connection_id._client()
        der = certificates.retrieve(ksef, [self.serial_number]).get(self.serial_number)
        if der is None:
            self.error_text = self.env._("KSeF does not hand out the certificate yet.")
            return
        wrong = enrollment.findings(
            der,
            kind=KINDS[self.kind],
            now=datetime.now(timezone.utc),
            key=self.key_id._l10n_pl_ksef_load(),
            data=self.subject,
            serial=self.serial_number,
        )
        if wrong == ("not_yet",):
            self.error_text = self.env._("The certificate is not valid yet; the clocks differ.")
        elif wrong:
            self._set("rejected", error_text=self._wrong(wrong))
        else:
            certificate = self.env["certificate.certificate"]._l10n_pl_ksef_store(
                der, self.key_id, self.name, SCOPES[self.kind], self.company_id
            )
            certificate.l10n_pl_ksef_status = "active"
            self._set("stored", certificate_id=certificate.id, valid_to=certificate.date_end)

    def _wrong(self, findings):
        words = {
            "unreadable": self.env._("it cannot be read"),
            "key": self.env._("it is not for our key"),
            "kind": self.env._("it is of the wrong type"),
            "subject": self.env._("it names another subject"),
            "serial": self.env._("its serial number is another one"),
            "not_yet": self.env._("it is not valid yet"),
            "expired": self.env._("it has expired"),
        }
        return self.env._(
            "The certificate %(serial)s from KSeF cannot be used: %(reasons)s. Revoke it on the "
            "page of certificates.",
            serial=self.serial_number,
            reasons=", ".join(words[name] for name in findings),
        )

    def _no_room(self, limits):
        return self.env._(
            "KSeF has no room for another certificate of this subject: %(requests)s of "
            "%(all_requests)s requests and %(places)s of %(all_places)s certificates are left.",
            requests=limits.requests.remaining,
            all_requests=limits.requests.limit,
            places=limits.certificates.remaining,
            all_places=limits.certificates.limit,
        )

    def _finish(self):
        """Set the pair on the company once nothing of it is open, and log in with it."""
        rows = self._lock()
        stored = rows.filtered(lambda row: row.state == "stored")
        if rows != self or not stored or any(row.state in UNFINISHED for row in rows):
            return
        company = stored.company_id
        if stored.connection_id != stored.connection_id._for_company(company):
            return  # another environment is in force by now; its certificates stay
        for row in stored:
            name = {
                "authentication": "l10n_pl_ksef_auth_certificate_id",
                "offline": "l10n_pl_ksef_offline_certificate_id",
            }[row.kind]
            company[name] = row.certificate_id
            row._set("done")
        renewed = stored.filtered(lambda row: row.kind == "authentication").connection_id
        renewed._switch_to_certificate()
        self._checkpoint()
        for connection in renewed:
            connection._check_login()

    # -- what people press -----------------------------------------------------------------------

    def _continue(self):
        """Go on from wherever the pair stands; a rejected request is made anew, with a new key.

        :raise UserError: KSeF has no room for the new request
        """
        for row in self.filtered(lambda row: row.state == "rejected"):
            limits = row.connection_id._ask(lambda: self._limits(row.connection_id))  # noqa: B023
            if limits.shortages(1):
                raise UserError(self._no_room(limits))
            row = row._lock().filtered(lambda locked: locked.state == "rejected")
            stamp = f"{row.pair}-{secrets.token_hex(2)}"
            # without a certificate its key is of no use; with one, a person has yet to revoke it
            key = self.env["certificate.key"] if row.serial_number else row.key_id
            row._set(
                "new",
                key_id=False,
                reference_number=False,
                serial_number=False,
                name=self._free_name(row.kind, stamp),
            )
            key.unlink()
            row._checkpoint()
        self._run(waits=WAITS)

    def _give_up(self):
        """Use what is there and leave the rest; KSeF keeps what it counted."""
        for row in self._lock():
            if row.state in UNFINISHED:
                row._set("cancelled", error_text=row.error_text)
        self._checkpoint()
        self._finish()

    @api.model
    def _cron_continue(self):
        """Finish what a closed browser or a dead process left behind."""
        for pair, rows in self._open_ones().grouped("pair").items():
            if rows.connection_id._is_blocked():
                continue  # KSeF is left alone after trouble
            try:
                rows._run()
            except UserError as error:
                _logger.warning("KSeF certificate requests %s: %s", pair, error)

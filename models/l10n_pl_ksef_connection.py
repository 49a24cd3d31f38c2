"""How a company reaches KSeF: the only model that builds a client."""

import logging
from datetime import timedelta, timezone

from psycopg2.errors import SerializationFailure

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..ksef import auth, client, environment, errors, http, numbers

_logger = logging.getLogger(__name__)

ENVIRONMENTS = [
    ("test", "Test"),
    ("demo", "Demo"),
    ("prod", "Production"),
    ("simulator", "Simulator"),
]
NEEDED_PERMISSIONS = ("InvoiceWrite", "InvoiceRead")
BACKOFF = (60, 120, 300, 900, 1800, 3600)  # seconds before another attempt, by failures
LONGEST_REST = 300  # KSeF may be back any minute, and a deadline may be near
SECRETS = {"copy": False, "prefetch": False, "groups": fields.NO_ACCESS}


def to_aware(value):
    """Odoo's naive UTC as an aware datetime."""
    return value.replace(tzinfo=timezone.utc) if value else None


def to_naive(value):
    """An aware datetime as Odoo's naive UTC, whole seconds."""
    return value and value.astimezone(timezone.utc).replace(tzinfo=None, microsecond=0)


class L10nPlKsefConnection(models.Model):
    _name = "l10n_pl_ksef.connection"
    _description = "KSeF connection"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _rec_name = "company_id"
    _check_company_auto = True

    company_id = fields.Many2one("res.company", required=True, readonly=True, ondelete="restrict")
    environment = fields.Selection(
        ENVIRONMENTS,
        required=True,
        readonly=True,
    )
    auth_method = fields.Selection(
        [
            ("certificate", "Certificate"),
            ("token", "KSeF token"),
            ("external", "Signature made elsewhere"),
        ],
        "Way to log in",
        required=True,
        default="certificate",
        help="The law lets KSeF tokens log in only until 31 December 2026.",
    )
    token = fields.Char(**SECRETS)
    token_set = fields.Boolean("Token stored", compute="_compute_token_set")
    new_token = fields.Char(
        "KSeF token",
        compute="_compute_new_token",
        inverse="_inverse_new_token",
        groups="l10n_pl_ksef.group_l10n_pl_ksef_admin",
        help="Written once, never shown again.",
    )
    access_token = fields.Char(**SECRETS)
    access_valid_until = fields.Datetime(**SECRETS)
    refresh_token = fields.Char(**SECRETS)
    refresh_valid_until = fields.Datetime(**SECRETS)
    state = fields.Selection(
        [("new", "Not connected"), ("connected", "Connected"), ("problem", "Problem")],
        required=True,
        readonly=True,
        default="new",
        copy=False,
    )
    permissions = fields.Char(readonly=True, copy=False, help="What KSeF lets this login do.")
    message = fields.Text("Result of the last check", readonly=True, copy=False)
    connected_at = fields.Datetime("Last checked", readonly=True, copy=False)
    blocked_until = fields.Datetime(
        "Not asked before",
        readonly=True,
        copy=False,
        help="After trouble, KSeF is left alone until then. Connect tries at once.",
    )
    failures = fields.Integer("Failures in a row", readonly=True, copy=False)

    _one_per_company = models.UniqueIndex(
        "(company_id, environment)", "This company already has a connection to that environment."
    )

    @api.depends("token")
    def _compute_token_set(self):
        for connection in self:
            connection.token_set = bool(connection.sudo().token)

    def _compute_new_token(self):
        self.new_token = False

    def _inverse_new_token(self):
        for connection in self:
            if connection.new_token:
                value = connection.new_token.strip()
                connection.sudo().write({"token": value, "auth_method": "token"})
                connection.sudo()._forget_tokens()

    def write(self, vals):
        # The form has these readonly, which binds no RPC call: they decide where invoices go.
        if not self.env.su and not vals.keys() <= {"auth_method", "new_token"}:
            raise AccessError(self.env._("A KSeF connection is changed by its own buttons only."))
        if "auth_method" in vals:
            self.sudo()._forget_tokens()
        return super().write(vals)

    @api.model
    def _for_company(self, company, create=False):
        """The connection of the company's root in the environment that is set there, or none."""
        root = company.sudo().root_id
        key = root.l10n_pl_ksef_environment
        if not key:
            return self.browse()
        connection = self.sudo().search(
            [("company_id", "=", root.id), ("environment", "=", key)], limit=1
        )
        if not connection and create:
            connection = self.sudo().create({"company_id": root.id, "environment": key})
        return connection

    def _nip(self):
        """The NIP of the login context.

        :raise UserError: the company has no valid NIP
        """
        nip = numbers.normalize_nip(self.company_id.vat or "")
        if not nip:
            raise UserError(
                self.env._(
                    "Company %s: the Tax ID is not a valid Polish NIP. Correct it on the company.",
                    self.company_id.display_name,
                )
            )
        return nip

    def _ksef_environment(self):
        return self._environment_of(self.environment)

    @api.model
    def _environment_of(self, key):
        """The addresses of an environment: ksef.environment.Environment."""
        url = (
            self.env["ir.config_parameter"]
            .sudo()
            .get_param("l10n_pl_ksef.simulator_url", "http://127.0.0.1:8899")
        )
        return environment.environment(key, simulator_url=url)

    def _credentials(self):
        if self.auth_method == "token":
            if not self.token:
                raise UserError(self.env._("Enter the KSeF token in the settings first."))
            return auth.TokenCredentials(self._nip(), self.token)
        if self.auth_method == "external":
            return auth.ExternalCredentials(self._nip())
        certificate = self.company_id.l10n_pl_ksef_auth_certificate_id
        if not certificate:
            raise UserError(
                self.env._("Choose the certificate that logs in to KSeF in the settings first.")
            )
        return auth.CertificateCredentials(self._nip(), certificate._l10n_pl_ksef_signer())

    def _client(self, credentials=None):
        """A client of this connection; it stores the tokens that it gets in this row.

        :param credentials: try these instead of what is stored; then nothing is stored
        :raise UserError: what is missing for a login
        """
        self.ensure_one()
        tokens = None
        if not credentials and self.access_token and self.refresh_token:
            tokens = auth.Tokens(
                access=auth.Token(self.access_token, to_aware(self.access_valid_until)),
                refresh=auth.Token(self.refresh_token, to_aware(self.refresh_valid_until)),
            )
        return client.Client(
            self._transport(),
            credentials or self._credentials(),
            now=lambda: to_aware(fields.Datetime.now()),
            tokens=tokens,
            on_tokens=None if credentials else self._store_tokens,
        )

    def _transport(self):
        return http.Transport(
            self._ksef_environment(), on_warning=self._on_warning, gate=self._admit
        )

    def _admit(self, method, path):
        self.env["l10n_pl_ksef.request"]._admit(self, method, path)

    def _store_tokens(self, tokens):
        """Keep them for the next run. Where another worker stores its own at this moment, those
        stay: both pairs are good, and no invoice waits for this row.
        """
        try:
            with self.env.cr.savepoint():
                self.try_lock_for_update(allow_referencing=True).write(
                    {
                        "access_token": tokens.access.value,
                        "access_valid_until": to_naive(tokens.access.valid_until),
                        "refresh_token": tokens.refresh.value,
                        "refresh_valid_until": to_naive(tokens.refresh.valid_until),
                    }
                )
        except SerializationFailure:
            _logger.info("KSeF: another worker stored its tokens of connection %s", self.id)

    def _forget_tokens(self):
        self.write(
            {
                "access_token": False,
                "access_valid_until": False,
                "refresh_token": False,
                "refresh_valid_until": False,
                "state": "new",
            }
        )

    # -- trouble ---------------------------------------------------------------------------------

    def _is_blocked(self):
        """Whether KSeF is to be left alone now."""
        return bool(self.blocked_until and self.blocked_until > fields.Datetime.now())

    def _note_error(self, error):
        """Trouble before or beside any document: login, session, no answer, too many requests."""
        self.env["l10n_pl_ksef.failure"]._note(self, error)
        fix = error.verdict == errors.Verdict.FIX
        self._block(self._explain(error), fix=fix, retry_after=error.retry_after)

    def _block(self, text, *, fix=False, retry_after=None):
        """Leave KSeF alone for a while; `fix`: an administrator has to act."""
        failures = self.failures + 1
        wait = retry_after or min(BACKOFF[min(failures, len(BACKOFF)) - 1], LONGEST_REST)
        vals = {
            "failures": failures,
            "message": text,
            "blocked_until": fields.Datetime.now() + timedelta(seconds=wait),
        }
        if fix:
            vals["state"] = "problem"
        self.write(vals)
        _logger.info("KSeF connection %s rests for %s s: %s", self.id, wait, text)
        if fix:
            self._ask_administrator(text)

    def _unblock(self):
        """KSeF answered."""
        if self.failures or self.blocked_until:
            self.write({"failures": 0, "blocked_until": False})

    def _ask_administrator(self, text):
        """One activity, updated, never repeated."""
        kind = "l10n_pl_ksef.mail_activity_type_connection"
        activity = self.activity_search([kind])
        if activity:
            activity.write({"note": text})
            return
        user = self._administrator()
        self.activity_schedule(kind, note=text, user_id=user.id)

    def _administrator(self):
        """A person who may mend it: a KSeF administrator of this company."""
        return self._administrators()[:1] or self.env.ref("base.user_admin")

    def _administrators(self):
        """The KSeF administrators who may work for this company."""
        group = self.env.ref("l10n_pl_ksef.group_l10n_pl_ksef_admin").sudo()
        return group.all_user_ids.filtered(
            lambda user: user.active and self.company_id in user.company_ids
        )

    def _on_warning(self, *warning):
        _logger.warning("KSeF (%s) warns: %s", self.environment, " ".join(map(str, warning)))

    # -- what people press -----------------------------------------------------------------------

    def action_connect(self):
        """Log in, read the own permissions, say what is missing."""
        connection = self._as_administrator()
        connection._check_login()
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "title": self.env._("KSeF connection"),
                "message": connection.message,
                "type": "success" if connection.state == "connected" else "danger",
                "sticky": connection.state != "connected",
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    def action_disconnect(self):
        """Forget the tokens; the next sending logs in anew."""
        self._as_administrator()._forget_tokens()

    def _as_administrator(self):
        """Self with all rights, for a KSeF administrator of its company only.

        :raise UserError: the user is none
        """
        if not self.env.user.has_group("l10n_pl_ksef.group_l10n_pl_ksef_admin"):
            raise UserError(self.env._("Only a KSeF administrator may do this."))
        self.check_access("write")
        return self.sudo()

    def _check_login(self, ksef=None):
        """Log in anew, read the own permissions, and note the result in this row."""
        try:
            ksef = ksef or self._client()
            self._store_tokens(ksef.login())
            self._note_permissions(ksef.permissions())
        except errors.KsefError as error:
            self._note("problem", self._explain(error))

    def _note_permissions(self, found):
        missing = [name for name in NEEDED_PERMISSIONS if name not in found]
        # the owner of the NIP has every right, and KSeF lists none of them
        if missing and found:
            text = self.env._(
                "Logged in, but these permissions are missing: %s. Grant them in KSeF.",
                ", ".join(missing),
            )
            self._note("problem", text, found)
        else:
            self._note("connected", self.env._("Logged in; nothing is missing."), found)
        self._unblock()
        self.activity_unlink(["l10n_pl_ksef.mail_activity_type_connection"])
        self.env["l10n_pl_ksef.document"]._trigger("ir_cron_flush")
        self.env["l10n_pl_ksef.document"]._trigger("ir_cron_poll")

    def _note(self, state, message, permissions=()):
        self.write(
            {
                "state": state,
                "message": message,
                "permissions": ", ".join(sorted(permissions)),
                "connected_at": fields.Datetime.now(),
            }
        )

    def _explain(self, error):
        """A KsefError as a sentence for people, with KSeF's own words."""
        kinds = {
            errors.BudgetExceeded: self.env._(
                "KSeF's limit of requests is used up; it goes on by itself."
            ),
            errors.NotSent: self.env._("KSeF cannot be reached from this server."),
            errors.Unavailable: self.env._("KSeF did not answer."),
            errors.OutcomeUnknown: self.env._("KSeF did not answer; the outcome is not known."),
            errors.RateLimited: self.env._("KSeF asks us to wait: too many requests."),
            errors.AuthError: self.env._("KSeF did not accept the login."),
            errors.Forbidden: self.env._("KSeF refused: a permission is missing."),
            errors.SessionClosed: self.env._("The KSeF session is closed."),
            errors.Gone: self.env._("KSeF no longer keeps the state of this operation."),
            errors.ProtocolError: self.env._("KSeF sent an answer that cannot be read."),
            errors.RequestRejected: self.env._("KSeF refused the request."),
            errors.LocalError: self.env._("The key or the certificate cannot be used."),
        }
        sentence = next(
            (text for kind, text in kinds.items() if isinstance(error, kind)),
            self.env._("KSeF could not do this."),
        )
        trace = error.problem.trace_id if error.problem else None
        parts = [sentence, str(error), *error.details, trace and f"[{trace}]"]
        return " ".join(filter(None, parts))

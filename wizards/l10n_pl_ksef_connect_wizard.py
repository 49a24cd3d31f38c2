"""Connecting a company: environment, way to log in, proof, result, then the certificates."""

import base64

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..models.l10n_pl_ksef_connection import ENVIRONMENTS

SECRETS = ("pkcs12_file", "certificate_file", "key_file", "password", "token", "signed_file")


class L10nPlKsefConnectWizard(models.TransientModel):
    _name = "l10n_pl_ksef.connect.wizard"
    _description = "Connect a company to KSeF"

    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company.root_id
    )
    step = fields.Selection(
        [
            ("environment", "Environment"),
            ("method", "Way to log in"),
            ("proof", "Proof"),
            ("result", "Result"),
        ],
        required=True,
        default="environment",
    )
    environment = fields.Selection(
        ENVIRONMENTS,
        default=lambda self: self.env.company.root_id.l10n_pl_ksef_environment,
    )
    connection_id = fields.Many2one("l10n_pl_ksef.connection", readonly=True)
    method = fields.Selection(
        [
            ("pkcs12", "Qualified seal or signature: one PKCS#12 file (.p12, .pfx)"),
            ("files", "Qualified seal or signature: certificate and key in two files"),
            ("ksef", "A KSeF certificate that I have already"),
            ("token", "KSeF token (by law only until 31 December 2026)"),
            ("external", "A signature made elsewhere: Trusted Profile, ID card, signing card"),
        ],
        "Way to log in",
        required=True,
        default="pkcs12",
    )
    pkcs12_file = fields.Binary("PKCS#12 file", attachment=False)
    certificate_file = fields.Binary("Certificate file", attachment=False)
    key_file = fields.Binary("Private key file", attachment=False)
    password = fields.Char("Password of the key")
    stored_certificate_id = fields.Many2one(
        "certificate.certificate",
        "Certificate stored in Odoo",
        domain="[('scope', '=', 'ksef_auth'), ('company_id', '=', company_id)]",
        groups="base.group_system",
    )
    token = fields.Char("KSeF token")
    request_file = fields.Binary("Login request to sign", attachment=False, readonly=True)
    request_name = fields.Char(default="AuthTokenRequest.xml", readonly=True)
    request_until = fields.Datetime("To be signed and uploaded until", readonly=True)
    signed_file = fields.Binary("Signed request", attachment=False)
    error_text = fields.Text(readonly=True)
    state = fields.Selection(related="connection_id.state")
    message = fields.Text(related="connection_id.message")
    permissions = fields.Char(related="connection_id.permissions")
    auth_method = fields.Selection(related="connection_id.auth_method", string="Present way")

    @api.onchange("company_id")
    def _onchange_company_id(self):
        self.environment = self.company_id.l10n_pl_ksef_environment

    # -- step by step ----------------------------------------------------------------------------

    def action_next(self):
        """From the environment to the ways to log in, and on to what the chosen one needs."""
        self.ensure_one()
        self.error_text = False
        if self.step == "environment":
            self._set_environment()
            self.step = "method"
        elif self.step == "method":
            self.step = "proof"
            if self.method == "external":
                self._fetch_request()
        return self._reopen()

    def action_back(self):
        """One step back; what was typed as a secret is forgotten."""
        self.ensure_one()
        self._forget()
        self.error_text = False
        steps = [key for key, _label in self._fields["step"].selection]
        self.step = steps[max(steps.index(self.step) - 1, 0)]
        return self._reopen()

    def _set_environment(self):
        """Choose the environment on the company, which not every KSeF administrator may write.

        :raise UserError: no environment, no administrator, not the user's company
        """
        if not self.environment:
            raise UserError(self.env._("Choose the environment."))
        self._check_administrator()
        company = self.company_id.root_id
        if company.l10n_pl_ksef_environment != self.environment:
            company.sudo().l10n_pl_ksef_environment = self.environment
        found = self.env["l10n_pl_ksef.connection"]._for_company(company, create=True)
        self.connection_id = found.with_env(self.env)

    def _check_administrator(self):
        if not self.env.user.has_group("l10n_pl_ksef.group_l10n_pl_ksef_admin"):
            raise UserError(self.env._("Only a KSeF administrator may do this."))
        if self.company_id.root_id not in self.env.user.company_ids.root_id:
            raise UserError(self.env._("You do not work for this company."))

    def _fetch_request(self):
        request, until = self.connection_id._as_administrator()._external_begin()
        self.write(
            {
                "request_file": base64.b64encode(request),
                "request_until": until,
                "signed_file": False,
            }
        )

    def action_new_request(self):
        """A fresh login request, where the ten minutes of the last one are over."""
        self.error_text = False
        self._fetch_request()
        return self._reopen()

    def action_test(self):
        """Log in with what was entered; it is stored only if KSeF lets the company in."""
        self.ensure_one()
        connection = self.connection_id._as_administrator()
        try:
            self._try(connection)
        except UserError as error:
            self.error_text = str(error)
        else:
            self.write({"step": "result", "error_text": False})
        # Typed secrets lie in this row no longer than this one call.
        self._forget()
        return self._reopen()

    def _try(self, connection):
        if self.method == "pkcs12":
            connection._try_files(
                self._content("pkcs12_file", self.env._("the PKCS#12 file")),
                password=self.password,
            )
        elif self.method == "ksef" and self.sudo().stored_certificate_id:
            connection._try_certificate(self.sudo().stored_certificate_id)
        elif self.method in ("files", "ksef"):
            connection._try_files(
                self._content("certificate_file", self.env._("the certificate file")),
                self._content("key_file", self.env._("the private key file")),
                self.password,
            )
        elif self.method == "token":
            if not self.token:
                raise UserError(self.env._("Enter the KSeF token."))
            connection._try_token(self.token)
        else:
            connection._external_finish(
                self._content("request_file", self.env._("the login request")),
                self._content("signed_file", self.env._("the signed request")),
            )

    def _content(self, name, label):
        content = self.with_context(bin_size=False)[name]
        if not content:
            raise UserError(self.env._("Upload %s.", label))
        return base64.b64decode(content)

    def _forget(self):
        self.write(dict.fromkeys(SECRETS, False))

    # -- afterwards ------------------------------------------------------------------------------

    def action_certificates(self):
        """On to the KSeF certificates of the company's own."""
        return self.connection_id.action_generate_certificates()

    def _reopen(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Connect to KSeF"),
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "views": [(False, "form")],
            "target": "new",
        }

"""Keys of KSeF certificates: their passwords, and that none in use is lost."""

import base64

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import config

from odoo.addons.certificate.models.key import _get_formatted_value

from ..ksef import keys

# Option of the server's configuration file; a copy of the database alone opens no key then.
PASSWORD_OPTION = "l10n_pl_ksef_key_password"


class CertificateKey(models.Model):
    _inherit = "certificate.key"

    l10n_pl_ksef_server_password = fields.Boolean(
        "Password in the server's configuration",
        readonly=True,
        copy=False,
        help="The key is encrypted with a password that is not in the database.",
    )

    @api.depends("l10n_pl_ksef_server_password")
    def _compute_pem_key(self):
        # EXTENDS 'certificate': such a key stays encrypted, and is not opened to be stored
        encrypted = self.filtered("l10n_pl_ksef_server_password")
        super(CertificateKey, self - encrypted)._compute_pem_key()
        for key in encrypted:
            key.pem_key = key.with_context(bin_size=False).content
            key.public = False
            key.loading_error = ""

    def _get_public_key_bytes(self, encoding="der", formatting="encodebytes"):
        # EXTENDS 'certificate'
        if not self.l10n_pl_ksef_server_password:
            return super()._get_public_key_bytes(encoding=encoding, formatting=formatting)
        public = keys.public_bytes(self._l10n_pl_ksef_load(), pem=encoding != "der")
        return _get_formatted_value(public, formatting=formatting)

    @api.model
    def _l10n_pl_ksef_store(self, private_key, name, company, password=None):
        """A record of a private key, encrypted where there is a password for it.

        :param private_key: a key of ksef.keys
        :param password: str, kept beside the key; the server's own password goes before it
        """
        server = config.get(PASSWORD_OPTION)
        secret = server or password
        return self.create(
            {
                "name": name,
                "company_id": company.id,
                "content": base64.b64encode(
                    keys.to_pem(private_key, secret.encode() if secret else None)
                ),
                "password": False if server else password,
                "l10n_pl_ksef_server_password": bool(server),
            }
        )

    def _l10n_pl_ksef_password(self):
        """The password as bytes, or None.

        :raise UserError: the server's configuration has lost it
        """
        if not self.l10n_pl_ksef_server_password:
            return self.password.encode() if self.password else None
        password = config.get(PASSWORD_OPTION)
        if not password:
            raise UserError(
                self.env._(
                    'The key "%(key)s" needs the password that stood in the server\'s '
                    "configuration as %(option)s. Put it back and restart Odoo.",
                    key=self.name,
                    option=PASSWORD_OPTION,
                )
            )
        return password.encode()

    def _l10n_pl_ksef_load(self):
        """The private key; call it on a sudo record behind a check.

        :raise UserError: there is no key here
        :raise errors.LocalError: it cannot be read
        """
        self.ensure_one()
        pem = self.with_context(bin_size=False).pem_key
        if not pem:
            raise UserError(
                self.loading_error or self.env._('The key "%s" has no content.', self.name)
            )
        return keys.load(base64.b64decode(pem), self._l10n_pl_ksef_password())

    @api.ondelete(at_uninstall=False)
    def _unlink_except_l10n_pl_ksef_in_use(self):
        used = self._l10n_pl_ksef_in_use()
        if used:
            raise UserError(
                self.env._(
                    "KSeF needs these keys, they cannot be deleted: %s. "
                    "First choose another certificate in the settings, or finish the request.",
                    ", ".join(used.mapped("name")),
                )
            )

    def _l10n_pl_ksef_in_use(self):
        """The keys of self that a company or an unfinished certificate request relies on."""
        certificates = self.env["certificate.certificate"].sudo()
        linked = certificates.with_context(active_test=False).search(
            [("private_key_id", "in", self.ids)]
        )
        enrolments = self.env["l10n_pl_ksef.enrolment"].sudo()._open_ones().key_id
        return self & (linked._l10n_pl_ksef_in_use().private_key_id | enrolments).with_env(self.env)

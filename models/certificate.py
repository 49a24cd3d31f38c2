"""KSeF certificates: what each may do, and the only place that touches key bytes."""

import base64

from odoo import fields, models
from odoo.exceptions import UserError

from ..ksef.signer import Signer


class CertificateCertificate(models.Model):
    _inherit = "certificate.certificate"

    scope = fields.Selection(
        selection_add=[
            ("ksef_auth", "KSeF: login"),
            ("ksef_offline", "KSeF: offline codes (KOD II)"),
        ],
    )

    def _l10n_pl_ksef_signer(self, scope="ksef_auth"):
        """The key of this certificate, ready to sign; call it on a sudo record behind a check.

        :param scope: what it is for: 'ksef_auth' (login) or 'ksef_offline' (KOD II)
        :return: ksef.signer.Signer
        :raise UserError: wrong kind of certificate (law 4), expired, or without its key
        :raise errors.LocalError: the key cannot be loaded
        """
        self.ensure_one()
        if self.scope != scope:
            if scope == "ksef_auth":
                raise UserError(
                    self.env._(
                        'The certificate "%s" is not for the login to KSeF. '
                        'Set its scope to "KSeF: login", or choose another one in the settings.',
                        self.display_name,
                    )
                )
            raise UserError(
                self.env._(
                    'The certificate "%s" is not for the offline codes of KSeF. '
                    'Set its scope to "KSeF: offline codes (KOD II)", '
                    "or choose another one in the settings.",
                    self.display_name,
                )
            )
        if not self.is_valid:
            raise UserError(
                self.loading_error
                or self.env._(
                    'The certificate "%s" has expired or is not valid yet. '
                    "Choose another one in the settings.",
                    self.display_name,
                )
            )
        key = self.private_key_id.with_context(bin_size=False)
        if not key.pem_key:
            raise UserError(
                key.loading_error
                or self.env._(
                    'The certificate "%s" has no private key. Add the key that belongs to it.',
                    self.display_name,
                )
            )
        return Signer.from_pem(
            base64.b64decode(key.pem_key),
            self._get_der_certificate_bytes(formatting="raw"),
            key.password.encode() if key.password else None,
        )

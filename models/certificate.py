"""KSeF certificates: what each may do, and the only place that touches key bytes."""

import base64

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import format_date

from ..ksef import enrollment, errors, keys
from ..ksef.signer import Signer
from .l10n_pl_ksef_connection import to_naive

KINDS = {"ksef_auth": enrollment.AUTHENTICATION, "ksef_offline": enrollment.OFFLINE}


class CertificateCertificate(models.Model):
    _inherit = "certificate.certificate"

    scope = fields.Selection(
        selection_add=[
            ("ksef_auth", "KSeF: login"),
            ("ksef_offline", "KSeF: offline codes (KOD II)"),
        ],
    )

    l10n_pl_ksef_status = fields.Selection(
        [
            ("active", "Active"),
            ("blocked", "Blocked"),
            ("revoked", "Revoked"),
            ("expired", "Expired"),
            ("unlisted", "Not in KSeF's list"),
        ],
        "Status in KSeF",
        readonly=True,
        copy=False,
        help="As KSeF listed it last; empty for a certificate that is not of KSeF's making.",
    )
    l10n_pl_ksef_reminded = fields.Integer(
        "Reminded of the end",
        readonly=True,
        copy=False,
        help="Days before the end for which a reminder was made.",
    )

    @api.depends("content", "pkcs12_password")
    def _compute_pem_certificate(self):
        # EXTENDS 'certificate': KSeF's test environment puts a NULL into the algorithm
        # identifier, and newer versions of the library refuse to load such a certificate.
        super()._compute_pem_certificate()
        for certificate in self.filtered("loading_error"):
            content = base64.b64decode(certificate.with_context(bin_size=False).content)
            try:
                der = keys.certificate_der(content)
            except errors.LocalError:
                continue  # the library was right
            info = enrollment.read(der)
            certificate.content_format = "der" if der == content else "pem"
            certificate.pem_certificate = base64.b64encode(keys.certificate_pem(der))
            certificate.subject_common_name = enrollment.common_name(info)
            certificate.serial_number = str(info.serial)
            certificate.date_start = to_naive(info.not_before)
            certificate.date_end = to_naive(info.not_after)
            certificate.loading_error = ""

    @api.constrains("pem_certificate", "private_key_id", "public_key_id")
    def _constrains_certificate_key_compatibility(self):
        # EXTENDS 'certificate'
        for certificate in self:
            try:
                super(
                    CertificateCertificate, certificate
                )._constrains_certificate_key_compatibility()
            except ValueError:
                certificate._l10n_pl_ksef_check_keys()

    def _l10n_pl_ksef_check_keys(self):
        """The check of core for a certificate that its library does not load."""
        wanted = self._l10n_pl_ksef_info().spki
        for key in self.private_key_id | self.public_key_id:
            if key._get_public_key_bytes(encoding="der", formatting="raw") != wanted:
                raise UserError(self.env._("The certificate and its key are not compatible."))

    @api.constrains("scope", "pem_certificate")
    def _check_l10n_pl_ksef_kind(self):
        """Law 4: what may log in signs no KOD II, and the other way round."""
        for certificate in self.filtered(lambda c: c.scope in KINDS and c.pem_certificate):
            kind = enrollment.kind_of(certificate._l10n_pl_ksef_info())
            if certificate.scope == "ksef_auth" and kind == enrollment.OFFLINE:
                raise ValidationError(
                    self.env._(
                        '"%s" is a certificate for offline codes (KOD II); it cannot log in.',
                        certificate.display_name,
                    )
                )
            if certificate.scope == "ksef_offline" and kind != enrollment.OFFLINE:
                raise ValidationError(
                    self.env._(
                        '"%s" is no certificate for offline codes: KSeF issues those with the '
                        "type Offline.",
                        certificate.display_name,
                    )
                )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_l10n_pl_ksef_in_use(self):
        used = self._l10n_pl_ksef_in_use()
        if used:
            raise UserError(
                self.env._(
                    "KSeF needs these certificates, they cannot be deleted: %s. "
                    "First choose another one in the settings.",
                    ", ".join(used.mapped("display_name")),
                )
            )

    def _l10n_pl_ksef_in_use(self):
        """The certificates of self that a company logs in or signs with."""
        companies = self.env["res.company"].sudo().with_context(active_test=False)
        users = companies.search(
            [
                "|",
                ("l10n_pl_ksef_auth_certificate_id", "in", self.ids),
                ("l10n_pl_ksef_offline_certificate_id", "in", self.ids),
            ]
        )
        return self & (
            users.l10n_pl_ksef_auth_certificate_id | users.l10n_pl_ksef_offline_certificate_id
        ).with_env(self.env)

    @api.model
    def _l10n_pl_ksef_store(self, der, key, name, scope, company):
        """The record of a certificate in DER with its key; an equal one is used again."""
        info = enrollment.read(der)
        known = self.search(
            [
                ("company_id", "=", company.id),
                ("scope", "=", scope),
                ("serial_number", "=", str(info.serial)),
            ]
        )
        for certificate in known:
            if certificate._l10n_pl_ksef_der() == der:
                certificate.private_key_id = key
                return certificate
        return self.create(
            {
                "name": name,
                "content": base64.b64encode(der),
                "private_key_id": key.id,
                "scope": scope,
                "company_id": company.id,
            }
        )

    def _l10n_pl_ksef_ending(self):
        """(summary, note) of a reminder, in the language of the context."""
        self.ensure_one()
        return self.env._(
            "KSeF certificate ends on %s", format_date(self.env, self.date_end)
        ), self.env._(
            'The certificate "%s" ends soon or has ended. Have a new pair generated: '
            "KSeF > Certificates > Generate. The old one is kept as long as documents "
            "need it.",
            self.display_name,
        )

    def _l10n_pl_ksef_dead(self):
        """(summary, note) for certificates that KSeF no longer accepts."""
        return self.env._("KSeF does not accept a certificate in use"), self.env._(
            "KSeF no longer accepts: %s. Have a new pair generated, or choose another "
            "certificate in the settings.",
            ", ".join(self.mapped("display_name")),
        )

    def _l10n_pl_ksef_der(self):
        """The certificate's untouched bytes."""
        self.ensure_one()
        return keys.certificate_der(
            base64.b64decode(self.with_context(bin_size=False).pem_certificate)
        )

    def _l10n_pl_ksef_info(self):
        """The fields of the certificate, read without the library of core."""
        return enrollment.read(self._l10n_pl_ksef_der())

    def _l10n_pl_ksef_serial(self):
        """The number as KSeF writes it, 16 upper-case hexadecimal digits."""
        self.ensure_one()
        return f"{int(self.serial_number):016X}"

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
        if self.l10n_pl_ksef_status in ("revoked", "blocked"):
            raise UserError(
                self.env._(
                    'The certificate "%s" is revoked in KSeF. Choose another one in the settings, '
                    "or have a new one generated.",
                    self.display_name,
                )
            )
        if self.l10n_pl_ksef_status == "unlisted":
            raise UserError(
                self.env._(
                    'KSeF does not list the certificate "%s", as if it were of another '
                    "environment: codes signed with it would be refused. Choose another one in "
                    "the settings, or have a new one generated.",
                    self.display_name,
                )
            )
        key = self.private_key_id
        if not key:
            raise UserError(
                self.env._(
                    'The certificate "%s" has no private key. Add the key that belongs to it.',
                    self.display_name,
                )
            )
        return Signer(key._l10n_pl_ksef_load(), self._l10n_pl_ksef_der())

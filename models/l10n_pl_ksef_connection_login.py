"""Ways to log in: files, a token, or a signature made elsewhere. Tried first, stored only then."""

import time
from datetime import datetime, timezone

from odoo import fields, models
from odoo.exceptions import UserError

from ..ksef import auth, enrollment, errors, keys, xades
from ..ksef.signer import Signer


class L10nPlKsefConnection(models.Model):
    _inherit = "l10n_pl_ksef.connection"

    external_subject = fields.Char(
        "Signed by",
        readonly=True,
        copy=False,
        groups="l10n_pl_ksef.group_l10n_pl_ksef_admin",
        help="Whose signature logged in: a NIP, a PESEL or the fingerprint of a certificate.",
    )

    # -- trying ----------------------------------------------------------------------------------

    def _try_files(self, certificate, key=None, password=None):
        """Log in with uploaded files; keep them, and use them from now on, if KSeF lets us in.

        :param certificate: bytes of a PKCS#12 file, or of a certificate where a key is given
        :param key: bytes of a private key, PEM or DER
        :param password: str
        :raise UserError: what is wrong, in one sentence; nothing is stored then
        """
        self.ensure_one()
        signer = self._ask(lambda: self._read_files(certificate, key, password))
        tokens, permissions = self._ask(lambda: self._try_signer(signer))
        name = enrollment.common_name(signer.info) or self.company_id.name
        record = self.env["certificate.key"]._l10n_pl_ksef_store(
            signer.private_key, f"{name}.key", self.company_id, password
        )
        self.company_id.l10n_pl_ksef_auth_certificate_id = self.env[
            "certificate.certificate"
        ]._l10n_pl_ksef_store(signer.certificate_der, record, name, "ksef_auth", self.company_id)
        self._keep("certificate", tokens, permissions)

    @staticmethod
    def _read_files(certificate, key, password):
        secret = password.encode() if password else None
        if key:
            return Signer(keys.load(key, secret), certificate)
        return Signer(*keys.load_pkcs12(certificate, secret))

    def _try_signer(self, signer):
        """(tokens, permissions) of a login with this key and certificate."""
        now = datetime.now(timezone.utc)
        if not signer.info.not_before <= now <= signer.info.not_after:
            raise UserError(
                self.env._(
                    "The certificate is valid from %(start)s to %(end)s. Choose one that is valid "
                    "now.",
                    start=f"{signer.info.not_before:%Y-%m-%d}",
                    end=f"{signer.info.not_after:%Y-%m-%d}",
                )
            )
        return self._try(auth.CertificateCredentials(self._nip(), signer))

    def _try(self, credentials):
        ksef = self._client(credentials)
        return ksef.login(), ksef.permissions()

    def _ask(self, question):
        """The answer to a question that asks KSeF.

        :raise UserError: KSeF's refusal or silence, as a sentence
        """
        try:
            return question()
        except errors.KsefError as error:
            raise UserError(self._explain(error)) from error

    def _try_certificate(self, certificate):
        """Log in with a certificate that is stored already, and use it from now on.

        :raise UserError: what is wrong; the present one stays then
        """
        self.ensure_one()
        if certificate.company_id != self.company_id:
            raise UserError(self.env._("This certificate belongs to another company."))
        tokens, permissions = self._ask(
            lambda: self._try_signer(certificate._l10n_pl_ksef_signer())
        )
        self.company_id.l10n_pl_ksef_auth_certificate_id = certificate
        self._keep("certificate", tokens, permissions)

    def _try_token(self, token):
        """Log in with a KSeF token, and use it from now on.

        :raise UserError: what is wrong; nothing is stored then
        """
        self.ensure_one()
        token = token.strip()
        tokens, permissions = self._ask(
            lambda: self._try(auth.TokenCredentials(self._nip(), token))
        )
        self.token = token
        self._keep("token", tokens, permissions)

    def _external_begin(self):
        """The login request for a person to sign elsewhere, within ten minutes.

        :return: (bytes of the XML file, until when: naive UTC)
        :raise UserError: KSeF gave no challenge
        """
        self.ensure_one()
        request = self._ask(lambda: auth.external_request(self._transport(), self._nip()))
        return request, fields.Datetime.now() + auth.CHALLENGE_LIFE

    def _external_finish(self, request, signed):
        """Log in with the signed file, sent byte for byte.

        :raise UserError: what is wrong with it
        """
        self.ensure_one()
        fault = xades.check_signed(signed, xades.challenge_of(request))
        if fault:
            raise UserError(self._external_fault(fault))
        tokens = self._ask(
            lambda: auth.login_with_signed(self._transport(), signed, sleep=time.sleep)
        )
        self._keep("external", tokens)
        self.external_subject = self._subject_of(xades.signing_certificate(signed))
        self._note_permissions(self._ask(lambda: self._client().permissions()))

    def _external_fault(self, fault):
        return {
            "not_xml": self.env._("This file is no XML file. Upload the signed request."),
            "not_request": self.env._(
                "This file is not the login request that was downloaded here."
            ),
            "other_challenge": self.env._(
                "This is another login request than the one that was downloaded last. Sign and "
                "upload the last one."
            ),
            "not_signed": self.env._(
                "The request is not signed yet. Sign it with the Trusted Profile or your card, "
                "with the signature inside the file (XAdES enveloped), and upload the result."
            ),
        }[fault]

    # -- keeping ---------------------------------------------------------------------------------

    def _keep(self, method, tokens, permissions=None):
        self.auth_method = method  # which forgets the tokens of the old way
        self._store_tokens(tokens)
        if permissions is not None:
            self._note_permissions(permissions)

    def _switch_to_certificate(self):
        """The company has a new login certificate: it is what the next login uses."""
        self.auth_method = "certificate"

    # -- who logs in -----------------------------------------------------------------------------

    def _login_subject(self):
        """Whose limits and certificates KSeF speaks of: "NIP 5265877635"; empty for a token."""
        self.ensure_one()
        if self.auth_method == "external":
            return self.external_subject or ""
        certificate = self.company_id.l10n_pl_ksef_auth_certificate_id
        if self.auth_method == "token" or not certificate.pem_certificate:
            return ""
        return self._subject_of(certificate._l10n_pl_ksef_der())

    def _subject_of(self, der):
        if not der:
            return ""
        try:
            kind, value = enrollment.subject_identifier(der)
        except ValueError:
            return ""
        names = {
            "Nip": self.env._("NIP"),
            "Pesel": self.env._("PESEL"),
            "Fingerprint": self.env._("certificate fingerprint"),
        }
        return f"{names[kind]} {value}"

    # -- where to go on --------------------------------------------------------------------------

    def action_generate_certificates(self):
        """The wizard that has KSeF certificates made for this company."""
        return self._wizard("l10n_pl_ksef.certificate.wizard", default_connection_id=self.id)

    def action_connect_wizard(self):
        """The wizard that connects this company in another way."""
        return self._wizard("l10n_pl_ksef.connect.wizard", default_company_id=self.company_id.id)

    def action_certificates(self):
        """KSeF's list of this subject's certificates, asked for now."""
        connection = self._as_administrator()
        listed = self.env["l10n_pl_ksef.certificate"].sudo()
        connection._ask(lambda: listed._refresh(connection))
        action = self.env["ir.actions.actions"]._for_xml_id(
            "l10n_pl_ksef.l10n_pl_ksef_certificate_list_action"
        )
        return {**action, "domain": [("connection_id", "=", self.id)]}

    def _wizard(self, model, **context):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env["ir.model"]._get(model).name,
            "res_model": model,
            "view_mode": "form",
            "views": [(False, "form")],
            "target": "new",
            "context": context,
        }

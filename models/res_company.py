"""What a company decides about KSeF."""

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError

from ..ksef import errors
from .l10n_pl_ksef_connection import ENVIRONMENTS

# Odoo's own first KSeF module; it is there or not, we never depend on it (law 10).
OTHER_MODULE_FIELD = "l10n_pl_edi_certificate"


class ResCompany(models.Model):
    _inherit = "res.company"

    l10n_pl_ksef_environment = fields.Selection(
        ENVIRONMENTS,
        "KSeF environment",
        copy=False,
        help="Empty: this company sends nothing to KSeF. Only Production has legal effect.",
    )
    l10n_pl_ksef_start_date = fields.Date(
        "Invoices to KSeF from",
        copy=False,
        help="Older invoices were issued without KSeF and are never offered to it.",
    )
    l10n_pl_ksef_mode = fields.Selection(
        [("online", "Online"), ("offline", "Offline")],
        "KSeF issuing mode",
        default="online",
        copy=False,
    )
    l10n_pl_ksef_auth_certificate_id = fields.Many2one(
        "certificate.certificate",
        "KSeF login certificate",
        domain=[("scope", "=", "ksef_auth")],
        copy=False,
        ondelete="restrict",
        groups="base.group_system",
    )
    l10n_pl_ksef_offline_certificate_id = fields.Many2one(
        "certificate.certificate",
        "KSeF offline certificate",
        domain=[("scope", "=", "ksef_offline")],
        copy=False,
        ondelete="restrict",
        groups="base.group_system",
    )
    l10n_pl_ksef_exempt_basis_type = fields.Selection(
        [("A", "Polish act (P_19A)"), ("B", "EU directive (P_19B)"), ("C", "Other basis (P_19C)")],
        "Kind of basis for VAT exemption",
        help="Used where the tax of a line names none.",
    )
    l10n_pl_ksef_exempt_basis = fields.Char(
        "Basis for VAT exemption",
        help="The provision that exempts, e.g. art. 113 ust. 1 ustawy o VAT.",
    )
    l10n_pl_ksef_deadline_user_ids = fields.Many2many(
        "res.users",
        "l10n_pl_ksef_deadline_user_rel",
        string="KSeF deadlines by mail to",
        domain=[("share", "=", False)],
        copy=False,
        help="They get a mail, besides the activities: 24 and 4 hours before a deadline and when "
        "it is over. Empty: no mail.",
    )
    l10n_pl_ksef_connection_id = fields.Many2one(
        "l10n_pl_ksef.connection", "KSeF connection", compute="_compute_l10n_pl_ksef_connection_id"
    )

    @api.depends("l10n_pl_ksef_environment")
    def _compute_l10n_pl_ksef_connection_id(self):
        for company in self:
            company.l10n_pl_ksef_connection_id = self.env["l10n_pl_ksef.connection"]._for_company(
                company
            )

    @api.constrains("l10n_pl_ksef_auth_certificate_id", "l10n_pl_ksef_offline_certificate_id")
    def _check_l10n_pl_ksef_certificates(self):
        for company in self.sudo():
            login = company.l10n_pl_ksef_auth_certificate_id
            offline = company.l10n_pl_ksef_offline_certificate_id
            if login and login.scope != "ksef_auth":
                raise ValidationError(
                    self.env._(
                        'The certificate "%s" is not for the login to KSeF.', login.display_name
                    )
                )
            if offline and offline.scope != "ksef_offline":
                raise ValidationError(
                    self.env._(
                        'The certificate "%s" is not for the offline codes of KSeF.',
                        offline.display_name,
                    )
                )

    @api.constrains(
        lambda self: ["l10n_pl_ksef_environment"]
        + [name for name in (OTHER_MODULE_FIELD,) if name in self._fields]
    )
    def _check_l10n_pl_ksef_only_one_module(self):
        """One company uses one of the two KSeF modules, and nothing is ever sent twice."""
        if OTHER_MODULE_FIELD not in self._fields:
            return
        for root in self.sudo().root_id:
            family = self.sudo().search([("id", "child_of", root.id)])
            if root.l10n_pl_ksef_environment and any(family.mapped(OTHER_MODULE_FIELD)):
                raise ValidationError(
                    self.env._(
                        "%s already sends to KSeF with Odoo's own module: it has a certificate "
                        "there. Remove that certificate in the settings, or leave the KSeF "
                        "environment empty.",
                        root.display_name,
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        # EXTENDS 'base'
        companies = super().create(vals_list)
        companies._l10n_pl_ksef_prepare_connection()
        return companies

    def write(self, vals):
        # EXTENDS 'base'
        self._l10n_pl_ksef_check_writer(vals)
        result = super().write(vals)
        if "l10n_pl_ksef_environment" in vals:
            self._l10n_pl_ksef_prepare_connection()
            # it was about another environment
            self.sudo().filtered("l10n_pl_ksef_proposal").l10n_pl_ksef_proposal = False
        if vals.keys() & {"l10n_pl_ksef_environment", "l10n_pl_ksef_start_date"}:
            self._l10n_pl_ksef_refresh_moves()
        if vals.keys() & {"vat", "l10n_pl_ksef_auth_certificate_id"}:
            # the tokens were given to another NIP or certificate
            self.env["l10n_pl_ksef.connection"].sudo().search(
                [("company_id", "in", self.ids)]
            )._forget_tokens()
        return result

    def _l10n_pl_ksef_check_writer(self, vals):
        """Law 8: where invoices go, and who logs in, is for KSeF administrators."""
        names = ("l10n_pl_ksef_environment", "l10n_pl_ksef_auth_certificate_id")
        names += ("l10n_pl_ksef_offline_certificate_id", "l10n_pl_ksef_start_date")
        names += ("l10n_pl_ksef_auto_switch", "l10n_pl_ksef_control_url")
        if (
            not self.env.su
            and not self.env.user.has_group("l10n_pl_ksef.group_l10n_pl_ksef_admin")
            and vals.keys() & set(names)
        ):
            raise AccessError(
                self.env._("Only a KSeF administrator may change how a company uses KSeF.")
            )

    def _l10n_pl_ksef_refresh_moves(self):
        """Which invoices are due, and which documents speak for them, follows from settings."""
        moves = self.env["account.move"].sudo()
        for root in self.sudo().root_id:
            moves |= moves.search(
                [
                    ("company_id", "child_of", root.id),
                    ("move_type", "in", ("out_invoice", "out_refund")),
                    "|",
                    ("l10n_pl_ksef_document_ids", "!=", False),
                    "|",
                    ("l10n_pl_ksef_state", "!=", False),
                    ("invoice_date", ">=", root.l10n_pl_ksef_start_date or fields.Date.today()),
                ]
            )
        moves.modified(["l10n_pl_ksef_document_ids"])

    def _l10n_pl_ksef_offline_signer(self):
        """The key that signs KOD II; call it on a sudo record behind a check.

        :return: ksef.signer.Signer
        :raise UserError: there is no good Offline certificate
        """
        self.ensure_one()
        certificate = self.l10n_pl_ksef_offline_certificate_id
        if not certificate:
            raise UserError(
                self.env._(
                    "%s has no Offline certificate, so KOD II cannot be printed. A KSeF "
                    "administrator generates one under KSeF > Certificates.",
                    self.display_name,
                )
            )
        try:
            return certificate._l10n_pl_ksef_signer("ksef_offline")
        except errors.KsefError as error:
            connection = self.env["l10n_pl_ksef.connection"]._for_company(self)
            raise UserError(connection._explain(error)) from error

    def _l10n_pl_ksef_prepare_connection(self):
        """Give each company the row that its login is set up in; no network is touched."""
        for company in self.filtered("l10n_pl_ksef_environment"):
            if not company.l10n_pl_ksef_start_date:
                company.sudo().l10n_pl_ksef_start_date = self.env[
                    "account.move"
                ]._l10n_pl_ksef_today()
            self.env["l10n_pl_ksef.connection"]._for_company(company, create=True)

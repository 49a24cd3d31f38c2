from datetime import timezone

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..ksef.fa3 import model as fa3
from ..ksef.fa3.schema import SCHEMA_FILES
from ..ksef.fa3.validate import check, check_bytes, validate_xsd
from ..ksef.fa3.writer import write
from .account_move_fa3_draft import Draft


class AccountMove(models.Model):
    _inherit = "account.move"

    def _l10n_pl_ksef_build_fa3(self):
        """The FA(3) file of this invoice as it would be frozen now.

        No side effect. Raises UserError that lists every problem at once.

        :return: bytes, UTF-8
        """
        self.ensure_one()
        xml, problems = self.env["l10n_pl_ksef.fa3"]._build(self)
        if problems:
            lines = "\n".join(f"- {problem.message()}" for problem in problems)
            raise UserError(
                self.env._(
                    "%(number)s cannot go to KSeF yet:\n%(problems)s",
                    number=self.display_name,
                    problems=lines,
                )
            )
        return xml

    def _l10n_pl_ksef_fa3_problems(self):
        """What keeps this invoice out of KSeF: a list of `Problem`, empty when it is sound."""
        self.ensure_one()
        return self.env["l10n_pl_ksef.fa3"]._build(self)[1]


class L10nPlKsefFa3(models.AbstractModel):
    """Builds the FA(3) document of an invoice.

    One method per part of the document, each takes the `Draft` and adds to its problems instead
    of raising. Other modules extend the parts by `_inherit`.
    """

    _name = "l10n_pl_ksef.fa3"
    _description = "FA(3) document of an invoice"

    @api.model
    def _build(self, move):
        """
        :return: (bytes, []) or (None, list of Problem)
        """
        draft = Draft(move)
        self._check_scope(draft)
        self._check_header(draft)
        self._load_rows(draft)
        document = self._document(draft)
        if draft.problems:
            return None, draft.problems
        self._add_findings(draft, check(document))
        if draft.problems:
            return None, draft.problems
        xml = write(document)
        self._add_findings(draft, check_bytes(xml))
        loader = self._schema_loader()
        for message in validate_xsd(xml, loader) if loader else []:
            draft.problem("KS29", move, None, message)
        return (None, draft.problems) if draft.problems else (xml, [])

    @api.model
    def _document(self, draft):
        return fa3.Faktura(
            Naglowek=fa3.TNaglowek(
                DataWytworzeniaFa=fields.Datetime.now().replace(tzinfo=timezone.utc),
                SystemInfo=self._system_info(),
            ),
            Podmiot1=self._seller(draft),
            Podmiot2=self._buyer(draft),
            Fa=self._fa(draft),
            Stopka=self._footer(draft),
        )

    @api.model
    def _system_info(self):
        module = self.env["ir.module.module"].sudo()._get("l10n_pl_ksef")
        return f"Odoo 19 l10n_pl_ksef {module.installed_version or ''}".strip()

    @api.model
    def _schema_loader(self):
        """Function from file name to bytes, or None while the schemas are not loaded."""
        names = [f"l10n_pl_ksef.{name}" for name in SCHEMA_FILES]
        # sudo: the schemas are public; attachments without a record are the administrator's
        found = self.env["ir.attachment"].sudo().search([("name", "in", names)])
        files = {attachment.name: attachment.raw for attachment in found}
        if not all(files.get(name) for name in names):
            return None
        return lambda name: files[f"l10n_pl_ksef.{name}"]

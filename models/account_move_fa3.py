from datetime import timezone

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..ksef.fa3 import model as fa3
from ..ksef.fa3.validate import check, check_bytes
from ..ksef.fa3.writer import write
from .account_move_fa3_draft import Draft

#: Findings about a value that the writer cannot write at all.
_UNWRITABLE = {"kind", "forbidden"}


class AccountMove(models.Model):
    _inherit = "account.move"

    def _l10n_pl_ksef_build_fa3(self):
        """The FA(3) file of this invoice as it would be frozen now.

        No side effect. Raises UserError that lists every problem at once.

        :return: bytes, UTF-8
        """
        self.ensure_one()
        xml, draft = self.env["l10n_pl_ksef.fa3"]._build(self)
        if draft.problems:
            lines = "\n".join(f"- {problem.message()}" for problem in draft.problems)
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
        return self._l10n_pl_ksef_fa3_findings()[0]

    def _l10n_pl_ksef_fa3_findings(self):
        """(what keeps this invoice out of KSeF, what a person should look at): lists of `Problem`.

        Both come of one build: take both where both are needed.
        """
        self.ensure_one()
        draft = self.env["l10n_pl_ksef.fa3"]._build(self)[1]
        return draft.problems, draft.warnings

    def action_l10n_pl_ksef_preview(self):
        """Show the FA(3) file with its problems; nothing is frozen."""
        self.ensure_one()
        return self.env["l10n_pl_ksef.preview"]._open(self)

    def _l10n_pl_ksef_preview(self):
        """(file or None, problems, warnings) of a draft or posted invoice.

        What was frozen is shown as it is, not as it would be made today.
        """
        self.ensure_one()
        # sudo: sellers may not read KSeF documents, but the file of their own invoice
        documents = self.sudo().l10n_pl_ksef_document_ids
        frozen = documents._binding()[:1]
        if frozen:
            return frozen._xml(), [], []
        xml, draft = self.env["l10n_pl_ksef.fa3"]._build(self, preview=True)
        return (
            xml,
            [problem.message() for problem in draft.problems],
            [warning.message() for warning in draft.warnings],
        )


class L10nPlKsefFa3(models.AbstractModel):
    """Builds the FA(3) document of an invoice.

    One method per part of the document, each takes the `Draft` and adds to its problems instead
    of raising. Other modules extend the parts by `_inherit`.
    """

    _name = "l10n_pl_ksef.fa3"
    _description = "FA(3) document of an invoice"

    @api.model
    def _build(self, move, preview=False):
        """
        :param preview: make a file to look at, also from a draft and in spite of problems
        :return: (bytes or None, `Draft` with problems and warnings); without preview no bytes when
            there are problems
        """
        self._prefetch(move)
        draft = self._draft(move)
        draft.preview = preview
        document = self._document(draft)
        findings = []
        if preview or not draft.problems:
            findings = check(document)
            if not draft.problems:
                self._add_findings(draft, findings)
        if draft.problems and not preview:
            return None, draft
        if any(finding.key in _UNWRITABLE for finding in findings):
            return None, draft
        xml = write(document)
        if not draft.problems:
            self._check_file(draft, xml)
        return (None if draft.problems and not preview else xml), draft

    @api.model
    def _check_file(self, draft, xml):
        """What only the written file tells: size, characters, the Ministry's own schema."""
        self._add_findings(draft, check_bytes(xml))
        for message in self.env["l10n_pl_ksef.schemas"]._messages(xml):
            draft.problem("KS29", draft.move, None, message)

    @api.model
    def _draft(self, move):
        """Everything that the parts of the document need to know about the invoice."""
        draft = Draft(move, sign=-1 if move.move_type == "out_refund" else 1)
        self._check_scope(draft)
        self._load_origin(draft)
        draft.kind = self._kind(draft)
        self._check_header(draft)
        if move.commercial_partner_id:
            draft.buyer = self._buyer_identity(draft, move.commercial_partner_id)
        self._load_rows(draft)
        return draft

    @api.model
    def _kind(self, draft):
        """RodzajFaktury"""
        return "VAT"

    @api.model
    def _load_origin(self, draft):
        """What is corrected; only corrections have something here."""

    @api.model
    def _document(self, draft):
        return fa3.Faktura(
            Naglowek=fa3.TNaglowek(
                DataWytworzeniaFa=fields.Datetime.now().replace(tzinfo=timezone.utc),
                SystemInfo=self._system_info(),
            ),
            Podmiot1=self._seller(draft),
            Podmiot2=self._buyer(draft),
            Podmiot3=self._third_parties(draft),
            PodmiotUpowazniony=self._representative(draft),
            Fa=self._fa(draft),
            Stopka=self._footer(draft),
        )

    @api.model
    def _third_parties(self, draft):
        """`Podmiot3` elements."""
        return ()

    @api.model
    def _representative(self, draft):
        """`PodmiotUpowazniony` element or None."""
        return None

    @api.model
    def _fa(self, draft):
        move = draft.move
        totals = self._totals(draft)
        total = self._total(totals)
        if not draft.problems:
            self._check_total(draft, total)
        number, day = move.name or None, move.invoice_date or None
        if draft.preview:
            number = number or move.name_placeholder or "-"
            day = day or move._l10n_pl_ksef_today()
        return fa3.Fa(
            **{
                "KodWaluty": move.currency_id.name,
                "P_1": day,
                "P_1M": self._issue_place(draft),
                "P_2": number,
                "WZ": self._delivery_notes(draft),
                **self._supply(draft),
                **self._shown_totals(draft, totals),
                "P_15": total,
                "Adnotacje": self._annotations(draft, total),
                "RodzajFaktury": draft.kind,
                **self._markers(draft),
                **self._body(draft, total),
                "ZwrotAkcyzy": 1 if self._excise_refund(draft) else None,
                "Rozliczenie": self._settlement(draft, total),
                "Platnosc": self._payment(draft, total),
                "WarunkiTransakcji": self._terms(draft),
            }
        )

    @api.model
    def _shown_totals(self, draft, totals):
        """The totals by rate that the document shows."""
        return totals

    @api.model
    def _markers(self, draft):
        """FP and TP, as keyword arguments of `Fa`."""
        move = draft.move
        return {
            "FP": 1 if move._l10n_pl_ksef_is_receipt_invoice() else None,
            "TP": 1 if move.commercial_partner_id.l10n_pl_links_with_customer else None,
        }

    @api.model
    def _body(self, draft, total):
        """Rows and what belongs to the kind of document, as keyword arguments of `Fa`."""
        rows, descriptions = self._rows(draft)
        return {"FaWiersz": rows, "DodatkowyOpis": descriptions}

    @api.model
    def _system_info(self):
        manifest = self.env["ir.module.module"].get_module_info("l10n_pl_ksef")
        return f"Odoo 19 l10n_pl_ksef {manifest.get('version', '')}".strip()

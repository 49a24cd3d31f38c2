from dataclasses import dataclass, field, replace
from decimal import Decimal

from odoo import api, models

from ..ksef.fa3 import correction
from ..ksef.fa3 import model as fa3
from ..ksef.fa3.lexical import rounded
from ..ksef.fa3.reader import read
from ..ksef.fa3.text import clean
from .account_move_fa3_annotations import SPLIT_PAYMENT_LIMIT


@dataclass
class Origin:
    """What a correction corrects.

    ``snapshot`` is the frozen file of the one corrected invoice, ``corrections`` those of the
    corrections issued since, ``state`` the rows as they stand after them. All of them are empty
    where the original is in another system, or where there are several.
    """

    references: list[fa3.DaneFaKorygowanej] = field(default_factory=list)
    snapshot: fa3.Faktura | None = None
    corrections: list[fa3.Faktura] = field(default_factory=list)
    state: list[fa3.FaWiersz] | None = None
    root: object = None
    method: str = "difference"

    @property
    def latest(self):
        """The file whose parties hold now: that of the last correction, else the original's."""
        return self.corrections[-1] if self.corrections else self.snapshot

    @property
    def kind(self):
        """RodzajFaktury of the correction."""
        corrected = self.snapshot.Fa.RodzajFaktury if self.snapshot else None
        return {"ZAL": "KOR_ZAL", "ROZ": "KOR_ROZ"}.get(corrected, "KOR")


class L10nPlKsefFa3(models.AbstractModel):
    _inherit = "l10n_pl_ksef.fa3"

    # -- what is corrected -----------------------------------------------------------------------

    @api.model
    def _load_origin(self, draft):
        move = draft.move
        if not move.l10n_pl_ksef_is_correction:
            return super()._load_origin(draft)
        origin = draft.origin = Origin()
        external = move.l10n_pl_ksef_external_ids.filtered(lambda d: d.purpose == "corrected")
        roots = move.l10n_pl_ksef_corrected_move_ids.filtered(
            lambda root: root.name not in external.mapped("number")
        )
        if not external and not roots:
            text = self.env._(
                "Choose the invoice that is corrected, or enter its number and date if it is not "
                "in this database."
            )
            draft.problem("KS17", move, "l10n_pl_ksef_corrected_move_ids", text)
        files = []
        for root in roots.sorted(lambda root: (root.invoice_date, root.id)):
            document = self._root_document(draft, root)
            if document:
                files.append(read(document._xml()))
        for document in external:
            origin.references.append(
                self._reference(document.date, document.number, document.ksef_number)
            )
        self._check_same_buyer(draft, files)
        if len(files) == 1 and not external:
            origin.root, origin.snapshot = roots, files[0]
            self._load_state(draft)
        chosen = move.l10n_pl_ksef_correction_method
        origin.method = chosen or ("before_after" if origin.state else "difference")
        return None

    @api.model
    def _root_document(self, draft, root):
        """The accepted document of a corrected invoice; a problem when it has no number yet."""
        # sudo: the corrected invoice may be of a colleague; only its frozen file is read
        document = root.sudo().l10n_pl_ksef_document_ids.filtered(lambda d: d.state == "accepted")
        if not document:
            text = self.env._(
                "%(number)s has no KSeF number yet: send it first. If it was issued outside KSeF, "
                "enter it under the documents outside this database.",
                number=root.display_name,
            )
            draft.problem("KS18", draft.move, "l10n_pl_ksef_corrected_move_ids", text)
            return None
        document = document[0]
        draft.origin.references.append(
            self._reference(document.issue_date, document.invoice_number, document.ksef_number)
        )
        return document

    @api.model
    def _reference(self, day, number, ksef_number):
        known = {"NrKSeF": 1, "NrKSeFFaKorygowanej": ksef_number}
        return fa3.DaneFaKorygowanej(
            DataWystFaKorygowanej=day,
            NrFaKorygowanej=clean(number),
            **(known if ksef_number else {"NrKSeFN": 1}),
        )

    @api.model
    def _check_same_buyer(self, draft, files):
        """Invoices corrected together have one buyer and one currency, also the correction's."""
        currency = draft.move.currency_id.name
        buyers = {replace(file.Podmiot2.DaneIdentyfikacyjne, Nazwa=None) for file in files}
        if len(buyers) > 1 or any(file.Fa.KodWaluty != currency for file in files):
            text = self.env._("The corrected invoices must have the same buyer and currency.")
            draft.problem("KS20", draft.move, "l10n_pl_ksef_corrected_move_ids", text)

    @api.model
    def _load_state(self, draft):
        origin = draft.origin
        origin.corrections, origin.state = self._issued(origin.root, origin.snapshot, draft.move)

    @api.model
    def _issued(self, root, snapshot, move=None):
        """(corrections of the invoice issued before this move, rows after them or None)."""
        # sudo: corrections of colleagues count; only their frozen files are read
        others = (
            self.env["account.move"]
            .sudo()
            .search(
                [
                    ("l10n_pl_ksef_corrected_move_ids", "in", root.ids),
                    ("id", "!=", move.id if move else False),
                    ("state", "=", "posted"),
                ]
            )
        )
        documents = others.l10n_pl_ksef_document_ids._binding()
        corrections, state = [], list(snapshot.Fa.FaWiersz)
        for document in documents.sorted(lambda d: (d.issue_date, d.move_id.id)):
            issued = read(document._xml())
            corrections.append(issued)
            if state is not None:
                state = correction.apply(state, issued)
        return corrections, state

    @api.model
    def _original_and_current(self, root):
        """Rows of an invoice by UU_ID: as frozen, and after the corrections issued since.

        Empty where the invoice was not frozen here.
        """
        documents = root.sudo().l10n_pl_ksef_document_ids.filtered(lambda d: d.state == "accepted")
        if not documents:
            return {}, {}
        snapshot = read(documents[0]._xml())
        _corrections, state = self._issued(root, snapshot)
        original = {row.UU_ID: row for row in snapshot.Fa.FaWiersz}
        return original, {row.UU_ID: row for row in state or () if row.UU_ID in original}

    # -- rows ------------------------------------------------------------------------------------

    @api.model
    def _body(self, draft, total):
        if not draft.origin:
            return super()._body(draft, total)
        move, origin = draft.move, draft.origin
        rows, descriptions = self._rows(draft)
        rows = self._correction_rows(draft, rows, total)
        corrected_number = clean(move.l10n_pl_ksef_corrected_number)
        reason = self._fit(draft, move, "l10n_pl_ksef_correction_reason", 256)
        if not reason and move.company_id.l10n_pl_ksef_reason_required:
            text = self.env._("Enter the reason of the correction.")
            draft.problem("KS17", move, "l10n_pl_ksef_correction_reason", text)
        collective = origin.method == "collective"
        return {
            "PrzyczynaKorekty": reason,
            "TypKorekty": self._correction_type(draft),
            "DaneFaKorygowanej": tuple(origin.references),
            "OkresFaKorygowanej": self._fit(draft, move, "l10n_pl_ksef_correction_period", 256)
            if collective
            else None,
            "NrFaKorygowany": corrected_number,
            **self._parties_before(draft),
            "DodatkowyOpis": tuple(replace(item, NrWiersza=None) for item in descriptions),
            "FaWiersz": rows,
        }

    @api.model
    def _correction_rows(self, draft, rows, total):
        """The rows in the way that the correction's method shows them."""
        origin, move = draft.origin, draft.move
        if origin.method == "data":
            if total:
                text = self.env._("A correction of data only must have the amount 0.")
                draft.problem("KS28", move, "l10n_pl_ksef_correction_method", text)
            return ()
        if origin.method == "collective":
            if not move.l10n_pl_ksef_correction_period:
                text = self.env._("Enter the period that the collective discount is for.")
                draft.problem("KS17", move, "l10n_pl_ksef_correction_period", text)
            return ()
        kept = [row for row in draft.rows if row.category]
        lines = [correction.Line(row, kept[index].vat) for index, row in enumerate(rows)]
        draft.lines = {row.UU_ID: kept[index].line for index, row in enumerate(rows)}
        state = origin.state or []
        if origin.method == "before_after" and state:
            outcome = correction.before_and_after(state, lines, draft.sign)
            self._report_outcome(draft, outcome)
            if outcome.rows is not None:
                return tuple(outcome.rows)
            text = self.env._(
                "The lines cannot be told before and after; the correction shows the difference."
            )
            draft.warning("KS31", move, "l10n_pl_ksef_correction_method", text)
        by_price = origin.method == "difference_price"
        return tuple(correction.differences(state, lines, draft.sign, by_price))

    @api.model
    def _report_outcome(self, draft, outcome):
        for row in outcome.overdrawn:
            text = self.env._(
                "You are correcting more than was left after earlier corrections (left: "
                "%(quantity)s for %(amount)s).",
                quantity=row.P_8B,
                amount=row.P_11A if row.P_11 is None else row.P_11,
            )
            draft.problem("KS19", draft.lines[row.UU_ID], "quantity", text)
        for row in outcome.lumped:
            text = self.env._(
                "Another price than before: told as a lower price of the whole quantity. If goods "
                "came back, use the original price."
            )
            draft.warning("KS31", draft.lines[row.UU_ID], "price_unit", text)

    # -- what the corrected invoice says ---------------------------------------------------------

    @api.model
    def _kind(self, draft):
        return draft.origin.kind if draft.origin else super()._kind(draft)

    @api.model
    def _load_rate(self, draft):
        result = super()._load_rate(draft)
        origin = draft.origin
        if not origin or not origin.snapshot or not draft.rate:
            return result
        fa = origin.snapshot.Fa
        told = {row.KursWaluty for row in fa.FaWiersz} | {fa.KursWalutyZ}
        told.discard(None)
        if told and draft.rate not in told:
            text = self.env._(
                "A correction is booked at the rate of the corrected invoice, %(rate)s, not at "
                "%(own)s.",
                rate=min(told),
                own=draft.rate,
            )
            draft.problem("KS24", draft.move, "invoice_currency_rate", text)
        return result

    @api.model
    def _supply(self, draft):
        snapshot = draft.origin and draft.origin.snapshot
        if not snapshot:
            return super()._supply(draft)
        return {"P_6": snapshot.Fa.P_6, "OkresFa": snapshot.Fa.OkresFa}

    @api.model
    def _line_dates(self, draft):
        return {} if draft.origin else super()._line_dates(draft)

    @api.model
    def _markers(self, draft):
        snapshot = draft.origin and draft.origin.snapshot
        if not snapshot:
            return super()._markers(draft)
        return {"FP": snapshot.Fa.FP, "TP": snapshot.Fa.TP}

    @api.model
    def _repeated_annotations(self, draft, total):
        """Those of the corrected invoice, unless the correction brings another VAT rate."""
        snapshot = draft.origin and draft.origin.snapshot
        if not snapshot:
            return super()._repeated_annotations(draft, total)
        rates = {row.P_12 for row in snapshot.Fa.FaWiersz}
        own = {row.kind.rate for row in draft.all_rows if row.category}
        if rates and not own <= rates:
            return None
        self._check_split_payment(draft, snapshot.Fa, total)
        return snapshot.Fa.Adnotacje

    @api.model
    def _check_split_payment(self, draft, corrected, total):
        """A hint when the corrected amount lies on the other side of the threshold."""
        amount = (self._paid_before(draft) + total) * (draft.rate or 1)
        above = rounded(amount, 2) > SPLIT_PAYMENT_LIMIT
        annexed = any(row.P_12_Zal_15 for row in corrected.FaWiersz)
        if annexed and above != (corrected.Adnotacje.P_18A == 1):
            text = self.env._(
                "After the correction the amount is on the other side of the 15 000 PLN of split "
                "payment; the annotation stays that of the corrected invoice."
            )
            draft.warning("KS31", draft.move, "l10n_pl_ksef_split_payment", text)

    @api.model
    def _correction_type(self, draft):
        """TypKorekty: 1 in the VAT period of the original or upwards (an error), else 2."""
        move, root = draft.move, draft.origin.root
        if move.l10n_pl_ksef_correction_type:
            return int(move.l10n_pl_ksef_correction_type)
        if draft.sign > 0:
            return 1
        if not root:
            return 2
        days = [document.taxable_supply_date or document.date for document in (move, root)]
        periods = {(day.year, day.month) for day in days if day}
        return 1 if len(periods) == 1 else 2

    @api.model
    def _paid_before(self, draft):
        """P_15 of the original and of the corrections since (P_15ZK)."""
        files = [draft.origin.snapshot, *draft.origin.corrections]
        return sum((file.Fa.P_15 for file in files), Decimal(0))

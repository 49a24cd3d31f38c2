from odoo import api, models

from ..ksef.fa3.text import clean, cut, utf16_length


class L10nPlKsefFa3(models.AbstractModel):
    """Texts that have to fit an element: what is cut off is told, never lost silently."""

    _inherit = "l10n_pl_ksef.fa3"

    @api.model
    def _fit(self, draft, record, field_name, limit, text=None):
        """The clean text of a field in at most `limit` characters, or None when there is none.

        :param text: what is written instead of the field's own value, where it is made of several
        """
        head, lost = cut(clean(record[field_name] if text is None else text) or "", limit)
        if lost:
            self._tell_lost(draft, record, field_name, lost)
        return head or None

    @api.model
    def _first(self, draft, field_name, items, limit):
        """As many of the invoice's items as the schema takes; that there are more is told."""
        items = tuple(items)
        if len(items) > limit:
            message = self.env._(
                "KSeF takes %(limit)s of these, there are %(count)s: the last ones are left out.",
                limit=limit,
                count=len(items),
            )
            draft.warning("KS31", draft.move, field_name, message)
        return items[:limit]

    @api.model
    def _tell_lost(self, draft, record, field_name, lost):
        message = self.env._(
            "Too long for KSeF: the last %(count)s characters are left out (“%(text)s…”).",
            count=utf16_length(lost),
            text=lost[:40],
        )
        draft.warning("KS31", record, field_name, message)

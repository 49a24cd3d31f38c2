"""Technical correction of an offline document that KSeF rejected while its print is out."""

import re
import unicodedata

from lxml import etree

from odoo import Command, models
from odoo.exceptions import UserError

# What makes the invoice another one; a technical correction may not touch it.
CONTENT = re.compile(
    r"(P_1|P_2|P_6|P_6A|P_8B|P_9A|P_9B|P_10|P_11\w*|P_12\w*|P_13\w*|P_14\w*|P_15|P_15ZK|KodWaluty"
    r"|RodzajFaktury|NIP|NrVatUE|KodUE|NrID|BrakID|StawkaPodatku|TypKorekty|NrKSeFFaKorygowanej)"
)
# Names may lose a character that KSeF does not take, but not become other names.
NAMES = ("Nazwa", "P_7", "PelnaNazwa", "ImiePierwsze", "Nazwisko")
# What differs in every file.
PASSING = ("DataWytworzeniaFa", "SystemInfo")


class L10nPlKsefDocument(models.Model):
    _inherit = "l10n_pl_ksef.document"

    def action_technical_correction(self):
        """Show what the invoice as it is now would change in this rejected file.

        :raise UserError: it may not be corrected so, or the invoice cannot be built
        """
        self.ensure_one()
        self._check_technical()
        changes = self._technical_changes()
        wizard = self.env["l10n_pl_ksef.technical.wizard"].create(
            {
                "document_id": self.id,
                "line_ids": [Command.create(change) for change in changes],
            }
        )
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Technical correction"),
            "res_model": wizard._name,
            "res_id": wizard.id,
            "view_mode": "form",
            "target": "new",
        }

    def _check_technical(self):
        self.move_id.check_access("write")
        move = self.move_id
        if (
            self.state != "rejected"
            or not self.issued_offline
            or move.state != "posted"
            or move.sudo().l10n_pl_ksef_document_ids._binding()
        ):
            raise self._not_technical()

    def _not_technical(self):
        return UserError(
            self.env._(
                "Only a rejected document that was issued offline can be corrected technically, "
                "and only once at a time."
            )
        )

    def _technical_changes(self):
        """What differs between this file and the invoice as it is now, see `_changes`.

        :raise UserError: the invoice cannot be built
        """
        return _changes(self.sudo()._xml(), self.move_id._l10n_pl_ksef_build_fa3())

    def _correct_technically(self):
        """Freeze the invoice anew as the technical correction of this rejected document.

        Same content, in an interactive session, with `hashOfCorrectedInvoice`: the code on the
        print that is out then leads to the new file (spec offline, section 9). One at a time.

        :return: the new document
        :raise UserError: the content differs, or the invoice cannot be built
        """
        self.ensure_one()
        self._check_technical()
        rejected = self.sudo()._lock("rejected")
        if not rejected:
            raise self._not_technical()
        move = self.move_id
        with self.env.cr.savepoint():
            fresh = move._l10n_pl_ksef_new_document()
            changes = _changes(rejected._xml(), fresh._xml())
            content = [_line(change) for change in changes if change["content"]]
            if content:
                raise UserError(
                    self.env._(
                        "A technical correction keeps the content of the invoice; these "
                        "differ:\n%s",
                        "\n".join(content),
                    )
                )
            fresh.write(
                {
                    "issued_offline": True,
                    "issued_offline_at": rejected.issued_offline_at,
                    "legal_mode": rejected.legal_mode,
                    # the hash that the buyer holds, also in a chain of corrections
                    "corrects_sha256": rejected.corrects_sha256 or rejected.xml_sha256,
                    "qr_certificate_url": fresh._sign_offline(),
                    "deadline": rejected.deadline,
                    "deadline_status": rejected.deadline_status,
                }
            )
        move.message_post(
            body=self.env._(
                "Technical correction is on its way to KSeF. Changed: %s.",
                "; ".join(map(_line, changes)) or "-",
            )
        )
        self._trigger("ir_cron_flush")
        return fresh


def _line(change):
    return f"{change['path']}: {change['before']} → {change['after']}"


def _changes(old, new):
    """What differs between two files, but for their time and program.

    :return: list of {'path', 'before', 'after', 'content'}: elements by their place, those of the
        new file in its order, then those that it lacks; `content` tells what makes another invoice
    """
    before, after = _leaves(old), _leaves(new)
    changes = []
    for path in dict.fromkeys([*after, *before]):
        one, other = before.get(path), after.get(path)
        name = re.sub(r"\[\d+\]$", "", path.rpartition("/")[2])
        if one == other or name in PASSING:
            continue
        content = CONTENT.fullmatch(name) or (name in NAMES and _bare(one) != _bare(other))
        changes.append(
            {"path": path, "before": one or "", "after": other or "", "content": bool(content)}
        )
    return changes


def _bare(text):
    """A text without what is only its form: spaces, invisible and compatibility characters."""
    plain = unicodedata.normalize("NFKC", text or "")
    return "".join(char for char in plain if char.isprintable() and not char.isspace())


def _leaves(xml):
    """{path: text} of every element without children, in document order."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    root = etree.fromstring(xml, parser)
    tree = root.getroottree()
    return {
        re.sub(r"\{[^}]*\}", "", tree.getelementpath(element)): (element.text or "").strip()
        for element in root.iter(etree.Element)
        if not len(element)
    }

"""Technical correction of an offline document that KSeF rejected while its print is out."""

import re
from itertools import zip_longest

from lxml import etree

from odoo import models
from odoo.exceptions import UserError

# What makes the invoice another one; a technical correction may not touch it.
CONTENT = re.compile(
    r"(P_1|P_2|P_6|P_6A|P_8B|P_9A|P_9B|P_10|P_11\w*|P_12\w*|P_13\w*|P_14\w*|P_15|P_15ZK|KodWaluty"
    r"|RodzajFaktury|NIP|NrVatUE|KodUE|NrID|BrakID|StawkaPodatku|TypKorekty|NrKSeFFaKorygowanej)"
)
# What differs in every file.
PASSING = ("DataWytworzeniaFa", "SystemInfo")


class L10nPlKsefDocument(models.Model):
    _inherit = "l10n_pl_ksef.document"

    def action_technical_correction(self):
        """Freeze the invoice anew as the technical correction of this rejected document.

        Same content, in an interactive session, with `hashOfCorrectedInvoice`: the code on the
        print that is out then leads to the new file (spec offline, section 9). One at a time.

        :raise UserError: the content differs, or the invoice cannot be built
        """
        self.ensure_one()
        self.move_id.check_access("write")
        rejected = self.sudo()._lock("rejected").filtered("issued_offline")
        move = self.move_id
        if (
            not rejected
            or move.state != "posted"
            or move.sudo().l10n_pl_ksef_document_ids._binding()
        ):
            raise UserError(
                self.env._(
                    "Only a rejected document that was issued offline can be corrected "
                    "technically, and only once at a time."
                )
            )
        with self.env.cr.savepoint():
            fresh = move._l10n_pl_ksef_new_document()
            differences = _differences(rejected._xml(), fresh._xml())
            changed = [text for name, text in differences if CONTENT.fullmatch(name)]
            if changed:
                raise UserError(
                    self.env._(
                        "A technical correction keeps the content of the invoice; these "
                        "differ:\n%s",
                        "\n".join(changed),
                    )
                )
            fresh.write(
                {
                    "issued_offline": True,
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
                "; ".join(text for _name, text in differences) or "-",
            )
        )
        self._trigger("ir_cron_flush")
        return self._notify(self.env._("Technical correction queued; it is sent within a minute."))


def _differences(old, new):
    """(element, 'path: old → new') for each element that differs, but for time and program."""
    pairs = zip_longest(_leaves(old), _leaves(new), fillvalue=("", "", ""))
    found = []
    for (old_path, old_name, old_text), (path, name, text) in pairs:
        if (old_path, old_text) != (path, text) and name not in PASSING:
            found.append((name or old_name, f"{path or old_path}: {old_text} → {text}"))
    return found


def _leaves(xml):
    """(path, element, text) of every element without children, in document order."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    root = etree.fromstring(xml, parser)
    tree = root.getroottree()
    for element in root.iter(etree.Element):
        if not len(element):
            path = re.sub(r"\*\[?\d*\]?/?|\{[^}]*\}", "", tree.getelementpath(element))
            yield path, etree.QName(element).localname, (element.text or "").strip()

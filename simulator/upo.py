"""UPO v4-3: the confirmation of receipt, built once per answer and always the same bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxml import etree

from .clock import WARSAW
from .store import Invoice, Session

if TYPE_CHECKING:
    from .app import Simulator

NAMESPACE = "http://upo.schematy.mf.gov.pl/KSeF/v4-3"
_N = f"{{{NAMESPACE}}}"
_RECEIVER = "Ministerstwo Finansów"
_CONTEXT = {
    "Nip": "Nip",
    "InternalId": "IdWewnetrzny",
    "NipVatUe": "IdZlozonyVatUE",
    "PeppolId": "IdDostawcyUslugPeppol",
}


def confirmation(
    sim: Simulator, session: Session, invoices: list[Invoice], *, paged: bool = False
) -> bytes:
    """The UPO of accepted ``invoices``; ``paged`` adds the description of a session's page.

    Outside production the receiver's name carries a suffix, so the file fails the strict schema,
    exactly as the Ministry's own does.
    """
    root = etree.Element(f"{_N}Potwierdzenie", nsmap={None: NAMESPACE})
    _add(root, "NazwaPodmiotuPrzyjmujacego", _RECEIVER + sim.profile.upo_suffix)
    _add(root, "NumerReferencyjnySesji", session.reference)
    proof = etree.SubElement(root, f"{_N}Uwierzytelnienie")
    context = etree.SubElement(proof, f"{_N}IdKontekstu")
    _add(context, _CONTEXT[session.context.kind], session.context.value)
    if session.operation.token_reference:
        _add(proof, "NumerReferencyjnyTokenaKSeF", session.operation.token_reference)
    else:
        _add(proof, "SkrotDokumentuUwierzytelniajacego", session.operation.proof_hash or "")
    if paged:
        page = etree.SubElement(root, f"{_N}OpisPotwierdzenia")
        _add(page, "Strona", "1")
        _add(page, "LiczbaStron", "1")
        _add(page, "ZakresDokumentowOd", "1")
        _add(page, "ZakresDokumentowDo", str(len(invoices)))
        _add(page, "CalkowitaLiczbaDokumentow", str(len(invoices)))
    _add(root, "NazwaStrukturyLogicznej", "Schemat_FA(3)_v1-0E.xsd")
    _add(root, "KodFormularza", session.form[0])
    for invoice in invoices:
        entry = etree.SubElement(root, f"{_N}Dokument")
        _add(entry, "NipSprzedawcy", invoice.seller_nip or "")
        _add(entry, "NumerKSeFDokumentu", invoice.ksef_number or "")
        _add(entry, "NumerFaktury", invoice.number or "")
        _add(entry, "DataWystawieniaFaktury", invoice.issue_date or "")
        sent, numbered = invoice.invoicing_date, invoice.acquired_at or invoice.invoicing_date
        _add(entry, "DataPrzeslaniaDokumentu", _local(sent))
        _add(entry, "DataNadaniaNumeruKSeF", _local(numbered))
        _add(entry, "SkrotDokumentu", invoice.invoice_hash)
        _add(entry, "TrybWysylki", invoice.mode or "")
    return etree.tostring(root, encoding="utf-8", xml_declaration=True, pretty_print=True)


def _local(moment: object) -> str:
    return moment.astimezone(WARSAW).isoformat(timespec="milliseconds")  # type: ignore[attr-defined]


def _add(parent: etree._Element, name: str, text: str) -> None:
    etree.SubElement(parent, f"{_N}{name}").text = text

"""UPO v4-3: the confirmation of receipt, always the same bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxml import etree

from .clock import WARSAW
from .store import Invoice, Session
from .upo_signature import finished

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


def page(sim: Simulator, session: Session, index: int) -> bytes:
    """Page ``index`` (from 0) of the UPO of all accepted invoices of ``session``."""
    good = [item for item in session.invoices if item.code == 200]
    start = index * sim.upo_page_size
    shown = good[start : start + sim.upo_page_size]
    facts = {
        "Strona": index + 1,
        "LiczbaStron": len(session.upo_references),
        "ZakresDokumentowOd": start + 1,
        # called exclusive by the schema, but the Ministry's own samples say 1-2 for two documents
        "ZakresDokumentowDo": start + len(shown),
        "CalkowitaLiczbaDokumentow": len(good),
    }
    name = session.upo_references[index]
    return finished(sim, name, _confirmation(sim, session, shown, facts))


def of_invoice(sim: Simulator, invoice: Invoice) -> bytes:
    """The UPO of one accepted invoice."""
    document = _confirmation(sim, invoice.session, [invoice])
    return finished(sim, invoice.reference, document)


def _confirmation(
    sim: Simulator,
    session: Session,
    invoices: list[Invoice],
    description: dict[str, int] | None = None,
) -> bytes:
    """The UPO of accepted ``invoices``; ``description`` is for a page of a session's UPO.

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
    if description:
        element = etree.SubElement(root, f"{_N}OpisPotwierdzenia")
        for name, value in description.items():
            _add(element, name, str(value))
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

"""Reading the official confirmation of receipt (UPO).

Any version of the namespace is read, with or without the Ministry's signature. Nothing here
verifies that signature: the Ministry does not publish its certificates.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from lxml import etree

from .errors import ProtocolError
from .types import parse_datetime

_ROOT = "Potwierdzenie"


@dataclass(frozen=True)
class UpoDocument:
    """One confirmed document. ``sha256`` is base64, ``mode`` Online or Offline."""

    seller_nip: str
    ksef_number: str
    invoice_number: str
    issue_date: date
    sent_at: datetime
    numbered_at: datetime
    sha256: str
    mode: str


@dataclass(frozen=True)
class Upo:
    """A confirmation: for one document or for a page of a session."""

    receiver: str
    session_reference: str
    documents: tuple[UpoDocument, ...]


def parse_upo(content: bytes) -> Upo:
    """Read a confirmation. Raises ProtocolError if it is none."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False
    )
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise ProtocolError("The confirmation from KSeF is not XML") from None
    if root.getroottree().docinfo.doctype:
        raise ProtocolError("The confirmation from KSeF has a document type declaration")
    name = etree.QName(root)
    if name.localname != _ROOT:
        raise ProtocolError("This is not a confirmation from KSeF")
    documents = root.findall(_tag(root, "Dokument"))
    if not documents:
        raise ProtocolError("The confirmation from KSeF names no document")
    try:
        return Upo(
            receiver=_text(root, "NazwaPodmiotuPrzyjmujacego"),
            session_reference=_text(root, "NumerReferencyjnySesji"),
            documents=tuple(_document(element) for element in documents),
        )
    except ValueError as error:
        raise ProtocolError("The confirmation from KSeF has an unreadable date") from error


def _tag(element: etree._Element, name: str) -> str:
    namespace = etree.QName(element).namespace
    return f"{{{namespace}}}{name}" if namespace else name


def _text(parent: etree._Element, name: str) -> str:
    value = (parent.findtext(_tag(parent, name)) or "").strip()
    if not value:
        raise ProtocolError(f"The confirmation from KSeF has no {name}")
    return value


def _document(element: etree._Element) -> UpoDocument:
    return UpoDocument(
        seller_nip=_text(element, "NipSprzedawcy"),
        ksef_number=_text(element, "NumerKSeFDokumentu"),
        invoice_number=_text(element, "NumerFaktury"),
        issue_date=date.fromisoformat(_text(element, "DataWystawieniaFaktury")[:10]),
        sent_at=parse_datetime(_text(element, "DataPrzeslaniaDokumentu")),
        numbered_at=parse_datetime(_text(element, "DataNadaniaNumeruKSeF")),
        sha256=_text(element, "SkrotDokumentu"),
        mode=_text(element, "TrybWysylki"),
    )

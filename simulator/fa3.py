"""What KSeF checks about the file itself: encoding, characters, schema, identifiers, dates."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from lxml import etree

from . import oddities
from .clock import warsaw_date
from .numbers import internal_id_checksum_ok, nip_checksum_ok

NAMESPACE = "http://crd.gov.pl/wzor/2025/06/25/13775/"
SCHEMA_FILE = "schemat_FA(3)_v1-0E.xsd"
_N = f"{{{NAMESPACE}}}"
_PROLOG = re.compile(rb"^<\?xml\s[^>]*?encoding\s*=\s*[\"']([^\"']+)[\"']", re.ASCII)


class Rejected(Exception):
    """The invoice ends with status ``code``; ``details`` tell why."""

    def __init__(self, code: int, *details: str) -> None:
        super().__init__(code)
        self.code = code
        self.details = list(details)


@dataclass(frozen=True)
class Facts:
    """What the pipeline needs to know of an invoice that passed :func:`check_file`."""

    root: etree._Element
    seller_nip: str
    kind: str
    number: str
    issue_date: str
    #: what production warns of, as codes
    odd: tuple[str, ...] = ()

    @property
    def has_attachment(self) -> bool:
        return self.root.find(f"{_N}Zalacznik") is not None

    def text(self, path: str) -> str | None:
        """Text at ``path``, given without namespace, e.g. ``Fa/P_15``."""
        return self.root.findtext("/".join(_N + step for step in path.split("/")))

    def third_parties(self) -> set[tuple[str | None, str | None]]:
        """NIP and role (a number in the schema) of each Podmiot3."""
        return {
            (
                party.findtext(f"{_N}DaneIdentyfikacyjne/{_N}NIP"),
                party.findtext(f"{_N}Rola"),
            )
            for party in self.root.iterfind(f"{_N}Podmiot3")
        }


class _LocalFiles(etree.Resolver):
    """Resolves imports by file name inside one folder; nothing is ever fetched."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def resolve(self, url: str, _public_id: object, context: object) -> object:
        path = self._folder / url.rpartition("/")[2]
        return self.resolve_filename(str(path), context) if path.is_file() else None


def load_schema(folder: Path) -> etree.XMLSchema:
    """The FA(3) schema in ``folder`` with the base types beside it; raises OSError or LxmlError."""
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(_LocalFiles(folder))
    return etree.XMLSchema(etree.parse(str(folder / SCHEMA_FILE), parser))


def check_file(
    xml: bytes,
    schema: etree.XMLSchema | None,
    *,
    strict_characters: bool,
    sizes: tuple[int, int] | None = None,
) -> Facts:
    """Parse and validate; raises :class:`Rejected` (430).

    Without a schema only the structure that the simulator itself needs is demanded. ``sizes``: the
    most bytes without and with an attachment, None to ask no more.
    """
    if xml.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise Rejected(430, "Plik zawiera znacznik BOM.")
    prolog = _PROLOG.match(xml)
    if prolog and prolog[1].upper() != b"UTF-8":
        raise Rejected(430, "Kodowanie w prologu musi być UTF-8.")
    try:
        text = xml.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Rejected(430, "Plik nie jest zakodowany w UTF-8.") from error
    root = _parse(xml)
    tree = root.getroottree()
    if tree.docinfo.internalDTD is not None or tree.docinfo.doctype:
        raise Rejected(430, "Plik zawiera DTD.")
    odd = oddities.find(text, root)
    if strict_characters and odd:
        raise Rejected(430, *map(oddities.refusal, odd))
    attachment = root.find(f"{_N}Zalacznik") is not None
    if sizes is not None and len(xml) > sizes[attachment]:
        raise Rejected(430, "Przekroczono dozwolony rozmiar pliku faktury.")
    if schema is not None and not schema.validate(root):
        raise Rejected(430, *[f"{item.line}: {item.message}" for item in schema.error_log][:10])
    return _facts(root, odd)


def _parse(xml: bytes) -> etree._Element:
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        return etree.fromstring(xml, parser)
    except etree.XMLSyntaxError as error:
        raise Rejected(430, str(error)) from error


def _facts(root: etree._Element, odd: tuple[str, ...]) -> Facts:
    form = root.find(f"{_N}Naglowek/{_N}KodFormularza")
    attributes = dict(form.attrib) if form is not None else {}
    if (
        root.tag != f"{_N}Faktura"
        or form is None
        or form.text != "FA"
        or attributes != {"kodSystemowy": "FA (3)", "wersjaSchemy": "1-0E"}
    ):
        raise Rejected(430, "Dokument nie jest fakturą FA (3) 1-0E.")
    paths = {
        "seller_nip": f"{_N}Podmiot1/{_N}DaneIdentyfikacyjne/{_N}NIP",
        "kind": f"{_N}Fa/{_N}RodzajFaktury",
        "number": f"{_N}Fa/{_N}P_2",
        "issue_date": f"{_N}Fa/{_N}P_1",
    }
    values = {name: root.findtext(path) for name, path in paths.items()}
    missing = [name for name, value in values.items() if not value]
    if missing:
        raise Rejected(430, f"Brak wymaganych elementów: {', '.join(missing)}.")
    return Facts(root, **{name: value or "" for name, value in values.items()}, odd=odd)


def check_semantics(facts: Facts, invoicing_date: datetime, *, identifiers: bool) -> None:
    """Date of issue not after the day of acceptance in Poland; NIP checksums; raises 450."""
    try:
        issued = date.fromisoformat(facts.issue_date)
    except ValueError as error:
        raise Rejected(430, "P_1 nie jest datą.") from error
    if issued > warsaw_date(invoicing_date):
        raise Rejected(450, "Data wystawienia (P_1) jest późniejsza niż data przyjęcia faktury.")
    if not identifiers:
        return
    for element in facts.root.iter(f"{_N}NIP"):
        if not nip_checksum_ok(element.text or ""):
            raise Rejected(450, f"Nieprawidłowa suma kontrolna NIP: {element.text}")
    for element in facts.root.iter(f"{_N}IDWew"):
        value = element.text or ""
        if not (internal_id_checksum_ok(value) and nip_checksum_ok(value[:10])):
            raise Rejected(450, f"Nieprawidłowa suma kontrolna identyfikatora: {element.text}")

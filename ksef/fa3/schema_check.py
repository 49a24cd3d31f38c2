"""Checks files that somebody wants to use as the Ministry's schemas, before they are kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timezone
from decimal import Decimal

from lxml import etree

from . import model
from .schema import SCHEMA_FILES, SchemaError, file_of, safe_parser, validate_xsd
from .writer import NAMESPACE, write

_BASE = "http://crd.gov.pl/xml/schematy/dziedzinowe/mf/2022/01/05/eD/DefinicjeTypy/"
_XSD = "http://www.w3.org/2001/XMLSchema"

#: Where the Ministry publishes each file; the schema's own imports name the same folder.
ADDRESSES = {
    SCHEMA_FILES[0]: f"{NAMESPACE.replace('http:', 'https:')}schemat.xsd",
    **{name: f"{_BASE.replace('http:', 'https:')}{name}" for name in SCHEMA_FILES[1:]},
}

#: Names under which people have the files.
ALIASES = {
    **{name: name for name in SCHEMA_FILES},
    file_of(ADDRESSES[SCHEMA_FILES[0]]): SCHEMA_FILES[0],
}

#: Bytes of one file; the largest official one has about 190 000.
MAX_BYTES = 2_000_000


def check_schemas(files: Mapping[str, bytes]) -> None:
    """Raise SchemaError unless the four files are, together, a schema of FA(3).

    Each must be a plain XSD file of its namespace that leads to none but the four; together they
    must accept a known invoice and refuse a wrong one.
    """
    known = {name: files.get(name, b"") for name in SCHEMA_FILES}
    for name, content in known.items():
        _check_file(name, content)
    sample = write(_sample())
    main = SCHEMA_FILES[0]
    messages = validate_xsd(sample, known.__getitem__)
    if messages:
        raise SchemaError(main, "sample", messages[0])
    if not validate_xsd(sample.replace(b"<P_12>23<", b"<P_12>-<"), known.__getitem__):
        raise SchemaError(main, "sample")


def _check_file(name: str, content: bytes) -> None:
    if not content:
        raise SchemaError(name, "missing")
    if len(content) > MAX_BYTES:
        raise SchemaError(name, "large")
    if b"<!DOCTYPE" in content:  # before any of it is read
        raise SchemaError(name, "dtd")
    try:
        root = etree.fromstring(content, safe_parser())
    except etree.XMLSyntaxError as error:
        raise SchemaError(name, "xml", str(error)) from None
    if root.getroottree().docinfo.doctype:  # one in another encoding
        raise SchemaError(name, "dtd")
    namespace = NAMESPACE if name == SCHEMA_FILES[0] else _BASE
    if root.tag != f"{{{_XSD}}}schema" or root.get("targetNamespace") != namespace:
        raise SchemaError(name, "kind", namespace)
    for node in root.iterchildren(
        *(f"{{{_XSD}}}{tag}" for tag in ("import", "include", "redefine"))
    ):
        location = node.get("schemaLocation")
        if file_of(location or "") not in SCHEMA_FILES:
            raise SchemaError(name, "reference", location or node.get("namespace", ""))


def _sample() -> model.Faktura:
    """The smallest usual invoice: 100.00 at 23 %, of which a schema must know all parts."""
    address = model.TAdres(KodKraju="PL", AdresL1="ul. Prosta 1")
    return model.Faktura(
        Naglowek=model.TNaglowek(DataWytworzeniaFa=datetime(2026, 2, 1, tzinfo=timezone.utc)),
        Podmiot1=model.Podmiot1(
            DaneIdentyfikacyjne=model.TPodmiot1(NIP="1111111111", Nazwa="A"), Adres=address
        ),
        Podmiot2=model.Podmiot2(
            DaneIdentyfikacyjne=model.TPodmiot2(NIP="2222222222", Nazwa="B"),
            Adres=address,
            JST=2,
            GV=2,
        ),
        Fa=model.Fa(
            KodWaluty="PLN",
            P_1=date(2026, 2, 1),
            P_2="1",
            P_13_1=Decimal(100),
            P_14_1=Decimal(23),
            P_15=Decimal(123),
            Adnotacje=model.Adnotacje(
                P_16=2,
                P_17=2,
                P_18=2,
                P_18A=2,
                Zwolnienie=model.Zwolnienie(P_19N=1),
                NoweSrodkiTransportu=model.NoweSrodkiTransportu(P_22N=1),
                P_23=2,
                PMarzy=model.PMarzy(P_PMarzyN=1),
            ),
            RodzajFaktury="VAT",
            FaWiersz=(model.FaWiersz(NrWierszaFa=1, P_7="A", P_11=Decimal(100), P_12="23"),),
        ),
    )

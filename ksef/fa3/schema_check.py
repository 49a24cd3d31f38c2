"""Checks files that somebody wants to use as the Ministry's schemas, before they are kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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


def check_schemas(files: Mapping[str, bytes]) -> list[SchemaError]:
    """What is wrong with four files that are to be a schema of FA(3); empty when they are one.

    Each must be a plain XSD file of its namespace that leads to none but the four; together they
    must accept a known invoice and refuse a wrong one.
    """
    known = {name: files.get(name, b"") for name in SCHEMA_FILES}
    faults = [fault for name, content in known.items() for fault in _file_faults(name, content)]
    return faults or list(_common_faults(known))


def _common_faults(files: Mapping[str, bytes]) -> Iterator[SchemaError]:
    sample = write(_sample())
    main = SCHEMA_FILES[0]
    try:
        messages = validate_xsd(sample, files.__getitem__)
    except SchemaError as error:
        yield error
        return
    if messages:
        yield SchemaError(main, "sample", messages[0])
    elif not validate_xsd(sample.replace(b"<P_12>23<", b"<P_12>-<"), files.__getitem__):
        yield SchemaError(main, "sample")


def _file_faults(name: str, content: bytes) -> Iterator[SchemaError]:
    if not content:
        yield SchemaError(name, "missing")
    elif len(content) > MAX_BYTES:
        yield SchemaError(name, "large")
    elif b"<!DOCTYPE" in content:  # before any of it is read
        yield SchemaError(name, "dtd")
    else:
        try:
            root = etree.fromstring(content, safe_parser())
        except etree.XMLSyntaxError as error:
            yield SchemaError(name, "xml", str(error))
        else:
            yield from _root_faults(name, root)


def _root_faults(name: str, root: etree._Element) -> Iterator[SchemaError]:
    if root.getroottree().docinfo.doctype:  # one in another encoding
        yield SchemaError(name, "dtd")
    namespace = NAMESPACE if name == SCHEMA_FILES[0] else _BASE
    if root.tag != f"{{{_XSD}}}schema" or root.get("targetNamespace") != namespace:
        yield SchemaError(name, "kind", namespace)
    tags = (f"{{{_XSD}}}{tag}" for tag in ("import", "include", "redefine"))
    for node in root.iterchildren(*tags):
        location = node.get("schemaLocation", "")
        if file_of(location) not in SCHEMA_FILES:
            yield SchemaError(name, "reference", location or node.get("namespace", ""))


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

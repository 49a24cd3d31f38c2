"""The dataclasses' own rules, the writer and the schema agree."""

from dataclasses import replace
from datetime import datetime, timezone
from decimal import Decimal

import pytest
from fa3_cases import faktura, row, schema_dir

from ksef.fa3 import lexical
from ksef.fa3.model import TPodmiot2
from ksef.fa3.validate import check, check_bytes, validate_xsd
from ksef.fa3.writer import write


def keys(document):
    return [(finding.code, finding.field, finding.key) for finding in check(document)]


def test_sound_document_has_no_findings():
    assert check(faktura()) == []
    assert check_bytes(write(faktura())) == []


@pytest.mark.skipif(schema_dir() is None, reason="the Ministry's schemas are not at hand")
def test_written_file_is_valid():
    assert validate_xsd(write(faktura()), schema_dir()) == []


@pytest.mark.skipif(schema_dir() is None, reason="the Ministry's schemas are not at hand")
def test_schema_speaks_of_a_broken_file():
    broken = write(faktura()).replace(b"<P_12>23</P_12>", b"<P_12>24</P_12>")
    assert any("P_12" in message for message in validate_xsd(broken, schema_dir()))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"P_1": None}, ("KS14", "Fa/P_1", "missing")),
        ({"P_2": "x" * 257}, ("KS16", "Fa/P_2", "too_long")),
        ({"P_2": "FV  1"}, ("KS16", "Fa/P_2", "spaces")),
        ({"KodWaluty": "XYZ"}, ("KS30", "Fa/KodWaluty", "enum")),
        ({"P_14_1": None}, ("KS29", "Fa/P_14_1", "missing")),
        ({"P_15": Decimal("1230.001")}, ("KS29", "Fa/P_15", "decimals")),
        ({"FaWiersz": (row(P_12="24"),)}, ("KS29", "Fa/FaWiersz[1]/P_12", "enum")),
        ({"FaWiersz": (row(P_7="a\x86b"),)}, ("KS29", "Fa/FaWiersz[1]/P_7", "forbidden")),
        ({"P_15": Decimal("1229.99")}, ("KS28", "Fa/P_15", "total")),
        ({"FaWiersz": (row(P_11=Decimal("999.00")),)}, ("KS28", "Fa/P_13_1", "rows")),
        ({"FaWiersz": (row(P_10=Decimal(1)),)}, ("KS28", "Fa/FaWiersz[1]", "row")),
        ({"FaWiersz": (row(NrWierszaFa=2),)}, ("KS28", "Fa/FaWiersz", "numbering")),
    ],
)
def test_what_is_wrong_is_found(values, expected):
    assert expected in keys(faktura(**values))


def test_buyer_is_identified_once():
    document = faktura()
    for identity, key in (
        (TPodmiot2(NIP="1111111111", BrakID=1, Nazwa="A"), "conflict"),
        (TPodmiot2(Nazwa="A"), "choice"),
        (TPodmiot2(KodUE="DE", Nazwa="A"), "missing"),
        (TPodmiot2(NIP="1111111112", Nazwa="A"), "checksum"),
    ):
        buyer = replace(document.Podmiot2, DaneIdentyfikacyjne=identity)
        assert key in [finding.key for finding in check(replace(document, Podmiot2=buyer))]


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (lexical.TKwotowy, "0", "0.00"),
        (lexical.TKwotowy, "-0.00", "0.00"),
        (lexical.TKwotowy, "1E+3", "1000.00"),
        (lexical.TKwotowy2, "1.49925", "1.49925"),
        (lexical.TKwotowy2, "100", "100.00"),
        (lexical.TKwotowy2, "0.00000001", "0.00000001"),
        (lexical.TIlosci, "10.000000", "10"),
        (lexical.TIlosci, "0.5", "0.5"),
        (lexical.TIlosci, "-0", "0"),
    ],
)
def test_numbers_are_written_plainly(kind, value, text):
    assert kind.problem(Decimal(value)) is None
    assert kind.write(Decimal(value)) == text


def test_moment_is_written_in_utc():
    moment = datetime(2026, 11, 5, 10, 0, 0, 999999, tzinfo=timezone.utc)
    assert lexical.TDataWytworzenia.write(moment) == "2026-11-05T10:00:00Z"


def test_bytes_that_ksef_refuses():
    assert [f.code for f in check_bytes(b" " * 1_000_001)] == ["KS27"]
    assert check_bytes(b"\xef\xbb\xbf<a/>")
    assert check_bytes(b"\xff")
    assert check_bytes(b"<!DOCTYPE a><a/>")
    assert check_bytes(b"<?xml version='1.0'?><?x y?><a/>")
    assert check_bytes("<a>\x86</a>".encode())

"""The Ministry's schemas are checked before they are kept, and compiled once."""

import pytest
from fa3_cases import faktura
from vectors import shared

from ksef.fa3 import schema
from ksef.fa3.schema import SCHEMA_FILES, SchemaError, validate_xsd
from ksef.fa3.schema_check import ADDRESSES, ALIASES, MAX_BYTES, check_schemas
from ksef.fa3.writer import write

MAIN, STRUCTURES, TYPES, COUNTRIES = SCHEMA_FILES


@pytest.fixture
def files():
    return {name: shared("ksef", "fa", name).read_bytes() for name in SCHEMA_FILES}


@pytest.fixture(autouse=True)
def nothing_compiled():
    schema._compiled.clear()


def blamed(files) -> SchemaError:
    """The only fault of the files."""
    (fault,) = check_schemas(files)
    return fault


def test_the_official_files_are_good(files):
    assert check_schemas(files) == []


def test_all_bad_files_are_named_at_once(files):
    faults = check_schemas({**files, MAIN: b"<a", COUNTRIES: b""})
    assert [(fault.file, fault.key) for fault in faults] == [(MAIN, "xml"), (COUNTRIES, "missing")]


def test_addresses_are_those_that_the_schemas_name(files):
    assert sorted(ADDRESSES) == sorted(SCHEMA_FILES)
    assert ADDRESSES[STRUCTURES].replace("https:", "http:").encode() in files[MAIN]
    assert all(address.startswith("https://crd.gov.pl/") for address in ADDRESSES.values())
    assert ALIASES["schemat.xsd"] == MAIN


@pytest.mark.parametrize("name", SCHEMA_FILES)
def test_a_missing_file_is_named(files, name):
    error = blamed({**files, name: b""})
    assert (error.file, error.key) == (name, "missing")
    del files[name]
    assert blamed(files).file == name


@pytest.mark.parametrize("name", SCHEMA_FILES)
@pytest.mark.parametrize(
    ("content", "key"),
    [
        (b"<html><body>captive portal", "xml"),
        (b"PK\x03\x04", "xml"),
        (b"<html/>", "kind"),
        (b'<schema xmlns="http://www.w3.org/2001/XMLSchema"/>', "kind"),
        (b"x" * (MAX_BYTES + 1), "large"),
        (b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>', "dtd"),
        ('<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a><a/>'.encode("utf-16"), "dtd"),
    ],
)
def test_what_is_no_schema(files, name, content, key):
    fault = check_schemas({**files, name: content})[0]
    assert (fault.file, fault.key) == (name, key)


def test_files_may_not_be_exchanged(files):
    faults = check_schemas({**files, MAIN: files[TYPES], TYPES: files[MAIN]})
    assert [(fault.file, fault.key) for fault in faults] == [(MAIN, "kind"), (TYPES, "kind")]


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "http://127.0.0.1:1/other.xsd", "", "../other.xsd"]
)
@pytest.mark.parametrize("tag", ["include", "import", "redefine"])
def test_schemas_lead_to_none_but_the_four(files, location, tag):
    foreign = f'<xsd:{tag} schemaLocation="{location}"/>'.encode()
    changed = files[TYPES].replace(b"<xsd:include ", foreign + b"<xsd:include ")
    error = blamed({**files, TYPES: changed})
    assert (error.file, error.key) == (TYPES, "reference")


def test_parts_that_do_not_fit_together(files):
    changed = files[COUNTRIES].replace(b'name="TKodKraju"', b'name="TOther"')
    assert changed != files[COUNTRIES]
    assert blamed({**files, COUNTRIES: changed}).key == "compile"


def test_a_schema_of_something_else_is_refused(files):
    harmless = files[MAIN].replace(b'name="Faktura"', b'name="Other"')
    error = blamed({**files, MAIN: harmless})
    assert error.key == "sample"
    assert "Faktura" in error.detail


def test_a_schema_that_accepts_everything_is_refused(files):
    anything = (
        b'<schema xmlns="http://www.w3.org/2001/XMLSchema"'
        b' targetNamespace="http://crd.gov.pl/wzor/2025/06/25/13775/">'
        b'<element name="Faktura"/></schema>'
    )
    error = blamed({**files, MAIN: anything})
    assert (error.file, error.key, error.detail) == (MAIN, "sample", "")


def test_compiled_once_and_read_once(files):
    read = []

    def load(name):
        read.append(name)
        return files[name]

    xml = write(faktura())
    for _ in range(3):
        assert validate_xsd(xml, load, key="one") == []
    assert sorted(read) == sorted(SCHEMA_FILES)
    assert validate_xsd(xml, load, key="two") == []
    assert len(read) == 2 * len(SCHEMA_FILES)


def test_a_broken_schema_is_told_every_time_and_read_once(files):
    read = []

    def load(name):
        read.append(name)
        return b"<broken"

    for _ in range(3):
        with pytest.raises(SchemaError) as caught:
            validate_xsd(b"<a/>", load, key="broken")
        assert (caught.value.file, caught.value.key) == (MAIN, "xml")
    assert sorted(read) == sorted(SCHEMA_FILES)


def test_the_blame_is_on_the_file_that_is_broken(files):
    broken = {**files, COUNTRIES: b"<broken"}
    with pytest.raises(SchemaError) as caught:
        validate_xsd(b"<a/>", broken.__getitem__)
    assert (caught.value.file, caught.value.key) == (COUNTRIES, "xml")


def test_few_compiled_schemas_are_kept(files):
    for number in range(9):
        validate_xsd(write(faktura()), files.__getitem__, key=number)
    assert len(schema._compiled) == schema._MOST_COMPILED
    assert 8 in schema._compiled

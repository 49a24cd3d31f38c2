"""What was written can be read back: the frozen file is the record that corrections start from."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from fa3_cases import faktura, row

from ksef.fa3 import model as fa3
from ksef.fa3.reader import read
from ksef.fa3.writer import write


def test_round_trip_of_every_kind_of_value():
    document = faktura(
        P_6=date(2026, 10, 12),
        WZ=("WH/OUT/1", "WH/OUT/2"),
        FaWiersz=(row(UU_ID="x"), row(NrWierszaFa=2, P_7="ąę <&> 漢", P_8B=Decimal("0.123456"))),
    )
    document = replace(
        document, Stopka=fa3.Stopka(Informacje=(fa3.Informacje(StopkaFaktury="a\nb"),))
    )
    assert read(write(document)) == document


def test_elements_that_the_model_has_not_are_left_out():
    xml = write(faktura()).replace(b"</Faktura>", b"<Zalacznik><X>1</X></Zalacznik></Faktura>")
    assert read(xml) == faktura()


@pytest.mark.parametrize(
    "xml",
    [
        b"no xml",
        b"<Other/>",
        write(faktura()).replace(b"<P_15>1230.00", b"<P_15>much"),
        write(faktura()).replace(b"<P_1>2026-11-05", b"<P_1>yesterday"),
    ],
)
def test_what_is_no_invoice_is_refused(xml):
    with pytest.raises(ValueError):
        read(xml)


def test_entities_are_not_expanded():
    xml = b'<!DOCTYPE Faktura [<!ENTITY a "secret">]>' + write(faktura()).split(b"?>", 1)[1]
    xml = xml.replace(b"<P_7>Widget", b"<P_7>&a;")
    assert "secret" not in (read(xml).Fa.FaWiersz[0].P_7 or "")

"""A small, complete FA(3) document for the tests, and where the schemas may lie."""

import os
from dataclasses import replace
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path

from ksef.fa3.model import (
    Adnotacje,
    Fa,
    Faktura,
    FaWiersz,
    NoweSrodkiTransportu,
    PMarzy,
    Podmiot1,
    Podmiot2,
    TAdres,
    TNaglowek,
    TPodmiot1,
    TPodmiot2,
    Zwolnienie,
)
from ksef.fa3.schema import SCHEMA_FILES

ROOT = Path(__file__).resolve().parents[2]


def schema_dir() -> Path | None:
    """Folder of the Ministry's schemas: from the environment, or beside the repository."""
    candidates = [os.environ.get("L10N_PL_KSEF_SCHEMAS"), ROOT.parent / "shared" / "ksef" / "fa"]
    for candidate in filter(None, candidates):
        if Path(candidate, SCHEMA_FILES[0]).is_file():
            return Path(candidate)
    return None


def row(**values) -> FaWiersz:
    """One row of 10 x 100.00 at 23 %."""
    base = FaWiersz(
        NrWierszaFa=1,
        P_7="Widget",
        P_8A="szt.",
        P_8B=Decimal(10),
        P_9A=Decimal("100.00"),
        P_11=Decimal("1000.00"),
        P_12="23",
    )
    return replace(base, **values)


def faktura(**fa_values) -> Faktura:
    """A valid invoice over 1000.00 + 230.00; keyword arguments replace values of Fa."""
    address = TAdres(KodKraju="PL", AdresL1="ul. Kwiatowa 1", AdresL2="00-001 Warszawa")
    fa = Fa(
        KodWaluty="PLN",
        P_1=date(2026, 11, 5),
        P_2="FV/2026/00001",
        P_13_1=Decimal("1000.00"),
        P_14_1=Decimal("230.00"),
        P_15=Decimal("1230.00"),
        Adnotacje=Adnotacje(
            P_16=2,
            P_17=2,
            P_18=2,
            P_18A=2,
            Zwolnienie=Zwolnienie(P_19N=1),
            NoweSrodkiTransportu=NoweSrodkiTransportu(P_22N=1),
            P_23=2,
            PMarzy=PMarzy(P_PMarzyN=1),
        ),
        RodzajFaktury="VAT",
        FaWiersz=(row(),),
    )
    return Faktura(
        Naglowek=TNaglowek(
            DataWytworzeniaFa=datetime(2026, 11, 5, 10, tzinfo=timezone.utc),
            SystemInfo="Odoo 19 l10n_pl_ksef",
        ),
        Podmiot1=Podmiot1(
            DaneIdentyfikacyjne=TPodmiot1(NIP="5265877635", Nazwa="ACME Polska sp. z o.o."),
            Adres=address,
        ),
        Podmiot2=Podmiot2(
            DaneIdentyfikacyjne=TPodmiot2(NIP="1111111111", Nazwa="F.H.U. Jan Kowalski"),
            Adres=address,
            JST=2,
            GV=2,
        ),
        Fa=replace(fa, **fa_values),
    )

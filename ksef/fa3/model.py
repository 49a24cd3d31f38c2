"""The FA(3) document as dataclasses in the order of the schema.

Source: schemat_FA(3)_v1-0E.xsd; the names of classes and fields are its names. Amounts are
`Decimal`, days `date`, flags whole numbers. A field that is None or an empty tuple is not written.
What is missing or wrong is reported by `validate.check`, not by a constructor, so that everything
can be told at once.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from .lexical import (
    TBDO,
    TDataT,
    TDataWytworzenia,
    TIlosci,
    TKodFormularza,
    TKodWaluty,
    TKwotowy,
    TNaturalny,
    TNrKRS,
    TNrREGON,
    TNumerKSeF,
    TRodzajFaktury,
    TTekstowy,
    TTypKorekty,
    TWariant,
    TWybor1,
    TWybor1_2,
    TZnakowy,
)
from .model_parties import (
    DaneKontaktowe,
    DaneKontaktowePU,
    Podmiot1,
    Podmiot1K,
    Podmiot2,
    Podmiot2K,
    Podmiot3,
    PodmiotUpowazniony,
    TAdres,
    TPodmiot1,
    TPodmiot2,
    TPodmiot3,
)
from .model_payment import (
    KwotaPowod,
    Platnosc,
    Rozliczenie,
    Skonto,
    TerminOpis,
    TerminPlatnosci,
    TRachunekBankowy,
    Umowy,
    WarunkiTransakcji,
    Zamowienia,
    ZaplataCzesciowa,
)
from .model_rows import FaWiersz, TKluczWartosc, Zamowienie, ZamowienieWiersz
from .model_transport import Przewoznik, Transport
from .structure import Choice, Group, element, many, one, opt

__all__ = [
    "Adnotacje",
    "DaneFaKorygowanej",
    "DaneKontaktowe",
    "DaneKontaktowePU",
    "Fa",
    "FaWiersz",
    "Faktura",
    "FakturaZaliczkowa",
    "Informacje",
    "KwotaPowod",
    "NoweSrodkiTransportu",
    "NowySrodekTransportu",
    "OkresFa",
    "PMarzy",
    "Platnosc",
    "Podmiot1",
    "Podmiot1K",
    "Podmiot2",
    "Podmiot2K",
    "Podmiot3",
    "PodmiotUpowazniony",
    "Przewoznik",
    "Rejestry",
    "Rozliczenie",
    "Skonto",
    "Stopka",
    "TAdres",
    "TKluczWartosc",
    "TNaglowek",
    "TPodmiot1",
    "TPodmiot2",
    "TPodmiot3",
    "TRachunekBankowy",
    "TerminOpis",
    "TerminPlatnosci",
    "Transport",
    "Umowy",
    "WarunkiTransakcji",
    "ZaliczkaCzesciowa",
    "Zamowienia",
    "Zamowienie",
    "ZamowienieWiersz",
    "ZaplataCzesciowa",
    "Zwolnienie",
]


@element
class TNaglowek:
    """Header: form, variant, moment of generation, system."""

    KodFormularza: str | None = one(TKodFormularza, "FA")
    WariantFormularza: int | None = one(TWariant, 3)
    DataWytworzeniaFa: datetime | None = one(TDataWytworzenia)
    SystemInfo: str | None = opt(TZnakowy)


@element
class OkresFa:
    """Period of supply."""

    P_6_Od: date | None = one(TDataT)
    P_6_Do: date | None = one(TDataT)


@element
class Zwolnienie:
    """Exemption and its legal basis."""

    RULES = (Choice(Group("P_19", Choice("P_19A", "P_19B", "P_19C")), "P_19N"),)

    P_19: int | None = one(TWybor1)
    P_19A: str | None = one(TZnakowy)
    P_19B: str | None = one(TZnakowy)
    P_19C: str | None = one(TZnakowy)
    P_19N: int | None = one(TWybor1)


@element
class NowySrodekTransportu:
    """One new means of transport: by land (P_22B), water (P_22C) or air (P_22D)."""

    RULES = (
        Choice(
            Group("P_22B", Choice("P_22B1", "P_22B2", "P_22B3", "P_22B4", optional=True), "P_22BT"),
            Group("P_22C", "P_22C1"),
            Group("P_22D", "P_22D1"),
        ),
    )

    P_22A: date | None = one(TDataT)
    P_NrWierszaNST: int | None = one(TNaturalny)
    P_22BMK: str | None = opt(TZnakowy)
    P_22BMD: str | None = opt(TZnakowy)
    P_22BK: str | None = opt(TZnakowy)
    P_22BNR: str | None = opt(TZnakowy)
    P_22BRP: str | None = opt(TZnakowy)
    P_22B: str | None = one(TZnakowy)
    P_22B1: str | None = opt(TZnakowy)
    P_22B2: str | None = opt(TZnakowy)
    P_22B3: str | None = opt(TZnakowy)
    P_22B4: str | None = opt(TZnakowy)
    P_22BT: str | None = opt(TZnakowy)
    P_22C: str | None = one(TZnakowy)
    P_22C1: str | None = opt(TZnakowy)
    P_22D: str | None = one(TZnakowy)
    P_22D1: str | None = opt(TZnakowy)


@element
class NoweSrodkiTransportu:
    """Intra-Community supply of new means of transport, or that there is none."""

    RULES = (Choice(Group("P_22", "P_42_5", "NowySrodekTransportu"), "P_22N"),)

    P_22: int | None = one(TWybor1)
    P_42_5: int | None = one(TWybor1_2)
    NowySrodekTransportu: tuple[NowySrodekTransportu, ...] = many(NowySrodekTransportu, 1, 10_000)
    P_22N: int | None = one(TWybor1)


@element
class PMarzy:
    """Margin procedures."""

    RULES = (
        Choice(
            Group("P_PMarzy", Choice("P_PMarzy_2", "P_PMarzy_3_1", "P_PMarzy_3_2", "P_PMarzy_3_3")),
            "P_PMarzyN",
        ),
    )

    P_PMarzy: int | None = one(TWybor1)
    P_PMarzy_2: int | None = one(TWybor1)
    P_PMarzy_3_1: int | None = one(TWybor1)
    P_PMarzy_3_2: int | None = one(TWybor1)
    P_PMarzy_3_3: int | None = one(TWybor1)
    P_PMarzyN: int | None = one(TWybor1)


@element
class Adnotacje:
    """The eight mandatory annotations."""

    P_16: int | None = one(TWybor1_2)
    P_17: int | None = one(TWybor1_2)
    P_18: int | None = one(TWybor1_2)
    P_18A: int | None = one(TWybor1_2)
    Zwolnienie: Zwolnienie | None = one(Zwolnienie)
    NoweSrodkiTransportu: NoweSrodkiTransportu | None = one(NoweSrodkiTransportu)
    P_23: int | None = one(TWybor1_2)
    PMarzy: PMarzy | None = one(PMarzy)


@element
class DaneFaKorygowanej:
    """A corrected invoice."""

    RULES = (Choice(Group("NrKSeF", "NrKSeFFaKorygowanej"), "NrKSeFN"),)

    DataWystFaKorygowanej: date | None = one(TDataT)
    NrFaKorygowanej: str | None = one(TZnakowy)
    NrKSeF: int | None = one(TWybor1)
    NrKSeFFaKorygowanej: str | None = one(TNumerKSeF)
    NrKSeFN: int | None = one(TWybor1)


@element
class ZaliczkaCzesciowa:
    """One of several receipts documented by an advance invoice."""

    P_6Z: date | None = one(TDataT)
    P_15Z: Decimal | None = one(TKwotowy)
    KursWalutyZW: Decimal | None = opt(TIlosci)


@element
class FakturaZaliczkowa:
    """An advance invoice settled by this document."""

    RULES = (Choice(Group("NrKSeFZN", "NrFaZaliczkowej"), "NrKSeFFaZaliczkowej"),)

    NrKSeFZN: int | None = one(TWybor1)
    NrFaZaliczkowej: str | None = one(TZnakowy)
    NrKSeFFaZaliczkowej: str | None = one(TNumerKSeF)


@element
class Fa:
    """The invoice proper."""

    RULES = (
        Choice("P_6", "OkresFa", optional=True),
        Group("P_13_1", "P_14_1", "P_14_1W", optional=True),
        Group("P_13_2", "P_14_2", "P_14_2W", optional=True),
        Group("P_13_3", "P_14_3", "P_14_3W", optional=True),
        Group("P_13_4", "P_14_4", "P_14_4W", optional=True),
        Group("P_13_5", "P_14_5", optional=True),
        Group(
            "PrzyczynaKorekty",
            "TypKorekty",
            "DaneFaKorygowanej",
            "OkresFaKorygowanej",
            "NrFaKorygowany",
            "Podmiot1K",
            "Podmiot2K",
            Group("P_15ZK", "KursWalutyZK", optional=True),
            optional=True,
        ),
    )

    KodWaluty: str | None = one(TKodWaluty)
    P_1: date | None = one(TDataT)
    P_1M: str | None = opt(TZnakowy)
    P_2: str | None = one(TZnakowy)
    WZ: tuple[str, ...] = many(TZnakowy, 0, 1_000)
    P_6: date | None = one(TDataT)
    OkresFa: OkresFa | None = one(OkresFa)
    P_13_1: Decimal | None = one(TKwotowy)
    P_14_1: Decimal | None = one(TKwotowy)
    P_14_1W: Decimal | None = opt(TKwotowy)
    P_13_2: Decimal | None = one(TKwotowy)
    P_14_2: Decimal | None = one(TKwotowy)
    P_14_2W: Decimal | None = opt(TKwotowy)
    P_13_3: Decimal | None = one(TKwotowy)
    P_14_3: Decimal | None = one(TKwotowy)
    P_14_3W: Decimal | None = opt(TKwotowy)
    P_13_4: Decimal | None = one(TKwotowy)
    P_14_4: Decimal | None = one(TKwotowy)
    P_14_4W: Decimal | None = opt(TKwotowy)
    P_13_5: Decimal | None = one(TKwotowy)
    P_14_5: Decimal | None = opt(TKwotowy)
    P_13_6_1: Decimal | None = opt(TKwotowy)
    P_13_6_2: Decimal | None = opt(TKwotowy)
    P_13_6_3: Decimal | None = opt(TKwotowy)
    P_13_7: Decimal | None = opt(TKwotowy)
    P_13_8: Decimal | None = opt(TKwotowy)
    P_13_9: Decimal | None = opt(TKwotowy)
    P_13_10: Decimal | None = opt(TKwotowy)
    P_13_11: Decimal | None = opt(TKwotowy)
    P_15: Decimal | None = one(TKwotowy)
    KursWalutyZ: Decimal | None = opt(TIlosci)
    Adnotacje: Adnotacje | None = one(Adnotacje)
    RodzajFaktury: str | None = one(TRodzajFaktury)
    PrzyczynaKorekty: str | None = opt(TZnakowy)
    TypKorekty: int | None = opt(TTypKorekty)
    DaneFaKorygowanej: tuple[DaneFaKorygowanej, ...] = many(DaneFaKorygowanej, 1, 50_000)
    OkresFaKorygowanej: str | None = opt(TZnakowy)
    NrFaKorygowany: str | None = opt(TZnakowy)
    Podmiot1K: Podmiot1K | None = opt(Podmiot1K)
    Podmiot2K: tuple[Podmiot2K, ...] = many(Podmiot2K, 0, 101)
    P_15ZK: Decimal | None = one(TKwotowy)
    KursWalutyZK: Decimal | None = opt(TIlosci)
    ZaliczkaCzesciowa: tuple[ZaliczkaCzesciowa, ...] = many(ZaliczkaCzesciowa, 0, 31)
    FP: int | None = opt(TWybor1)
    TP: int | None = opt(TWybor1)
    DodatkowyOpis: tuple[TKluczWartosc, ...] = many(TKluczWartosc, 0, 10_000)
    FakturaZaliczkowa: tuple[FakturaZaliczkowa, ...] = many(FakturaZaliczkowa, 0, 100)
    ZwrotAkcyzy: int | None = opt(TWybor1)
    FaWiersz: tuple[FaWiersz, ...] = many(FaWiersz, 0, 10_000)
    Rozliczenie: Rozliczenie | None = opt(Rozliczenie)
    Platnosc: Platnosc | None = opt(Platnosc)
    WarunkiTransakcji: WarunkiTransakcji | None = opt(WarunkiTransakcji)
    Zamowienie: Zamowienie | None = opt(Zamowienie)


@element
class Informacje:
    """Footer text."""

    StopkaFaktury: str | None = opt(TTekstowy)


@element
class Rejestry:
    """Numbers of the seller in public registers."""

    PelnaNazwa: str | None = opt(TZnakowy)
    KRS: str | None = opt(TNrKRS)
    REGON: str | None = opt(TNrREGON)
    BDO: str | None = opt(TBDO)


@element
class Stopka:
    """Footer."""

    Informacje: tuple[Informacje, ...] = many(Informacje, 0, 3)
    Rejestry: tuple[Rejestry, ...] = many(Rejestry, 0, 100)


@element
class Faktura:
    """A whole FA(3) document (`Zalacznik`, the structured attachment, is not modelled)."""

    Naglowek: TNaglowek | None = one(TNaglowek)
    Podmiot1: Podmiot1 | None = one(Podmiot1)
    Podmiot2: Podmiot2 | None = one(Podmiot2)
    Podmiot3: tuple[Podmiot3, ...] = many(Podmiot3, 0, 100)
    PodmiotUpowazniony: PodmiotUpowazniony | None = opt(PodmiotUpowazniony)
    Fa: Fa | None = one(Fa)
    Stopka: Stopka | None = opt(Stopka)

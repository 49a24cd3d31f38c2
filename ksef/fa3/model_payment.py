"""Settlement, payment and terms of an FA(3) document."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from .lexical import (
    SWIFT_Type,
    TData,
    TDataU,
    TFormaPlatnosci,
    TIlosc,
    TIlosci,
    TIPKSeF,
    TKodWaluty,
    TKwotowy,
    TLinkDoPlatnosci,
    TNrRB,
    TRachunekWlasnyBanku,
    TWybor1,
    TWybor1_2,
    TZnakowy,
    TZnakowy50,
)
from .model_transport import Transport
from .structure import Choice, Group, element, many, one, opt


@element
class KwotaPowod:
    """An amount and why it is charged or deducted."""

    Kwota: Decimal | None = one(TKwotowy)
    Powod: str | None = one(TZnakowy)


@element
class Rozliczenie:
    """Charges and deductions outside the invoice amount."""

    RULES = (Choice("DoZaplaty", "DoRozliczenia", optional=True),)

    Obciazenia: tuple[KwotaPowod, ...] = many(KwotaPowod, 0, 100)
    SumaObciazen: Decimal | None = opt(TKwotowy)
    Odliczenia: tuple[KwotaPowod, ...] = many(KwotaPowod, 0, 100)
    SumaOdliczen: Decimal | None = opt(TKwotowy)
    DoZaplaty: Decimal | None = one(TKwotowy)
    DoRozliczenia: Decimal | None = one(TKwotowy)


@element
class ZaplataCzesciowa:
    """One payment received so far."""

    RULES = (Choice("FormaPlatnosci", Group("PlatnoscInna", "OpisPlatnosci"), optional=True),)

    KwotaZaplatyCzesciowej: Decimal | None = one(TKwotowy)
    DataZaplatyCzesciowej: date | None = one(TData)
    FormaPlatnosci: int | None = one(TFormaPlatnosci)
    PlatnoscInna: int | None = one(TWybor1)
    OpisPlatnosci: str | None = one(TZnakowy)


@element
class TerminOpis:
    """A payment term in words."""

    Ilosc: int | None = one(TIlosc)
    Jednostka: str | None = one(TZnakowy50)
    ZdarzeniePoczatkowe: str | None = one(TZnakowy)


@element
class TerminPlatnosci:
    """One due date."""

    Termin: date | None = opt(TData)
    TerminOpis: TerminOpis | None = opt(TerminOpis)


@element
class TRachunekBankowy:
    """A bank account."""

    NrRB: str | None = one(TNrRB)
    SWIFT: str | None = opt(SWIFT_Type)
    RachunekWlasnyBanku: int | None = opt(TRachunekWlasnyBanku)
    NazwaBanku: str | None = opt(TZnakowy)
    OpisRachunku: str | None = opt(TZnakowy)


@element
class Skonto:
    """Discount for early payment, in words."""

    WarunkiSkonta: str | None = one(TZnakowy)
    WysokoscSkonta: str | None = one(TZnakowy)


@element
class Platnosc:
    """Payment."""

    RULES = (
        Choice(
            Group("Zaplacono", "DataZaplaty"),
            Group("ZnacznikZaplatyCzesciowej", "ZaplataCzesciowa"),
            optional=True,
        ),
        Choice("FormaPlatnosci", Group("PlatnoscInna", "OpisPlatnosci"), optional=True),
    )

    Zaplacono: int | None = one(TWybor1)
    DataZaplaty: date | None = one(TData)
    ZnacznikZaplatyCzesciowej: int | None = one(TWybor1_2)
    ZaplataCzesciowa: tuple[ZaplataCzesciowa, ...] = many(ZaplataCzesciowa, 1, 100)
    TerminPlatnosci: tuple[TerminPlatnosci, ...] = many(TerminPlatnosci, 0, 100)
    FormaPlatnosci: int | None = one(TFormaPlatnosci)
    PlatnoscInna: int | None = one(TWybor1)
    OpisPlatnosci: str | None = one(TZnakowy)
    RachunekBankowy: tuple[TRachunekBankowy, ...] = many(TRachunekBankowy, 0, 100)
    RachunekBankowyFaktora: tuple[TRachunekBankowy, ...] = many(TRachunekBankowy, 0, 20)
    Skonto: Skonto | None = opt(Skonto)
    LinkDoPlatnosci: str | None = opt(TLinkDoPlatnosci)
    IPKSeF: str | None = opt(TIPKSeF)


@element
class Umowy:
    """A contract."""

    DataUmowy: date | None = opt(TDataU)
    NrUmowy: str | None = opt(TZnakowy)


@element
class Zamowienia:
    """The buyer's order."""

    DataZamowienia: date | None = opt(TDataU)
    NrZamowienia: str | None = opt(TZnakowy)


@element
class WarunkiTransakcji:
    """Contracts, orders, lots, terms of delivery, transport."""

    RULES = (Group("KursUmowny", "WalutaUmowna", optional=True),)

    Umowy: tuple[Umowy, ...] = many(Umowy, 0, 100)
    Zamowienia: tuple[Zamowienia, ...] = many(Zamowienia, 0, 100)
    NrPartiiTowaru: tuple[str, ...] = many(TZnakowy, 0, 1_000)
    WarunkiDostawy: str | None = opt(TZnakowy)
    KursUmowny: Decimal | None = one(TIlosci)
    WalutaUmowna: str | None = one(TKodWaluty)
    Transport: tuple[Transport, ...] = many(Transport, 0, 20)
    PodmiotPosredniczacy: int | None = opt(TWybor1)

"""Rows of an FA(3) document and of the order behind an advance."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from .lexical import (
    TGTU,
    TDataT,
    TIlosci,
    TKwotowy,
    TKwotowy2,
    TNaturalny,
    TOznaczenieProcedury,
    TOznaczenieProceduryZ,
    TProcentowy,
    TStawkaPodatku,
    TWybor1,
    TZnakowy,
    TZnakowy20,
    TZnakowy50,
    TZnakowy512,
)
from .structure import element, many, one, opt


@element
class TKluczWartosc:
    """Additional description, of the document or of one row."""

    NrWiersza: int | None = opt(TNaturalny)
    Klucz: str | None = one(TZnakowy)
    Wartosc: str | None = one(TZnakowy)


@element
class FaWiersz:
    """One row of the invoice."""

    NrWierszaFa: int | None = one(TNaturalny)
    UU_ID: str | None = opt(TZnakowy50)
    P_6A: date | None = opt(TDataT)
    P_7: str | None = opt(TZnakowy512)
    Indeks: str | None = opt(TZnakowy50)
    GTIN: str | None = opt(TZnakowy20)
    PKWiU: str | None = opt(TZnakowy50)
    CN: str | None = opt(TZnakowy50)
    PKOB: str | None = opt(TZnakowy50)
    P_8A: str | None = opt(TZnakowy)
    P_8B: Decimal | None = opt(TIlosci)
    P_9A: Decimal | None = opt(TKwotowy2)
    P_9B: Decimal | None = opt(TKwotowy2)
    P_10: Decimal | None = opt(TKwotowy2)
    P_11: Decimal | None = opt(TKwotowy)
    P_11A: Decimal | None = opt(TKwotowy)
    P_11Vat: Decimal | None = opt(TKwotowy)
    P_12: str | None = opt(TStawkaPodatku)
    P_12_XII: Decimal | None = opt(TProcentowy)
    P_12_Zal_15: int | None = opt(TWybor1)
    KwotaAkcyzy: Decimal | None = opt(TKwotowy)
    GTU: str | None = opt(TGTU)
    Procedura: str | None = opt(TOznaczenieProcedury)
    KursWaluty: Decimal | None = opt(TIlosci)
    StanPrzed: int | None = opt(TWybor1)


@element
class ZamowienieWiersz:
    """One row of the order that an advance is paid for."""

    NrWierszaZam: int | None = one(TNaturalny)
    UU_IDZ: str | None = opt(TZnakowy50)
    P_7Z: str | None = opt(TZnakowy512)
    IndeksZ: str | None = opt(TZnakowy50)
    GTINZ: str | None = opt(TZnakowy20)
    PKWiUZ: str | None = opt(TZnakowy50)
    CNZ: str | None = opt(TZnakowy50)
    PKOBZ: str | None = opt(TZnakowy50)
    P_8AZ: str | None = opt(TZnakowy)
    P_8BZ: Decimal | None = opt(TIlosci)
    P_9AZ: Decimal | None = opt(TKwotowy2)
    P_11NettoZ: Decimal | None = opt(TKwotowy)
    P_11VatZ: Decimal | None = opt(TKwotowy)
    P_12Z: str | None = opt(TStawkaPodatku)
    P_12Z_XII: Decimal | None = opt(TProcentowy)
    P_12Z_Zal_15: int | None = opt(TWybor1)
    GTUZ: str | None = opt(TGTU)
    ProceduraZ: str | None = opt(TOznaczenieProceduryZ)
    KwotaAkcyzyZ: Decimal | None = opt(TKwotowy)
    StanPrzedZ: int | None = opt(TWybor1)


@element
class Zamowienie:
    """The order that an advance is paid for."""

    WartoscZamowienia: Decimal | None = one(TKwotowy)
    ZamowienieWiersz: tuple[ZamowienieWiersz, ...] = many(ZamowienieWiersz, 1, 10_000)

"""Parties of an FA(3) document."""

from __future__ import annotations

from decimal import Decimal

from .lexical import (
    TGLN,
    TAdresEmail,
    TIDNabywcy,
    TKodKraju,
    TKodyKrajowUE,
    TNIPIdWew,
    TNrID,
    TNrNIP,
    TNrVatUE,
    TNumerTelefonu,
    TProcentowy,
    TRolaPodmiotu3,
    TRolaPodmiotuUpowaznionego,
    TStatusInfoPodatnika,
    TWybor1,
    TWybor1_2,
    TZnakowy,
    TZnakowy512,
)
from .structure import Choice, Group, element, many, one, opt


@element
class TPodmiot1:
    """Identification of a Polish taxpayer."""

    NIP: str | None = one(TNrNIP)
    Nazwa: str | None = one(TZnakowy512)


@element
class TAdres:
    """Address in two free lines."""

    KodKraju: str | None = one(TKodKraju)
    AdresL1: str | None = one(TZnakowy512)
    AdresL2: str | None = opt(TZnakowy512)
    GLN: str | None = opt(TGLN)


@element
class DaneKontaktowe:
    """E-mail and telephone."""

    Email: str | None = opt(TAdresEmail)
    Telefon: str | None = opt(TNumerTelefonu)


@element
class Podmiot1:
    """Seller."""

    PrefiksPodatnika: str | None = opt(TKodyKrajowUE)
    NrEORI: str | None = opt(TZnakowy)
    DaneIdentyfikacyjne: TPodmiot1 | None = one(TPodmiot1)
    Adres: TAdres | None = one(TAdres)
    AdresKoresp: TAdres | None = opt(TAdres)
    DaneKontaktowe: tuple[DaneKontaktowe, ...] = many(DaneKontaktowe, 0, 3)
    StatusInfoPodatnika: int | None = opt(TStatusInfoPodatnika)


@element
class TPodmiot2:
    """Identification of a buyer: NIP, EU VAT number, another number, or none."""

    RULES = (
        Choice("NIP", Group("KodUE", "NrVatUE"), Group("KodKraju", "NrID"), "BrakID"),
        Group("Nazwa", optional=True),
    )

    NIP: str | None = one(TNrNIP)
    KodUE: str | None = one(TKodyKrajowUE)
    NrVatUE: str | None = one(TNrVatUE)
    KodKraju: str | None = opt(TKodKraju)
    NrID: str | None = one(TNrID)
    BrakID: int | None = one(TWybor1)
    Nazwa: str | None = one(TZnakowy512)


@element
class Podmiot2:
    """Buyer."""

    NrEORI: str | None = opt(TZnakowy)
    DaneIdentyfikacyjne: TPodmiot2 | None = one(TPodmiot2)
    Adres: TAdres | None = opt(TAdres)
    AdresKoresp: TAdres | None = opt(TAdres)
    DaneKontaktowe: tuple[DaneKontaktowe, ...] = many(DaneKontaktowe, 0, 3)
    NrKlienta: str | None = opt(TZnakowy)
    IDNabywcy: str | None = opt(TIDNabywcy)
    JST: int | None = one(TWybor1_2)
    GV: int | None = one(TWybor1_2)


@element
class TPodmiot3:
    """Identification of a third party."""

    RULES = (
        Choice("NIP", "IDWew", Group("KodUE", "NrVatUE"), Group("KodKraju", "NrID"), "BrakID"),
        Group("Nazwa", optional=True),
    )

    NIP: str | None = one(TNrNIP)
    IDWew: str | None = one(TNIPIdWew)
    KodUE: str | None = one(TKodyKrajowUE)
    NrVatUE: str | None = one(TNrVatUE)
    KodKraju: str | None = opt(TKodKraju)
    NrID: str | None = one(TNrID)
    BrakID: int | None = one(TWybor1)
    Nazwa: str | None = one(TZnakowy512)


@element
class Podmiot3:
    """Third party with its role."""

    RULES = (Choice("Rola", Group("RolaInna", "OpisRoli")),)

    IDNabywcy: str | None = opt(TIDNabywcy)
    NrEORI: str | None = opt(TZnakowy)
    DaneIdentyfikacyjne: TPodmiot3 | None = one(TPodmiot3)
    Adres: TAdres | None = opt(TAdres)
    AdresKoresp: TAdres | None = opt(TAdres)
    DaneKontaktowe: tuple[DaneKontaktowe, ...] = many(DaneKontaktowe, 0, 3)
    Rola: int | None = one(TRolaPodmiotu3)
    RolaInna: int | None = one(TWybor1)
    OpisRoli: str | None = one(TZnakowy)
    Udzial: Decimal | None = opt(TProcentowy)
    NrKlienta: str | None = opt(TZnakowy)


@element
class DaneKontaktowePU:
    """Contact of the authorised entity."""

    EmailPU: str | None = opt(TAdresEmail)
    TelefonPU: str | None = opt(TNumerTelefonu)


@element
class PodmiotUpowazniony:
    """Authorised entity (bailiff, tax representative)."""

    NrEORI: str | None = opt(TZnakowy)
    DaneIdentyfikacyjne: TPodmiot1 | None = one(TPodmiot1)
    Adres: TAdres | None = one(TAdres)
    AdresKoresp: TAdres | None = opt(TAdres)
    DaneKontaktowe: tuple[DaneKontaktowePU, ...] = many(DaneKontaktowePU, 0, 3)
    RolaPU: int | None = one(TRolaPodmiotuUpowaznionego)


@element
class Podmiot1K:
    """Seller before the correction."""

    PrefiksPodatnika: str | None = opt(TKodyKrajowUE)
    DaneIdentyfikacyjne: TPodmiot1 | None = one(TPodmiot1)
    Adres: TAdres | None = one(TAdres)


@element
class Podmiot2K:
    """Buyer before the correction."""

    DaneIdentyfikacyjne: TPodmiot2 | None = one(TPodmiot2)
    Adres: TAdres | None = opt(TAdres)
    IDNabywcy: str | None = opt(TIDNabywcy)

"""Lexical types of FA(3): how a value is written and what the schema allows.

Source: schemat_FA(3)_v1-0E.xsd and ElementarneTypyDanych_v10-0E.xsd; the names are theirs.
Lengths are counted in UTF-16 units, as the Ministry's validator most likely does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from .codes import COUNTRIES, CURRENCIES, EU_PREFIXES
from .text import forbidden_characters, utf16_length

#: White space that collapsing a token would change: other spaces of Unicode stay.
_UNCOLLAPSED = re.compile("^ | $|  |[\t\r\n]")


@dataclass(frozen=True)
class Lexical:
    """A simple type: checks a value and writes it.

    ``problem`` returns a text key of ``findings.TEXTS`` with its arguments, or None.
    """

    name: str

    def problem(self, value: Any) -> tuple[str, dict[str, Any]] | None:
        raise NotImplementedError

    def write(self, value: Any) -> str:
        return str(value)


@dataclass(frozen=True)
class Text(Lexical):
    """A string; ``token`` means that white space must already be collapsed."""

    minimum: int = 1
    maximum: int | None = None
    pattern: str | None = None
    values: frozenset[str] | None = None
    token: bool = True
    attributes: dict[str, str] = field(default_factory=dict, hash=False, compare=False)

    def problem(self, value: Any) -> tuple[str, dict[str, Any]] | None:
        if not isinstance(value, str):
            return "kind", {"expected": "text", "value": type(value).__name__}
        if self.values is not None:
            return None if value in self.values else ("enum", {"value": value})
        bad = forbidden_characters(value)
        if bad:
            return "forbidden", {"characters": " ".join(f"U+{ord(c):04X}" for c in bad)}
        length = utf16_length(value)
        if length < self.minimum:
            return "empty", {}
        if self.maximum is not None and length > self.maximum:
            return "too_long", {"length": length, "limit": self.maximum}
        if self.token and _UNCOLLAPSED.search(value):
            return "spaces", {}
        if self.pattern and not re.fullmatch(self.pattern, value, re.ASCII):
            return "pattern", {"value": value}
        return None


@dataclass(frozen=True)
class Number(Lexical):
    """A decimal number: at most ``digits`` digits, ``decimals`` of them after the point.

    Written with at least ``shown`` decimals, never with an exponent, a plus or a negative zero.
    """

    digits: int = 18
    decimals: int = 2
    shown: int = 0
    whole: int = 16
    least: Decimal | None = None
    most: Decimal | None = None

    def problem(self, value: Any) -> tuple[str, dict[str, Any]] | None:
        if not isinstance(value, Decimal) or not value.is_finite():
            return "kind", {"expected": "number", "value": type(value).__name__}
        exponent = value.as_tuple().exponent
        if exponent < -self.decimals and value != rounded(value, self.decimals):
            return "decimals", {"value": value, "limit": self.decimals}
        too_small = self.least is not None and value < self.least
        too_big = self.most is not None and value > self.most
        if abs(value) >= Decimal(10) ** self.whole or too_small or too_big:
            return "range", {"value": value}
        return None

    def write(self, value: Decimal) -> str:
        text = f"{rounded(value, self.decimals):f}"
        if "." in text:
            integer, fraction = text.split(".")
            fraction = fraction.rstrip("0").ljust(self.shown, "0")
            text = f"{integer}.{fraction}" if fraction else integer
        return text[1:] if text.startswith("-") and not text.strip("-0.") else text


@dataclass(frozen=True)
class Integer(Lexical):
    """A whole number out of a list, or from ``least`` upwards."""

    values: tuple[int, ...] | None = None
    least: int | None = None

    def problem(self, value: Any) -> tuple[str, dict[str, Any]] | None:
        if not isinstance(value, int) or isinstance(value, bool):
            return "kind", {"expected": "whole number", "value": type(value).__name__}
        if self.values is not None and value not in self.values:
            return "enum", {"value": value}
        if self.least is not None and not self.least <= value < 10**14:
            return "range", {"value": value}
        return None


@dataclass(frozen=True)
class Day(Lexical):
    """A calendar day between two limits, both included."""

    first: date = date(1900, 1, 1)
    last: date = date(2050, 1, 1)

    def problem(self, value: Any) -> tuple[str, dict[str, Any]] | None:
        if not isinstance(value, date) or isinstance(value, datetime):
            return "kind", {"expected": "date", "value": type(value).__name__}
        return None if self.first <= value <= self.last else ("range", {"value": value})

    def write(self, value: date) -> str:
        return value.isoformat()


@dataclass(frozen=True)
class Moment(Lexical):
    """An aware point in time, written in UTC with a Z and whole seconds."""

    first: datetime = datetime(2025, 9, 1, tzinfo=timezone.utc)
    last: datetime = datetime(2050, 1, 1, 23, 59, 59, tzinfo=timezone.utc)

    def problem(self, value: Any) -> tuple[str, dict[str, Any]] | None:
        if not isinstance(value, datetime) or value.tzinfo is None:
            return "kind", {"expected": "time with zone", "value": type(value).__name__}
        return None if self.first <= value <= self.last else ("range", {"value": value})

    def write(self, value: datetime) -> str:
        utc = value.astimezone(timezone.utc).replace(microsecond=0, tzinfo=None)
        return utc.isoformat() + "Z"


#: Number of decimals -> the smallest step of it.
_QUANTA = tuple(Decimal(1).scaleb(-decimals) for decimals in range(13))


def rounded(value: Decimal, decimals: int) -> Decimal:
    """Half-up rounding; minus zero becomes zero."""
    return value.quantize(_QUANTA[decimals], rounding=ROUND_HALF_UP) + 0


def _values(text: str) -> frozenset[str]:
    return frozenset(text.split("|"))


_NIP = r"[1-9]((\d[1-9])|([1-9]\d))\d{7}"
_DAY = r"(0[1-9]|[1-2][0-9]|3[0-1])"
_YEAR = r"(20[2-9][0-9]|2[1-9][0-9]{2}|[3-9][0-9]{3})"

TKwotowy = Number("TKwotowy", shown=2)
TKwotowy2 = Number("TKwotowy2", digits=22, decimals=8, shown=2, whole=14)
TIlosci = Number("TIlosci", digits=22, decimals=6)
TProcentowy = Number(
    "TProcentowy", digits=9, decimals=6, whole=3, least=Decimal(0), most=Decimal(100)
)

TZnakowy = Text("TZnakowy", maximum=256)
TZnakowy20 = Text("TZnakowy20", maximum=20)
TZnakowy50 = Text("TZnakowy50", maximum=50)
TZnakowy512 = Text("TZnakowy512", maximum=512)
TIDNabywcy = Text("TIDNabywcy", maximum=32)
TTekstowy = Text("TTekstowy", maximum=3500, token=False)
TGLN = Text("TGLN", maximum=13)
TNumerTelefonu = Text("TNumerTelefonu", maximum=16)
TAdresEmail = Text("TAdresEmail", minimum=3, maximum=255, pattern=r"(.)+@(.)+")
TBDO = Text("TBDO", maximum=9)
TNrKRS = Text("TNrKRS", pattern=r"\d{10}")
TNrREGON = Text("TNrREGON", pattern=r"\d{9}|\d{14}")
TNrNIP = Text("TNrNIP", pattern=_NIP)
TNIPIdWew = Text("TNIPIdWew", maximum=20, pattern=_NIP + r"-\d{5}")
TNrVatUE = Text("TNrVatUE", pattern=r"(\d|[A-Z]|\+|\*){1,12}")
TNrID = Text("TNrID", maximum=50)
TNrRB = Text("TNrRB", minimum=10, maximum=34)
SWIFT_Type = Text("SWIFT_Type", pattern=r"[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3}){0,1}")
TNumerKSeF = Text(
    "TNumerKSeF",
    pattern=rf"({_NIP}|M\d{{9}}|[A-Z]{{3}}\d{{7}})-{_YEAR}(0[1-9]|1[0-2]){_DAY}"
    r"-([0-9A-F]{6})-?([0-9A-F]{6})-([0-9A-F]{2})",
)
TLinkDoPlatnosci = Text(
    "TLinkDoPlatnosci",
    maximum=512,
    pattern=r"(https?)://([a-zA-Z0-9][a-zA-Z0-9-]*\.)+[a-zA-Z]{2,}(:[0-9]{1,5})?(/[^\s?#]*)?"
    r"\?([^#\s]*&)?IPKSeF=[0-9]{3}[a-zA-Z0-9]{10}(&[^#\s]*)?(#.*)?",
)
TIPKSeF = Text("TIPKSeF", maximum=13, pattern=r"[0-9]{3}[a-zA-Z0-9]{10}")

TKodKraju = Text("TKodKraju", values=COUNTRIES)
TKodyKrajowUE = Text("TKodyKrajowUE", values=EU_PREFIXES)
TKodWaluty = Text("TKodWaluty", values=CURRENCIES)
TKodFormularza = Text(
    "TKodFormularza",
    values=_values("FA"),
    attributes={"kodSystemowy": "FA (3)", "wersjaSchemy": "1-0E"},
)
TRodzajFaktury = Text("TRodzajFaktury", values=_values("VAT|KOR|ZAL|ROZ|UPR|KOR_ZAL|KOR_ROZ"))
TStawkaPodatku = Text(
    "TStawkaPodatku", values=_values("23|22|8|7|5|4|3|0 KR|0 WDT|0 EX|zw|oo|np I|np II")
)
TOznaczenieProcedury = Text(
    "TOznaczenieProcedury",
    values=_values("WSTO_EE|IED|TT_D|I_42|I_63|B_SPV|B_SPV_DOSTAWA|B_MPV_PROWIZJA"),
)
TOznaczenieProceduryZ = Text(
    "TOznaczenieProceduryZ",
    values=_values("WSTO_EE|IED|TT_D|B_SPV|B_SPV_DOSTAWA|B_MPV_PROWIZJA"),
)
TGTU = Text("TGTU", values=frozenset(f"GTU_{number:02}" for number in range(1, 14)))

TData = Day("TData", first=date(2016, 7, 1))
TDataT = Day("TDataT", first=date(2006, 1, 1))
TDataU = Day("TDataU", first=date(1990, 1, 1))
TDataCzas = Moment("TDataCzas", first=datetime(2021, 10, 1, tzinfo=timezone.utc))
TDataWytworzenia = Moment("TDataWytworzenia")

TWybor1 = Integer("TWybor1", values=(1,))
TWybor1_2 = Integer("TWybor1_2", values=(1, 2))
TWariant = Integer("TWariant", values=(3,))
TNaturalny = Integer("TNaturalny", least=1)
TIlosc = Integer("TIlosc", least=1)
TFormaPlatnosci = Integer("TFormaPlatnosci", values=tuple(range(1, 8)))
TTypKorekty = Integer("TTypKorekty", values=(1, 2, 3))
TStatusInfoPodatnika = Integer("TStatusInfoPodatnika", values=(1, 2, 3, 4))
TRolaPodmiotu3 = Integer("TRolaPodmiotu3", values=tuple(range(1, 12)))
TRolaPodmiotuUpowaznionego = Integer("TRolaPodmiotuUpowaznionego", values=(1, 2, 3))
TRodzajTransportu = Integer("TRodzajTransportu", values=(1, 2, 3, 4, 5, 7, 8))
TLadunek = Integer("TLadunek", values=tuple(range(1, 21)))
TRachunekWlasnyBanku = Integer("TRachunekWlasnyBanku", values=(1, 2, 3))

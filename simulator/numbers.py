"""Reference numbers, KSeF numbers with their CRC-8, NIP checks."""

from __future__ import annotations

import random
import re
import uuid
from datetime import datetime

from .clock import warsaw_date

NIP_PATTERN = re.compile(r"[1-9]((\d[1-9])|([1-9]\d))\d{7}", re.ASCII)
KSEF_NUMBER_PATTERN = re.compile(
    r"([1-9](\d[1-9]|[1-9]\d)\d{7})-(20[2-9][0-9]|2[1-9]\d{2}|[3-9]\d{3})"
    r"(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])-([0-9A-F]{6})-?([0-9A-F]{6})-([0-9A-F]{2})",
    re.ASCII,
)
REFERENCE_PATTERN = re.compile(
    r"(20[2-9][0-9]|2[1-9][0-9]{2}|[3-9][0-9]{3})(0[1-9]|1[0-2])(0[1-9]|[1-2][0-9]|3[0-1])"
    r"-([0-9A-Z]{2})-([0-9A-F]{10})-([0-9A-F]{10})-([0-9A-F]{2})",
    re.ASCII,
)
_NIP_WEIGHTS = (6, 5, 7, 2, 3, 4, 5, 6, 7)
_CRC_POLYNOMIAL = 0x07


def crc8(text: str) -> str:
    """CRC-8 (polynomial 0x07, initial 0, not reflected) of an ASCII text, two hex digits."""
    value = 0
    for byte in text.encode("ascii"):
        value ^= byte
        for _bit in range(8):
            value = ((value << 1) ^ _CRC_POLYNOMIAL if value & 0x80 else value << 1) & 0xFF
    return f"{value:02X}"


def ksef_number_ok(number: str) -> bool:
    """Whether a KSeF number has its form and checksum; older ones of 36 characters: the form.

    The Ministry describes no checksum for those, and none was published with one.
    """
    form = KSEF_NUMBER_PATTERN.fullmatch(number) is not None
    return form and (len(number) == 36 or crc8(number[:32]) == number[-2:])


def nip_checksum_ok(nip: str) -> bool:
    """Whether the tenth digit is the weighted sum modulo 11 of the first nine."""
    total = sum(weight * int(digit) for weight, digit in zip(_NIP_WEIGHTS, nip, strict=False))
    return len(nip) == 10 and total % 11 == int(nip[9])


def internal_id_checksum_ok(internal_id: str) -> bool:
    """Whether the last digit of ``NIP-ddddC`` is the weighted sum modulo 10 of the others."""
    digits = internal_id.replace("-", "")
    weighted = sum(int(d) * (3 if i % 2 else 1) for i, d in enumerate(digits[:-1]))
    return len(digits) == 15 and weighted % 10 == int(digits[-1])


class NumberMint:
    """Makes reference numbers and KSeF numbers from one seedable source."""

    def __init__(self, seed: int | None = None, used: set[str] | None = None) -> None:
        self._random = random.Random(seed)  # noqa: S311 - identifiers, not secrets
        self._used = used or set()

    def _hex(self, length: int) -> str:
        return "".join(self._random.choice("0123456789ABCDEF") for _ in range(length))

    def reference(self, kind: str, now: datetime) -> str:
        """``YYYYMMDD-KK-10hex-10hex-2hex``; kinds: CR, AU, SO, EE, EU, EC."""
        while True:
            number = f"{now:%Y%m%d}-{kind}-{self._hex(10)}-{self._hex(10)}-{self._hex(2)}"
            if number not in self._used:
                self._used.add(number)
                return number

    def certificate_serial(self) -> int:
        """Eight bytes, the first 01 as on the Ministry's: 16 hex digits with a leading zero."""
        while True:
            serial = f"01{self._hex(14)}"
            if serial not in self._used:
                self._used.add(serial)
                return int(serial, 16)

    def unique_identifier(self) -> str:
        """A GUID in lower case."""
        return str(uuid.UUID(self._hex(32)))

    def ksef_number(self, seller_nip: str, invoicing_date: datetime) -> str:
        """35 characters; the day is that of ``invoicing_date`` in Poland."""
        while True:
            head = f"{seller_nip}-{warsaw_date(invoicing_date):%Y%m%d}-{self._hex(12)}"
            if head not in self._used:
                self._used.add(head)
                return f"{head}-{crc8(head)}"

"""Identifiers: KSeF number, NIP, internal identifier.

Patterns are those of the Ministry's OpenAPI; ``re.ASCII`` and ``fullmatch`` because ``\\d`` and
``$`` would let other digits and a trailing line feed pass.
"""

from __future__ import annotations

import re
from datetime import date

_NIP = r"[1-9](?:\d[1-9]|[1-9]\d)\d{7}"
_NIP_PATTERN = re.compile(_NIP, re.ASCII)
_INTERNAL_ID_PATTERN = re.compile(rf"{_NIP}-\d{{5}}", re.ASCII)
_KSEF_NUMBER = re.compile(
    rf"{_NIP}-(20[2-9]\d|2[1-9]\d\d|[3-9]\d{{3}})(\d\d)(\d\d)-"
    r"[0-9A-F]{12}-[0-9A-F]{2}",
    re.ASCII,
)
_LEGACY_NUMBER = re.compile(
    rf"{_NIP}-(20[2-9]\d|2[1-9]\d\d|[3-9]\d{{3}})(\d\d)(\d\d)-"
    r"[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{2}",
    re.ASCII,
)
_NIP_WEIGHTS = (6, 5, 7, 2, 3, 4, 5, 6, 7)
_SEPARATORS = re.compile(r"[\s\-\u2010-\u2015\u00a0.]")
_CRC_POLYNOMIAL = 0x07
_CRC_LENGTH = 32  # the checksum covers everything before the last hyphen


def crc8(text: str) -> str:
    """CRC-8 (polynomial 07, initial 00, not reflected) of ASCII ``text``: two hex digits."""
    crc = 0
    for byte in text.encode("ascii"):
        crc ^= byte
        for _bit in range(8):
            crc = ((crc << 1) ^ _CRC_POLYNOMIAL if crc & 0x80 else crc << 1) & 0xFF
    return f"{crc:02X}"


def _real_date(match: re.Match[str]) -> bool:
    try:
        date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return False
    return True


def is_ksef_number(text: str) -> bool:
    """Whether ``text`` is a number of KSeF 2.0 (35 characters) with a right checksum."""
    match = _KSEF_NUMBER.fullmatch(text)
    return match is not None and _real_date(match) and crc8(text[:_CRC_LENGTH]) == text[-2:]


def is_legacy_ksef_number(text: str) -> bool:
    """Whether ``text`` has the shape of a KSeF 1.0 number (36 characters).

    Its checksum is nowhere defined, so only the shape is tested.
    """
    match = _LEGACY_NUMBER.fullmatch(text)
    return match is not None and _real_date(match)


def nip_checksum_ok(text: str) -> bool:
    """Whether ten digits carry the right check digit (0000000000 does, yet is no NIP)."""
    if re.fullmatch(r"\d{10}", text, re.ASCII) is None:
        return False
    total = sum(weight * int(digit) for weight, digit in zip(_NIP_WEIGHTS, text[:9], strict=True))
    # A remainder of 10 equals no digit, so such a number is never right.
    return total % 11 == int(text[9])


def is_nip(text: str) -> bool:
    """Whether ``text`` is a NIP: ten digits of the allowed shape and a right check digit."""
    return _NIP_PATTERN.fullmatch(text) is not None and nip_checksum_ok(text)


def normalize_nip(text: str) -> str | None:
    """The ten digits of a Polish tax number as people write it, or None.

    Accepts the prefix PL, spaces, hyphens and dots. Only the shape is tested, not the check
    digit: the test environment is full of numbers that fail it.
    """
    compact = _SEPARATORS.sub("", text)
    if compact[:2].upper() == "PL":
        compact = compact[2:]
    return compact if _NIP_PATTERN.fullmatch(compact) is not None else None


def is_internal_id(text: str) -> bool:
    """Whether ``text`` is an internal identifier ``NIP-ddddC`` with a right last digit."""
    if _INTERNAL_ID_PATTERN.fullmatch(text) is None:
        return False
    digits = text.replace("-", "")
    total = sum(int(digit) * (3 if index % 2 else 1) for index, digit in enumerate(digits[:-1]))
    return total % 10 == int(digits[-1])

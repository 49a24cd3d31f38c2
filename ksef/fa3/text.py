"""Text hygiene: what every string passes before it goes into a document.

Source: XML 1.0, the Ministry's `weryfikacja-faktury.md` (characters refused since 16 July 2026).
"""

from __future__ import annotations

import re
import unicodedata

#: Characters that XML or KSeF refuses. U+0085 is legal, but becomes a space in `clean`.
_FORBIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff"
    + "".join(
        f"{chr(plane * 0x10000 + 0xFFFE)}{chr(plane * 0x10000 + 0xFFFF)}" for plane in range(1, 17)
    )
    + "]"
)
#: Invisible marks that come with copy and paste and break comparisons.
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060\ufeff]")
#: White space that XML tokens do not collapse by themselves.
_SPACES = re.compile("[\t\r\n\xa0\x85\u2028\u2029 ]+")


def forbidden_characters(text: str) -> list[str]:
    """The distinct characters of the text that XML or KSeF refuses, sorted."""
    if text.isascii() and text.isprintable():
        return []
    return sorted(set(_FORBIDDEN.findall(text)))


def utf16_length(text: str) -> int:
    """Length in UTF-16 units: characters beyond the basic plane count twice."""
    if text.isascii() or max(text) <= "\uffff":
        return len(text)
    return len(text) + sum(1 for character in text if ord(character) > 0xFFFF)


def cut(text: str, limit: int) -> tuple[str, str]:
    """Split a text into a head of at most ``limit`` UTF-16 units and the rest.

    A character is never split; the cut is at a space where one stands in the last quarter.
    """
    if utf16_length(text) <= limit:
        return text, ""
    units = 0
    end = 0
    for end, character in enumerate(text):  # noqa: B007 - the place of the overflow is wanted
        units += 2 if ord(character) > 0xFFFF else 1
        if units > limit:
            break
    space = text.rfind(" ", end * 3 // 4, end + 1)
    if space > 0:
        end = space
    return text[:end].strip(), text[end:].strip()


def clean(text: str | None, limit: int | None = None) -> str | None:
    """One line of clean text, at most ``limit`` UTF-16 units long; None when nothing is left."""
    if not text:
        return None
    if not (text.isascii() and text.isprintable()):
        text = unicodedata.normalize("NFC", _without_bad(text))
    text = _SPACES.sub(" ", text).strip(" ")
    if limit is not None:
        text = cut(text, limit)[0]
    return text or None


def clean_lines(text: str | None, limit: int | None = None) -> str | None:
    """As `clean`, but line breaks stay (one LF each, no more than one empty line in a row)."""
    if not text:
        return None
    lines = re.split("\r\n|[\r\n\x85\u2028\u2029]", text)
    joined = "\n".join(clean(line) or "" for line in lines)
    joined = re.sub("\n{3,}", "\n\n", joined).strip()
    if limit is not None:
        joined = cut(joined, limit)[0]
    return joined or None


def pieces(text: str, limit: int) -> list[str]:
    """The text in pieces of at most ``limit`` UTF-16 units."""
    result = []
    while text:
        head, text = cut(text, limit)
        result.append(head)
    return result


def _without_bad(text: str) -> str:
    return _INVISIBLE.sub("", _FORBIDDEN.sub("", text))

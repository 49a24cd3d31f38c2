"""What an invoice file may not contain, and production takes with a warning for the time being.

TEST and DEMO refuse such a file (430). Production was to do so from 16 July 2026, but does not in
version 2 of the API: it gives a number and warns in a header (ksef-api#700, #807). The code and
the text about characters were seen there (#843); those about instructions follow their pattern,
because the Ministry publishes no list (#835). Which answers bear the header is not said: here it
is every answer about that one invoice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from lxml import etree

HEADER = "X-System-Warning"
INSTRUCTIONS, CHARACTERS = "xml-001", "xml-002"
#: code -> what a refusal says, what a warning says (ASCII only, as KSeF folds it)
_TEXTS = {
    INSTRUCTIONS: ("instrukcje przetwarzania", "instrukcje przetwarzania XML"),
    CHARACTERS: ("niedozwolone znaki Unicode", "niedozwolone znaki Unicode"),
}
# Discouraged by XML 1.0: control characters and the non-characters of each plane. U+0085 is not.
_DISCOURAGED = re.compile(
    "[\x7f-\x84\x86-\x9f\ufdd0-\ufdef"
    + "".join(
        f"{chr(plane * 0x10000 + 0xFFFE)}{chr(plane * 0x10000 + 0xFFFF)}" for plane in range(1, 17)
    )
    + "]"
)


def find(text: str, root: etree._Element) -> tuple[str, ...]:
    """The codes of what is odd about a file, given as text and parsed."""
    found = []
    if root.getroottree().xpath("//processing-instruction()"):
        found.append(INSTRUCTIONS)
    # only references can hide a character from a look at the file itself
    seen = text + "".join(root.itertext()) if "&#" in text else text
    if _DISCOURAGED.search(seen):
        found.append(CHARACTERS)
    return tuple(found)


def refusal(code: str) -> str:
    """Why a file is refused, in Polish."""
    return f"Plik zawiera {_TEXTS[code][0]}."


def headers(ksef_number: str | None, codes: Iterable[str]) -> dict[str, str]:
    """The warning about an accepted invoice, as a header; nothing when nothing is odd."""
    warnings = [
        f"[{code}]: Faktura o numerze KSeF {ksef_number} zawiera {_TEXTS[code][1]}, "
        "ktore po 16.07.2026 beda odrzucane."
        for code in codes
    ]
    return {HEADER: " | ".join(warnings)} if warnings and ksef_number else {}

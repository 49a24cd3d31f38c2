"""Text hygiene: forbidden characters, spaces, lengths in UTF-16 units, units of measure."""

import pytest

from ksef.fa3 import text
from ksef.fa3.lexical import TZnakowy


@pytest.mark.parametrize(
    ("dirty", "expected"),
    [
        ("  a\t b\r\n c ", "a b c"),
        ("a\xa0b\u2028c\x85d", "a b c d"),
        ("a\x01\x86b\ufdd0\U0001ffff", "ab"),
        ("\u200bNIP\ufeff", "NIP"),
        ("Z\u0301", "Ź"),
        ("\x00", None),
        (None, None),
        ("日本語 <&>", "日本語 <&>"),
    ],
)
def test_clean(dirty, expected):
    assert text.clean(dirty) == expected


def test_length_is_counted_in_utf16_units():
    assert text.utf16_length("a😀") == 3
    assert text.clean("😀😀", 3) == "😀"
    assert text.cut("abcdef", 4) == ("abcd", "ef")
    assert text.cut("abc def", 5) == ("abc", "def")
    assert text.pieces("abcdef", 4) == ["abcd", "ef"]


def test_lines_stay_in_a_footer():
    assert text.clean_lines("a \r\n b\n\n\n\nc") == "a\nb\n\nc"


def test_spaces_of_unicode_stay_what_they_are():
    kept = text.clean("a\u2003b \u3000 c")
    assert kept == "a\u2003b \u3000 c"
    assert TZnakowy.problem(kept) is None
    assert TZnakowy.problem("a  b") == ("spaces", {})

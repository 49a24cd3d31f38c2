"""The table of prints: heading, codes and labels in every state."""

from __future__ import annotations

import pytest

from ksef.deadlines import MODES
from ksef.prints import Code, printed

NUMBER = "5265877635-20250826-0100001AF629-AF"
TWO = (Code("invoice", "OFFLINE"), Code("certificate", "CERTYFIKAT"))


@pytest.mark.parametrize(
    ("mode", "outside_ksef", "heading", "codes"),
    [
        ("online", False, "confirmation", TWO),
        ("online", True, "confirmation", TWO),
        ("offline24", False, "confirmation", TWO),
        ("offline24", True, "invoice", TWO),
        ("offline", False, "confirmation", TWO),
        ("offline", True, "invoice", TWO),
        ("emergency", False, "invoice", TWO),
        ("emergency", True, "invoice", TWO),
        ("total_failure", False, "invoice", ()),
        ("total_failure", True, "invoice", ()),
    ],
)
def test_before_the_number(mode, outside_ksef, heading, codes):
    found = printed(mode, ksef_number=None, outside_ksef=outside_ksef)
    assert (found.heading, found.codes) == (heading, codes)


@pytest.mark.parametrize("outside_ksef", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_after_the_number(mode, outside_ksef):
    found = printed(mode, ksef_number=NUMBER, outside_ksef=outside_ksef)
    assert (found.heading, found.codes) == ("invoice", (Code("invoice", NUMBER),))


@pytest.mark.parametrize("outside_ksef", [False, True])
def test_not_frozen_it_pretends_no_code(outside_ksef):
    found = printed(None, ksef_number=None, outside_ksef=outside_ksef)
    assert (found.heading, found.codes) == ("working_copy", ())


@pytest.mark.parametrize("outside_ksef", [False, True])
@pytest.mark.parametrize("mode", ["online", "offline24", "offline", "emergency"])
def test_without_a_certificate_nothing_is_handed_over(mode, outside_ksef):
    found = printed(mode, ksef_number=None, outside_ksef=outside_ksef, signed=False)
    assert (found.heading, found.codes) == ("working_copy", TWO[:1])


def test_no_such_mode():
    with pytest.raises(ValueError, match="legal mode"):
        printed("later", ksef_number=None, outside_ksef=False)

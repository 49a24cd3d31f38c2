"""Checks a document before anything is frozen: `check` needs no schema, so nothing goes unchecked.

`check` applies the rules of the schema as the classes of the model carry them, the check digits
and the arithmetic that KSeF itself never verifies. `check_bytes` looks at the written file.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from ..numbers import is_ksef_number, is_legacy_ksef_number, nip_checksum_ok
from .arithmetic import check_arithmetic
from .findings import Finding
from .lexical import Lexical
from .model import Faktura
from .schema import validate_xsd
from .structure import Choice, Rule, content, occurrences
from .text import forbidden_characters

__all__ = ["MAX_BYTES", "Finding", "check", "check_bytes", "validate_xsd"]

#: Largest invoice without an attachment, in bytes.
MAX_BYTES = 1_000_000

#: Codes of the error catalogue for places where it has a better one than KS29.
_CODES = {
    "Podmiot1/DaneIdentyfikacyjne/NIP": "KS01",
    "Podmiot1/Adres": "KS02",
    "Podmiot1/Adres/AdresL1": "KS02",
    "Podmiot2/Adres/KodKraju": "KS03",
    "Podmiot2/DaneIdentyfikacyjne/NIP": "KS04",
    "Podmiot2/DaneIdentyfikacyjne/NrVatUE": "KS05",
    "Podmiot2/Adres/AdresL1": "KS06",
    "Fa/P_1": "KS14",
    "Fa/P_2": "KS16",
    "Fa/FaWiersz": "KS27",
    "Fa/KodWaluty": "KS30",
}


def check(faktura: Faktura) -> list[Finding]:
    """Everything that is wrong with a document, in the order of its elements."""
    findings = [_finding(path, key, args) for path, key, args in _walk(faktura, "")]
    for path, number in (*_bad_nips(faktura), *_bad_ksef_numbers(faktura)):
        findings.append(_finding(path, "checksum", {"value": number}))
    if not findings:  # sums of values of a wrong kind say nothing
        findings += check_arithmetic(faktura)
    return findings


def check_bytes(xml: bytes) -> list[Finding]:
    """What KSeF refuses in a file apart from the schema: size, encoding, characters, DTD."""
    findings = []
    if len(xml) > MAX_BYTES:
        findings.append(Finding("KS27", "", "size", {"size": len(xml), "limit": MAX_BYTES}))
    if xml.startswith(b"\xef\xbb\xbf"):
        findings.append(Finding("KS29", "", "bytes", {"reason": "starts with a byte order mark"}))
    try:
        text = xml.decode("utf-8")
    except UnicodeDecodeError:
        return [*findings, Finding("KS29", "", "bytes", {"reason": "is not UTF-8"})]
    bad = forbidden_characters(text.lstrip("\ufeff"))
    if bad:
        characters = " ".join(f"U+{ord(character):04X}" for character in bad)
        findings.append(Finding("KS29", "", "forbidden", {"characters": characters}))
    if "<!DOCTYPE" in text:
        findings.append(Finding("KS29", "", "bytes", {"reason": "has a document type"}))
    if text.count("<?") > (1 if text.startswith("<?xml ") else 0):
        findings.append(Finding("KS29", "", "bytes", {"reason": "has processing instructions"}))
    return findings


def _finding(path: str, key: str, args: dict[str, Any]) -> Finding:
    return Finding(_CODES.get(path, "KS29"), path, key, args)


@cache
def _plan(cls: type) -> tuple[Rule | None, tuple[tuple[str, bool, Any, int], ...]]:
    """How to look at an element class: its content model, if it has one beyond a list of fields,
    and its fields as (name, mandatory, type, most)."""
    model = content(cls)
    plain = all(isinstance(part, str) for part in model.parts)
    fields = tuple(
        (name, plain and occurs.minimum > 0, occurs.type, occurs.maximum)
        for name, occurs in occurrences(cls).items()
    )
    return None if plain else model, fields


def _walk(node: Any, path: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Findings of one element and everything below it."""
    rule, fields = _plan(type(node))
    values = vars(node)
    found: list[tuple[str, str, dict[str, Any]]] = []
    below: list[tuple[str, str, dict[str, Any]]] = []
    empty = True
    for name, mandatory, kind, most in fields:
        value = values[name]
        if value is None or value == ():
            if mandatory:
                found.append((_join(path, name), "missing", {}))
            continue
        empty = False
        if most == 1:
            _value(kind, value, path, name, below)
            continue
        if len(value) > most:
            args = {"limit": most, "count": len(value)}
            below.append((_join(path, name), "too_many", args))
        for index, item in enumerate(value, start=1):
            _value(kind, item, path, f"{name}[{index}]", below)
    if empty:
        found.insert(0, (path, "empty", {}))
    if rule:
        present = {name for name, *_rest in fields if values[name] not in (None, ())}
        for missing, key, args in _particle(rule, present, occurrences(type(node))):
            found.append((_join(path, missing), key, args))
    return found + below


def _value(
    kind: Any, value: Any, path: str, name: str, found: list[tuple[str, str, dict[str, Any]]]
) -> None:
    if isinstance(kind, Lexical):
        problem = kind.problem(value)
        if problem:
            found.append((_join(path, name), *problem))
    elif isinstance(value, kind):
        found += _walk(value, _join(path, name))
    else:
        args = {"expected": kind.__name__, "value": type(value).__name__}
        found.append((_join(path, name), "kind", args))


def _particle(
    part: str | Rule, present: set[str], fields: dict[str, Any]
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Missing and contradicting elements of a content model."""
    if isinstance(part, str):
        if fields[part].minimum and part not in present:
            yield part, "missing", {}
        return
    if part.optional and present.isdisjoint(part.all_names):
        return
    if not isinstance(part, Choice):
        for child in part.parts:
            yield from _particle(child, present, fields)
        return
    touched = [
        child
        for child in part.parts
        if (child in present if isinstance(child, str) else not present.isdisjoint(child.all_names))
    ]
    if len(touched) == 1:
        yield from _particle(touched[0], present, fields)
        return
    names = ", ".join(part.names())
    if touched:
        yield "", "conflict", {"names": names}
    else:
        yield "", "choice", {"names": names}


def _join(path: str, name: str) -> str:
    return "/".join(filter(None, (path, name)))


def _bad_nips(faktura: Faktura) -> Iterator[tuple[str, str]]:
    """NIPs of the right form with a wrong check digit: production KSeF refuses them."""
    third = [(f"Podmiot3[{i}]", party) for i, party in enumerate(faktura.Podmiot3, start=1)]
    parties = [
        ("Podmiot1", faktura.Podmiot1),
        ("Podmiot2", faktura.Podmiot2),
        *third,
        ("PodmiotUpowazniony", faktura.PodmiotUpowazniony),
    ]
    for path, party in parties:
        identity = getattr(party, "DaneIdentyfikacyjne", None)
        for name in ("NIP", "IDWew"):
            number = getattr(identity, name, None)
            if number and len(number) >= 10 and not nip_checksum_ok(number[:10]):
                yield f"{path}/DaneIdentyfikacyjne/{name}", number


def _bad_ksef_numbers(faktura: Faktura) -> Iterator[tuple[str, str]]:
    """Numbers of corrected or settled invoices whose checksum is wrong."""
    if faktura.Fa is None:
        return
    corrected = enumerate(faktura.Fa.DaneFaKorygowanej, start=1)
    advances = enumerate(faktura.Fa.FakturaZaliczkowa, start=1)
    numbers = [
        *((f"Fa/DaneFaKorygowanej[{i}]", item.NrKSeFFaKorygowanej) for i, item in corrected),
        *((f"Fa/FakturaZaliczkowa[{i}]", item.NrKSeFFaZaliczkowej) for i, item in advances),
    ]
    for path, number in numbers:
        if number and not is_ksef_number(number) and not is_legacy_ksef_number(number):
            yield path, number

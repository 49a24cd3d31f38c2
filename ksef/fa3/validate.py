"""Checks a document before anything is frozen: `check` needs no schema, so nothing goes unchecked.

`check` applies the rules of the schema as the classes of the model carry them, the check digits
and the arithmetic that KSeF itself never verifies. `check_bytes` looks at the written file.
"""

from __future__ import annotations

from collections.abc import Iterator
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


def _walk(node: Any, path: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Findings of one element and everything below it."""
    fields = occurrences(type(node))
    present = {name for name in fields if getattr(node, name) not in (None, ())}
    if not present:
        yield path, "empty", {}
    for missing, key, args in _particle(content(type(node)), present, fields):
        yield _join(path, missing), key, args
    for name, occurs in fields.items():
        value = getattr(node, name)
        if value is None:
            continue
        if occurs.maximum == 1:
            yield from _value(occurs.type, value, _join(path, name))
            continue
        if len(value) > occurs.maximum:
            yield _join(path, name), "too_many", {"limit": occurs.maximum, "count": len(value)}
        for index, item in enumerate(value, start=1):
            yield from _value(occurs.type, item, f"{_join(path, name)}[{index}]")


def _value(kind: Any, value: Any, path: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    if isinstance(kind, Lexical):
        problem = kind.problem(value)
        if problem:
            yield path, *problem
    elif isinstance(value, kind):
        yield from _walk(value, path)
    else:
        yield path, "kind", {"expected": kind.__name__, "value": type(value).__name__}


def _particle(
    part: str | Rule, present: set[str], fields: dict[str, Any]
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Missing and contradicting elements of a content model."""
    if isinstance(part, str):
        if fields[part].minimum and part not in present:
            yield part, "missing", {}
        return
    touched = [child for child in part.parts if present.intersection(_names(child))]
    if part.optional and not touched:
        return
    if not isinstance(part, Choice):
        for child in part.parts:
            yield from _particle(child, present, fields)
        return
    names = ", ".join(part.names())
    if len(touched) > 1:
        yield "", "conflict", {"names": names}
    elif not touched:
        yield "", "choice", {"names": names}
    else:
        yield from _particle(touched[0], present, fields)


def _names(part: str | Rule) -> list[str]:
    return [part] if isinstance(part, str) else list(part.names())


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

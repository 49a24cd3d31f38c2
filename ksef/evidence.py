"""The evidence of an outage: rows chained by hash, and a file that anyone can check.

Every measurement carries the hash of the one before it, so that none can be changed, left out or
slipped in afterwards without a trace; the evidence file holds such measurements with everything
that belongs to the outage, and a seal over all of it. What only its printed SHA-256 shows: that
the whole file was made anew.

Nothing but the standard library is needed, so that an auditor can check a file on any machine:

    python3 -m ksef.evidence FILE [--sha256 HEX]

It exits with 0 when the file is good and with 1 when it is not, and names every fault. The
contents are described in :mod:`ksef.evidence_file`, which makes such files.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from .chain import (
    CHANGED,
    HASH,
    INSERTED,
    MISSING,
    PREVIOUS,
    REORDERED,
    canonical,
    row_hash,
    verify_chain,
)

FORMAT = "l10n_pl_ksef.evidence/1"
SEAL = "seal"
_MOST_DIGITS = 18

# What is wrong, in English. The data of a Problem fill the placeholders.
TEXTS: Mapping[str, str] = {
    "sha256": "The SHA-256 of the file is %(found)s, not %(expected)s: it is another file.",
    "encoding": "This is no evidence file: it is not text in UTF-8.",
    "depth": "This is no evidence file: it is nested too deeply.",
    "json": "This is no evidence file: it is not JSON (%(reason)s, line %(line)s).",
    "object": "This is no evidence file: it is not a JSON object.",
    "number": "This is no evidence file: it has the number %(number)s, which is no whole one.",
    "twice": "This is no evidence file: it names the field %(field)s twice.",
    "spelling": "The file has text or numbers that cannot be spelled as JSON.",
    "format": "The format is %(found)s; this program knows %(expected)s.",
    "field": "%(place)s: the field %(field)s is missing or not what it should be.",
    "not_canonical": "The file is not written the way it was made: somebody edited it.",
    "seal": "The seal does not fit the contents: something in the file was changed.",
    "moment": "%(place)s: the times in UTC and in Warsaw are not the same moment.",
    "period": "The outage ends before it starts.",
    "environment": "Probe %(position)s measures another environment.",
    "time": "Probe %(position)s (%(at)s) is older than the one before it.",
    "head": "The chain of probes does not end where the file says.",
    "announcement": "Announcement %(position)s: its text and its event number do not agree.",
    "digest": "Invoice %(number)s: its SHA-256 is not 32 bytes in Base64.",
    CHANGED: "Probe %(position)s (%(at)s) was changed: its contents do not fit its hash.",
    MISSING: "Before probe %(position)s (%(at)s) one is missing: it was removed, or replaced and "
    "hashed again.",
    INSERTED: "Probe %(position)s (%(at)s) was inserted: no other one is chained to it.",
    REORDERED: "Probe %(position)s (%(at)s) stands in the wrong place.",
}


@dataclass(frozen=True)
class Problem:
    """What is wrong with a file: a key of :data:`TEXTS` and what fills its placeholders.

    Positions count from 1, as people do.
    """

    code: str
    data: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return TEXTS[self.code] % self.data


def seal(data: Mapping[str, Any]) -> str:
    """The hash over the whole file but the seal itself, chained to its last probe."""
    rows = data["probes"]
    return row_hash(rows[-1][HASH] if rows else "", {key: data[key] for key in data if key != SEAL})


def file_bytes(data: Mapping[str, Any]) -> bytes:
    """The file with these contents, sealed: canonical, and indented for people."""
    return canonical({**data, SEAL: seal(data)}, indent=1) + b"\n"


def file_sha256(content: bytes) -> str:
    """What is printed beside the file: 64 hex digits."""
    return hashlib.sha256(content).hexdigest()


class _Unreadable(ValueError):
    """The file is not even JSON of the right kind; ``problem`` says why."""

    def __init__(self, code: str, **data: Any) -> None:
        self.problem = Problem(code, data)
        super().__init__(str(self.problem))


def read(content: bytes) -> dict[str, Any]:
    """The contents of a file. Raises ValueError with the reason where it is none."""
    try:
        data = json.loads(
            content.decode(),
            parse_int=_whole_number,
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
            object_pairs_hook=_unique,
        )
    except UnicodeDecodeError as error:
        raise _Unreadable("encoding") from error
    except RecursionError as error:
        raise _Unreadable("depth") from error
    except json.JSONDecodeError as error:
        raise _Unreadable("json", reason=error.msg, line=error.lineno) from error
    if not isinstance(data, dict):
        raise _Unreadable("object")
    return data


def _whole_number(text: str) -> int:
    # Python itself refuses to read thousands of digits, each version in its own way
    return int(text) if len(text) <= _MOST_DIGITS else _refuse_number(text)


def _refuse_number(text: str) -> int:
    raise _Unreadable("number", number=text[:20])


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _value in pairs]
        raise _Unreadable("twice", field=next(one for one in names if names.count(one) > 1))
    return found


def verify_file(content: bytes, sha256: str | None = None) -> list[Problem]:
    """Everything that is wrong with a file; nothing if it is good. Never raises.

    ``sha256`` is what was printed on the confirmation, in hex; spaces and case do not matter.
    Without it a file that somebody made anew from beginning to end passes.
    """
    problems = []
    found = file_sha256(content)
    if sha256 is not None and "".join(sha256.split()).lower() != found:
        problems.append(Problem("sha256", {"found": found, "expected": sha256}))
    try:
        data = read(content)
    except _Unreadable as error:
        return [*problems, error.problem]
    if data.get("format") != FORMAT:
        shown = {"found": _text(data.get("format")) or "?", "expected": FORMAT}
        return [*problems, Problem("format", shown)]
    faults = list(_shape(data))
    try:
        return [*problems, *(faults or _verify_contents(content, data))]
    except RecursionError:
        return [*problems, Problem("depth")]


def _verify_contents(content: bytes, data: dict[str, Any]) -> list[Problem]:
    problems = []
    try:
        if canonical(data, indent=1) + b"\n" != content:
            problems.append(Problem("not_canonical"))
        if seal(data) != data[SEAL]:
            problems.append(Problem("seal"))
    except ValueError:
        problems.append(Problem("spelling"))
    return [
        *problems,
        *_verify_moments(data),
        *_verify_probes(data),
        *_verify_announcements(data["announcements"]),
        *_verify_invoices(data["invoices"]),
    ]


MOMENT = {"utc": str, "warsaw": str}
OPTIONAL_TEXT = (str, type(None))
# the moments in the rows of a section
MOMENTS = (("announcements", "read_at"), ("attempts", "at"), ("invoices", "acquired_at"))
# section -> field -> its types; a dictionary stands for an object with these fields
SHAPES: Mapping[str, Mapping[str, Any]] = {
    "seller": {"name": str, "nip": str},
    "outage": {"id": int, "kind": str, "source": str, "start": dict, "end": (dict, type(None))},
    "chain": {"previous": str, "head": str, "count": int},
}
ROWS: Mapping[str, Mapping[str, Any]] = {
    "probes": {"environment": str, "at": str, "ok": bool, PREVIOUS: str, HASH: str},
    "announcements": {"number": str, "event_id": (int, type(None)), "raw": str, "read_at": dict},
    "attempts": {"at": dict, "kind": str, "text": str},
    "invoices": {
        "number": str,
        "issue_date": str,
        "legal_mode": str,
        "deadline": OPTIONAL_TEXT,
        "xml_sha256": str,
        "ksef_number": OPTIONAL_TEXT,
        "acquired_at": (dict, type(None)),
    },
    "anchors": {"hour": str, "checks": int, "good": int, "last_hash": str},
}


def _shape(data: Mapping[str, Any]) -> Iterable[Problem]:
    """What is missing or of another type. Only a file without such faults is looked into."""
    yield from _fields("file", data, {"environment": str, "made_at": dict, SEAL: str})
    for section, fields in SHAPES.items():
        yield from _fields(section, data.get(section), fields)
    for section, fields in ROWS.items():
        rows = data.get(section)
        if not isinstance(rows, list):
            yield Problem("field", {"place": "file", "field": section})
            continue
        for number, row in enumerate(rows, 1):
            yield from _fields(f"{section} {number}", row, fields)


def _fields(place: str, item: Any, fields: Mapping[str, Any]) -> Iterable[Problem]:
    if not isinstance(item, dict):
        yield Problem("field", {"place": place, "field": "*"})
        return
    for name, types in fields.items():
        value = item.get(name)
        # a truth value is an integer for Python, and none for us
        is_disguised = isinstance(value, bool) and types is not bool
        if name not in item or is_disguised or not isinstance(value, types):
            yield Problem("field", {"place": place, "field": name})
        elif isinstance(value, dict):
            yield from _fields(f"{place} {name}", value, MOMENT)


def _verify_moments(data: Mapping[str, Any]) -> Iterable[Problem]:
    outage = data["outage"]
    moments = [("made_at", data["made_at"]), ("start", outage["start"]), ("end", outage["end"])]
    for section, name in MOMENTS:
        rows = enumerate(data[section], 1)
        moments += [(f"{section} {number}", row[name]) for number, row in rows]
    for place, moment in moments:
        if moment is not None and not _is_one_moment(moment):
            yield Problem("moment", {"place": place})
    start, end = _instant(outage["start"]), outage["end"] and _instant(outage["end"])
    if start and end and end < start:
        yield Problem("period")


def _instant(moment: Mapping[str, str]) -> datetime | None:
    return _aware(moment["utc"])


def _aware(text: str) -> datetime | None:
    try:
        # Python 3.10 does not know the letter Z
        found = datetime.fromisoformat(f"{text[:-1]}+00:00" if text.endswith("Z") else text)
    except ValueError:
        return None
    return found if found.tzinfo else None


def _is_one_moment(moment: Mapping[str, str]) -> bool:
    first, second = _aware(moment["utc"]), _aware(moment["warsaw"])
    return first is not None and first == second and moment["utc"].endswith("Z")


def _verify_probes(data: Mapping[str, Any]) -> Iterable[Problem]:
    rows, chain = data["probes"], data["chain"]
    for broken in verify_chain(rows, chain["previous"]):
        yield Problem(broken.code, {"position": broken.position + 1, "at": broken.at})
    head = rows[-1][HASH] if rows else chain["previous"]
    if (head, len(rows)) != (chain["head"], chain["count"]):
        yield Problem("head")
    before = None
    for position, row in enumerate(rows, 1):
        if row["environment"] != data["environment"]:
            yield Problem("environment", {"position": position})
        at = _aware(row["at"])
        if at is None:
            yield Problem("field", {"place": f"probes {position}", "field": "at"})
        elif before is not None and at < before:
            yield Problem("time", {"position": position, "at": row["at"]})
        before = at or before


def _verify_announcements(rows: Sequence[Mapping[str, Any]]) -> Iterable[Problem]:
    for position, row in enumerate(rows, 1):
        try:
            message = json.loads(row["raw"])
        except (ValueError, RecursionError):
            message = None
        if not isinstance(message, dict) or _event_of(message) != row["event_id"]:
            yield Problem("announcement", {"position": position})


def _event_of(message: Mapping[str, Any]) -> int | None:
    """The event's number; one that the beacon garbled was read as none."""
    number = message.get("eventId")
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def _verify_invoices(rows: Sequence[Mapping[str, Any]]) -> Iterable[Problem]:
    for position, row in enumerate(rows, 1):
        try:
            is_digest = len(base64.b64decode(row["xml_sha256"], validate=True)) == 32
        except ValueError:
            is_digest = False
        # what was issued outside KSeF in a total failure has no file
        is_outside = row["legal_mode"] == "total_failure" and not row["xml_sha256"]
        if not is_digest and not is_outside:
            yield Problem("digest", {"number": row["number"]})
        for name in ("issue_date", "deadline"):
            if not _is_day(row[name]):
                yield Problem("field", {"place": f"invoices {position}", "field": name})


def _is_day(text: str | None) -> bool:
    try:
        return text is None or bool(date.fromisoformat(text))
    except ValueError:
        return False


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


# -- the command ---------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Check one file and say what was found; 0 if it is good, else 1."""
    parser = argparse.ArgumentParser(
        prog="python3 -m ksef.evidence",
        description="Check a confirmation of KSeF unavailability (its JSON file).",
    )
    parser.add_argument("file", type=Path, help="the JSON file")
    parser.add_argument("--sha256", help="the SHA-256 that is printed on the confirmation")
    options = parser.parse_args(arguments)
    try:
        content = options.file.read_bytes()
    except OSError as error:
        print(f"The file cannot be read: {error}", file=sys.stderr)
        return 1
    problems = verify_file(content, options.sha256)
    print(f"SHA-256 {file_sha256(content)}")
    if problems:
        for problem in problems:
            print(f"FAULT   {problem}")
        print(f"{len(problems)} fault(s).")
        return 1
    _print_summary(read(content))
    if options.sha256 is None:
        print("Compare the SHA-256 above with the printed one, or give it with --sha256.")
    return 0


def _print_summary(data: Mapping[str, Any]) -> None:
    outage = data["outage"]
    end = outage["end"]["warsaw"] if outage["end"] else "the time of making"
    print(f"Seller  {data['seller']['name']}, NIP {data['seller']['nip']}")
    print(f"KSeF    {data['environment']}, {outage['kind']} ({outage['source']})")
    print(f"Period  {outage['start']['warsaw']} to {end}")
    counts = ", ".join(f"{len(data[section])} {section}" for section in ROWS)
    print(f"Holds   {counts}")
    print("The file is whole: seal and chain of probes are in order.")


if __name__ == "__main__":
    sys.exit(main())

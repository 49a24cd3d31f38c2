"""The chain of probes and the evidence file: whatever is changed is found, and named."""

from __future__ import annotations

import base64
import json
import random
import subprocess
import sys
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pytest

from ksef import chain, evidence
from ksef.chain import CHANGED, INSERTED, MISSING, REORDERED, Break, row_hash, verify_chain
from ksef.evidence import file_sha256, verify_file
from ksef.evidence_file import (
    Anchor,
    Announcement,
    Attempt,
    Evidence,
    Invoice,
    Outage,
    Seller,
    build,
    moment,
)

ROOT = Path(__file__).resolve().parents[2]
START = datetime(2026, 11, 21, 10, 0, tzinfo=timezone.utc)
ROWS = 9


def linked(rows: list[dict], previous: str = "") -> list[dict]:
    """The rows with their hashes."""
    done = []
    for row in rows:
        hashed = row_hash(previous, row)
        done.append({**row, "previous_hash": previous, "hash": hashed})
        previous = hashed
    return done


def plain(number: int) -> dict:
    """What is hashed of one probe: a good one, or a dead line with Polish words in its error."""
    dead = number % 3 == 0
    return {
        "environment": "prod",
        "at": (START + timedelta(minutes=5 * number)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "ok": not dead,
        "reached": not dead,
        "control_ok": "yes" if dead else None,
        "url": "https://api.ksef.mf.gov.pl/v2/security/public-key-certificates",
        "status": 0 if dead else 200,
        "dns_ms": 3,
        "total_ms": 5003 if dead else 80 + number,
        "body_sha256": None if dead else "ab" * 32,
        "error": "Przekroczono czas połączenia „żółć”\n" if dead else "",
    }


def probes(previous: str = "ef" * 32) -> list[dict]:
    return linked([plain(number) for number in range(ROWS)], previous)


def found(rows: list[dict], previous: str = "ef" * 32) -> list[tuple[str, int]]:
    return [(one.code, one.position) for one in verify_chain(rows, previous)]


def whole(**changes) -> Evidence:
    raw = json.dumps({"id": "K/2026/AWR/02", "eventId": 1002, "text": "Awaria. Zażółć."})
    parts = {
        "environment": "prod",
        "made_at": START + timedelta(hours=3),
        "seller": Seller("ACME Polska sp. z o.o.", "5265877635"),
        "outage": Outage(7, "failure", "announcement", START, START + timedelta(hours=1)),
        "probes": tuple(probes()),
        "announcements": (
            Announcement("K/2026/AWR/02", 1002, "FAILURE", "FAILURE_START", 1, raw, START),
        ),
        "attempts": (Attempt(START, "NotSent", 0, "Name or service not known", "FV/1"),),
        "invoices": tuple(
            Invoice(
                f"FV/2026/{number}",
                date(2026, 11, 21),
                "emergency",
                date(2026, 12, 1),
                "due",
                base64.b64encode(bytes(32)).decode(),
            )
            for number in range(5)
        ),
        "anchors": (Anchor(START - timedelta(days=91), 12, 12, "ef" * 32),),
    }
    return Evidence(**{**parts, **changes})


def codes(content: bytes, sha256: str | None = None) -> set[str]:
    return {problem.code for problem in verify_file(content, sha256)}


def edited(change, content: bytes | None = None) -> bytes:
    """The file after ``change(data)``, written in the same way; its seal is as it was."""
    data = json.loads(content or build(whole()))
    change(data)
    return chain.canonical(data, indent=1) + b"\n"


# -- the chain -------------------------------------------------------------------------------------


def test_hash_of_a_known_row():
    """Fixed for ever: every stored chain depends on it."""
    import hashlib

    text = '["",{"at":"2026-11-21T10:00:00Z","error":"żółć","ok":true,"status":200,"url":null}]'
    row = {"url": None, "status": 200, "ok": True, "error": "żółć", "at": "2026-11-21T10:00:00Z"}
    assert row_hash("", row) == hashlib.sha256(text.encode()).hexdigest()


def test_a_whole_chain_has_no_break():
    assert found(probes()) == []
    assert found([]) == []
    assert found(linked([plain(0)]), "") == []


def test_an_edited_row_is_named():
    for place in range(ROWS):
        rows = probes()
        rows[place]["ok"] = not rows[place]["ok"]
        assert verify_chain(rows, "ef" * 32) == [Break(CHANGED, place, rows[place]["at"])]


def test_an_overwritten_hash_is_one_break():
    rows = probes()
    rows[4]["hash"] = "00" * 32
    assert found(rows) == [(CHANGED, 4)]


def test_an_overwritten_link_is_the_row_itself():
    rows = probes()
    rows[4]["previous_hash"] = "00" * 32
    assert found(rows) == [(CHANGED, 4)]


def test_a_row_edited_and_hashed_again_breaks_the_next():
    rows = probes()
    rows[4] = linked([{**plain(4), "ok": False}], rows[3]["hash"])[0]
    assert found(rows) == [(MISSING, 5)]


def test_removed_rows_are_named():
    for place in range(ROWS - 1):
        rows = probes()
        del rows[place]
        assert found(rows) == [(MISSING, place)]
    assert found(probes()[3:]) == [(MISSING, 0)]


def test_an_inserted_row_is_named():
    rows = probes()
    rows.insert(4, linked([plain(4)], rows[3]["hash"])[0] | {"hash": "11" * 32})
    assert found(rows) == [(CHANGED, 4)]
    rows = probes()
    rows[4:4] = linked([{**plain(4), "total_ms": 1}], rows[3]["hash"])
    assert found(rows) == [(INSERTED, 4)]
    rows = probes()
    rows[4:4] = linked([{**plain(4), "total_ms": 1}, {**plain(4), "total_ms": 2}], rows[3]["hash"])
    assert found(rows) == [(INSERTED, 4), (INSERTED, 5)]
    rows = probes()
    rows.insert(6, dict(rows[2]))
    assert found(rows) == [(INSERTED, 6)]
    rows = probes()
    rows[6:6] = linked([{**plain(5), "total_ms": 1}], rows[1]["hash"])
    assert found(rows) == [(INSERTED, 6)]


def test_an_inserted_row_at_the_start_is_named():
    rows = [*linked([plain(8)], "ef" * 32), *probes()]
    assert found(rows) == [(INSERTED, 0)]


def test_reordered_rows_are_named():
    rows = probes()
    rows[3], rows[4] = rows[4], rows[3]
    assert {code for code, _place in found(rows)} == {REORDERED}
    assert (REORDERED, 3) in found(rows)
    rows = probes()
    rows.append(rows.pop(0))
    assert {code for code, _place in found(rows)} == {REORDERED}


def test_every_order_but_the_true_one_is_found():
    source = random.Random(7)
    for _turn in range(300):
        rows = probes()
        source.shuffle(rows)
        assert bool(found(rows)) == (rows != probes())


def test_any_single_byte_of_any_row_is_found():
    """Each byte of the canonical text of each row, by another letter or digit."""
    source = random.Random(11)
    rows = probes()
    tried = 0
    for place, row in enumerate(rows):
        for name, value in row.items():
            text = value if isinstance(value, str) else json.dumps(value)
            for at in range(len(text)):
                letter = source.choice("0123456789abcdefXYZż ")
                other = text[:at] + letter + text[at + 1 :]
                if other == text:
                    continue
                changed = [*rows[:place], {**row, name: other}, *rows[place + 1 :]]
                breaks = found(changed)
                assert breaks, (place, name, at)
                assert breaks[0] == (CHANGED, place)
                tried += 1
        for name in row:
            without = {key: item for key, item in row.items() if key != name}
            assert found([*rows[:place], without, *rows[place + 1 :]])
    assert tried > 2000


def test_types_are_part_of_the_hash():
    assert row_hash("", {"ok": True}) != row_hash("", {"ok": 1}) != row_hash("", {"ok": "1"})
    assert row_hash("", {"error": None}) != row_hash("", {"error": ""}) != row_hash("", {})


@pytest.mark.parametrize("value", [1.5, float("nan"), b"x", {1: 2}, ["\ud800"]])
def test_what_has_no_single_spelling_is_refused(value):
    with pytest.raises(ValueError, match=r"spelling|key|surrogates"):
        row_hash("", {"x": value})


# -- the file --------------------------------------------------------------------------------------


def test_the_file_is_good_and_always_the_same():
    content = build(whole())
    assert content == build(whole())
    assert verify_file(content) == []
    printed = file_sha256(content)
    spaced = " ".join(printed[at : at + 8] for at in range(0, 64, 8)).upper()
    assert verify_file(content, spaced) == []
    assert verify_file(build(whole(probes=(), announcements=(), invoices=(), attempts=()))) == []
    assert verify_file(build(whole(outage=Outage(1, "own", "user", START)))) == []


def test_only_an_invoice_of_a_total_failure_has_no_file():
    outside = Invoice("FV/1", date(2026, 11, 21), "total_failure", None, "lifted", "")
    assert verify_file(build(whole(invoices=(outside,)))) == []
    offline = Invoice("FV/1", date(2026, 11, 21), "offline24", date(2026, 11, 23), "due", "")
    assert codes(build(whole(invoices=(offline,)))) == {"digest"}


def test_moments_stand_in_utc_and_in_warsaw():
    assert moment(datetime(2026, 7, 1, 22, 30, 5, 999, tzinfo=timezone.utc)) == {
        "utc": "2026-07-01T22:30:05Z",
        "warsaw": "2026-07-02T00:30:05+02:00",
    }
    with pytest.raises(ValueError, match="zone"):
        moment(datetime(2026, 7, 1))


def test_verbatim_text_comes_back():
    data = json.loads(build(whole()))
    assert json.loads(data["announcements"][0]["raw"])["text"] == "Awaria. Zażółć."
    assert data["probes"] == probes()


def test_any_single_byte_of_the_file_is_found():
    """Without the printed SHA-256, too: the seal covers everything."""
    content = build(whole())
    source = random.Random(5)
    for at in range(0, len(content), 3):
        other = bytearray(content)
        other[at] = (other[at] + source.randrange(1, 256)) % 256
        assert verify_file(bytes(other)), at
    for at in source.sample(range(len(content)), 200):
        assert verify_file(content[:at] + content[at + 1 :]), at
        assert verify_file(content[:at] + b" " + content[at:]), at


def test_a_file_made_anew_is_found_by_its_printed_hash():
    good = build(whole())
    forged = build(whole(seller=Seller("Inna sp. z o.o.", "5265877635")))
    assert verify_file(forged) == []
    assert codes(forged, file_sha256(good)) == {"sha256"}


def test_every_probe_changed_or_removed_is_found_and_named():
    for place in range(ROWS):

        def change(data, place=place):
            data["probes"][place]["total_ms"] += 1

        def remove(data, place=place):
            del data["probes"][place]

        shown = {problem.code: problem for problem in verify_file(edited(change))}
        assert shown[CHANGED].data["position"] == place + 1
        assert "seal" in shown
        assert codes(edited(remove)) >= {"head", "seal"}
        if place < ROWS - 1:
            assert MISSING in codes(edited(remove))


def set_in(*path_and_value):
    *path, last, value = path_and_value

    def change(data):
        for step in path:
            data = data[step]
        data[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (set_in("outage", "start", "warsaw", "2026-11-21T10:00:00+01:00"), "moment"),
        (set_in("outage", "end", "utc", "today"), "moment"),
        (set_in("outage", "end", moment(START - timedelta(days=1))), "period"),
        (set_in("environment", "demo"), "environment"),
        (set_in("probes", 3, "at", "2020-01-01T00:00:00Z"), "time"),
        (set_in("probes", 3, "at", "yesterday"), "field"),
        (set_in("announcements", 0, "event_id", 3), "announcement"),
        (set_in("announcements", 0, "raw", "{"), "announcement"),
        (set_in("invoices", 0, "xml_sha256", "AAAA"), "digest"),
        (set_in("invoices", 0, "xml_sha256", "?"), "digest"),
        (set_in("invoices", 0, "deadline", "soon"), "field"),
        (set_in("invoices", 0, "number", None), "field"),
        (set_in("invoices", {}), "field"),
        (set_in("probes", ["x"]), "field"),
        (set_in("seller", None), "field"),
        (set_in("chain", "count", True), "field"),
        (set_in("format", "other/1"), "format"),
        (set_in("format", None), "format"),
    ],
)
def test_each_fault_has_its_name(change, code):
    content = edited(change)
    assert code in codes(content)
    for problem in verify_file(content):
        assert "%(" not in str(problem)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "json"),
        (b"\xff\xfe", "encoding"),
        (b"[]", "object"),
        (b"{", "json"),
        (b'{"format": 1.5}', "number"),
        (b'{"format": NaN}', "number"),
        (b'{"format": ' + b"9" * 10_000 + b"}", "number"),
        (b'{"a": 1, "a": 2}', "twice"),
        (b"[" * 200_000, "depth"),
        (b"{}", "format"),
    ],
)
def test_garbage_is_a_sentence(content, code):
    [problem] = verify_file(content)
    assert problem.code == code
    assert "%" not in str(problem)


def test_text_that_is_no_unicode_is_a_sentence():
    content = edited(set_in("outage", "reason", "x")).replace(b'"x"', rb'"\ud800"')
    assert "spelling" in codes(content)


def test_deep_nesting_within_a_good_file_is_a_sentence():
    deep: list = []
    for _level in range(300):
        deep = [deep]
    limit = sys.getrecursionlimit()
    content = edited(set_in("outage", "reason", deep))
    try:
        sys.setrecursionlimit(250)
        assert verify_file(content)
    finally:
        sys.setrecursionlimit(limit)


def test_every_text_takes_its_data():
    names = ("found", "expected", "reason", "line", "place", "field", "number", "position", "at")
    for code in evidence.TEXTS:
        assert str(evidence.Problem(code, dict.fromkeys(names, "x")))


# -- the command -----------------------------------------------------------------------------------


def command(*arguments: str, alone: bool = False) -> subprocess.CompletedProcess:
    """The command as an auditor runs it; ``alone``: with no package but the standard library."""
    options = ["-S", "-E"] if alone else []
    return subprocess.run(
        [sys.executable, *options, "-m", "ksef.evidence", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_the_command(tmp_path):
    content = build(whole())
    path = tmp_path / "evidence.json"
    path.write_bytes(content)
    done = command(str(path), "--sha256", file_sha256(content), alone=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert file_sha256(content) in done.stdout
    assert "5265877635" in done.stdout
    assert "9 probes, 1 announcements" in done.stdout

    path.write_bytes(edited(set_in("probes", 2, "ok", False)))
    done = command(str(path), "--sha256", file_sha256(content), alone=True)
    assert done.returncode == 1
    assert "Probe 3 (2026-11-21T10:10:00Z) was changed" in done.stdout
    assert "another file" in done.stdout

    done = command(str(tmp_path / "nothing.json"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "cannot be read" in done.stderr

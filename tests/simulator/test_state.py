"""``--state``: what a client knows about is there after a restart, however it came about."""

from __future__ import annotations

import base64
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from batches import Batch, make_zip
from conftest import ROOT, schema_folder, start
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from enrolling import Subject, new_key
from exporting import Export
from harness import NIP, Api, Session, adapted, code_of, login, open_session, sha, today

#: Takes seconds: runs in the browser's part, which keeps the unit part under a minute.
pytestmark = pytest.mark.slow


@contextmanager
def running(state: Path, *, kill: bool = False) -> Iterator[Api]:
    """A simulator on the state file; ended politely, or killed."""
    process, url = start("--state", str(state), "--schemas", str(schema_folder()))
    try:
        with Api(url) as api:
            yield api
    finally:
        if kill:
            process.kill()
        else:
            process.terminate()
        ended = process.wait(20)
        assert process.stdout is not None
        process.stdout.close()
    assert kill or ended == 0


def test_everything_survives_a_restart(tmp_path: Path, invoice_template: bytes) -> None:
    state = tmp_path / "demo.sqlite"
    xml = adapted(invoice_template, P_1=today())
    with running(state) as api:
        api.control("POST", "speed", polls=[0, 0], auth=0, storage=0, certificates=0)
        api.control("POST", "clock", advance=60)
        made = api.control("POST", "certificates", nip=NIP, kind="Authentication")
        certificate = x509.load_der_x509_certificate(base64.b64decode(made["certificate"]))
        pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
        pair = (pem, made["key"])
        tokens = login(api, pair=pair)
        keys = api.call("GET", "/security/public-key-certificates").json()
        session = open_session(api, tokens["access"])
        reference = session.send(xml)
        number = session.status(reference)["ksefNumber"]
        serial = Subject(api, tokens["access"]).enrol(new_key())["certificateSerialNumber"]
        api.control("POST", "latarnia", action="failure")
        api.control("POST", "faults", endpoint="invoice", kind="outcome", code=430)
        clock = api.control("GET", "state")["now"]
        ca = api.get(f"{api.url}/_sim/ca.pem").text
    with running(state) as api:
        after = api.control("GET", "state")
        assert after["now"] > clock
        assert after["polls"] == [0, 0]
        assert api.get(f"{api.url}/_sim/ca.pem").text == ca
        assert api.get(f"{api.url}/latarnia/status").json()["status"] == "FAILURE"
        assert api.call("GET", "/security/public-key-certificates").json() == keys
        # tokens, session with its key, invoice and its file, forced verdict, certificates
        session = Session(api, tokens["access"], session.reference, session.key, session.iv)
        assert session.status(reference)["ksefNumber"] == number
        stored = api.call("GET", f"/invoices/ksef/{number}", tokens["access"])
        assert stored.content == xml
        again = adapted(invoice_template, P_1=today(), P_2="2")
        assert session.status(session.send(again))["status"]["code"] == 430
        assert session.status(session.send(xml))["status"]["code"] == 440
        company = Subject(api, login(api, pair=pair)["access"])
        assert company.retrieve(serial)
        assert api.call("POST", "/auth/token/refresh", tokens["refresh"]).status_code == 200


def test_kill_loses_no_more_than_a_moment(tmp_path: Path, invoice_template: bytes) -> None:
    state = tmp_path / "demo.sqlite"
    with running(state, kill=True) as api:
        api.control("POST", "speed", polls=[0, 0], auth=0, storage=0)
        session = open_session(api, login(api)["access"])
        number = session.status(session.send(adapted(invoice_template, P_1=today())))["ksefNumber"]
        time.sleep(1)
    with running(state) as api:
        (kept,) = api.control("GET", "invoices")
        assert kept["ksef_number"] == number


def test_kill_keeps_the_log_and_the_limits(tmp_path: Path) -> None:
    state = tmp_path / "demo.sqlite"
    path = "/testdata/rate-limits"
    with running(state, kill=True) as api:
        api.control("POST", "speed", auth=0)
        tokens = login(api)
        limits = api.call("GET", "/rate-limits", tokens["access"]).json()
        # -1 (no limit) is told, but cannot be ordered
        limits = {name: item for name, item in limits.items() if min(item.values()) >= 0}
        limits["sessionList"] = {"perSecond": 9, "perMinute": 9, "perHour": 2}
        body = {"rateLimits": limits}
        assert api.call("POST", path, tokens["access"], json=body).status_code == 200
        asked = [list_sessions(api, tokens) for _call in range(4)]
        assert [answer.status_code for answer in asked] == [200, 200, 429, 429]
        waits = [int(answer.headers["retry-after"]) for answer in asked[2:]]
        log = api.control("GET", "log")
        time.sleep(1)
    with running(state, kill=True) as api:
        assert api.control("GET", "log") == log
        assert [entry["status"] for entry in log[-4:]] == [200, 200, 429, 429]
        # the block goes on where it was: the next one is longer still
        refused = list_sessions(api, tokens)
        assert refused.status_code == 429
        waits.append(int(refused.headers["retry-after"]))
        assert waits == [30, 60, 120]
        api.control("POST", "clock", advance=3600)
        api.control("POST", "speed", auth=0)
        tokens = login(api)
        # an hour later the window is empty, and what happened is still told
        assert list_sessions(api, tokens).status_code == 200
        log = api.control("GET", "log")
        time.sleep(1)
    with running(state) as api:
        assert api.control("GET", "log") == log
        api.control("POST", "reset")
    with running(state) as api:
        assert api.control("GET", "log") == []


def list_sessions(api: Api, tokens: dict[str, str]) -> httpx.Response:
    return api.call("GET", "/sessions?sessionType=Online", tokens["access"])


def test_packages_survive_a_restart(tmp_path: Path, invoice_template: bytes) -> None:
    state = tmp_path / "demo.sqlite"
    xml = adapted(invoice_template, P_1=today())
    with running(state) as api:
        api.control("POST", "speed", polls=[0, 0], auth=0, storage=0)
        batch = Batch(api, login(api)["access"], make_zip({"a.xml": xml}), part_size=900)
        assert batch.post(batch.payload()).status_code == 201
        assert batch.put(1).status_code == 201
        export = Export(api, batch.token)
        assert export.post(export.payload()).status_code == 201
        old = api.url
    with running(state) as api:
        batch.api = export.api = api
        for asked in batch.requests:
            asked["url"] = asked["url"].replace(old, api.url)
        for number in range(2, len(batch.parts) + 1):
            assert batch.put(number).status_code == 201
        assert batch.close().status_code == 204
    with running(state) as api:
        batch.api = export.api = api
        assert batch.status()["status"]["code"] == 200
        assert [row["invoiceHash"] for row in batch.rows()] == [sha(xml)]
        export.ask()
        assert export.ask().json()["status"]["code"] == 200


def test_reset_is_kept_as_well(tmp_path: Path, invoice_template: bytes) -> None:
    state = tmp_path / "demo.sqlite"
    with running(state) as api:
        api.control("POST", "speed", auth=0)
        session = open_session(api, login(api)["access"])
        session.send(adapted(invoice_template, P_1=today()))
        api.control("POST", "reset")
    with sqlite3.connect(state) as database:
        assert database.execute("select count(*) from content").fetchone()[0] < 4
    database.close()
    with running(state) as api:
        assert api.control("GET", "invoices") == []
        assert code_of(api.call("GET", f"/sessions/{session.reference}", login_fast(api))) == 21173


def login_fast(api: Api) -> str:
    api.control("POST", "speed", auth=0)
    return login(api)["access"]


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    state = tmp_path / "demo.sqlite"
    with running(state):
        assert state.stat().st_mode & 0o777 == 0o600


def refused(state: Path) -> str:
    """What a simulator says that cannot use the file."""
    command = [sys.executable, "-m", "simulator", "--port", "0", "--state", str(state)]
    ended = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    return ended.stderr


def test_unusable_files(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database at all, but long enough to be looked at" * 20)
    assert "cannot be used" in refused(tmp_path / "text")
    assert "cannot be used" in refused(tmp_path / "nowhere" / "state")
    state = tmp_path / "demo.sqlite"
    with running(state):
        assert "cannot be used" in refused(state)
    for value in (b"not a pickle", b"cos\nsystem\n(S'true'\ntR."):
        with sqlite3.connect(state) as database:
            database.execute("update state set value = ?", (value,))
        database.close()
        said = refused(state)
        assert "cannot be read" in said
        assert "Delete it" in said
    assert os.path.getsize(state) > 0

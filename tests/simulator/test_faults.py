"""Faults: lost, replaced and delayed answers; what the log tells about them."""

from __future__ import annotations

import socket

import httpx
import pytest
from harness import Api, adapted, login, open_session, today

SEND = "POST /sessions/online/{ref}/invoices"


def fault(api: Api, kind: str, endpoint: str = SEND, **more: object) -> None:
    api.control("POST", "faults", endpoint=endpoint, kind=kind, **more)


def sends(api: Api) -> list[dict[str, object]]:
    log = api.control("GET", "log")
    return [entry for entry in log if f"{entry['method']} {entry['route']}" == SEND]


@pytest.mark.parametrize(("when", "kept"), [("before", 0), ("after", 1)])
def test_reset_loses_the_answer(api: Api, invoice_template: bytes, when: str, kept: int) -> None:
    session = open_session(api, login(api)["access"])
    xml = adapted(invoice_template, P_1=today())
    fault(api, "reset", when=when)
    with pytest.raises(httpx.TransportError):
        session.post(session.payload(xml))
    assert len(api.control("GET", "invoices")) == kept
    assert [(entry["status"], entry["fault"]) for entry in sends(api)] == [(None, f"reset {when}")]
    listed = api.call("GET", f"/sessions/{session.reference}/invoices", session.token).json()
    assert len(listed["invoices"]) == kept


def test_status_with_body_and_headers(api: Api, invoice_template: bytes) -> None:
    session = open_session(api, login(api)["access"])
    xml = adapted(invoice_template, P_1=today())
    fault(api, "status", status=429, body="{}", headers={"Retry-After": "7"}, times=2)
    for _again in range(2):
        answer = session.post(session.payload(xml))
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert session.post(session.payload(xml)).status_code == 202
    fault(api, "status", when="after", status=502, body="<html>bad gateway</html>")
    assert session.post(session.payload(xml)).status_code == 502
    assert len(api.control("GET", "invoices")) == 2


def test_hang_outlasts_the_client(api: Api) -> None:
    fault(api, "hang", "POST /auth/challenge", seconds=2)
    with pytest.raises(httpx.TimeoutException):
        api.call("POST", "/auth/challenge", timeout=0.3)
    assert api.call("POST", "/auth/challenge").status_code == 200


def test_refuse_reads_no_body(api: Api) -> None:
    fault(api, "refuse", "POST /auth/ksef-token")
    with pytest.raises(httpx.TransportError):
        api.call("POST", "/auth/ksef-token", json={"challenge": "x"})
    assert api.control("GET", "log")[-1]["fault"] == "refuse before"


@pytest.mark.parametrize("code", [430, 450, 500, 550])
def test_forced_outcome(api: Api, invoice_template: bytes, code: int) -> None:
    session = open_session(api, login(api)["access"])
    fault(api, "outcome", "invoice", code=code)
    xml = adapted(invoice_template, P_1=today())
    assert session.status(session.send(xml))["status"]["code"] == code
    assert session.status(session.send(xml))["status"]["code"] == 200


def test_log_holds_no_secret(api: Api) -> None:
    tokens = login(api)
    text = str(api.control("GET", "log"))
    assert not any(tokens[name] in text for name in ("access", "refresh", "authentication"))
    assert "Challenge" not in text
    assert {entry["authorization"] for entry in api.control("GET", "log")} == {True, False}


def test_unknown_fault_is_refused(api: Api) -> None:
    answer = httpx.post(f"{api.url}/_sim/faults", json={"endpoint": "*", "kind": "typo"})
    assert answer.status_code == 400


def test_keep_alive_serves_many_requests_on_one_connection(api: Api) -> None:
    host, port = api.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        for _again in range(3):
            connection.sendall(b"POST /v2/auth/challenge HTTP/1.1\r\nHost: x\r\n\r\n")
            data = connection.recv(65536)
            assert data.startswith(b"HTTP/1.1 200")


def test_only_loopback_is_served(api: Api) -> None:
    assert api.url.startswith("http://127.0.0.1:")

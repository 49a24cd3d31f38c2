"""Faults: lost, replaced and delayed answers; what the log tells about them."""

from __future__ import annotations

import re
import socket
import time

import httpx
import pytest
from batches import Batch, make_zip
from harness import (
    Api,
    adapted,
    auth_request,
    code_of,
    key_pair,
    login,
    new_challenge,
    open_session,
    sha,
    submit,
    today,
)
from signing import sign

SEND = "POST /sessions/online/{ref}/invoices"
#: the operations that do not lie under /v2
OUTSIDE = ("/storage/", "/qr/", "/latarnia/")


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


@pytest.mark.parametrize("code", [405, 410, 415, 430, 435, 440, 450, 500, 550])
def test_forced_outcome(api: Api, invoice_template: bytes, code: int) -> None:
    session = open_session(api, login(api)["access"])
    fault(api, "outcome", "invoice", code=code)
    xml = adapted(invoice_template, P_1=today())
    assert session.status(session.send(xml))["status"]["code"] == code
    assert session.status(session.send(xml))["status"]["code"] == 200


def problem(answer: httpx.Response) -> dict[str, object]:
    body: dict[str, object] = answer.json()
    return body


@pytest.mark.parametrize("form", ["json", "problem-details"])
@pytest.mark.parametrize(
    ("order", "status"),
    [
        ({"status": 400, "code": 21184}, 400),
        ({"status": 401}, 401),
        ({"status": 403, "reason": "security-service-blocked"}, 403),
        ({"status": 410}, 410),
        ({"status": 429, "seconds": 7}, 429),
        ({"status": 500}, 500),
    ],
)
def test_refusals_in_both_formats(
    api: Api, order: dict[str, object], status: int, form: str
) -> None:
    fault(api, "refusal", "POST /auth/challenge", **order)
    answer = api.call("POST", "/auth/challenge", headers={"X-Error-Format": form})
    assert answer.status_code == status
    always = status in (401, 403, 410)
    kind = "problem+json" if always or (form != "json" and status != 500) else "json"
    assert answer.headers["content-type"] == f"application/{kind}; charset=utf-8"
    if status == 400:
        assert code_of(answer) == 21184
    if status == 403:
        assert problem(answer)["reasonCode"] == "security-service-blocked"
    if status == 429:
        assert answer.headers["retry-after"] == "7"
    if status == 500:
        assert problem(answer)["exception"]["exceptionDetailList"][0]["exceptionCode"] == 500
    assert api.call("POST", "/auth/challenge").status_code == 200


def test_fields_left_out_and_headers_changed(api: Api) -> None:
    fault(
        api,
        "refusal",
        "POST /auth/challenge",
        status=403,
        nulls=["reasonCode"],
        without=["timestamp"],
    )
    refused = problem(api.call("POST", "/auth/challenge"))
    assert refused["reasonCode"] is None
    assert "timestamp" not in refused
    moment = "Sat, 21 Nov 2026 12:00:00 GMT"
    for value in (None, moment):
        fault(api, "refusal", "POST /auth/challenge", status=429, headers={"Retry-After": value})
        assert api.call("POST", "/auth/challenge").headers.get("retry-after") == value


@pytest.mark.parametrize("when", ["before", "after"])
def test_500_before_and_after_acceptance(api: Api, invoice_template: bytes, when: str) -> None:
    session = open_session(api, login(api)["access"])
    xml = adapted(invoice_template, P_1=today())
    fault(api, "refusal", status=500, when=when)
    assert session.post(session.payload(xml)).status_code == 500
    assert len(api.control("GET", "invoices")) == (when == "after")


def test_truncated_cut_and_empty_answers(api: Api) -> None:
    fault(api, "truncate", "POST /auth/challenge")
    half = api.call("POST", "/auth/challenge")
    assert half.status_code == 200
    with pytest.raises(ValueError, match="."):
        half.json()
    fault(api, "cut", "POST /auth/challenge")
    with pytest.raises(httpx.RemoteProtocolError):
        api.call("POST", "/auth/challenge")
    fault(api, "status", "POST /auth/challenge", status=200, when="after")
    assert api.call("POST", "/auth/challenge").content == b""
    entries = api.control("GET", "log")
    assert [entry["status"] for entry in entries] == [200, 200, 200]
    assert [entry["fault"] for entry in entries] == [
        "truncate before",
        "cut before",
        "status after",
    ]


@pytest.mark.parametrize("kind", ["slow_headers", "slow_body", "delay"])
def test_slow_answers(api: Api, kind: str) -> None:
    fault(api, kind, "POST /auth/challenge", seconds=0.6, times=2)
    with pytest.raises(httpx.ReadTimeout):
        api.call("POST", "/auth/challenge", timeout=0.2)
    assert api.call("POST", "/auth/challenge", timeout=5).json()["challenge"]


def test_skip_times_and_probability(api: Api) -> None:
    def codes(count: int) -> list[int]:
        return [api.call("POST", "/auth/challenge").status_code for _call in range(count)]

    fault(api, "status", "*", skip=2, times=2)
    assert codes(6) == [200, 200, 503, 503, 200, 200]
    fault(api, "status", "*", probability=0.0)
    assert codes(3) == [200, 200, 200]
    runs = []
    for _run in range(2):
        api.control("POST", "faults", clear=True)
        api.control("POST", "profile", seed=7)
        fault(api, "status", "*", probability=0.5, times=40)
        runs.append(codes(40))
    assert set(runs[0]) == {200, 503}
    assert runs[0] == runs[1], "a seed repeats the throws"


@pytest.mark.parametrize("when", ["before", "after"])
def test_any_operation_can_fail(api: Api, when: str) -> None:
    """Lost and replaced answers at every operation; the log tells which order struck where."""
    operations = [route["operation"] for route in api.control("GET", "routes")]
    assert len(operations) > 80
    for name in operations:
        method, _space, template = name.partition(" ")
        path = re.sub(r"\{\w+\}", "x", template)
        base = "" if template.startswith(OUTSIDE) else "/v2"
        fault(api, "reset", name, when=when)
        with pytest.raises(httpx.TransportError):
            api.request(method, f"{api.url}{base}{path}", json=None)
        fault(api, "status", name, when=when, status=502, body="<html/>")
        assert api.request(method, f"{api.url}{base}{path}").status_code == 502
        lost, replaced = api.control("GET", "log")[-2:]
        assert (lost["status"], lost["fault"]) == (None, f"reset {when}"), name
        assert (replaced["status"], replaced["fault"]) == (502, f"status {when}"), name


def test_authentication_that_takes_long(api: Api) -> None:
    api.control("POST", "speed", auth=3)
    signed = sign(auth_request(new_challenge(api)), key_pair(api))
    started = submit(api, signed).json()
    bearer = started["authenticationToken"]["token"]
    path = f"/auth/{started['referenceNumber']}"
    codes = [api.call("GET", path, bearer).json()["status"]["code"] for _look in range(5)]
    assert codes == [100, 100, 100, 200, 200]


def test_outage_refuses_connections(api: Api) -> None:
    assert api.call("POST", "/auth/challenge").status_code == 200
    api.control("POST", "outage", seconds=0.5)
    time.sleep(0.3)
    with pytest.raises(httpx.TransportError):
        api.call("POST", "/auth/challenge")
    with pytest.raises(httpx.ConnectError):
        httpx.post(f"{api.url}/v2/auth/challenge")
    time.sleep(0.7)
    assert api.call("POST", "/auth/challenge").status_code == 200


@pytest.mark.parametrize("code", [200, 550])
def test_stuck_invoice(api: Api, invoice_template: bytes, code: int) -> None:
    session = open_session(api, login(api)["access"])
    fault(api, "stuck", "invoice", seconds=7200, code=code)
    one = session.send(adapted(invoice_template, P_1=today(), P_2="S/1"))
    two = session.send(adapted(invoice_template, P_1=today(), P_2="S/2"))
    session.close()
    assert session.status(two)["status"]["code"] == 200
    assert {session.status(one)["status"]["code"] for _look in range(5)} == {150}
    path = f"/sessions/{session.reference}"
    assert api.call("GET", path, session.token).json()["status"]["code"] == 170
    api.control("POST", "clock", advance=7201)
    session.token = login(api)["access"]
    assert session.status(one)["status"]["code"] == code


def test_stuck_invoice_of_a_batch(api: Api, invoice_template: bytes) -> None:
    xml = adapted(invoice_template, P_1=today())
    files = {f"{i}.xml": xml.replace(b"2026/", b"S%d/" % i) for i in range(3)}
    batch = Batch(api, login(api)["access"], make_zip(files))
    fault(api, "stuck", "invoice", seconds=60, code=500, skip=1)
    assert batch.submit()["status"]["code"] == 150
    assert [row["status"]["code"] for row in batch.rows()] == [200, 100, 100]
    api.control("POST", "clock", advance=61)
    assert batch.status()["status"]["code"] == 200
    assert batch.rows()[1]["status"]["code"] == 500


def test_session_that_takes_nothing_more(api: Api, invoice_template: bytes) -> None:
    token = login(api)["access"]
    session = open_session(api, token)
    fault(api, "unavailable", "session")
    xml = adapted(invoice_template, P_1=today())
    assert [code_of(session.post(session.payload(xml))) for _call in range(2)] == [21184] * 2
    assert open_session(api, token).send(xml)


def test_session_that_takes_nothing_more_came_with_2_8(api: Api, invoice_template: bytes) -> None:
    api.control("POST", "profile", api_version="2.6")
    fault(api, "unavailable", "session")
    session = open_session(api, login(api)["access"])
    assert session.send(adapted(invoice_template, P_1=today()))


def test_batch_unknown_for_a_moment(api: Api, invoice_template: bytes) -> None:
    """Seen on production right after the upload (ksef-api#801): the same close again helps."""
    xml = adapted(invoice_template, P_1=today())
    batch = Batch(api, login(api)["access"], make_zip({"a.xml": xml}))
    assert batch.post(batch.payload()).status_code == 201
    assert batch.put().status_code == 201
    close = "POST /sessions/batch/{ref}/close"
    fault(api, "refusal", close, status=400, code=21173, times=2)
    assert [code_of(batch.close()) for _call in range(2)] == [21173] * 2
    assert batch.close().status_code == 204
    assert batch.status()["status"]["code"] == 200


def test_one_of_many_fails(api: Api, invoice_template: bytes) -> None:
    xml = adapted(invoice_template, P_1=today())
    files = {f"{i}.xml": xml.replace(b"2026/", b"M%d/" % i) for i in range(3)}
    batch = Batch(api, login(api)["access"], make_zip(files))
    fault(api, "outcome", "invoice", code=500, skip=1)
    assert batch.submit()["status"]["code"] == 200
    assert [row["status"]["code"] for row in batch.rows()] == [200, 500, 200]


def test_wrong_session_of_the_original(api: Api, invoice_template: bytes) -> None:
    token = login(api)["access"]
    xml = adapted(invoice_template, P_1=today())
    first = Batch(api, token, make_zip({"a.xml": xml}))
    first.submit()
    api.control("POST", "settings", wrong_original_session=True)
    again = Batch(api, token, make_zip({"a.xml": xml}))
    again.submit()
    status = again.rows()[0]["status"]
    assert status["code"] == 440
    assert status["extensions"]["originalKsefNumber"] == first.rows()[0]["ksefNumber"]
    named = status["extensions"]["originalSessionReferenceNumber"]
    assert named not in (first.reference, again.reference)


def test_lenient_corrections(api: Api, invoice_template: bytes) -> None:
    session = open_session(api, login(api)["access"])
    xml = adapted(invoice_template, P_1=today())
    unknown = {"offlineMode": True, "hashOfCorrectedInvoice": sha(b"never sent")}
    assert code_of(session.post(session.payload(xml, **unknown))) == 21167
    api.control("POST", "settings", strict_corrections=False)
    assert session.status(session.send(xml, **unknown))["status"]["code"] == 200


def test_warnings(api: Api) -> None:
    fault(api, "warning", "POST /auth/challenge", body="[sig-001]: check the signature")
    warned = api.call("POST", "/auth/challenge")
    assert warned.headers["x-system-warning"] == "[sig-001]: check the signature"
    echoed = api.call(
        "POST",
        "/auth/challenge",
        headers={"X-Test-System-Warning": "[a]: zażółć".encode()},
    )
    assert echoed.headers["x-system-warning"].startswith("[a]: za")
    assert echoed.headers["x-system-warning"].isascii()
    assert "x-system-warning" not in api.call("POST", "/auth/challenge").headers


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

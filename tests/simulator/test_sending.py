"""Open, send, close: every check refuses one request with the stated code."""

from __future__ import annotations

import base64
import os
from typing import Any

import pytest
from harness import (
    NIP,
    Api,
    Session,
    adapted,
    code_of,
    login,
    new_challenge,
    open_payload,
    open_session,
    sha,
    today,
    wrap,
)


@pytest.fixture
def session(api: Api) -> Session:
    return open_session(api, login(api)["access"])


@pytest.fixture
def xml(invoice_template: bytes) -> bytes:
    return adapted(invoice_template, P_1=today(), P_2="FV/1")


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        (("formCode", "systemCode"), "FA (2)", 21405),
        (("formCode", "schemaVersion"), "1-0", 21405),
        (("formCode",), None, 21405),
        (("encryption",), None, 21405),
        (
            ("encryption", "initializationVector"),
            base64.b64encode(b"14 bytes only!").decode(),
            21405,
        ),
        (("encryption", "encryptedSymmetricKey"), "not base64", 21405),
        (("encryption", "publicKeyId"), "A" * 43 + "=", 21470),
    ],
)
def test_open_refuses(api: Api, path: tuple[str, ...], value: object, code: int) -> None:
    payload: dict[str, Any] = open_payload(api, os.urandom(32), os.urandom(16))
    target = payload
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    answer = api.call("POST", "/sessions/online", login(api)["access"], json=payload)
    assert code_of(answer) == code


def test_key_for_the_other_usage_shows_up_later(api: Api, xml: bytes) -> None:
    payload = open_payload(api, os.urandom(32), os.urandom(16))
    wrapped, _identifier = wrap(api, os.urandom(32), "KsefTokenEncryption")
    payload["encryption"].update(encryptedSymmetricKey=wrapped, publicKeyId=None)
    token = login(api)["access"]
    answer = api.call("POST", "/sessions/online", token, json=payload)
    assert answer.status_code == 201
    session = Session(api, token, answer.json()["referenceNumber"], os.urandom(32), os.urandom(16))
    refused = session.post(session.payload(xml))
    assert code_of(refused) == 21180
    assert "415" in refused.text
    status = api.call("GET", f"/sessions/{session.reference}", token).json()["status"]
    assert status["code"] == 415


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"invoiceHash": "short"}, 21405),
        ({"invoiceHash": None}, 21405),
        ({"invoiceSize": 0}, 21405),
        ({"invoiceSize": "12"}, 21405),
        ({"encryptedInvoiceHash": sha(b"other")}, 21403),
        ({"encryptedInvoiceSize": 16}, 21402),
        ({"encryptedInvoiceContent": "%%%"}, 21405),
        ({"offlineMode": "yes"}, 21405),
        ({"hashOfCorrectedInvoice": sha(b"x")}, 21405),
        ({"hashOfCorrectedInvoice": sha(b"x"), "offlineMode": True}, 21167),
    ],
)
def test_send_refuses(session: Session, xml: bytes, changes: dict[str, Any], code: int) -> None:
    assert code_of(session.post(session.payload(xml, **changes))) == code
    assert session.api.control("GET", "invoices") == []


def test_other_context_does_not_see_the_session(api: Api, session: Session, xml: bytes) -> None:
    stranger = login(api, "1111111111")["access"]
    other = Session(api, stranger, session.reference, session.key, session.iv)
    assert code_of(other.post(other.payload(xml))) == 21173
    assert code_of(other.close()) == 21173


def test_limit_of_invoices(api: Api, session: Session, xml: bytes) -> None:
    api.control("POST", "speed", max_invoices=1)
    session.send(xml)
    assert code_of(session.post(session.payload(xml))) == 21155


def test_expired_session(api: Api, session: Session, xml: bytes) -> None:
    api.control("POST", "clock", advance=12 * 3600 + 1)
    session.token = login(api)["access"]
    assert code_of(session.post(session.payload(xml))) == 21180


def test_closing(api: Api, session: Session, xml: bytes) -> None:
    session.send(xml)
    assert session.close().status_code == 204
    assert code_of(session.close()) == 21180
    assert code_of(session.post(session.payload(xml))) == 21180
    path = f"/sessions/{session.reference}"
    codes = [api.call("GET", path, session.token).json()["status"]["code"] for _look in range(3)]
    assert codes == [170, 200, 200]
    api.control("POST", "speed", repeated_close_ok=True)
    assert session.close().status_code == 204


def test_closing_empty_and_without_success(api: Api, session: Session) -> None:
    assert session.close().status_code == 204
    path = f"/sessions/{session.reference}"
    assert api.call("GET", path, session.token).json()["status"]["code"] == 440
    bad = open_session(api, session.token)
    bad.send(b"<x/>")
    bad.close()
    codes = [
        api.call("GET", f"/sessions/{bad.reference}", bad.token).json()["status"]["code"]
        for _look in range(2)
    ]
    assert codes == [170, 445]


def test_both_error_formats(session: Session, xml: bytes) -> None:
    payload = session.payload(xml, invoiceSize=0)
    plain = session.post(payload)
    assert plain.headers["content-type"].startswith("application/json")
    assert plain.json()["exception"]["exceptionDetailList"][0]["exceptionCode"] == 21405
    problem = session.post(payload, headers={"X-Error-Format": "problem-details"})
    assert problem.headers["content-type"].startswith("application/problem+json")
    assert problem.json()["errors"][0]["code"] == 21405
    required = {"title", "status", "instance", "detail", "errors", "timestamp", "traceId"}
    assert required <= set(problem.json())


def test_order_of_global_checks(api: Api, session: Session) -> None:
    assert api.call("GET", "/nowhere").status_code == 404
    assert api.call("DELETE", "/sessions/online").status_code == 405
    wrong = api.call(
        "POST", "/sessions/online", content=b"x", headers={"Content-Type": "text/plain"}
    )
    assert wrong.status_code == 415
    assert api.call("POST", "/sessions/online", json={}).status_code == 401
    assert code_of(api.call("POST", "/sessions/online", session.token, json=[])) == 21405


def test_token_without_the_right_is_forbidden(api: Api) -> None:
    token = api.control("POST", "tokens", nip=NIP, permissions=["InvoiceRead"])["token"]
    issued = api.call("POST", "/auth/challenge").json()
    secret, identifier = wrap(
        api, f"{token}|{issued['timestampMs']}".encode(), "KsefTokenEncryption"
    )
    body = {
        "challenge": issued["challenge"],
        "encryptedToken": secret,
        "publicKeyId": identifier,
        "contextIdentifier": {"type": "Nip", "value": NIP},
    }
    started = api.call("POST", "/auth/ksef-token", json=body).json()
    bearer = started["authenticationToken"]["token"]
    status = api.call("GET", f"/auth/{started['referenceNumber']}", bearer).json()
    assert status["status"]["code"] == 200
    access = api.call("POST", "/auth/token/redeem", bearer).json()["accessToken"]["token"]
    refused = api.call("POST", "/sessions/online", access, json={})
    assert refused.status_code == 403
    assert refused.json()["reasonCode"] == "missing-permissions"
    assert new_challenge(api)

"""The contract: what is served, limited and coded as the Ministry's OpenAPI file describes it.

Every answer of every test is held against the file, too: see the fixture ``api``.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from contract import NEWER_OPERATIONS, Contract, Exchange, blank
from harness import Api, login, open_session

#: Closing has limits of its own since API 2.8; the file at hand is 2.6.
OWN_LIMITS_SINCE_2_8 = {
    "POST /sessions/online/{}/close": {"perSecond": 20, "perMinute": 60, "perHour": 240},
    "POST /sessions/batch/{}/close": {"perSecond": 20, "perMinute": 40, "perHour": 120},
}


@pytest.fixture
def described(contract: Contract | None) -> Contract:
    if contract is None:
        pytest.skip("no OpenAPI file among the shared data")
    return contract


@pytest.fixture
def routes(api: Api) -> dict[str, dict[str, Any]]:
    """Operations of the API that the simulator serves."""
    return {
        blank(route["operation"]): route
        for route in api.control("GET", "routes")
        if "group" in route
    }


def test_every_operation_is_served(described: Contract, routes: dict[str, dict[str, Any]]) -> None:
    assert set(described.operations) | NEWER_OPERATIONS == set(routes)


def test_tokens_and_rights(described: Contract, routes: dict[str, dict[str, Any]]) -> None:
    for name, operation in described.operations.items():
        route = routes[name]
        assert bool(route["tokens"]) == bool(operation.described.get("security")), name
        wanted = operation.described.get("x-required-permissions")
        # granting is not simulated: whoever asks is told that the rights are missing
        if "/permissions/" not in name:
            assert set(route["rights"]) == set(wanted or ()), name


def test_limits(api: Api, described: Contract, routes: dict[str, dict[str, Any]]) -> None:
    values = api.call("GET", "/rate-limits", login(api)["access"]).json()
    for name, operation in described.operations.items():
        wanted = OWN_LIMITS_SINCE_2_8.get(name, operation.described["x-rate-limits"])
        limits = {key: value for key, value in values[routes[name]["group"]].items() if value >= 0}
        assert limits == wanted, name


def test_every_code_is_known(api: Api, described: Contract) -> None:
    known = set().union(*(operation.codes for operation in described.operations.values()))
    for entry in api.control("GET", "codes"):
        assert (entry["code"] in known) != ("source" in entry), entry


def exchange(described: Contract, api: Api) -> Exchange:
    """One good answer to maim."""
    session = open_session(api, login(api)["access"])
    api.call("GET", f"/sessions/{session.reference}", session.token)
    good = api.exchanges[-1]
    assert not described.faults(good)
    return good


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"status": None}, "null"),
        ({"status": []}, "list instead of object"),
        ({"status": {"code": "100", "description": "x"}}, "str instead of integer"),
        ({"status": {"code": True, "description": "x"}}, "bool instead of integer"),
        ({"status": {"code": 100, "description": ""}}, "''"),
        ({"status": {"code": 100}}, "description is missing"),
        ({"dateCreated": "yesterday"}, "'yesterday'"),
        ({"dateCreated": "2026-11-21T10:00:00"}, "'2026-11-21T10:00:00'"),
        ({"invoiceCount": -1}, "-1 out of"),
        ({"upo": {"pages": {}}}, "dict instead of array"),
        ({"upo": {"pages": [{"referenceNumber": "x"}]}}, "downloadUrl is missing"),
    ],
)
def test_the_judge_sees_wrong_bodies(
    api: Api, described: Contract, changes: dict[str, Any], complaint: str
) -> None:
    good = exchange(described, api)
    body = {**json.loads(good.body), **changes}
    found = described.faults(replace(good, body=json.dumps(body).encode()))
    assert any(complaint in fault for fault in found), found


def test_the_judge_sees_wrong_frames(api: Api, described: Contract) -> None:
    good = exchange(described, api)
    for wrong in (
        replace(good, status=201),
        replace(good, status=402),
        replace(good, path="/sessions/x/y/z"),
        replace(good, method="PATCH"),
        replace(good, headers={"content-type": "text/html"}),
        replace(good, status=429, headers={"content-type": "application/json"}),
        replace(good, method="POST", path="/sessions/online/x/close", status=204),
    ):
        assert described.faults(wrong), wrong
    body = {"exception": {"exceptionDetailList": [{"exceptionCode": 25001}]}}
    assert described.faults(replace(good, status=400, body=json.dumps(body).encode()))


@pytest.mark.parametrize("form", ["json", "problem-details"])
def test_refusals_in_both_formats(api: Api, form: str) -> None:
    headers = {"X-Error-Format": form}
    access = login(api)["access"]
    api.control("POST", "settings", count_requests=True)
    bad = api.call("POST", "/sessions/online", access, json={}, headers=headers)
    anonymous = api.call("POST", "/sessions/online", json={}, headers=headers)
    assert (bad.status_code, anonymous.status_code) == (400, 401)
    for _call in range(10):
        late = api.call("POST", "/sessions/online", access, json={}, headers=headers)
    assert late.status_code == 429


@pytest.mark.parametrize("form", ["json", "problem-details"])
def test_every_operation_refuses(
    api: Api, described: Contract, routes: dict[str, dict[str, Any]], form: str
) -> None:
    """Strangers get 401, a body that is a list 400; the fixture compares with the contract."""
    headers = {"X-Error-Format": form}
    for name in described.operations:
        method, _space, template = name.partition(" ")
        path = template.replace("{}", "20261121-SO-0000000000-0000000000-00")
        body: dict[str, Any] = {"json": []} if method == "POST" else {}
        if name == "POST /auth/xades-signature":
            headers["Content-Type"] = "application/xml"
            body = {"content": b"<x/>"}
        answer = api.call(method, path, headers=headers, **body)
        headers.pop("Content-Type", None)
        if routes[name]["tokens"]:
            assert answer.status_code == 401, name
        elif method == "POST" and name != "POST /auth/challenge":
            assert answer.status_code == 400, name
        else:
            assert answer.status_code == 200, name


def test_no_peppol_providers(api: Api) -> None:
    assert api.call("GET", "/peppol/query").json() == {"peppolProviders": [], "hasMore": False}

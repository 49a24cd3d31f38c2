"""The contract: what is served, limited and coded as the Ministry's OpenAPI file describes it.

Every answer of every test is held against the file, too: see the fixture ``api``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import CONTRACT, ROOT, start
from harness import Api, login, open_session
from openapi import blank, codes, operations

#: Closing has limits of its own since API 2.8; the file at hand is 2.6.
OWN_LIMITS_SINCE_2_8 = {
    "POST /sessions/online/{}/close": {"perSecond": 20, "perMinute": 60, "perHour": 240},
    "POST /sessions/batch/{}/close": {"perSecond": 20, "perMinute": 40, "perHour": 120},
}


#: Operations later than API 2.6.
NEWER_OPERATIONS = {
    "PUT /testdata/certificates/{}",
    "POST /collective-identifiers",
    "POST /collective-identifiers/query",
    "POST /collective-identifiers/invoices",
    "GET /collective-identifiers/ksef/{}",
}
JSON = {"content-type": "application/json"}
Operations = dict[str, dict[str, Any]]


@pytest.fixture
def described() -> Operations:
    if not CONTRACT.is_file():
        pytest.skip("no OpenAPI file among the shared data")
    return operations(CONTRACT)


def faults(api: Api, exchange: dict[str, Any]) -> list[str]:
    """What the simulator's judge says about an exchange that is only told."""
    found: list[str] = api.control("POST", "contract", **exchange)["faults"]
    return found


@pytest.fixture
def routes(api: Api) -> dict[str, dict[str, Any]]:
    """Operations of the API that the simulator serves."""
    return {
        blank(route["operation"]): route
        for route in api.control("GET", "routes")
        if "group" in route
    }


def test_every_operation_is_served(
    described: Operations, routes: dict[str, dict[str, Any]]
) -> None:
    assert set(described) | NEWER_OPERATIONS == set(routes)


def test_tokens_and_rights(described: Operations, routes: dict[str, dict[str, Any]]) -> None:
    for name, operation in described.items():
        route = routes[name]
        assert bool(route["tokens"]) == bool(operation.get("security")), name
        wanted = operation.get("x-required-permissions")
        # granting is not simulated: whoever asks is told that the rights are missing
        if "/permissions/" not in name:
            assert set(route["rights"]) == set(wanted or ()), name


def test_limits(api: Api, described: Operations, routes: dict[str, dict[str, Any]]) -> None:
    values = api.call("GET", "/rate-limits", login(api)["access"]).json()
    for name, operation in described.items():
        wanted = OWN_LIMITS_SINCE_2_8.get(name, operation["x-rate-limits"])
        limits = {key: value for key, value in values[routes[name]["group"]].items() if value >= 0}
        assert limits == wanted, name


def test_every_code_is_known(api: Api, described: Operations) -> None:
    known = set().union(*(codes(operation) for operation in described.values()))
    for entry in api.control("GET", "codes"):
        assert (entry["code"] in known) != ("source" in entry), entry


def exchange(api: Api) -> dict[str, Any]:
    """One good answer to maim."""
    session = open_session(api, login(api)["access"])
    path = f"/sessions/{session.reference}"
    body = api.call("GET", path, session.token).text
    good = {"method": "GET", "path": path, "status": 200, "headers": JSON, "body": body}
    assert faults(api, good) == []
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
@pytest.mark.usefixtures("described")
def test_the_judge_sees_wrong_bodies(api: Api, changes: dict[str, Any], complaint: str) -> None:
    good = exchange(api)
    body = {**json.loads(good["body"]), **changes}
    found = faults(api, {**good, "body": json.dumps(body)})
    assert any(complaint in fault for fault in found), found


@pytest.mark.usefixtures("described")
def test_the_judge_sees_wrong_frames(api: Api) -> None:
    good = exchange(api)
    for wrong in (
        {"status": 201},
        {"status": 402},
        {"path": "/sessions/x/y/z"},
        {"method": "PATCH"},
        {"headers": {"content-type": "text/html"}},
        {"status": 429},
        {"method": "POST", "path": "/sessions/online/x/close", "status": 204},
    ):
        assert faults(api, {**good, **wrong}), wrong
    body = {"exception": {"exceptionDetailList": [{"exceptionCode": 25001}]}}
    assert faults(api, {**good, "status": 400, "body": json.dumps(body)})


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
    api: Api, described: Operations, routes: dict[str, dict[str, Any]], form: str
) -> None:
    """Strangers get 401, a body that is a list 400; the fixture compares with the contract."""
    headers = {"X-Error-Format": form}
    for name in described:
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


QUERY = {"subjectType": "Subject1", "dateRange": {"dateType": "Issue", "from": "2026-11-01"}}


@pytest.mark.parametrize(
    ("query", "changes", "complaint"),
    [
        ({}, {"dateRange": {"dateType": "Issue", "from": "2026-11-01T00:00:00"}}, None),
        (
            {"pageSize": ["10"], "sortOrder": ["Desc"]},
            {"ksefNumber": None, "dateRange": None},
            "null",
        ),
        ({}, {}, "'2026-11-01'"),
        ({"pageSize": ["9"]}, {}, "9 out of"),
        ({"pageSize": ["ten"]}, {}, "str instead of integer"),
        ({"sortOrder": ["Up"]}, {}, "not in the enumeration"),
        ({}, {"sellerNip": "1"}, "sellerNip: '1'"),
        ({}, {"subjectType": "Other"}, "not in the enumeration"),
        ({}, {"currencyCodes": "PLN"}, "str instead of array"),
    ],
)
@pytest.mark.usefixtures("described")
def test_the_judge_sees_what_should_not_have_been_taken(
    api: Api, query: dict[str, list[str]], changes: dict[str, Any], complaint: str | None
) -> None:
    taken = {"method": "POST", "path": "/invoices/query/metadata", "headers": JSON}
    found = faults(api, {**taken, "query": query, "body": json.dumps({**QUERY, **changes})})
    if complaint is None:
        assert found == []
    else:
        assert any(complaint in fault for fault in found), found


@pytest.mark.usefixtures("described")
def test_the_judge_sees_missing_and_foreign_parts(api: Api) -> None:
    taken = {"method": "GET", "path": "/sessions"}
    assert "sessionType is missing" in faults(api, taken)[0]
    assert faults(api, {**taken, "query": {"sessionType": ["Batch"]}}) == []
    plain = {"headers": {"content-type": "text/plain"}, "body": "{}"}
    assert "content type" in faults(api, {"method": "POST", "path": "/tokens", **plain})[0]
    assert faults(api, {"method": "GET", "path": "/nowhere"}) == []


def test_a_simulator_tells_what_breaks_its_contract(tmp_path: Path) -> None:
    """A file that wants what no answer has: the simulator says so on stderr and when asked."""
    if not CONTRACT.is_file():
        pytest.skip("no OpenAPI file among the shared data")
    document = json.loads(CONTRACT.read_text(encoding="utf-8"))
    document["components"]["schemas"]["AuthenticationChallengeResponse"]["required"].append("moon")
    path = tmp_path / "other.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    process, url = start("--contract", str(path))
    try:
        assert httpx.get(f"{url}/_sim/contract").json() == {
            "loaded": True,
            "checked": 0,
            "faults": [],
            "good": [],
            "bad": [],
        }
        assert httpx.post(f"{url}/v2/auth/challenge").status_code == 200
        httpx.post(f"{url}/_sim/reset")
        told = httpx.get(f"{url}/_sim/contract").json()
    finally:
        process.terminate()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()
    assert (told["checked"], len(told["faults"])) == (1, 1)
    assert "moon is missing" in told["faults"][0]


@pytest.mark.parametrize("content", ["{}", "no JSON", '{"paths": {"/x": {"get": {}}}}'])
def test_unusable_contract(tmp_path: Path, content: str) -> None:
    path = tmp_path / "contract.json"
    path.write_text(content, encoding="utf-8")
    command = [sys.executable, "-m", "simulator", "--port", "0", "--contract", str(path)]
    ended = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr

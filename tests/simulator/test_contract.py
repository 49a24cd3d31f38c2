"""The simulator's own answers against the Ministry's OpenAPI file, read from the shared folder."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from conftest import SHARED
from harness import Api, adapted, auth_request, key_pair, login, open_session, submit, today

# The deprecated field was withdrawn on 2026-11-16; the file at hand is API 2.6.
WITHDRAWN = {"authenticationMethod"}
TYPES = {"string": str, "integer": int, "boolean": bool, "number": (int, float), "array": list}


@pytest.fixture(scope="module")
def contract() -> dict[str, Any]:
    path = SHARED / "ksef" / "open-api.json"
    if not path.is_file():
        pytest.skip(f"no OpenAPI file in {SHARED}")
    return json.loads(path.read_text(encoding="utf-8"))


class Checker:
    """Compares values with schemas: presence, kind, enumeration, length, pattern."""

    def __init__(self, contract: dict[str, Any]) -> None:
        self._contract = contract
        self.faults: list[str] = []

    def response(self, path: str, method: str, answer: Any) -> None:
        paths = self._contract["paths"]
        operation = (paths.get(path) or paths[f"/v2{path}"])[method]
        described = operation["responses"][str(answer.status_code)]
        kind = answer.headers["content-type"].partition(";")[0]
        assert kind in described["content"], f"{path}: {kind}"
        self._value(answer.json(), described["content"][kind]["schema"], path)

    def _value(self, value: Any, schema: dict[str, Any], where: str) -> None:
        while "$ref" in schema:
            schema = self._contract["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        for part in schema.get("allOf", []):
            self._value(value, part, where)
        if value is None:
            if not schema.get("nullable"):
                self.faults.append(f"{where}: null")
            return
        kind = schema.get("type")
        if kind in TYPES and not isinstance(value, TYPES[kind]):
            self.faults.append(f"{where}: {type(value).__name__} instead of {kind}")
            return
        if "enum" in schema and value not in schema["enum"]:
            self.faults.append(f"{where}: {value!r} not in the enumeration")
        if kind == "string":
            self._text(value, schema, where)
        for index, item in enumerate(value if kind == "array" else []):
            self._value(item, schema["items"], f"{where}[{index}]")
        if isinstance(value, dict):
            self._object(value, schema, where)

    def _text(self, value: str, schema: dict[str, Any], where: str) -> None:
        long = not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 10**9)
        wrong = schema.get("pattern") and not re.search(schema["pattern"], value)
        if long or wrong:
            self.faults.append(f"{where}: {value!r}")

    def _object(self, value: dict[str, Any], schema: dict[str, Any], where: str) -> None:
        for name in set(schema.get("required", [])) - WITHDRAWN - set(value):
            self.faults.append(f"{where}: {name} is missing")
        for name, item in value.items():
            if name in schema.get("properties", {}):
                self._value(item, schema["properties"][name], f"{where}.{name}")


def test_answers_keep_the_contract(
    api: Api, contract: dict[str, Any], invoice_template: bytes
) -> None:
    checker = Checker(contract)
    checker.response("/auth/challenge", "post", api.call("POST", "/auth/challenge"))
    from ksef_client.services.xades import sign_xades_enveloped

    challenge = api.call("POST", "/auth/challenge").json()["challenge"]
    started = submit(api, sign_xades_enveloped(auth_request(challenge), *key_pair(api)))
    checker.response("/auth/xades-signature", "post", started)
    bearer = started.json()["authenticationToken"]["token"]
    path = f"/auth/{started.json()['referenceNumber']}"
    checker.response("/auth/{referenceNumber}", "get", api.call("GET", path, bearer))
    checker.response("/auth/token/redeem", "post", api.call("POST", "/auth/token/redeem", bearer))
    tokens = login(api)
    refreshed = api.call("POST", "/auth/token/refresh", tokens["refresh"])
    checker.response("/auth/token/refresh", "post", refreshed)
    access = tokens["access"]
    for name in ("/security/public-key-certificates", "/rate-limits", "/limits/context"):
        checker.response(name, "get", api.call("GET", name, access))
    grants = "/permissions/query/personal/grants"
    checker.response(grants, "post", api.call("POST", grants, access, json={}))
    session = open_session(api, access)
    xml = adapted(invoice_template, P_1=today())
    one = "/sessions/{referenceNumber}"
    for _copy in range(2):
        answer = session.post(session.payload(xml))
        checker.response("/sessions/online/{referenceNumber}/invoices", "post", answer)
        reference = answer.json()["referenceNumber"]
        status = api.call("GET", f"/sessions/{session.reference}/invoices/{reference}", access)
        checker.response(one + "/invoices/{invoiceReferenceNumber}", "get", status)
    for tail in ("/invoices", "/invoices/failed", ""):
        listed = api.call("GET", f"/sessions/{session.reference}{tail}", access)
        checker.response(one + tail, "get", listed)
    session.close()
    for _look in range(2):
        closed = api.call("GET", f"/sessions/{session.reference}", access)
        checker.response(one, "get", closed)
    window = {"dateType": "Invoicing", "from": f"{today()}T00:00:00"}
    query = {"subjectType": "Subject1", "dateRange": window}
    found = api.call("POST", "/invoices/query/metadata", access, json=query)
    assert len(found.json()["invoices"]) == 1
    checker.response("/invoices/query/metadata", "post", found)
    assert not checker.faults


@pytest.mark.parametrize("form", ["json", "problem-details"])
def test_refusals_keep_the_contract(api: Api, contract: dict[str, Any], form: str) -> None:
    checker = Checker(contract)
    headers = {"X-Error-Format": form}
    access = login(api)["access"]
    bad = api.call("POST", "/sessions/online", access, json={}, headers=headers)
    checker.response("/sessions/online", "post", bad)
    anonymous = api.call("POST", "/sessions/online", json={}, headers=headers)
    checker.response("/sessions/online", "post", anonymous)
    assert (bad.status_code, anonymous.status_code) == (400, 401)
    assert not checker.faults

"""Profiles, API versions, seeds, the end of tokens, the leak check, the command line."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import httpx
import pytest
from conftest import ROOT, start
from harness import NIP, Api, adapted, login, new_challenge, open_session, today
from ksef_client.services.xades import sign_xades_enveloped
from test_auth import auth_request, outcome, self_signed


def profile(api: Api, **values: Any) -> dict[str, Any]:
    return api.control("POST", "profile", **values)


def test_demo_has_neither_beacon_nor_test_data(api: Api) -> None:
    assert profile(api, profile="demo")["profile"] == "demo"
    assert api.get(f"{api.url}/latarnia/status").status_code == 404
    assert api.get(f"{api.url}/latarnia/messages").status_code == 404
    answer = httpx.post(f"{api.url}/v2/testdata/attachment", json={"nip": NIP})
    assert answer.status_code == 404
    api.control("POST", "reset")
    assert api.get(f"{api.url}/latarnia/status").status_code == 200


@pytest.mark.parametrize(("name", "code"), [("test", 200), ("demo", 460), ("prod", 460)])
def test_self_signed_certificates(api: Api, name: str, code: int) -> None:
    profile(api, profile=name)
    xml = sign_xades_enveloped(auth_request(new_challenge(api)), *self_signed(NIP))
    assert outcome(api, xml)["code"] == code


@pytest.mark.parametrize(("name", "code"), [("test", 200), ("demo", 200), ("prod", 450)])
def test_checksum_of_numbers(api: Api, invoice_template: bytes, name: str, code: int) -> None:
    profile(api, profile=name)
    session = open_session(api, login(api)["access"])
    reference = session.send(adapted(_other_buyer(invoice_template), P_1=today()))
    assert session.status(reference)["status"]["code"] == code


INSTRUCTION = (b"<Faktura", b"<?go now?><Faktura")
CHARACTER = (b"Widget", "Wid\x86get".encode())
WARNED = {
    "xml-001": "instrukcje przetwarzania XML",
    "xml-002": "niedozwolone znaki Unicode",
}


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ((), []),
        ((INSTRUCTION,), ["xml-001"]),
        ((CHARACTER,), ["xml-002"]),
        (((b"Widget", b"Wid&#x9f;get"),), ["xml-002"]),
        ((INSTRUCTION, CHARACTER), ["xml-001", "xml-002"]),
    ],
)
@pytest.mark.parametrize("name", ["test", "demo", "prod"])
def test_what_production_only_warns_of(
    api: Api,
    invoice_template: bytes,
    name: str,
    changes: tuple[tuple[bytes, bytes], ...],
    codes: list[str],
) -> None:
    """TEST and DEMO refuse the file, production numbers it and warns (ksef-api#700, #843)."""
    profile(api, profile=name)
    xml = adapted(invoice_template, P_1=today())
    for old, new in changes:
        assert old in xml
        xml = xml.replace(old, new, 1)
    session = open_session(api, login(api)["access"])
    reference = session.send(xml)
    path = f"/sessions/{session.reference}/invoices/{reference}"
    answer = api.call("GET", path, session.token)
    refused = codes and name != "prod"
    assert answer.json()["status"]["code"] == (430 if refused else 200)
    if refused:
        assert "x-system-warning" not in answer.headers
        assert len(answer.json()["status"]["details"]) == len(codes)
        return
    number = answer.json()["ksefNumber"]
    expected = " | ".join(
        f"[{code}]: Faktura o numerze KSeF {number} zawiera {WARNED[code]}, "
        "ktore po 16.07.2026 beda odrzucane."
        for code in codes
    )
    answers = [
        # the second look finds it stored, so that it can be downloaded
        api.call("GET", path, session.token),
        api.call("GET", f"{path}/upo", session.token),
        api.call("GET", f"/sessions/{session.reference}/invoices/ksef/{number}/upo", session.token),
        api.call("GET", f"/invoices/ksef/{number}", session.token),
    ]
    assert [item.status_code for item in answers] == [200] * 4
    assert [item.headers.get("x-system-warning", "") for item in answers] == [expected] * 4
    # an answer about many names none
    listed = api.call("GET", f"/sessions/{session.reference}/invoices", session.token)
    assert "x-system-warning" not in listed.headers


def _other_buyer(template: bytes) -> bytes:
    """The buyer's NIP with its last digit changed."""
    head, mark, tail = template.partition(b"<Podmiot2>")
    before, nip, after = tail.partition(b"<NIP>")
    digit = b"1" if after[9:10] != b"1" else b"2"
    return head + mark + before + nip + after[:9] + digit + after[10:]


@pytest.mark.parametrize(("version", "newer"), [("2.6", False), ("2.8", True), ("2.9", True)])
def test_limits_by_version(api: Api, version: str, newer: bool) -> None:
    profile(api, api_version=version)
    token = login(api)["access"]
    groups = api.call("GET", "/rate-limits", token).json()
    assert ("onlineSessionClose" in groups) is newer
    assert ("collectiveIdentifier" in api.call("GET", "/limits/context", token).json()) is newer


@pytest.mark.parametrize(("version", "told"), [("2.6", False), ("2.8", False), ("2.9", True)])
def test_owner_rights_and_old_field_by_version(api: Api, version: str, told: bool) -> None:
    profile(api, api_version=version)
    tokens = login(api)
    path = "/permissions/query/personal/grants"
    answer = api.call("POST", path, tokens["access"], json={}).json()
    assert ("ownerPermissions" in answer) is told
    status = api.call("GET", f"/auth/{tokens['reference']}", tokens["authentication"]).json()
    assert ("authenticationMethod" in status) is not told


def test_seed_repeats_the_numbers(api: Api) -> None:
    runs = []
    for seed in (7, 7, 8):
        api.control("POST", "reset")
        profile(api, seed=seed)
        # the day is part of the number
        runs.append([new_challenge(api)[9:] for _ in range(3)])
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_tokens_end_with_the_year(api: Api) -> None:
    profile(api, tokens_disabled=True)
    body = {"challenge": "x"}
    assert api.call("POST", "/auth/ksef-token", json=body).status_code == 400
    api.control("POST", "clock", set="2027-01-01T00:00:01+01:00")
    # the contract does not know this refusal yet
    refused = httpx.post(f"{api.url}/v2/auth/ksef-token", json=body)
    assert refused.status_code == 403
    assert refused.json()["reasonCode"] == "auth-method-not-allowed"


def test_unknown_settings(api: Api) -> None:
    for body in ({"profil": "test"}, {"profile": "x"}, {"api_version": "1"}, {"seed": "x"}):
        assert httpx.post(f"{api.url}/_sim/profile", json=body).status_code == 400
    shown = api.control("GET", "profile")
    assert (shown["profile"], shown["api_version"]) == ("test", "2.9")


def test_leak_check_strews_unknown_properties(api: Api) -> None:
    def answers(path: str, method: str = "POST") -> str:
        """As they come, without what the tests' own client takes out."""
        return "".join(httpx.request(method, api.url + path).text for _ in range(20))

    api.control("POST", "profile", leak_check=True)
    assert "xSimExtra" in answers("/v2/auth/challenge")
    assert login(api)["access"]
    assert "xSimExtra" not in answers("/_sim/state", "GET")
    api.control("POST", "profile", leak_check=False)
    assert "xSimExtra" not in answers("/v2/auth/challenge")


def test_command_line() -> None:
    process, url = start("--profile", "prod", "--api-version", "2.8", "--seed", "3", "--leak-check")
    try:
        seen = httpx.get(f"{url}/_sim/profile").json()
        assert (seen["profile"], seen["api_version"], seen["leak_check"]) == ("prod", "2.8", True)
        httpx.post(f"{url}/_sim/profile", json={"profile": "test", "api_version": "2.6"})
        httpx.post(f"{url}/_sim/reset")
        seen = httpx.get(f"{url}/_sim/profile").json()
        assert (seen["profile"], seen["api_version"]) == ("prod", "2.8")
    finally:
        process.terminate()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()


def test_bad_command_line() -> None:
    command = [sys.executable, "-m", "simulator", "--schemas", "nowhere"]
    ended = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode == 2
    assert "nowhere" in ended.stderr

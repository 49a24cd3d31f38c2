"""Rotation of the Ministry's keys: what the list shows, what is still accepted."""

from __future__ import annotations

import os
from typing import Any

import pytest
from harness import Api, code_of, login, open_payload, open_session, public_key

USAGE = "SymmetricKeyEncryption"


@pytest.fixture
def token(api: Api) -> str:
    return login(api)["access"]


def rotate(api: Api, mode: str) -> list[dict[str, Any]]:
    listed = api.control("POST", "rotate-keys", mode=mode)
    return [key for key in listed if USAGE in key["usage"]]


def payload(api: Api) -> dict[str, Any]:
    return open_payload(api, os.urandom(32), os.urandom(16))


def status(api: Api, token: str, body: dict[str, Any]) -> int:
    opened = api.call("POST", "/sessions/online", token, json=body).json()["referenceNumber"]
    code: int = api.call("GET", f"/sessions/{opened}", token).json()["status"]["code"]
    return code


def test_planned_rotation_overlaps(api: Api, token: str) -> None:
    before = payload(api)
    old, new = rotate(api, "planned")
    assert old["publicKeyId"] != new["publicKeyId"]
    assert old["validFrom"] < new["validFrom"]
    assert status(api, token, before) == 100
    # without a name the old key is meant
    before["encryption"]["publicKeyId"] = None
    assert status(api, token, before) == 100
    before["encryption"]["publicKeyId"] = new["publicKeyId"]
    assert status(api, token, before) == 415


def test_emergency_rotation_refuses_the_old_key(api: Api, token: str) -> None:
    before = payload(api)
    [new] = rotate(api, "emergency")
    assert new["publicKeyId"] != before["encryption"]["publicKeyId"]
    assert code_of(api.call("POST", "/sessions/online", token, json=before)) == 21470
    # unnamed it is taken for the new key, which shows up in the status
    before["encryption"]["publicKeyId"] = None
    assert status(api, token, before) == 415
    assert open_session(api, token)


def test_recertification_keeps_the_key(api: Api, token: str) -> None:
    before, old = payload(api), public_key(api, USAGE)
    [again] = rotate(api, "recert")
    assert again["publicKeyId"] == old["publicKeyId"]
    assert again["certificateId"] != old["certificateId"]
    assert status(api, token, before) == 100


def test_future_key_is_listed_but_not_taken(api: Api, token: str) -> None:
    before = payload(api)
    _old, future = rotate(api, "future")
    before["encryption"]["publicKeyId"] = future["publicKeyId"]
    assert code_of(api.call("POST", "/sessions/online", token, json=before)) == 21470
    api.control("POST", "clock", advance=7 * 86400 + 1)
    token = login(api)["access"]
    answer = api.call("POST", "/sessions/online", token, json=before)
    assert answer.status_code == 201


def test_reset_brings_the_first_keys_back(api: Api) -> None:
    first = public_key(api, USAGE)["publicKeyId"]
    rotate(api, "emergency")
    api.control("POST", "reset")
    assert public_key(api, USAGE)["publicKeyId"] == first

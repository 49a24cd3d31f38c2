"""Limits of requests: sliding windows per context and address, blocks that grow."""

from __future__ import annotations

import httpx
import pytest
from harness import NIP, Api, login, new_challenge

OTHER = "1111111111"


@pytest.fixture
def token(api: Api) -> str:
    api.control("POST", "settings", count_requests=True)
    api.control("POST", "clock", freeze=True)
    return login(api)["access"]


def ask(api: Api, token: str | None, path: str = "/sessions?sessionType=Online") -> httpx.Response:
    return api.call("GET", path, token)


def advance(api: Api, seconds: float) -> None:
    api.control("POST", "clock", advance=seconds)


def test_second_minute_and_hour_slide(api: Api, token: str) -> None:
    # sessionList: 5 a second, 10 a minute, 60 an hour
    assert [ask(api, token).status_code for _call in range(6)] == [200] * 5 + [429]
    advance(api, 31)
    assert [ask(api, token).status_code for _call in range(5)] == [200] * 5
    advance(api, 2)
    # two seconds later the second is free again, but ten calls lie within the minute
    refused = ask(api, token)
    assert "10 żądań na minutę" in refused.text
    assert refused.headers["retry-after"] == "60"
    advance(api, 61)
    assert ask(api, token).status_code == 200


def test_an_hour(api: Api, token: str) -> None:
    for _minute in range(6):
        for _half in range(2):
            assert [ask(api, token).status_code for _call in range(5)] == [200] * 5
            advance(api, 31)
    refused = ask(api, token)
    assert "60 żądań na godzinę" in refused.text


def test_blocks_grow_and_calls_within_make_them_longer(api: Api, token: str) -> None:
    for _call in range(5):
        ask(api, token)
    waits = [int(ask(api, token).headers["retry-after"]) for _call in range(9)]
    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    advance(api, 3599)
    token = login(api)["access"]
    assert ask(api, token).status_code == 429
    advance(api, 3601)
    token = login(api)["access"]
    assert ask(api, token).status_code == 200
    # an hour without a breach: the shortest block again
    for _call in range(4):
        ask(api, token)
    assert ask(api, token).headers["retry-after"] == "30"


def test_both_formats(api: Api, token: str) -> None:
    for _call in range(5):
        ask(api, token)
    plain = ask(api, token)
    assert plain.headers["content-type"].startswith("application/json")
    assert plain.json()["status"]["code"] == 429
    problem = api.call(
        "GET",
        "/sessions?sessionType=Online",
        token,
        headers={"X-Error-Format": "problem-details"},
    )
    assert problem.headers["content-type"].startswith("application/problem+json")
    assert (problem.json()["title"], problem.json()["status"]) == ("Too Many Requests", 429)


def test_contexts_groups_and_other_operations_count_apart(api: Api, token: str) -> None:
    for _call in range(6):
        ask(api, token)
    stranger = login(api, OTHER)["access"]
    assert ask(api, stranger).status_code == 200
    # "other" operations have a counter each: 10 a second
    codes = [ask(api, token, "/rate-limits").status_code for _call in range(11)]
    assert codes == [200] * 10 + [429]
    assert ask(api, token, "/limits/context").status_code == 200


def test_a_new_token_does_not_help(api: Api, token: str) -> None:
    for _call in range(6):
        ask(api, token)
    assert ask(api, login(api)["access"]).status_code == 429


def test_anonymous_calls_count_per_address(api: Api, token: str) -> None:
    advance(api, 2)
    codes = [api.call("POST", "/auth/challenge").status_code for _call in range(61)]
    assert codes == [200] * 60 + [429]
    assert api.call("GET", "/security/public-key-certificates").status_code == 200


def test_429_comes_before_401(api: Api, token: str) -> None:
    codes = [ask(api, "no.such.token").status_code for _call in range(6)]
    assert codes == [401] * 5 + [429]
    assert ask(api, token).status_code == 200


def test_links_and_pages_are_not_limited(api: Api) -> None:
    api.control("POST", "settings", count_requests=True)
    address = f"{api.url}/qr/invoice/{NIP}/01-02-2026/{'A' * 43}"
    assert {api.get(address).status_code for _call in range(100)} == {200}
    assert new_challenge(api)


def test_limits_of_requests_can_be_left_out(api: Api) -> None:
    token = login(api)["access"]
    api.control("POST", "settings", count_requests=False)
    assert {ask(api, token).status_code for _call in range(20)} == {200}


def test_changed_limits_hold(api: Api, token: str) -> None:
    limits = ask(api, token, "/rate-limits").json()
    limits = {group: values for group, values in limits.items() if values["perHour"] > 0}
    limits["sessionList"] = {"perSecond": 2, "perMinute": 2, "perHour": 2}
    changed = api.call("POST", "/testdata/rate-limits", token, json={"rateLimits": limits})
    assert changed.status_code == 200, changed.text
    assert [ask(api, token).status_code for _call in range(3)] == [200, 200, 429]

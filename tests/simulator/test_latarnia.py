"""The status beacon: statuses, messages, corrections, oddities, and outages of KSeF with it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from harness import Api

FIELDS = {"id", "eventId", "category", "type", "title", "text", "start", "version", "published"}


def status(api: Api) -> dict[str, Any]:
    return api.get(f"{api.url}/latarnia/status").json()


def messages(api: Api) -> list[dict[str, Any]]:
    found = api.get(f"{api.url}/latarnia/messages").json()
    assert isinstance(found, list)
    return found


def order(api: Api, action: str, **more: Any) -> dict[str, Any]:
    return api.control("POST", "latarnia", action=action, **more)


@pytest.fixture(autouse=True)
def summer(api: Api) -> None:
    api.control("POST", "clock", set="2026-07-18T10:00:00+02:00", freeze=True)


def test_all_is_well(api: Api) -> None:
    assert status(api) == {"status": "AVAILABLE"}
    assert messages(api) == []


def test_maintenance_is_announced_before_it_begins(api: Api) -> None:
    order(api, "maintenance", start="2026-07-18T20:00:00+02:00", end="2026-07-19T04:00:00+02:00")
    assert status(api) == {"status": "AVAILABLE"}
    (message,) = messages(api)
    assert set(message) == FIELDS | {"end"}
    assert (message["id"], message["eventId"]) == ("K/2026/NI/01", 1001)
    assert (message["category"], message["type"]) == ("MAINTENANCE", "MAINTENANCE_ANNOUNCEMENT")
    assert message["start"] == "2026-07-18T20:00:00+02:00"
    assert message["end"] == "2026-07-19T04:00:00+02:00"
    api.control("POST", "clock", set="2026-07-18T23:00:00+02:00")
    assert status(api) == {"status": "MAINTENANCE", "messages": [message]}
    api.control("POST", "clock", set="2026-07-19T04:00:00+02:00")
    assert status(api) == {"status": "AVAILABLE"}
    assert messages(api) == [message]


def test_failure_has_no_end_until_it_is_announced(api: Api) -> None:
    order(api, "failure")
    (started,) = status(api)["messages"]
    assert set(started) == FIELDS
    assert (started["id"], started["type"]) == ("K/2026/AWR/01", "FAILURE_START")
    api.control("POST", "clock", advance=3600)
    order(api, "end")
    assert status(api) == {"status": "AVAILABLE"}
    ended, first = messages(api)
    assert first == started
    assert (ended["type"], ended["eventId"]) == ("FAILURE_END", started["eventId"])
    assert ended["end"] == "2026-07-18T11:00:00+02:00"
    assert ended["id"] == "K/2026/AWR/02"


def test_the_gravest_wins(api: Api) -> None:
    order(api, "maintenance", end="2026-07-20T00:00:00Z")
    order(api, "failure")
    assert status(api)["status"] == "FAILURE"
    order(api, "total_failure")
    both = status(api)
    assert both["status"] == "TOTAL_FAILURE"
    assert [message["eventId"] for message in both["messages"]] == [1003, 1002, 1001]
    order(api, "end", event=1003)
    assert status(api)["status"] == "FAILURE"
    order(api, "end", event=1002)
    assert status(api)["status"] == "MAINTENANCE"


def test_end_that_arrives_late(api: Api) -> None:
    order(api, "failure", start="2026-07-16T08:00:00Z")
    order(api, "end", end="2026-07-17T08:00:00Z")
    (ended,) = [message for message in messages(api) if message["type"] == "FAILURE_END"]
    assert ended["end"] == "2026-07-17T10:00:00+02:00"
    assert ended["published"].startswith("2026-07-18T08:00")


def test_correction_raises_the_version(api: Api) -> None:
    order(api, "maintenance", start="2026-07-18T20:00:00Z", end="2026-07-18T22:00:00Z")
    order(api, "correct", event=1001, end="2026-07-19T01:00:00Z", text="Dłużej.")
    (message,) = messages(api)
    assert (message["version"], message["text"]) == (2, "Dłużej.")
    api.control("POST", "clock", set="2026-07-19T00:30:00Z")
    assert status(api)["status"] == "MAINTENANCE"
    order(api, "end", event=1001)
    assert status(api)["status"] == "AVAILABLE"
    assert messages(api)[0]["version"] == 3


def test_messages_are_kept_for_thirty_days(api: Api) -> None:
    order(api, "failure")
    api.control("POST", "clock", advance=40 * 86400)
    assert len(messages(api)) == 1
    order(api, "end")
    api.control("POST", "clock", advance=30 * 86400)
    assert len(messages(api)) == 2
    api.control("POST", "clock", advance=1)
    assert messages(api) == []


def test_oddities(api: Api) -> None:
    order(api, "dummy")
    assert status(api)["status"] == "TOTAL_FAILURE"
    assert messages(api)[0]["eventId"] == 1003
    order(api, "raw", status={"status": "SOMETHING"}, messages={"items": []})
    assert status(api) == {"status": "SOMETHING"}
    assert api.get(f"{api.url}/latarnia/messages").json() == {"items": []}
    order(api, "clear")
    assert status(api) == {"status": "AVAILABLE"}
    api.control("POST", "faults", endpoint="GET /latarnia/status", kind="status", status=504)
    assert api.get(f"{api.url}/latarnia/status").status_code == 504
    assert status(api) == {"status": "AVAILABLE"}


def test_token_is_none_of_its_business(api: Api) -> None:
    for name in ("status", "messages"):
        address = f"{api.url}/latarnia/{name}"
        assert api.get(address, headers={"Authorization": "Bearer x"}).status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        {"action": "storm"},
        {"action": "maintenance"},
        {"action": "maintenance", "end": "2020-01-01T00:00:00Z"},
        {"action": "failure", "end": "2030-01-01T00:00:00Z"},
        {"action": "failure", "start": "soon"},
        {"action": "end"},
        {"action": "correct", "event": 7},
    ],
)
def test_bad_orders(api: Api, body: dict[str, Any]) -> None:
    answer = httpx.post(f"{api.url}/_sim/latarnia", json=body)
    assert answer.status_code == 400


def test_correcting_a_message_that_does_not_exist(api: Api) -> None:
    order(api, "failure")
    body = {"action": "correct", "type": "FAILURE_END"}
    assert httpx.post(f"{api.url}/_sim/latarnia", json=body).status_code == 400


def test_event_with_an_outage(api: Api) -> None:
    order(api, "failure", outage=True)
    down = api.call("POST", "/auth/challenge")
    assert (down.status_code, down.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert status(api)["status"] == "FAILURE"
    assert api.get(f"{api.url}/qr/invoice/x/y/z").status_code == 404
    order(api, "end")
    assert api.call("POST", "/auth/challenge").status_code == 200


@pytest.mark.parametrize("kind", ["unavailable", "refuse"])
def test_outage_without_any_announcement(api: Api, kind: str) -> None:
    api.control("POST", "weather", outage=kind)
    if kind == "refuse":
        with pytest.raises(httpx.TransportError):
            api.call("POST", "/auth/challenge")
    else:
        assert api.call("POST", "/auth/challenge").status_code == 503
    assert status(api) == {"status": "AVAILABLE"}
    api.control("POST", "weather", outage=None)
    assert api.call("POST", "/auth/challenge").status_code == 200


def test_slowness(api: Api) -> None:
    api.control("POST", "weather", delay=1.5)
    assert api.call("POST", "/auth/challenge").elapsed.total_seconds() >= 1.5
    # beacon and QR pages are other services
    assert api.get(f"{api.url}/latarnia/status").elapsed.total_seconds() < 1.4
    assert httpx.post(f"{api.url}/_sim/weather", json={"delay": 61}).status_code == 400

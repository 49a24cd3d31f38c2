"""Whatever may be wrong between a client and KSeF, ordered by a call or two, over sockets."""

from __future__ import annotations

import socket
import ssl
import time
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from harness import Api

START = "2026-07-18T10:00:00+02:00"
CHALLENGE = "/auth/challenge"


def probe(api: Api) -> int:
    return api.call("POST", CHALLENGE).status_code


def beacon(api: Api, name: str = "status") -> httpx.Response:
    return api.get(f"{api.url}/latarnia/{name}")


def latarnia(api: Api, action: str, **more: Any) -> Any:
    return api.control("POST", "latarnia", action=action, **more)


@pytest.fixture
def frozen(api: Api) -> Api:
    api.control("POST", "clock", set=START, freeze=True)
    return api


def advance(api: Api, minutes: float) -> None:
    api.control("POST", "clock", advance=minutes * 60)


@pytest.mark.parametrize("minutes", [3, 20])
def test_outage_ends_by_the_clock(frozen: Api, minutes: int) -> None:
    shown = frozen.control("POST", "weather", outage="unavailable", minutes=minutes)
    assert shown["until"].startswith(f"2026-07-18T08:{minutes:02d}:00")
    assert probe(frozen) == 503
    advance(frozen, minutes - 0.1)
    assert probe(frozen) == 503
    advance(frozen, 0.2)
    assert probe(frozen) == 200
    # nothing of it comes back with the next order
    assert frozen.control("POST", "weather", delay=0)["services"]["ksef"].get("outage") is None
    assert probe(frozen) == 200


def test_flapping(api: Api) -> None:
    seen = []
    for outage in ("refuse", None, "unavailable", None):
        api.control("POST", "weather", outage=outage)
        try:
            seen.append(probe(api))
        except httpx.TransportError:
            seen.append(0)
    assert seen == [0, 200, 503, 200]


@pytest.mark.parametrize("status", [502, 503, 504])
def test_pages_of_a_gateway(api: Api, status: int) -> None:
    api.control("POST", "weather", outage="unavailable", status=status)
    answer = api.call("POST", CHALLENGE)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert f"<h1>{status} " in answer.text
    # the status is one outage's, not the next one's
    api.control("POST", "weather", outage="unavailable")
    assert probe(api) == 503


@pytest.mark.parametrize("service", ["ksef", "latarnia"])
def test_connection_that_is_taken_and_never_answered(api: Api, service: str) -> None:
    api.control("POST", "weather", service=service, outage="hang")
    path = f"/v2{CHALLENGE}" if service == "ksef" else "/latarnia/status"
    method = "POST" if service == "ksef" else "GET"
    begin = time.monotonic()
    with pytest.raises(httpx.ReadTimeout):
        api.request(method, api.url + path, timeout=0.5)
    assert time.monotonic() - begin < 5
    assert api.control("GET", "state")["profile"] == "test", "the controls go on"


@pytest.mark.parametrize(("outage", "status"), [("unavailable", 504), ("refuse", None)])
def test_beacon_is_down_and_ksef_is_not(api: Api, outage: str, status: int | None) -> None:
    api.control("POST", "weather", service="latarnia", outage=outage, status=504)
    for name in ("status", "messages"):
        if status is None:
            with pytest.raises(httpx.TransportError):
                beacon(api, name)
        else:
            assert beacon(api, name).status_code == status
    assert probe(api) == 200
    api.control("POST", "weather", service="latarnia", outage=None)
    assert beacon(api).json() == {"status": "AVAILABLE"}


def test_services_fail_apart(api: Api) -> None:
    api.control("POST", "weather", service="qr", outage="unavailable")
    assert api.get(f"{api.url}/qr/invoice/1/2/3").status_code == 503
    assert (probe(api), beacon(api).status_code) == (200, 200)
    api.control("POST", "weather", service="latarnia", delay=0.7)
    assert beacon(api).elapsed.total_seconds() >= 0.7
    assert api.call("POST", CHALLENGE).elapsed.total_seconds() < 0.6


def test_failure_is_announced_while_ksef_answers(api: Api) -> None:
    latarnia(api, "failure")
    assert beacon(api).json()["status"] == "FAILURE"
    assert probe(api) == 200


def test_failure_becomes_a_total_one_under_another_number(frozen: Api) -> None:
    latarnia(frozen, "failure")
    advance(frozen, 60)
    latarnia(frozen, "total_failure")
    status = beacon(frozen).json()
    assert status["status"] == "TOTAL_FAILURE"
    assert [(item["eventId"], item["category"]) for item in status["messages"]] == [
        (1002, "TOTAL_FAILURE"),
        (1001, "FAILURE"),
    ]
    latarnia(frozen, "end", event=1002)
    assert beacon(frozen).json()["status"] == "FAILURE"


def test_failure_becomes_a_total_one_under_its_own_number(frozen: Api) -> None:
    latarnia(frozen, "failure")
    advance(frozen, 60)
    latarnia(frozen, "total_failure", event=1001)
    status = beacon(frozen).json()
    assert status["status"] == "TOTAL_FAILURE"
    first, second = status["messages"]
    assert (first["eventId"], first["category"], first["version"]) == (1001, "FAILURE", 1)
    assert (second["eventId"], second["category"], second["version"]) == (1001, "TOTAL_FAILURE", 2)
    assert second["start"] == "2026-07-18T11:00:00+02:00"
    latarnia(frozen, "correct", text="Dopisek.")
    assert [item["version"] for item in beacon(frozen, "messages").json()] == [3, 1]
    latarnia(frozen, "end")
    assert beacon(frozen).json() == {"status": "AVAILABLE"}
    ended = next(i for i in beacon(frozen, "messages").json() if i["type"] == "FAILURE_END")
    assert (ended["eventId"], ended["category"]) == (1001, "TOTAL_FAILURE")


def test_only_a_failure_that_is_on_becomes_a_total_one(frozen: Api) -> None:
    latarnia(frozen, "maintenance", hours=2)
    latarnia(frozen, "failure")
    latarnia(frozen, "end", event=1002)
    for event in (1001, 1002, 77):
        body = {"action": "total_failure", "event": event}
        assert httpx.post(f"{frozen.url}/_sim/latarnia", json=body).status_code == 400


def test_maintenance_ahead_takes_ksef_down_when_it_begins(frozen: Api) -> None:
    latarnia(
        frozen,
        "maintenance",
        start="2026-07-20T20:00:00+02:00",
        end="2026-07-20T22:00:00+02:00",
        outage=True,
    )
    assert beacon(frozen).json() == {"status": "AVAILABLE"}
    assert len(beacon(frozen, "messages").json()) == 1
    seen = []
    for moment in ("19:59", "20:00", "21:59", "22:00"):
        frozen.control("POST", "clock", set=f"2026-07-20T{moment}:00+02:00")
        seen.append((probe(frozen), beacon(frozen).json()["status"]))
    assert seen == [
        (200, "AVAILABLE"),
        (503, "MAINTENANCE"),
        (503, "MAINTENANCE"),
        (200, "AVAILABLE"),
    ]


def test_end_that_is_announced_late(frozen: Api) -> None:
    latarnia(frozen, "failure", outage=True)
    advance(frozen, 24 * 60)
    latarnia(frozen, "end", end="2026-07-18T14:00:00+02:00")
    ended = next(i for i in beacon(frozen, "messages").json() if i["type"] == "FAILURE_END")
    assert ended["end"] == "2026-07-18T14:00:00+02:00"
    assert ended["published"].startswith("2026-07-19T08:00")
    assert probe(frozen) == 200


# -- doors -----------------------------------------------------------------------------------------


def door(api: Api, kind: str) -> dict[str, str]:
    return api.control("POST", "doors", kind=kind)


def through(opened: dict[str, str], timeout: float = 5) -> httpx.Response:
    """Log-in's first call by a client that trusts the doors' root."""
    context = ssl.create_default_context(cadata=opened["root"])
    with httpx.Client(verify=context, timeout=timeout) as client:
        return client.post(f"{opened['url']}/v2{CHALLENGE}")


def test_trusted_door_leads_to_the_same_simulator(api: Api) -> None:
    opened = door(api, "trusted")
    assert opened["url"].startswith("https://127.0.0.1:")
    assert through(opened).json()["challenge"]
    latarnia(api, "failure", outage=True)
    assert through(opened).status_code == 503
    assert [entry["status"] for entry in api.control("GET", "log")] == [200, 503]
    api.control("POST", "latarnia", action="clear")
    # a reset at an open connection is one behind TLS, too
    api.control("POST", "weather", outage="refuse")
    with pytest.raises(httpx.TransportError):
        through(opened)


def test_links_of_a_trusted_door_lead_back_to_it(api: Api) -> None:
    opened = door(api, "trusted")
    context = ssl.create_default_context(cadata=opened["root"])
    page = httpx.get(f"{opened['url']}/_sim/", verify=context)
    assert opened["url"] in page.text


def test_a_client_without_the_root_refuses_the_trusted_door(api: Api) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.post(f"{door(api, 'trusted')['url']}/v2{CHALLENGE}")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("self_signed", "self-signed certificate"),
        ("expired", "certificate has expired"),
        ("wrong_host", "IP address mismatch"),
        ("garbage", "SSL|wrong version|record"),
    ],
)
def test_doors_that_tls_refuses(api: Api, kind: str, reason: str) -> None:
    with pytest.raises(httpx.ConnectError, match=reason):
        through(door(api, kind))
    assert api.control("GET", "log") == [], "no request got through"


def test_plain_address_speaks_no_tls(api: Api) -> None:
    with pytest.raises(httpx.ConnectError, match="SSL"):
        httpx.post(api.url.replace("http:", "https:") + f"/v2{CHALLENGE}")


def test_mute_door_ends_by_the_time_out(api: Api) -> None:
    begin = time.monotonic()
    with pytest.raises(httpx.ConnectTimeout):
        through(door(api, "mute"), timeout=0.5)
    assert time.monotonic() - begin < 5


def test_closed_door_refuses(api: Api) -> None:
    with pytest.raises(httpx.ConnectError, match="refused"):
        through(door(api, "closed"))


def test_name_that_does_not_resolve() -> None:
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("ksef.invalid", 443)


@pytest.mark.parametrize("kind", ["trusted", "garbage", "mute"])
def test_reset_closes_doors(api: Api, kind: str) -> None:
    address = urlsplit(door(api, kind)["url"])
    with socket.create_connection((address.hostname, address.port), timeout=5):
        pass
    api.control("POST", "reset")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address.hostname, address.port), timeout=5)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("doors", {"kind": "back"}),
        ("doors", {}),
        ("weather", {"outage": "storm"}),
        ("weather", {"service": "bip", "outage": "refuse"}),
        ("weather", {"outage": "unavailable", "status": 200}),
        ("weather", {"outage": "refuse", "minutes": 0}),
        ("weather", {"delay": True}),
        ("weather", {"wind": 3}),
    ],
)
def test_bad_orders(api: Api, name: str, body: dict[str, Any]) -> None:
    assert httpx.post(f"{api.url}/_sim/{name}", json=body).status_code == 400

"""The status beacon's two calls, and its control ``/_sim/latarnia``."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from .beacon import Event
from .clock import parse_moment
from .messages import BadRequest, NotFound, Request, Response, Unauthorized
from .routing import Route
from .shapes import enum_field, integer_field, object_field, text_field

if TYPE_CHECKING:
    from .app import Simulator

#: What TEST's beacon has answered without a break since January 2026.
_DUMMY_NUMBER, _DUMMY_EVENT = "K/2026/AWR/02", 1003
_DUMMY = {
    "id": _DUMMY_NUMBER,
    "eventId": _DUMMY_EVENT,
    "category": "TOTAL_FAILURE",
    "type": "FAILURE_START",
    "title": "Awaria całkowita",
    "text": "Komunikat testowy.",
    "start": "2026-01-31T11:27:00+00:00",
    "version": 1,
    "published": "2026-01-31T11:35:00+00:00",
}
_ACTIONS = ("maintenance", "failure", "total_failure", "end", "correct", "raw", "dummy", "clear")
_CORRECTABLE = ("title", "text", "start", "end")


def _json(payload: Any) -> Response:
    return Response(200, json.dumps(payload, ensure_ascii=False).encode("utf-8"))


def _check(sim: Simulator, request: Request) -> None:
    """DEMO has no beacon; nobody has any business showing it a KSeF token."""
    if sim.profile.name == "demo":
        raise NotFound("Nie znaleziono zasobu.")
    if request.headers.get("Authorization"):
        raise Unauthorized("Latarnia nie przyjmuje tokena.")


def status(sim: Simulator, request: Request) -> Response:
    """``GET /latarnia/status``."""
    _check(sim, request)
    beacon = sim.store.beacon
    return _json(beacon.raw.get("status", beacon.status(sim.clock.now())))


def messages(sim: Simulator, request: Request) -> Response:
    """``GET /latarnia/messages``."""
    _check(sim, request)
    beacon = sim.store.beacon
    return _json(beacon.raw.get("messages", beacon.messages(sim.clock.now())))


def control(sim: Simulator, request: Request) -> Response:
    """``POST /_sim/latarnia`` with an ``action``.

    ``maintenance`` (``start``, ``end`` or ``hours``), ``failure`` and ``total_failure`` begin an
    event, now unless ``start`` says otherwise; ``outage: true`` makes KSeF silent while it lasts.
    ``total_failure`` with the ``event`` of a failure makes that one graver under its own number.
    ``end`` (``event``, ``end``) ends the named or the latest open event, also in the past.
    ``correct`` (``event``, ``type``, changed fields) raises a message's version. ``raw``
    (``status``, ``messages``) replaces answers by any JSON, ``dummy`` by TEST's; ``clear`` forgets
    it all.
    """
    body = object_field(request.json(), "body")
    action = enum_field(body, "action", _ACTIONS)
    now = sim.clock.now()
    beacon = sim.store.beacon
    if action == "clear":
        beacon.events.clear()
        beacon.raw.clear()
    elif action == "raw":
        beacon.raw = {name: body[name] for name in ("status", "messages") if name in body}
    elif action == "dummy":
        beacon.raw = {
            "status": {"status": "TOTAL_FAILURE", "messages": [_DUMMY]},
            "messages": [_DUMMY],
        }
    elif action == "end":
        event = _event(sim, body)
        beacon.finish(event, _moment(body, "end") or now, now)
    elif action == "correct":
        _correct(sim, body, now)
    else:
        _begin(sim, action, body, now)
    return overview(sim, request)


def _moment(body: dict[str, Any], name: str) -> datetime | None:
    if body.get(name) is None:
        return None
    try:
        return parse_moment(text_field(body, name))
    except ValueError as error:
        raise BadRequest(21405, f"{name}: not a date") from error


def _begin(sim: Simulator, action: str, body: dict[str, Any], now: datetime) -> None:
    start, end = _moment(body, "start") or now, _moment(body, "end")
    if "hours" in body:
        end = start + timedelta(hours=integer_field(body, "hours", 1))
    maintenance = action == "maintenance"
    if maintenance != (end is not None) or (end is not None and end <= start):
        raise BadRequest(21405, "a maintenance has an end after its start, a failure has none yet")
    outage = bool(body.get("outage"))
    if action != "total_failure" or "event" not in body:
        sim.store.beacon.begin(action.upper(), start, end, now, outage=outage)
        return
    event = _event(sim, body)
    if event.category != "FAILURE" or event.end is not None:
        raise BadRequest(21405, "only a failure that is on becomes a total one")
    event.outage = event.outage or outage
    sim.store.beacon.escalate(event, action.upper(), start, now)


def _event(sim: Simulator, body: dict[str, Any]) -> Event:
    number = integer_field(body, "event", 1) if "event" in body else None
    event = sim.store.beacon.find(number, sim.clock.now())
    if event is None:
        raise BadRequest(21405, "no such event")
    return event


def _correct(sim: Simulator, body: dict[str, Any], now: datetime) -> None:
    event = _event(sim, body)
    changes: dict[str, Any] = {}
    for name in _CORRECTABLE:
        if body.get(name) is not None:
            dated = name in ("start", "end")
            changes[name] = _moment(body, name) if dated else text_field(body, name)
    kind = text_field(body, "type") if "type" in body else event.messages[-1].kind
    try:
        sim.store.beacon.correct(event, kind, now, changes)
    except KeyError as error:
        raise BadRequest(21405, f"no message of type {kind}") from error


def overview(sim: Simulator, _request: Request) -> Response:
    """``GET /_sim/latarnia``: the beacon's status and every event."""
    now = sim.clock.now()
    beacon = sim.store.beacon
    return _json(
        {
            "status": beacon.status(now)["status"],
            "events": [
                {
                    "eventId": event.event_id,
                    "category": event.category,
                    "active": event.active(now),
                    "outage": event.outage,
                    "messages": [message.describe() for message in event.messages],
                }
                for event in beacon.events
            ],
            "raw": sorted(beacon.raw),
        }
    )


ROUTES = [
    Route("GET", "/latarnia/status", status),
    Route("GET", "/latarnia/messages", messages),
    Route("POST", "/_sim/latarnia", control),
    Route("GET", "/_sim/latarnia", overview),
]

"""How the services as a whole are doing: outages and slowness, until further notice or a while."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from .clock import stamp
from .faults import Fault
from .messages import BadRequest, Request, Response, reply
from .routing import Route
from .shapes import enum_field, integer_field, object_field
from .store import Trouble

if TYPE_CHECKING:
    from .app import Simulator

#: ``unavailable`` answers HTML like a gateway, ``refuse`` ends connections, ``hang`` accepts them
#: and says nothing.
OUTAGES = ("unavailable", "refuse", "hang")
KSEF, LATARNIA, QR = SERVICES = ("ksef", "latarnia", "qr")
_FIELDS = ("service", "outage", "status", "delay", "minutes")
_MOST_DELAY = 60.0
_TITLES = {502: "Bad Gateway", 503: "Service Temporarily Unavailable", 504: "Gateway Time-out"}


def trouble_of(sim: Simulator, service: str) -> Trouble:
    """What was ordered for a service, else what an announced event that is on does to KSeF."""
    now = sim.clock.now()
    ordered = sim.store.weather.get(service, Trouble())
    if ordered.over(now):
        ordered = Trouble()
    if ordered.outage is None and service == KSEF:
        if any(event.outage for event in sim.store.beacon.active(now)):
            return replace(ordered, outage=OUTAGES[0])
    return ordered


def _service(endpoint: str) -> str | None:
    """Who serves ``METHOD /path``; None for the controls, which always work."""
    path = endpoint.partition(" ")[2]
    if path.startswith("/_sim"):
        return None
    first = path.split("/")[1]
    return first if first in (LATARNIA, QR) else KSEF


def standing_fault(sim: Simulator, endpoint: str) -> Fault | None:
    """What outage or slowness of its service do to ``METHOD /path``."""
    service = _service(endpoint)
    if service is None:
        return None
    trouble = trouble_of(sim, service)
    if trouble.outage is None:
        return Fault(endpoint, "delay", seconds=trouble.delay) if trouble.delay else None
    if trouble.outage == "unavailable":
        title = f"{trouble.status} {_TITLES[trouble.status]}"
        page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
        return Fault(endpoint, "status", status=trouble.status, body=page)
    return Fault(endpoint, trouble.outage)


def control(sim: Simulator, request: Request) -> Response:
    """``POST /_sim/weather``: ``service`` ksef (default), latarnia or qr, and any of

    ``outage`` (a kind, or null to end it), ``status`` 502, 503 or 504 of an ``unavailable`` one,
    ``delay`` in seconds (0 ends it). ``minutes``: all of the service's trouble ends by itself
    after so many of the simulator's clock; without it the trouble lasts until further notice.
    """
    body = object_field(request.json(), "body", _FIELDS)
    service = enum_field(body, "service", SERVICES) if "service" in body else KSEF
    changes: dict[str, Any] = {"until": None}
    if "outage" in body:
        ordered = body["outage"] is not None
        changes["outage"] = enum_field(body, "outage", OUTAGES) if ordered else None
        changes["status"] = Trouble.status
    if "status" in body:
        if body["status"] not in _TITLES:
            raise BadRequest(21405, f"status: one of {sorted(_TITLES)}")
        changes["status"] = body["status"]
    if "delay" in body:
        seconds = body["delay"]
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
            raise BadRequest(21405, "delay: seconds")
        if not 0 <= seconds <= _MOST_DELAY:
            raise BadRequest(21405, f"delay: 0 to {_MOST_DELAY:.0f} seconds")
        changes["delay"] = float(seconds)
    if "minutes" in body:
        now = sim.clock.now()
        changes["until"] = now + timedelta(minutes=integer_field(body, "minutes", 1))
    before = sim.store.weather.get(service, Trouble())
    if before.over(sim.clock.now()):
        before = Trouble()
    sim.store.weather[service] = replace(before, **changes)
    return overview(sim, request)


def overview(sim: Simulator, _request: Request) -> Response:
    """``GET /_sim/weather``: KSeF's outage and delay, and every service's in ``services``."""
    troubles = {service: trouble_of(sim, service) for service in SERVICES}
    shown = {
        service: {
            "outage": item.outage,
            "status": item.status if item.outage == OUTAGES[0] else None,
            "delay": item.delay,
            "until": stamp(item.until),
        }
        for service, item in troubles.items()
    }
    return reply({**shown[KSEF], "services": shown})


ROUTES = [
    Route("POST", "/_sim/weather", control),
    Route("GET", "/_sim/weather", overview),
]

"""How KSeF as a whole is doing: outages and slowness, until further notice or with an event."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .faults import Fault
from .messages import BadRequest, Request, Response, reply
from .routing import Route
from .shapes import enum_field, object_field

if TYPE_CHECKING:
    from .app import Simulator

#: ``unavailable`` answers 503 like the gateway, ``refuse`` ends connections, ``hang`` says nothing.
OUTAGES = ("unavailable", "refuse", "hang")
_OUTSIDE = ("/latarnia/", "/qr/", "/_sim")
_MOST_DELAY = 60.0
_GATEWAY = "<html><body><h1>503 Service Temporarily Unavailable</h1></body></html>"


def current_outage(sim: Simulator) -> str | None:
    """The outage that was ordered, else the one of an announced event that is on."""
    if sim.store.outage is not None:
        return sim.store.outage
    events = sim.store.beacon.active(sim.clock.now())
    return "unavailable" if any(event.outage for event in events) else None


def standing_fault(sim: Simulator, endpoint: str) -> Fault | None:
    """What outage or slowness do to ``METHOD /path``; beacon, QR pages and control keep working."""
    if endpoint.partition(" ")[2].startswith(_OUTSIDE):
        return None
    kind = current_outage(sim)
    if kind is None:
        return Fault(endpoint, "delay", seconds=sim.store.delay) if sim.store.delay else None
    if kind == "unavailable":
        return Fault(endpoint, "status", status=503, body=_GATEWAY)
    return Fault(endpoint, kind)


def control(sim: Simulator, request: Request) -> Response:
    """``POST /_sim/weather``: ``outage`` (a kind, or null to end it), ``delay`` in seconds."""
    body = object_field(request.json(), "body")
    if "outage" in body:
        ordered = body["outage"] is not None
        sim.store.outage = enum_field(body, "outage", OUTAGES) if ordered else None
    if "delay" in body:
        seconds = body["delay"]
        if not isinstance(seconds, (int, float)) or not 0 <= seconds <= _MOST_DELAY:
            raise BadRequest(21405, f"delay: 0 to {_MOST_DELAY:.0f} seconds")
        sim.store.delay = float(seconds)
    return reply({"outage": current_outage(sim), "delay": sim.store.delay})


ROUTES = [Route("POST", "/_sim/weather", control)]

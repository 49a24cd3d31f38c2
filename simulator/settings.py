"""Controls of sizes and rights: ``/_sim/settings`` and ``/_sim/attachments``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .messages import BadRequest, Request, Response, reply
from .numbers import NIP_PATTERN
from .routing import Route
from .shapes import boolean_field, integer_field, object_field, text_field

if TYPE_CHECKING:
    from .app import Simulator

#: whole numbers that may be set: name -> smallest value
_SIZES = {"upo_page_size": 1, "export_polls": 0, "export_part_size": 1, "query_cap": 1}


def settings(sim: Simulator, request: Request) -> Response:
    """``POST /_sim/settings``.

    ``upo_page_size`` documents on a page of a session's UPO; ``export_polls`` looks until an
    export is done, ``export_part_size`` bytes of a part; ``query_cap`` rows of a query or export.
    """
    body = object_field(request.json(), "body")
    unknown = set(body) - set(_SIZES)
    if unknown:
        raise BadRequest(21405, f"unknown: {sorted(unknown)}")
    values = {name: integer_field(body, name, _SIZES[name]) for name in body}
    for name, value in values.items():
        setattr(sim, name, value)
    return reply({name: getattr(sim, name) for name in _SIZES})


def address(sim: Simulator, request: Request) -> Response:
    """``POST /_sim/qr``: ``host`` that KOD II signs before ``/certificate``, null = our own."""
    body = object_field(request.json(), "body")
    sim.qr_host = text_field(body, "host") if body.get("host") is not None else None
    return Response(204)


def attachments(sim: Simulator, request: Request) -> Response:
    """``POST /_sim/attachments``: ``nip`` and ``allowed``, whether it may send attachments."""
    body = object_field(request.json(), "body")
    nip = text_field(body, "nip")
    if not NIP_PATTERN.fullmatch(nip):
        raise BadRequest(21405, "nip")
    if boolean_field(body, "allowed", default=True):
        sim.store.attachments[nip] = None
    else:
        sim.store.attachments.pop(nip, None)
    return Response(204)


ROUTES = [
    Route("POST", "/_sim/settings", settings),
    Route("POST", "/_sim/attachments", attachments),
    Route("POST", "/_sim/qr", address),
]

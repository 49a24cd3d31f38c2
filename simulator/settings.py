"""Controls of sizes and rights: ``/_sim/settings`` and ``/_sim/attachments``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import throttle
from .messages import CODE_SOURCES, CODE_TEXT, BadRequest, Request, Response, reply
from .numbers import NIP_PATTERN
from .routing import Route
from .shapes import boolean_field, integer_field, object_field, text_field

if TYPE_CHECKING:
    from .app import Simulator

#: whole numbers that may be set: name -> smallest value
_SIZES = {"upo_page_size": 1, "export_polls": 0, "export_part_size": 1, "query_cap": 1}
#: yes or no
_SWITCHES = ("count_requests", "strict_corrections", "wrong_original_session", "signed_upo")


def settings(sim: Simulator, request: Request) -> Response:
    """``POST /_sim/settings``.

    ``upo_page_size`` documents on a page of a session's UPO; ``export_polls`` looks until an
    export is done, ``export_part_size`` bytes of a part; ``query_cap`` rows of a query or export;
    ``count_requests`` enforces the limits of requests; ``strict_corrections`` demands that the
    hash named by a technical correction was really rejected (the Ministry does not look);
    ``wrong_original_session`` names another session for the original of a duplicate in a batch;
    ``signed_upo`` signs UPOs.
    """
    body = object_field(request.json(), "body")
    unknown = set(body) - set(_SIZES) - set(_SWITCHES)
    if unknown:
        raise BadRequest(21405, f"unknown: {sorted(unknown)}")
    values: dict[str, int | bool] = {}
    for name in body:
        if name in _SIZES:
            values[name] = integer_field(body, name, _SIZES[name])
        else:
            values[name] = boolean_field(body, name, default=True)
    for name, value in values.items():
        setattr(sim, name, value)
    return reply({name: getattr(sim, name) for name in (*_SIZES, *_SWITCHES)})


def outage(sim: Simulator, request: Request) -> Response:
    """``POST /_sim/outage``: nobody listens at all for ``seconds`` of real time, not even here."""
    body = object_field(request.json(), "body")
    seconds = body.get("seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or seconds <= 0:
        raise BadRequest(21405, "seconds")
    if sim.stop_listening is None:
        raise BadRequest(21405, "no server")
    sim.stop_listening(seconds)
    return Response(204)


def routes(sim: Simulator, _request: Request) -> Response:
    """``GET /_sim/routes``: every operation served outside of the controls."""
    listed = [
        {
            "operation": route.prefix_free,
            "tokens": list(route.token),
            "rights": list(route.rights),
            "group": throttle.group_of(route, sim.api_version),
        }
        for route in sim.router.routes()
        if not route.template.startswith("/_sim")
    ]
    return reply(listed)


def codes(_sim: Simulator, _request: Request) -> Response:
    """``GET /_sim/codes``: every exception code with its text; a source if not in the contract."""
    return reply(
        [
            {"code": code, "text": text, "source": CODE_SOURCES.get(code)}
            for code, text in CODE_TEXT.items()
        ]
    )


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
    Route("POST", "/_sim/outage", outage),
    Route("GET", "/_sim/routes", routes),
    Route("GET", "/_sim/codes", codes),
]

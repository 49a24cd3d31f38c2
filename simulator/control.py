"""The control API ``/_sim``: what tests and the demo may see and order."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from .clock import parse_moment, stamp
from .faults import Fault
from .messages import BadRequest, Request, Response, reply
from .numbers import NIP_PATTERN
from .routing import Route
from .shapes import object_field, text_field
from .store import Context
from .tokens import make as make_token

if TYPE_CHECKING:
    from .app import Simulator

_DEFAULT_TOKEN_RIGHTS = ["InvoiceRead", "InvoiceWrite"]


def _body(request: Request) -> dict[str, Any]:
    return object_field(request.json(), "body") if request.body.strip() else {}


def _whole(payload: object) -> Response:
    """JSON that keeps its nulls: tests read keys without asking whether they are there."""
    return Response(200, json.dumps(payload, ensure_ascii=False).encode("utf-8"))


def reset(sim: Simulator, _request: Request) -> Response:
    """``POST /_sim/reset``."""
    sim.reset()
    return Response(204)


def log(sim: Simulator, _request: Request) -> Response:
    """``GET /_sim/log``; null means: no answer was sent, no fault."""
    return _whole(list(sim.log))


def clock(sim: Simulator, request: Request) -> Response:
    """``POST /_sim/clock`` with set (ISO), advance (seconds), freeze (bool) or reset (bool)."""
    body = _body(request)
    try:
        if body.get("reset"):
            sim.clock.reset()
        if "set" in body:
            sim.clock.set(parse_moment(str(body["set"])))
        if "advance" in body:
            sim.clock.advance(float(body["advance"]))
        if "freeze" in body:
            sim.clock.freeze(bool(body["freeze"]))
    except (ValueError, TypeError) as error:
        raise BadRequest(21405, str(error)) from error
    return reply({"now": stamp(sim.clock.now())})


def faults(sim: Simulator, request: Request) -> Response:
    """``POST /_sim/faults``: one order, a list of them, or ``{"clear": true}``."""
    data = request.json()
    if isinstance(data, dict) and data.get("clear"):
        sim.faults.pending.clear()
        return reply({"pending": 0})
    try:
        orders = [Fault.from_json(item) for item in (data if isinstance(data, list) else [data])]
    except (ValueError, TypeError) as error:
        raise BadRequest(21405, str(error)) from error
    sim.faults.pending.extend(orders)
    return reply({"pending": len(sim.faults.pending)})


def state(sim: Simulator, _request: Request) -> Response:
    """``GET /_sim/state``: sessions, counters, settings; no secret."""
    sessions = [
        {
            "reference": item.reference,
            "context": item.context.value,
            "code": item.code,
            "closed": item.closed,
            "invoices": [row.reference for row in item.invoices],
        }
        for item in sim.store.sessions.values()
    ]
    certificates = [
        {"serial": item.serial, "subject": item.subject, "kind": item.kind, "status": item.status}
        for item in sim.authority.issued.values()
    ]
    return reply(
        {
            "profile": sim.profile.name,
            "now": stamp(sim.clock.now()),
            "schema": sim.schema is not None,
            "polls": list(sim.polls),
            "sessions": sessions,
            "invoices": len(sim.store.invoices()),
            "accepted": len(sim.store.accepted()),
            "certificates": certificates,
            "faults": [vars(item) for item in sim.faults.pending],
        }
    )


def invoices(sim: Simulator, _request: Request) -> Response:
    """``GET /_sim/invoices``: everything received, the decrypted bytes included."""
    return _whole(
        [
            {
                "hash": item.invoice_hash,
                "size": item.invoice_size,
                "xml": base64.b64encode(item.xml).decode("ascii") if item.xml else None,
                "status": item.code,
                "details": item.details,
                "ksef_number": item.ksef_number,
                "session": item.session.reference,
                "reference": item.reference,
                "number": item.number,
                "mode": item.mode,
                "offline_declared": item.offline_declared,
                "corrects": item.corrected_hash,
            }
            for item in sim.store.invoices()
        ]
    )


def _nip(body: dict[str, Any]) -> str:
    nip = text_field(body, "nip")
    if not NIP_PATTERN.fullmatch(nip):
        raise BadRequest(21405, "nip")
    return nip


def tokens(sim: Simulator, request: Request) -> Response:
    """``POST /_sim/tokens``: a KSeF token; ``"revoke": true`` revokes all tokens of the NIP."""
    body = _body(request)
    nip = _nip(body)
    if body.get("revoke"):
        for item in sim.store.tokens.values():
            if item.context.value == nip:
                item.active = False
        return Response(204)
    rights = tuple(body.get("permissions") or _DEFAULT_TOKEN_RIGHTS)
    made = make_token(sim, Context("Nip", nip), f"Nip:{nip}", rights, "Made by the control API")
    return reply({"token": made.text, "referenceNumber": made.reference})


def subjects(sim: Simulator, request: Request) -> Response:
    """``POST /_sim/subjects``: rights of a subject (NIP, PESEL, fingerprint) in a context.

    ``{"nip": context, "subject": ..., "permissions": [...]}`` (``pesel`` instead of ``subject`` for
    a person) or ``{"nip": seller, "issuer": ...}`` for self-billing.
    """
    body = _body(request)
    if "issuer" in body:
        sim.store.authorisations.add((_nip(body), str(body["issuer"])))
    else:
        rights = tuple(body.get("permissions") or ())
        subject = text_field(body, "pesel" if "pesel" in body else "subject")
        sim.store.grants[_nip(body), subject] = rights
    return Response(204)


def speed(sim: Simulator, request: Request) -> Response:
    """``POST /_sim/speed``: how many looks a step takes, and how long at most.

    ``polls`` [at 100, at 150], ``auth``, ``storage``, ``certificates``, ``settle_seconds``; also
    ``max_invoices`` of a session, ``repeated_close_ok`` and ``null_parameters`` of certificates.
    """
    body = _body(request)
    try:
        if "polls" in body:
            accepted, processing = body["polls"]
            sim.polls = (int(accepted), int(processing))
        sim.auth_polls = int(body.get("auth", sim.auth_polls))
        sim.storage_polls = int(body.get("storage", sim.storage_polls))
        sim.certificate_polls = int(body.get("certificates", sim.certificate_polls))
        sim.null_parameters = bool(body.get("null_parameters", sim.null_parameters))
        sim.max_invoices = int(body.get("max_invoices", sim.max_invoices))
        sim.repeated_close_ok = bool(body.get("repeated_close_ok", sim.repeated_close_ok))
        if "settle_seconds" in body:
            sim.settle_after = timedelta(seconds=float(body["settle_seconds"]))
    except (ValueError, TypeError) as error:
        raise BadRequest(21405, str(error)) from error
    return Response(204)


ROUTES = [
    Route("POST", "/_sim/reset", reset),
    Route("GET", "/_sim/log", log),
    Route("POST", "/_sim/clock", clock),
    Route("POST", "/_sim/faults", faults),
    Route("GET", "/_sim/state", state),
    Route("GET", "/_sim/invoices", invoices),
    Route("POST", "/_sim/tokens", tokens),
    Route("POST", "/_sim/subjects", subjects),
    Route("POST", "/_sim/speed", speed),
]

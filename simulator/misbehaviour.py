"""How an ordered fault looks on the wire."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime

from .faults import Fault
from .messages import (
    BadRequest,
    Broken,
    Forbidden,
    Gone,
    Refusal,
    Request,
    Response,
    TooManyRequests,
    Unauthorized,
)


def replacement(fault: Fault, request: Request, now: datetime) -> Response:
    """The answer of a ``status`` or ``refusal`` order."""
    if fault.kind == "status":
        headers = {name: value for name, value in fault.headers.items() if value is not None}
        kind = headers.pop("Content-Type", _guess_type(fault.body))
        return Response(fault.status, fault.body.encode("utf-8"), kind, headers)
    answer = _refusal(fault, request).render(request, now)
    body = json.loads(answer.body)
    body.update(dict.fromkeys(fault.nulls))
    kept = {name: value for name, value in body.items() if name not in fault.without}
    answer.body = json.dumps(kept, ensure_ascii=False).encode("utf-8")
    for name, value in fault.headers.items():
        answer.headers.pop(name, None)
        if value is not None:
            answer.headers[name] = value
    return answer


def _refusal(fault: Fault, request: Request) -> Refusal:
    wait = int(fault.seconds)
    made: dict[int, Refusal] = {
        400: BadRequest(fault.code, "Wymuszone przez sterowanie symulatorem."),
        401: Unauthorized("Token wygasł."),
        403: Forbidden(fault.reason, "Brak dostępu.", {"clientIp": request.client_ip}),
        410: Gone("Operacja wygasła i nie jest już dostępna."),
        429: TooManyRequests(f"Spróbuj ponownie po {wait} sekundach.", wait),
    }
    return made.get(fault.status, Broken("Wymuszone przez sterowanie symulatorem."))


def _guess_type(body: str) -> str:
    try:
        json.loads(body)
    except ValueError:
        return "text/html; charset=utf-8"
    return "application/json; charset=utf-8"


def maim(fault: Fault, answer: Response) -> Response:
    """The true answer, changed as ordered; cutting and slowness come with :func:`pieces`."""
    if fault.kind == "truncate":
        answer.body = answer.body[: len(answer.body) // 2]
    if fault.kind == "warning":
        answer.headers["X-System-Warning"] = fault.body
    return answer


def pieces(fault: Fault | None, head: bytes, body: bytes) -> Iterator[tuple[bytes, float]]:
    """What is written, and the seconds to wait after each; a cut answer lacks its second half."""
    half = len(body) // 2
    if fault is None or fault.kind not in ("slow_headers", "slow_body", "cut"):
        yield head + body, 0.0
    elif fault.kind == "slow_headers":
        yield head[: len(head) // 2], fault.seconds
        yield head[len(head) // 2 :] + body, 0.0
    elif fault.kind == "slow_body":
        yield head + body[:half], fault.seconds
        yield body[half:], 0.0
    else:
        yield head + body[:half], 0.0

"""``--contract FILE``: every answer and every request taken are held against the Ministry's file.

What breaks it is told on stderr and at ``/_sim/contract``, which the test suites read.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .contract import Contract, Exchange
from .messages import BadRequest, Request, Response, reply
from .routing import Route
from .shapes import object_field

if TYPE_CHECKING:
    from .app import Simulator

#: Faults remembered; the first ones tell enough.
_MOST = 100
_PREFIX = "/v2"


class Notary:
    """Remembers what it saw and what was wrong with it; a reset does not make it forget."""

    def __init__(self, path: Path) -> None:
        """Raises OSError or ValueError when the file cannot be used."""
        try:
            self.contract = Contract.load(path)
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is no OpenAPI file of KSeF") from error
        self.checked = 0
        self.faults: list[str] = []
        #: operations of the file that succeeded or were refused
        self.good: set[str] = set()
        self.bad: set[str] = set()

    def look(self, request: Request, answer: Response) -> None:
        """Judge one exchange; addresses outside of the API are nobody's business."""
        if not request.path.startswith(f"{_PREFIX}/"):
            return
        path = request.path.removeprefix(_PREFIX)
        headers = {name.lower(): value for name, value in answer.headers.items()}
        headers["content-type"] = answer.content_type
        self.checked += 1
        taken = answer.status < 300
        operation = self.contract.operation(request.method, path)
        if operation is not None:
            (self.good if taken else self.bad).add(operation.name)
        found = self.contract.faults(
            Exchange(request.method, path, answer.status, headers, answer.body)
        )
        if taken:
            found += self.contract.leniency(
                request.method, path, request.query, request.media_type, request.body
            )
        for fault in found:
            print(f"simulator: breaks the contract: {fault}", file=sys.stderr, flush=True)
        self.faults = (self.faults + found)[:_MOST]


def shown(sim: Simulator, _request: Request) -> Response:
    """``GET /_sim/contract``: how many exchanges were seen, and what broke the contract.

    ``good`` and ``bad``: the operations of which an answer of that kind was seen. ``loaded`` is
    false without ``--contract``.
    """
    notary = sim.notary
    if notary is None:
        return reply({"loaded": False, "checked": 0, "faults": [], "good": [], "bad": []})
    return reply(
        {
            "loaded": True,
            "checked": notary.checked,
            "faults": notary.faults,
            "good": sorted(notary.good),
            "bad": sorted(notary.bad),
        }
    )


def judge(sim: Simulator, request: Request) -> Response:
    """``POST /_sim/contract``: ``faults`` of an exchange that is only told, for tests of the judge.

    ``method``, ``path`` (without ``/v2``), ``headers`` and ``body`` (text); with ``status`` it is
    an answer, without it a request that was taken, with the ``query``.
    """
    if sim.notary is None:
        raise BadRequest(21405, "no contract")
    told = object_field(request.json(), "body")
    headers: dict[str, Any] = told.get("headers", {})
    body = str(told.get("body", "")).encode("utf-8")
    method, path = str(told.get("method")), str(told.get("path"))
    if "status" in told:
        exchange = Exchange(method, path, int(told["status"]), headers, body)
        return reply({"faults": sim.notary.contract.faults(exchange)})
    media = str(headers.get("content-type", ""))
    query: dict[str, list[str]] = told.get("query", {})
    return reply({"faults": sim.notary.contract.leniency(method, path, query, media, body)})


ROUTES = [
    Route("GET", "/_sim/contract", shown),
    Route("POST", "/_sim/contract", judge),
]

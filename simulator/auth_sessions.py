"""Sessions of authentication: the list of the caller's own, and ending them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .auth import describe
from .messages import BadRequest, Request, Response, reply
from .numbers import REFERENCE_PATTERN
from .paging import page
from .store import AuthOperation

if TYPE_CHECKING:
    from .app import Simulator

_LARGEST_PAGE = 100


def _mine(sim: Simulator, caller: AuthOperation) -> list[AuthOperation]:
    """Active sessions of the caller's subject in its context, the newest first."""
    now = sim.clock.now()
    found = [
        item
        for item in sim.store.operations.values()
        if (item.context, item.owner) == (caller.context, caller.owner)
        and not item.deleted
        and item.refresh_valid_until is not None
        and item.refresh_valid_until > now
    ]
    return sorted(found, key=lambda item: item.started_at, reverse=True)


def listed(sim: Simulator, request: Request) -> Response:
    """``GET /auth/sessions``."""
    caller: AuthOperation = request.caller
    rows, following = page(request, _mine(sim, caller), "auth|", _LARGEST_PAGE)
    items = [
        {
            **describe(sim, item),
            "referenceNumber": item.reference,
            "isCurrent": item is caller,
        }
        for item in rows
    ]
    return reply({"continuationToken": following, "items": items})


def delete_current(_sim: Simulator, request: Request) -> Response:
    """``DELETE /auth/sessions/current``: the refresh token dies, access tokens live on."""
    request.caller.deleted = True
    return Response(204)


def delete(sim: Simulator, request: Request, ref: str) -> Response:
    """``DELETE /auth/sessions/{ref}``: one of the caller's own.

    The contract names no code for an unknown one; it is a validation error here.
    """
    if not REFERENCE_PATTERN.fullmatch(ref):
        raise BadRequest(21405, "Numer referencyjny sesji jest nieprawidłowy.")
    for item in _mine(sim, request.caller):
        if item.reference == ref:
            item.deleted = True
            return Response(204)
    raise BadRequest(21405, f"Sesja o numerze referencyjnym {ref} nie została odnaleziona.")

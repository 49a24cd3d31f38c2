"""``/_sim/profile``: which environment and version is played, seeds, the leak check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .messages import BadRequest, Request, Response, reply
from .numbers import NumberMint
from .options import API_VERSIONS, PROFILES
from .routing import Route
from .shapes import boolean_field, enum_field, integer_field, object_field

if TYPE_CHECKING:
    from .app import Simulator

_FIELDS = {"profile", "api_version", "seed", "leak_check", "tokens_disabled"}


def change(sim: Simulator, request: Request) -> Response:
    """``POST /_sim/profile``, any of the fields:

    ``profile`` test, demo or prod; ``api_version`` 2.6, 2.8 or 2.9; ``seed`` begins the sequence
    of reference numbers, KSeF numbers, serial numbers and of the dice thrown for faults anew (keys
    and secrets are never predictable); ``leak_check`` and ``tokens_disabled`` switch.
    """
    body = object_field(request.json(), "body")
    if set(body) - _FIELDS:
        raise BadRequest(21405, f"unknown: {sorted(set(body) - _FIELDS)}")
    if "profile" in body:
        sim.profile = PROFILES[enum_field(body, "profile", tuple(PROFILES))]
    if "api_version" in body:
        sim.api_version = API_VERSIONS[enum_field(body, "api_version", tuple(API_VERSIONS))]
    if "seed" in body:
        # certificates outlive a reset, so their numbers stay taken
        seed = integer_field(body, "seed", 0)
        sim.mint = NumberMint(seed, set(sim.authority.issued))
        sim.leak_salt = str(seed)
        sim.faults.dice.seed(seed)
    sim.leak_check = boolean_field(body, "leak_check", default=sim.leak_check)
    sim.tokens_disabled = boolean_field(body, "tokens_disabled", default=sim.tokens_disabled)
    return shown(sim, request)


def shown(sim: Simulator, _request: Request) -> Response:
    """``GET /_sim/profile``."""
    return reply(
        {
            "profile": sim.profile.name,
            "api_version": ".".join(map(str, sim.api_version)),
            "leak_check": sim.leak_check,
            "tokens_disabled": sim.tokens_disabled,
        }
    )


ROUTES = [
    Route("POST", "/_sim/profile", change),
    Route("GET", "/_sim/profile", shown),
]

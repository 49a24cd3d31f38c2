"""The keys that clients encrypt to: the list, the choice, and how they are rotated."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from .messages import BadRequest, Request, Response, reply
from .pki import EncryptionKey
from .routing import Route
from .shapes import enum_field, object_field

if TYPE_CHECKING:
    from .app import Simulator

USAGES = ("KsefTokenEncryption", "SymmetricKeyEncryption")
_MODES = ("planned", "recert", "emergency", "future")
#: A first key is a year old, so that tests may set the clock back; a new one begins with now.
_AGE = timedelta(days=365)
_AHEAD = timedelta(days=7)


def first_keys(now: datetime) -> list[EncryptionKey]:
    """One key for each usage."""
    return [EncryptionKey.generate(usage, now - _AGE) for usage in USAGES]


def choose(sim: Simulator, usage: str, public_key_id: object) -> EncryptionKey:
    """The key that a client names, without a name the oldest one of ``usage``; raises 21470."""
    for key in sim.keys:
        named = public_key_id in (None, key.public_key_id)
        if key.usage == usage and named and key.valid(sim.clock.now()):
            return key
    raise BadRequest(21470, f"Klucz o identyfikatorze {public_key_id} nie jest wspierany.")


def public_keys(sim: Simulator, _request: Request) -> Response:
    """``GET /security/public-key-certificates``."""
    return reply([key.describe() for key in sim.keys])


def rotate(sim: Simulator, request: Request) -> Response:
    """``POST /_sim/rotate-keys`` with ``mode``; answers the list of keys.

    planned: new keys beside the old ones. recert: the same keys under new certificates.
    emergency: new keys, the old ones are gone. future: new keys listed that begin in a week.
    """
    mode = enum_field(object_field(request.json(), "body"), "mode", _MODES)
    now = sim.clock.now()
    if mode == "recert":
        sim.keys = [key.certified_again(now) for key in sim.keys]
    else:
        begin = now + _AHEAD if mode == "future" else now
        fresh = [EncryptionKey.generate(usage, begin) for usage in USAGES]
        sim.keys = fresh if mode == "emergency" else [*sim.keys, *fresh]
    return public_keys(sim, request)


ROUTES = [
    Route("GET", "/v2/security/public-key-certificates", public_keys),
    Route("POST", "/_sim/rotate-keys", rotate),
]

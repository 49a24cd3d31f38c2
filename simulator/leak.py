"""The leak check: answers get properties that no contract names, as the Ministry may add any day.

A client that fails on one would fail on the day of the Ministry's next release.
"""

from __future__ import annotations

import json
import random
from typing import Any

from .messages import Response

PREFIX = "xSimExtra"
_SHARE = 0.5
_EXTRAS: tuple[Any, ...] = (
    "nieznane",
    "",
    7,
    1.5,
    True,
    None,
    [],
    [{"code": 200, "token": "x"}],
    {"referenceNumber": "x", "status": {"code": 999}},
)
#: Maps whose values are texts; anything else there would break the contract.
_MAPS = {"extensions", "headers"}


def strew(answer: Response, salt: str) -> None:
    """Put unknown properties into objects of a JSON answer, at any depth.

    The same object gets the same ones wherever it is told: a new field would not differ either.
    """
    if answer.body and "json" in answer.content_type:
        grown = _grow(json.loads(answer.body), salt)
        answer.body = json.dumps(grown, ensure_ascii=False).encode("utf-8")


def _grow(value: Any, salt: str) -> Any:
    if isinstance(value, list):
        return [_grow(item, salt) for item in value]
    if not isinstance(value, dict):
        return value
    chance = random.Random(salt + json.dumps(value))  # noqa: S311 - no secret
    grown = [(name, item if name in _MAPS else _grow(item, salt)) for name, item in value.items()]
    if chance.random() < _SHARE:
        place = chance.randint(0, len(grown))
        grown.insert(place, (f"{PREFIX}{chance.randint(1, 99)}", chance.choice(_EXTRAS)))
    return dict(grown)

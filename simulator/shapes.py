"""Reading fields of a JSON body; anything missing or of the wrong kind is a 400/21405."""

from __future__ import annotations

import base64
from typing import Any

from .messages import BadRequest, Request


def object_field(value: Any, name: str, known: tuple[str, ...] | None = None) -> dict[str, Any]:
    """``value`` as a JSON object with no other properties than ``known``, None = any.

    The Ministry passes over what it does not know. Here it is refused, because a misspelt option
    (``offlinemode``) would look as if it had been taken.
    """
    if not isinstance(value, dict):
        raise BadRequest(21405, f"Pole {name} jest wymagane i musi być obiektem.")
    strange = [] if known is None else sorted(set(value) - set(known))
    if strange:
        raise BadRequest(21405, f"Nieznane pola w {name}: {', '.join(map(str, strange))}.")
    return value


def text_field(body: dict[str, Any], name: str) -> str:
    """A required, non-empty text."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise BadRequest(21405, f"Pole {name} jest wymagane.")
    return value


def enum_field(body: dict[str, Any], name: str, values: tuple[str, ...]) -> str:
    """A required text out of ``values``."""
    value = text_field(body, name)
    if value not in values:
        raise BadRequest(21405, f"Pole {name} ma niedozwoloną wartość.")
    return value


def integer_field(body: dict[str, Any], name: str, minimum: int) -> int:
    """A required integer not below ``minimum``."""
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
        raise BadRequest(
            21405, f"Pole {name} musi być liczbą całkowitą nie mniejszą niż {minimum}."
        )
    return value


def boolean_field(body: dict[str, Any], name: str, default: bool) -> bool:
    """An optional truth value; null is none, the contract has no such field that may be null."""
    value = body.get(name, default)
    if not isinstance(value, bool):
        raise BadRequest(21405, f"Pole {name} musi być wartością logiczną.")
    return value


def base64_field(body: dict[str, Any], name: str, size: int | None = None) -> bytes:
    """A required text in standard Base64 with padding, of ``size`` bytes when given."""
    text = text_field(body, name)
    try:
        value = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise BadRequest(21405, f"Pole {name} nie jest poprawnym Base64.") from error
    if size is not None and len(value) != size:
        raise BadRequest(21405, f"Pole {name} musi mieć {size} bajtów.")
    return value


def hash_field(body: dict[str, Any], name: str) -> str:
    """A required SHA-256 in Base64, as its 44 characters."""
    base64_field(body, name, 32)
    text = text_field(body, name)
    if len(text) != 44:
        raise BadRequest(21405, f"Pole {name} musi mieć 44 znaki.")
    return text


def number_parameter(request: Request, name: str, default: int, low: int, high: int) -> int:
    """A whole number of the query between ``low`` and ``high``."""
    text = request.param(name, str(default)) or ""
    if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
        raise BadRequest(21405, f"Parametr {name} musi być z zakresu {low}-{high}.")
    return int(text)

"""JSON web tokens, HS256, under a key of this process: another instance's tokens are refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def make(claims: dict[str, Any], key: bytes) -> str:
    """The signed token of ``claims``."""
    head = _encode(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    body = _encode(json.dumps(claims).encode())
    digest = hmac.new(key, f"{head}.{body}".encode("ascii"), hashlib.sha256).digest()
    return f"{head}.{body}.{_encode(digest)}"


def read(token: str, key: bytes) -> dict[str, Any]:
    """The claims of a token of ours; raises ValueError for anything else.

    The caller checks the times, because it owns the clock.
    """
    try:
        head, body, signature = token.split(".")
        expected = hmac.new(key, f"{head}.{body}".encode("ascii"), hashlib.sha256).digest()
        # compared as text: the last character has unused bits, so several spellings decode alike
        genuine = hmac.compare_digest(_encode(expected), signature)
        if not genuine or json.loads(_decode(head)).get("alg") != "HS256":
            raise ValueError("foreign token")
        claims: dict[str, Any] = json.loads(_decode(body))
    except (UnicodeError, AttributeError) as error:
        raise ValueError("malformed token") from error
    return claims

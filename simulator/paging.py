"""Pages of lists by ``pageSize`` and an opaque continuation token (paging B of the API)."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TypeVar

from .messages import BadRequest, Request
from .shapes import number_parameter

Row = TypeVar("Row")
_SMALLEST, _LARGEST = 10, 1000


def page_size(request: Request, largest: int = _LARGEST) -> int:
    """``pageSize`` 10..``largest``, default 10; raises 21405."""
    return number_parameter(request, "pageSize", _SMALLEST, _SMALLEST, largest)


def page_start(request: Request, name: str) -> int:
    """Where the asked page of the list ``name`` begins; raises 21418 for a foreign token."""
    token = request.headers.get("x-continuation-token")
    if not token:
        return 0
    try:
        text = base64.b64decode(token, validate=True).decode("utf-8")
        if not text.startswith(name):
            raise ValueError("token of another list")
        return int(text[len(name) :])
    except ValueError as error:
        raise BadRequest(21418) from error


def page(
    request: Request, rows: Sequence[Row], name: str, largest: int = _LARGEST
) -> tuple[Sequence[Row], str | None]:
    """The asked rows and the token of the next page, None at the end."""
    size, start = page_size(request, largest), page_start(request, name)
    following = None
    if start + size < len(rows):
        following = base64.b64encode(f"{name}{start + size}".encode()).decode("ascii")
    return rows[start : start + size], following

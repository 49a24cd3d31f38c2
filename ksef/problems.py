"""Error bodies: the old shape, problem+json, the two 429 shapes, and gateways' HTML."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from . import errors
from .errors import Problem, Verdict
from .types import integer_of, mapping, text_of, texts_of

_LONGEST_TEXT = 500
_MOST_DETAILS = 20


def parse(status: int, content: bytes) -> Problem:
    """The readable part of an error body of any shape. Never raises."""
    try:
        body = mapping(json.loads(content))
    except (ValueError, RecursionError):
        return Problem(status)
    exception = mapping(body.get("exception"))
    entries = _objects(exception.get("exceptionDetailList")) or _objects(body.get("errors"))
    state = mapping(body.get("status"))
    sentences: list[str] = []
    for entry in entries:
        sentences += [
            text_of(entry, "description") or text_of(entry, "exceptionDescription") or "",
            *texts_of(entry, "details"),
        ]
    sentences += [
        text_of(state, "description") or "",
        *texts_of(state, "details"),
        text_of(body, "detail") or "",
        *_missing_permissions(body),
    ]
    sentences = [sentence[:_LONGEST_TEXT] for sentence in dict.fromkeys(sentences) if sentence]
    title = sentences[0] if sentences else (text_of(body, "title") or "")[:_LONGEST_TEXT]
    code = None
    if entries:
        code = integer_of(entries[0], "exceptionCode")
        code = integer_of(entries[0], "code") if code is None else code
    return Problem(
        status=status,
        code=code,
        title=title,
        details=tuple(sentences[1 : _MOST_DETAILS + 1]),
        trace_id=(
            text_of(body, "traceId")
            or text_of(exception, "serviceCode")
            or text_of(exception, "referenceNumber")
        ),
        reason_code=text_of(body, "reasonCode"),
    )


def _objects(value: Any) -> list[Mapping[str, Any]]:
    if not isinstance(value, list):
        return []
    return [item for item in value if isinstance(item, Mapping)]


def _missing_permissions(body: Mapping[str, Any]) -> list[str]:
    required = texts_of(mapping(body.get("security")), "requiredAnyOfPermissions")
    return [f"requiredAnyOfPermissions: {', '.join(required)}"] if required else []


def error_for(problem: Problem, repeatable: bool, retry_after: int | None) -> errors.KsefError:
    """The exception for an HTTP status of 400 or more."""
    message = f"KSeF answered {problem.status}"
    if problem.code is not None and problem.code != problem.status:
        message += f", code {problem.code}"
    if problem.title:
        message += f": {problem.title}"
    kind: type[errors.KsefError] = errors.RequestRejected
    verdict: Verdict | None = None
    if not _is_refusal(problem):
        if problem.status < 500 and problem.status != 408:
            message = f"Something on the way answered {problem.status} instead of KSeF"
        kind = errors.Unavailable if repeatable else errors.OutcomeUnknown
    elif problem.code in errors.SESSION_CLOSED_CODES:
        kind = errors.SessionClosed
    elif problem.status in _BY_STATUS:
        kind = _BY_STATUS[problem.status]
    elif problem.code is not None:
        verdict = errors.CODES.get(problem.code)
    return kind(message, verdict=verdict, retry_after=retry_after, problem=problem)


def _is_refusal(problem: Problem) -> bool:
    """Whether KSeF itself refused the request, so that nothing of it was processed.

    Every documented 400, 403 and 410 has a body in one of the known shapes; a bare one comes from
    a gateway or firewall on the way, which does not know what happened behind it. 401 and 429
    mean the same whoever answers. 408 says nothing about how much of the request was read.
    """
    if problem.status >= 500 or problem.status == 408:
        return False
    if problem.status in (401, 429) or problem.code is not None:
        return True
    return any((problem.title, problem.details, problem.reason_code, problem.trace_id))


_BY_STATUS: dict[int, type[errors.KsefError]] = {
    401: errors.AuthError,
    403: errors.Forbidden,
    410: errors.Gone,
    429: errors.RateLimited,
}

"""Every path of the API that we call, once. Paths are relative to ``Environment.api``."""

from __future__ import annotations

import re
from urllib.parse import quote

AUTH_CHALLENGE = "/auth/challenge"
AUTH_XADES = "/auth/xades-signature"
AUTH_KSEF_TOKEN = "/auth/ksef-token"  # noqa: S105 - a path, not a secret
AUTH_STATUS = "/auth/{reference}"
AUTH_REDEEM = "/auth/token/redeem"
AUTH_REFRESH = "/auth/token/refresh"
AUTH_CURRENT_SESSION = "/auth/sessions/current"

PUBLIC_KEYS = "/security/public-key-certificates"
PERSONAL_GRANTS = "/permissions/query/personal/grants"

ONLINE_OPEN = "/sessions/online"
ONLINE_SEND = "/sessions/online/{session}/invoices"
ONLINE_CLOSE = "/sessions/online/{session}/close"
BATCH_OPEN = "/sessions/batch"
BATCH_CLOSE = "/sessions/batch/{session}/close"
SESSION = "/sessions/{session}"
SESSION_INVOICES = "/sessions/{session}/invoices"
SESSION_INVOICE = "/sessions/{session}/invoices/{invoice}"
SESSION_INVOICE_UPO = "/sessions/{session}/invoices/{invoice}/upo"

INVOICE = "/invoices/ksef/{number}"
INVOICE_METADATA = "/invoices/query/metadata"

CONTEXT_LIMITS = "/limits/context"
RATE_LIMITS = "/rate-limits"

CERTIFICATE_LIMITS = "/certificates/limits"
ENROLLMENT_DATA = "/certificates/enrollments/data"
ENROLLMENTS = "/certificates/enrollments"
ENROLLMENT = "/certificates/enrollments/{reference}"
CERTIFICATE_RETRIEVE = "/certificates/retrieve"
CERTIFICATE_QUERY = "/certificates/query"
CERTIFICATE_REVOKE = "/certificates/{serial}/revoke"

# Asking these twice changes nothing: they read, hand out something new each time, or (closing)
# answer "already closed". Sending, opening, enrolling and redeeming are not here and never may be.
REPEATABLE_POSTS = frozenset(
    {
        AUTH_CHALLENGE,
        AUTH_REFRESH,
        PERSONAL_GRANTS,
        ONLINE_CLOSE,
        BATCH_CLOSE,
        INVOICE_METADATA,
        CERTIFICATE_RETRIEVE,
        CERTIFICATE_QUERY,
    }
)
_IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_REPEATABLE_PATTERNS = tuple(
    re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template)))
    for template in sorted(REPEATABLE_POSTS)
)


def fill(template: str, **parts: str) -> str:
    """The path with its references put in, each as one quoted segment.

    Raises ValueError for a reference that would lead to another path.
    """
    for name, value in parts.items():
        if not value or value in (".", ".."):
            raise ValueError(f"{name} cannot be {value!r}")
    return template.format(**{name: quote(value, safe="") for name, value in parts.items()})


def is_repeatable(method: str, path: str) -> bool:
    """Whether a request may be sent a second time when its answer was lost."""
    if method in _IDEMPOTENT_METHODS:
        return True
    return method == "POST" and any(
        pattern.fullmatch(path) is not None for pattern in _REPEATABLE_PATTERNS
    )

"""What can go wrong with KSeF, and what is to be done about it.

Every failure of this package is a :class:`KsefError`. Two attributes decide what a caller does:
``verdict`` (who has to act) and ``outcome_unknown`` (whether the Ministry may hold the document).
Codes: KSeF 2.0 API 2.6 to 2.9, sections "errors", "authentication" and "status".
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Verdict(str, Enum):
    """Who has to act next."""

    RETRY = "retry"  # nobody: the same call may succeed later
    UNKNOWN = "unknown"  # nobody: resolve by hash, never repeat blindly
    FIX = "fix"  # an administrator: key, certificate, permission, limit
    FINAL = "final"  # the user: this very document will never be accepted
    QUESTION = "question"  # compare with what KSeF already has
    BUG = "bug"  # us: our request is wrong


@dataclass(frozen=True)
class Problem:
    """The readable part of an error body, whatever its format.

    ``status`` is the HTTP status, ``code`` the exceptionCode (None if there was none), ``title``
    KSeF's own sentence, ``details`` its further sentences, ``trace_id`` what the helpdesk asks for.
    """

    status: int
    code: int | None = None
    title: str = ""
    details: tuple[str, ...] = ()
    trace_id: str | None = None
    reason_code: str | None = None


class KsefError(Exception):
    """Base of all failures. ``retry_after`` is in seconds from the reply, None if not announced."""

    default_verdict = Verdict.BUG
    default_outcome_unknown = False

    def __init__(
        self,
        message: str,
        *,
        verdict: Verdict | None = None,
        code: int | None = None,
        outcome_unknown: bool | None = None,
        retry_after: int | None = None,
        problem: Problem | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.verdict = self.default_verdict if verdict is None else verdict
        self.code = code if code is not None or problem is None else problem.code
        self.outcome_unknown = (
            self.default_outcome_unknown if outcome_unknown is None else outcome_unknown
        )
        self.retry_after = retry_after
        self.problem = problem

    @property
    def details(self) -> tuple[str, ...]:
        """KSeF's further sentences, verbatim."""
        return self.problem.details if self.problem is not None else ()


class NotSent(KsefError):
    """The request never left this machine (no address, refused, untrusted certificate)."""

    default_verdict = Verdict.RETRY


class BudgetExceeded(NotSent):
    """Our own request budget is used up; ``retry_after`` says when it is not."""


class Unavailable(KsefError):
    """The request may have arrived, but repeating it is harmless (a read, a login, a close)."""

    default_verdict = Verdict.RETRY


class OutcomeUnknown(KsefError):
    """The request left and no readable answer came back: KSeF may have done what it asks."""

    default_verdict = Verdict.UNKNOWN
    default_outcome_unknown = True


class RateLimited(KsefError):
    """429. The request was not processed; calling during the block prolongs it."""

    default_verdict = Verdict.RETRY


class AuthError(KsefError):
    """401, or the authentication operation ended badly (``code`` is then its status code)."""

    default_verdict = Verdict.FIX


class Forbidden(KsefError):
    """403. ``problem.reason_code`` names the cause; KSeF sometimes leaves it null."""

    default_verdict = Verdict.FIX


class SessionClosed(KsefError):
    """The session takes no more documents (21180, 21184); another one may."""

    default_verdict = Verdict.RETRY


class RequestRejected(KsefError):
    """Any other 4xx in KSeF's own words: refused and not processed."""


class Gone(KsefError):
    """410: KSeF no longer keeps the answer to this question."""

    default_verdict = Verdict.FINAL


class ProtocolError(KsefError):
    """A reply that cannot be read. ``outcome_unknown`` if it answered a request that writes."""


class LocalError(KsefError):
    """Something on this machine is wrong: key, password, certificate, library."""

    default_verdict = Verdict.FIX


# Final statuses of a document in a session.
INVOICE_STATUS: dict[int, Verdict] = {
    405: Verdict.RETRY,  # cancelled because of a session error: same bytes, new session
    410: Verdict.FIX,  # no permission to issue for this seller
    415: Verdict.FIX,  # attachments not declared
    430: Verdict.FINAL,  # file verification failed
    435: Verdict.RETRY,  # could not be decrypted: same bytes, new session
    440: Verdict.QUESTION,  # duplicate: adopt only if the hash is ours
    450: Verdict.FINAL,  # semantic verification failed
    500: Verdict.RETRY,
    550: Verdict.RETRY,  # cancelled by the system, nothing stored
}

# Final statuses of a session that took none of its documents. After 200 and 445 (none valid) each
# document has a status of its own.
SESSION_STATUS: dict[int, Verdict] = {
    405: Verdict.RETRY,  # the package differs from its declaration
    415: Verdict.RETRY,  # the symmetric key could not be decrypted
    420: Verdict.BUG,  # more documents than a session takes
    430: Verdict.RETRY,  # the package could not be unpacked
    435: Verdict.RETRY,  # a part could not be decrypted
    440: Verdict.RETRY,  # lapsed: not uploaded in time, or nothing sent
    500: Verdict.RETRY,
}

# Final statuses of an authentication operation; 100 is "in progress", 200 is success.
AUTH_STATUS: dict[int, Verdict] = {
    400: Verdict.FIX,
    415: Verdict.FIX,  # no permission in this context
    425: Verdict.FIX,  # invalidated by the user
    450: Verdict.FIX,  # token
    460: Verdict.FIX,  # certificate
    470: Verdict.FIX,
    480: Verdict.FIX,  # blocked, suspected incident
    500: Verdict.RETRY,
    550: Verdict.RETRY,
}

# Exception codes of HTTP 400.
CODES: dict[int, Verdict] = {
    -1: Verdict.QUESTION,  # seen instead of 21166
    500: Verdict.RETRY,
    9101: Verdict.BUG,
    9102: Verdict.BUG,
    9103: Verdict.BUG,
    9105: Verdict.FIX,
    10001: Verdict.BUG,
    21001: Verdict.BUG,
    21111: Verdict.RETRY,  # the challenge lapsed: a new login takes a new one
    21115: Verdict.FIX,
    21117: Verdict.FIX,
    21155: Verdict.RETRY,  # session full: another session
    21157: Verdict.BUG,
    21161: Verdict.BUG,
    21164: Verdict.FINAL,
    21165: Verdict.RETRY,  # number exists, content not yet
    21166: Verdict.QUESTION,
    21167: Verdict.FINAL,
    21173: Verdict.RETRY,  # seen on production for a session opened a moment ago
    21175: Verdict.FINAL,
    21178: Verdict.RETRY,  # the confirmation may still be in the making
    21180: Verdict.RETRY,
    21181: Verdict.BUG,
    21182: Verdict.RETRY,
    21183: Verdict.RETRY,
    21184: Verdict.RETRY,
    21205: Verdict.RETRY,
    21208: Verdict.RETRY,
    21217: Verdict.BUG,
    21301: Verdict.FIX,
    21304: Verdict.RETRY,
    21308: Verdict.FIX,
    21401: Verdict.BUG,
    21402: Verdict.BUG,
    21403: Verdict.BUG,
    21405: Verdict.BUG,
    21406: Verdict.FIX,
    21418: Verdict.BUG,
    21470: Verdict.RETRY,  # key withdrawn: fetch the list again
    25001: Verdict.FIX,
    25002: Verdict.FIX,
    25003: Verdict.BUG,
    25004: Verdict.BUG,
    25005: Verdict.FINAL,
    25006: Verdict.FIX,
    25007: Verdict.FIX,
    25008: Verdict.FINAL,
    25009: Verdict.FINAL,
    25010: Verdict.BUG,
    25011: Verdict.BUG,
    26001: Verdict.FIX,
    26002: Verdict.FIX,
    30001: Verdict.FINAL,
    71001: Verdict.FINAL,
    71002: Verdict.FINAL,
    71004: Verdict.FINAL,
    71005: Verdict.FINAL,
}

# Codes that say "not in this session".
SESSION_CLOSED_CODES = frozenset({21180, 21184})
# The key we encrypted with is unknown or withdrawn.
UNKNOWN_KEY_CODE = 21470

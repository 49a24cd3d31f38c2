"""Logging in: challenge, signed request or encrypted token, polling, redeeming, refreshing.

Nothing here can leave an invoice in doubt, so a lost answer is reported as Unavailable: the whole
login may simply be made again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from . import routes, xades
from .crypto import TOKEN_USAGE, PublicKey, select_key, to_base64
from .errors import (
    AUTH_STATUS,
    UNKNOWN_KEY_CODE,
    AuthError,
    LocalError,
    OutcomeUnknown,
    Problem,
    ProtocolError,
    RequestRejected,
    Unavailable,
    Verdict,
)
from .http import Transport
from .signer import Signer
from .types import (
    SUCCESS,
    StatusInfo,
    integer_of,
    mapping,
    required_datetime,
    required_text,
)

_IN_PROGRESS = 100
DEFAULT_ATTEMPTS = 30
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 4.0  # seconds


@dataclass(frozen=True)
class CertificateCredentials:
    """Login by a certificate of type Authentication, a seal or a qualified signature.

    ``verify_chain`` asks the test environment for the checks that the others always make.
    """

    nip: str
    signer: Signer = field(repr=False)
    verify_chain: bool = False

    def __post_init__(self) -> None:
        info = self.signer.info
        if info.non_repudiation and not info.digital_signature:
            # The certificate for offline documents; it must never authenticate.
            raise LocalError("This certificate is meant for offline documents, not for logging in")

    def __repr__(self) -> str:
        return "CertificateCredentials()"


@dataclass(frozen=True)
class TokenCredentials:
    """Login by a KSeF token; ``token`` is its whole text as KSeF showed it."""

    nip: str
    token: str = field(repr=False)

    def __repr__(self) -> str:
        return "TokenCredentials()"


@dataclass(frozen=True)
class ExternalCredentials:
    """Login by a signature made elsewhere (Trusted Profile, card): only a person can renew it."""

    nip: str

    def __repr__(self) -> str:
        return "ExternalCredentials()"


@dataclass(frozen=True)
class Token:
    """A bearer token and the moment it lapses (aware)."""

    value: str = field(repr=False)
    valid_until: datetime

    def __repr__(self) -> str:
        return "Token()"

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Token:
        """Read ``{token, validUntil}``. Raises ProtocolError."""
        return cls(required_text(data, "token"), required_datetime(data, "validUntil"))


@dataclass(frozen=True)
class Tokens:
    """What a login gives: a short-lived access token and the one that renews it."""

    access: Token
    refresh: Token

    def __repr__(self) -> str:
        return "Tokens()"


Credentials = CertificateCredentials | TokenCredentials | ExternalCredentials
# How long KSeF keeps a challenge.
CHALLENGE_LIFE = timedelta(minutes=10)


@dataclass(frozen=True)
class _Challenge:
    text: str
    timestamp_ms: int

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> _Challenge:
        timestamp = integer_of(data, "timestampMs")
        if timestamp is None:
            raise ProtocolError("KSeF's answer has no timestampMs")
        return cls(required_text(data, "challenge"), timestamp)


@dataclass(frozen=True, repr=False)
class _Operation:
    reference: str
    token: str

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> _Operation:
        token = mapping(data.get("authenticationToken"))
        return cls(required_text(data, "referenceNumber"), required_text(token, "token"))


def fetch_public_keys(transport: Transport) -> list[PublicKey]:
    """The Ministry's current keys. Raises KsefError."""
    reply = transport.request("GET", routes.PUBLIC_KEYS)
    items = reply.json()
    if not isinstance(items, list):
        raise reply.protocol_error("KSeF's list of public keys has an unexpected shape")
    return [PublicKey.from_json(mapping(item)) for item in items]


def login(
    transport: Transport,
    credentials: Credentials,
    *,
    now: Callable[[], datetime],
    sleep: Callable[[float], None],
    attempts: int = DEFAULT_ATTEMPTS,
    public_keys: Sequence[PublicKey] | None = None,
) -> Tokens:
    """Log in and redeem the tokens; polls at most ``attempts`` times.

    ``public_keys`` saves a call for a token login. Raises AuthError (verdict FIX) when KSeF
    refuses the credentials, Unavailable when it did not decide in time, other KsefErrors.
    """
    return _finish(
        transport, lambda: _start(transport, credentials, now, public_keys), sleep, attempts
    )


def external_request(transport: Transport, nip: str) -> bytes:
    """The unsigned login request for a person to sign elsewhere; it lives for CHALLENGE_LIFE.

    Raises KsefError.
    """
    return _unsigned(_challenge(transport), nip)


def login_with_signed(
    transport: Transport,
    signed: bytes,
    *,
    sleep: Callable[[float], None],
    attempts: int = DEFAULT_ATTEMPTS,
) -> Tokens:
    """Log in with the request of :func:`external_request`, signed elsewhere; sent byte for byte.

    Raises as :func:`login`.
    """
    return _finish(transport, lambda: _post_signed(transport, signed), sleep, attempts)


def _finish(
    transport: Transport,
    start: Callable[[], _Operation],
    sleep: Callable[[float], None],
    attempts: int,
) -> Tokens:
    """Start the operation, wait for it, redeem its tokens."""
    try:
        operation = start()
        _wait(transport, operation, sleep, attempts)
        reply = transport.request("POST", routes.AUTH_REDEEM, token=operation.token)
        return reply.read(_tokens)
    except (OutcomeUnknown, ProtocolError) as error:
        if not error.outcome_unknown:
            raise
        raise Unavailable(error.message, problem=error.problem) from error


def refresh(transport: Transport, refresh_token: Token) -> Token:
    """A new access token. Raises AuthError or RequestRejected when only a login helps."""
    reply = transport.request("POST", routes.AUTH_REFRESH, token=refresh_token.value)
    return reply.read(lambda data: Token.from_json(mapping(data.get("accessToken"))))


def _tokens(data: Mapping[str, Any]) -> Tokens:
    return Tokens(
        access=Token.from_json(mapping(data.get("accessToken"))),
        refresh=Token.from_json(mapping(data.get("refreshToken"))),
    )


def _start(
    transport: Transport,
    credentials: Credentials,
    now: Callable[[], datetime],
    public_keys: Sequence[PublicKey] | None,
) -> _Operation:
    if isinstance(credentials, ExternalCredentials):
        raise AuthError(
            "The login by a signature made elsewhere has lapsed: only a new signature renews it"
        )
    if isinstance(credentials, CertificateCredentials):
        return _start_with_certificate(transport, credentials, now)
    if public_keys:
        try:
            return _start_with_token(transport, credentials, now, public_keys)
        except RequestRejected as error:
            if error.code != UNKNOWN_KEY_CODE:
                raise
        except ProtocolError as error:
            if error.outcome_unknown:
                raise
    return _start_with_token(transport, credentials, now, fetch_public_keys(transport))


def _challenge(transport: Transport) -> _Challenge:
    return transport.request("POST", routes.AUTH_CHALLENGE).read(_Challenge.from_json)


def _start_with_certificate(
    transport: Transport, credentials: CertificateCredentials, now: Callable[[], datetime]
) -> _Operation:
    request = _unsigned(_challenge(transport), credentials.nip)
    return _post_signed(
        transport, xades.sign(request, credentials.signer, now()), credentials.verify_chain
    )


def _unsigned(challenge: _Challenge, nip: str) -> bytes:
    try:
        return xades.auth_token_request(challenge.text, nip)
    except ValueError as error:
        raise LocalError(f"The login request cannot be made: {error}") from error


def _post_signed(transport: Transport, signed: bytes, verify_chain: bool = False) -> _Operation:
    reply = transport.request(
        "POST",
        routes.AUTH_XADES,
        data=signed,
        params={"verifyCertificateChain": "true"} if verify_chain else None,
        headers={"Content-Type": "application/xml"},
    )
    return reply.read(_Operation.from_json)


def _start_with_token(
    transport: Transport,
    credentials: TokenCredentials,
    now: Callable[[], datetime],
    public_keys: Sequence[PublicKey],
) -> _Operation:
    key = select_key(public_keys, TOKEN_USAGE, now())
    challenge = _challenge(transport)
    secret = f"{credentials.token}|{challenge.timestamp_ms}".encode()
    try:
        encrypted = to_base64(key.wrap(secret))
    except ValueError:
        raise LocalError("The KSeF token is too long to be one") from None
    body: dict[str, Any] = {
        "challenge": challenge.text,
        "contextIdentifier": {"type": "Nip", "value": credentials.nip},
        "encryptedToken": encrypted,
    }
    if key.key_id is not None:
        body["publicKeyId"] = key.key_id
    return transport.request("POST", routes.AUTH_KSEF_TOKEN, json=body).read(_Operation.from_json)


def _wait(
    transport: Transport, operation: _Operation, sleep: Callable[[float], None], attempts: int
) -> None:
    """Poll until the operation succeeds. Raises AuthError or Unavailable."""
    path = routes.fill(routes.AUTH_STATUS, reference=operation.reference)
    pause = _FIRST_PAUSE
    for attempt in range(attempts):
        if attempt:
            sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        status = transport.request("GET", path, token=operation.token).read(StatusInfo.from_json)
        if status.code == SUCCESS:
            return
        if status.code != _IN_PROGRESS:
            raise _refusal(status)
    raise Unavailable("KSeF has not finished checking the login yet")


def _refusal(status: StatusInfo) -> AuthError | Unavailable:
    message = f"KSeF refused the login, status {status.code}: {status.description}"
    if status.details:
        message += f" ({'; '.join(status.details)})"
    problem = Problem(200, status.code, status.description, status.details)
    verdict = AUTH_STATUS.get(status.code, Verdict.FIX)
    if verdict is Verdict.RETRY:
        return Unavailable(message, problem=problem)
    return AuthError(message, verdict=verdict, problem=problem)

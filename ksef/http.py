"""The transport: one HTTP session, and every failure turned into a :class:`KsefError`.

It decides one thing that everything else relies on: whether a request that failed may have been
processed. It never sleeps and never logs; bodies, tokens and links stay out of every message.
"""

from __future__ import annotations

import json as json_module
import logging
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import IO, Any

import requests
from requests.auth import AuthBase
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from . import errors, problems, routes
from .environment import Environment

_LONGEST_WAIT = 86_400  # seconds; a longer announcement is cut to this
_WARNING = re.compile(r"\[(?P<code>[^\]]+)\]: (?P<message>[^|]+)")
_NEVER_SENT = (
    NewConnectionError,
    ConnectTimeoutError,
    ConnectionRefusedError,
    socket.gaierror,
    ssl.SSLCertVerificationError,
)
_DROPPED = (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError)
# Storage confirms a part of 100 MB only when all of it is written.
_STORAGE_TIMEOUT = (10, 120)
Params = Mapping[str, Any] | Sequence[tuple[str, Any]]


@dataclass(frozen=True)
class SystemWarning:
    """One announcement from the header ``X-System-Warning``; ``code`` may be empty."""

    code: str
    message: str


@dataclass(frozen=True)
class Reply:
    """A successful answer. ``repeatable`` tells whether asking again would be harmless."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)
    repeatable: bool = True

    def protocol_error(self, message: str) -> errors.ProtocolError:
        """The error for an answer that cannot be used."""
        if self.repeatable:
            return errors.ProtocolError(message, verdict=errors.Verdict.RETRY)
        return errors.ProtocolError(message, verdict=errors.Verdict.UNKNOWN, outcome_unknown=True)

    def json(self) -> Any:
        """The JSON document. Raises ProtocolError if there is none."""
        if not self.content.strip():
            raise self.protocol_error("KSeF's answer is empty")
        try:
            return json_module.loads(self.content)
        except ValueError:
            # The decoder's error holds the whole document: it must not be chained.
            raise self.protocol_error("KSeF's answer is not JSON") from None

    def object(self) -> Mapping[str, Any]:
        """The JSON object. Raises ProtocolError if it is anything else."""
        value = self.json()
        if not isinstance(value, Mapping):
            raise self.protocol_error("KSeF's answer has an unexpected shape")
        return value

    def read(self, reader: Callable[[Mapping[str, Any]], Any]) -> Any:
        """``reader`` applied to the JSON object; its ProtocolError gets this reply's verdict."""
        data = self.object()
        try:
            return reader(data)
        except errors.ProtocolError as error:
            raise self.protocol_error(error.message) from error


class _Discretion(logging.Filter):
    """Silences urllib3's debug lines while its thread follows a presigned link: they quote it."""

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.local()

    def filter(self, _record: logging.LogRecord) -> bool:
        return not getattr(self._thread, "silent", False)

    def __enter__(self) -> None:
        self._thread.silent = True

    def __exit__(self, *_error: object) -> None:
        self._thread.silent = False


_discretion = _Discretion()
logging.getLogger("urllib3.connectionpool").addFilter(_discretion)


class _Bearer(AuthBase):
    """Sets the token or nothing at all.

    Given even without a token: with no ``auth``, requests would read ``.netrc`` and put what it
    finds there over our own header.
    """

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.pop("Authorization", None)
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def parse_retry_after(value: str | None, date: str | None) -> int | None:
    """Seconds to wait, from ``Retry-After`` in seconds or as a date relative to ``Date``.

    None if nothing usable was announced. Never negative, at most a day.
    """
    if value is None:
        return None
    value = value.strip()
    if re.fullmatch(r"\d{1,18}", value, re.ASCII):
        return min(int(value), _LONGEST_WAIT)
    try:
        until = parsedate_to_datetime(value)
        sent = parsedate_to_datetime(date or "")
    except (TypeError, ValueError, IndexError):
        return None
    # A date with "-0000" comes back naive; both headers are UTC by definition.
    until, sent = (
        moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc) for moment in (until, sent)
    )
    return min(max(int((until - sent).total_seconds()), 0), _LONGEST_WAIT)


def parse_warnings(value: str | None) -> list[SystemWarning]:
    """The announcements in ``X-System-Warning``: ``[code]: message | [code]: message``."""
    if value is None or not value.strip():
        return []
    found = [
        SystemWarning(match["code"].strip(), match["message"].strip())
        for match in _WARNING.finditer(value)
    ]
    return found or [SystemWarning("", value.strip())]


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and everything that requests and urllib3 wrapped in it."""
    seen: set[int] = set()
    waiting: list[Any] = [error]
    while waiting:
        current = waiting.pop()
        if not isinstance(current, BaseException) or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        waiting += [current.__cause__, current.__context__, *current.args]
        waiting += [getattr(current, name, None) for name in ("reason", "original_error")]


def never_sent(error: BaseException) -> bool:
    """Whether the request certainly did not leave; in doubt it did."""
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return True
    return any(
        isinstance(cause, _NEVER_SENT) or "Tunnel connection failed" in str(cause)
        for cause in _chain(error)
    )


def _worth_repeating(response: requests.Response | None, failure: errors.KsefError) -> bool:
    """Whether a second attempt at once has a chance: the line broke, or a 5xx asks for no wait."""
    if response is None:
        return isinstance(failure.__cause__, _DROPPED)
    return response.status_code >= 500 and not response.headers.get("Retry-After")


class Transport:
    """Talks to one environment.

    ``session`` may bring proxies and its own certificate authorities (``session.verify`` as a
    path); verification itself cannot be switched off. ``timeout`` is (connect, read) in seconds.
    ``on_warning`` gets every SystemWarning and must not raise: the answer would be lost. ``gate``
    is asked before each request with its method and path; it notes the request, or raises
    BudgetExceeded and the request is not made.
    """

    def __init__(
        self,
        environment: Environment,
        session: requests.Session | None = None,
        timeout: tuple[float, float] = (5, 30),
        on_warning: Callable[[SystemWarning], None] | None = None,
        gate: Callable[[str, str], None] | None = None,
    ) -> None:
        self.environment = environment
        self._session = requests.Session() if session is None else session
        self._timeout = timeout
        self._on_warning = on_warning
        self._gate = gate

    def __repr__(self) -> str:
        return f"Transport({self.environment.key})"

    def request(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        json: Any = None,
        data: bytes | None = None,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Call ``path`` of the API and return its successful answer. Raises KsefError only.

        A repeatable call is made once more when its connection broke or a 5xx without
        Retry-After came back.
        """
        repeatable = routes.is_repeatable(method, path)
        body = data
        sent_headers = {"Accept": "application/json", "X-Error-Format": "problem-details"}
        if json is not None:
            body = json_module.dumps(json).encode("utf-8")
            sent_headers["Content-Type"] = "application/json"
        sent_headers.update(headers or {})
        outcome: tuple[requests.Response | None, errors.KsefError] | None = None
        for _attempt in range(2 if repeatable else 1):
            try:
                if self._gate is not None:
                    self._gate(method, path)
            except errors.BudgetExceeded:
                if outcome is None:
                    raise
                break
            outcome = response, failure = self._attempt(
                method,
                self.environment.api + path,
                repeatable,
                token=token,
                body=body,
                params=params,
                headers=sent_headers,
            )
            if not _worth_repeating(response, failure):
                break
        response, failure = outcome
        if response is None:
            raise failure
        return self._reply(response, repeatable)

    def fetch(self, url: str, *, accept: str = "application/xml") -> Reply:
        """Read a presigned link that KSeF gave. It gets no token. Raises KsefError only."""
        return self._follow(self._session, "GET", url, {"Accept": accept}, None, self._timeout)

    def send_file(self, method: str, url: str, headers: Mapping[str, str], file: IO[bytes]) -> None:
        """Send a file, from its start, to a presigned link. It gets no token.

        Storage replaces what it had, so that a broken connection or a 5xx is tried once more.
        Raises KsefError only: SessionClosed if the link is not (or no longer) good. May run in
        several threads, with a file each.
        """
        with self._like_session() as session:
            for is_last in (False, True):
                file.seek(0)
                try:
                    self._follow(session, method, url, headers, file, _STORAGE_TIMEOUT)
                except errors.KsefError as error:
                    status = error.problem.status if error.problem is not None else None
                    if status is not None and status < 500:
                        raise errors.SessionClosed(
                            f"KSeF's storage refused a part of the package ({status})"
                        ) from None
                    if is_last or not isinstance(error, errors.Unavailable):
                        raise
                else:
                    return

    def twin(self) -> Transport:
        """The same for another thread, to follow links with: it asks no gate and tells nobody."""
        return Transport(self.environment, self._like_session(), self._timeout)

    def _like_session(self) -> requests.Session:
        """A session of the same proxies and authorities: one is not meant for two threads."""
        session = requests.Session()
        session.verify, session.cert = self._session.verify, self._session.cert
        session.proxies = dict(self._session.proxies)
        session.trust_env = self._session.trust_env
        return session

    def _follow(
        self,
        session: requests.Session,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: IO[bytes] | None,
        timeout: tuple[float, float],
    ) -> Reply:
        """One exchange with a presigned link, of which nothing may say what it was."""
        if not self.environment.owns(url):
            raise errors.ProtocolError("KSeF gave a link that leads outside its environment")
        with _discretion:
            response, failure = self._attempt(
                method,
                url,
                True,
                token=None,
                body=body,
                params=None,
                headers=headers,
                session=session,
                timeout=timeout,
            )
        if response is None:
            # The link is a secret of its own and stands in the text of the cause.
            failure.__cause__ = None
            raise failure from None
        return self._reply(response, True)

    def _attempt(
        self,
        method: str,
        url: str,
        repeatable: bool,
        *,
        token: str | None,
        body: bytes | IO[bytes] | None,
        params: Params | None,
        headers: Mapping[str, str],
        session: requests.Session | None = None,
        timeout: tuple[float, float] | None = None,
    ) -> tuple[requests.Response | None, errors.KsefError]:
        """One exchange: the response, or None and the error to raise."""
        failure: errors.KsefError = errors.NotSent("KSeF was not asked")
        session = session or self._session
        try:
            response = session.request(
                method,
                url,
                data=body,
                params=params,
                headers=dict(headers),
                auth=_Bearer(token),
                timeout=timeout or self._timeout,
                allow_redirects=False,
                verify=session.verify or True,
            )
        except (requests.exceptions.RequestException, OSError, ValueError) as error:
            if never_sent(error):
                failure = errors.NotSent("KSeF could not be reached")
            elif isinstance(error, ValueError):
                # A malformed header or address; the text of the cause may quote the token.
                return None, errors.NotSent(
                    "The request to KSeF could not be built", verdict=errors.Verdict.BUG
                )
            elif repeatable:
                failure = errors.Unavailable("KSeF did not answer")
            else:
                failure = errors.OutcomeUnknown("KSeF's answer was lost")
            failure.__cause__ = error
            return None, failure
        return response, failure

    def _reply(self, response: requests.Response, repeatable: bool) -> Reply:
        if self._on_warning is not None:
            for warning in parse_warnings(response.headers.get("X-System-Warning")):
                self._on_warning(warning)
        status = response.status_code
        reply = Reply(status, response.headers, response.content, repeatable)
        if 200 <= status < 300:
            return reply
        if status < 400:
            raise reply.protocol_error(f"KSeF answered with an unexpected status {status}")
        retry_after = parse_retry_after(
            response.headers.get("Retry-After"), response.headers.get("Date")
        )
        problem = problems.parse(status, response.content)
        raise problems.error_for(problem, repeatable, retry_after)

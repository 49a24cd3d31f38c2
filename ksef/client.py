"""The client: KSeF's calls as methods, with tokens and keys kept current behind them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import IO, Any

from . import auth, routes
from .auth import Credentials, Tokens
from .batch import BatchSession, batch_file
from .budget import RateLimits
from .crypto import (
    SYMMETRIC_USAGE,
    PublicKey,
    SymmetricKey,
    from_base64,
    select_key,
    sha256,
    to_base64,
)
from .errors import (
    UNKNOWN_KEY_CODE,
    AuthError,
    Forbidden,
    Gone,
    KsefError,
    NotSent,
    ProtocolError,
    RequestRejected,
    SessionClosed,
    Unavailable,
)
from .http import Params, Reply, Transport
from .package import ContextLimits, Package
from .sessions import ALREADY_CLOSED, FORM_CODE, OnlineSession
from .types import (
    InvoiceStatus,
    SessionStatus,
    mapping,
    required_datetime,
    required_text,
    text_of,
)

# An access token that lapses within this time is renewed first, so that no document is sent with
# a token that dies on the way.
_TOKEN_MARGIN = timedelta(seconds=60)
_LARGEST_PAGE = 1000
_MOST_PAGES = 200  # twice what the largest session can have
_GRANTS_PAGE = 100
_DIGEST_HEADER = "x-ms-meta-hash"
_WORKERS = 4  # links that are followed at the same time


class Client:
    """One authenticated subject in one environment.

    ``now`` gives the current aware datetime. ``tokens`` and ``public_keys`` are what the caller
    kept from before; ``on_tokens`` is told of every change and must not raise. ``public_keys``
    may be read back afterwards. Only logging in sleeps.
    """

    def __init__(
        self,
        transport: Transport,
        credentials: Credentials,
        *,
        now: Callable[[], datetime],
        sleep: Callable[[float], None] = time.sleep,
        tokens: Tokens | None = None,
        on_tokens: Callable[[Tokens], None] | None = None,
        public_keys: Sequence[PublicKey] | None = None,
        attempts: int = auth.DEFAULT_ATTEMPTS,
    ) -> None:
        self._transport = transport
        self._credentials = credentials
        self._now = now
        self._sleep = sleep
        self._tokens = tokens
        self._on_tokens = on_tokens
        self._attempts = attempts
        self.public_keys = list(public_keys or ())

    def __repr__(self) -> str:
        return "Client()"

    # -- authentication --------------------------------------------------------------------------

    def login(self) -> Tokens:
        """Log in anew. Raises KsefError; the outcome of a login is never in doubt."""
        return self._keep(
            auth.login(
                self._transport,
                self._credentials,
                now=self._now,
                sleep=self._sleep,
                attempts=self._attempts,
                public_keys=self.public_keys,
            )
        )

    def logout(self) -> None:
        """End the login on KSeF's side. An ended one is fine. Raises KsefError."""
        if self._tokens is None:
            return
        token = self._tokens.refresh.value
        self._tokens = None
        try:
            self._transport.request("DELETE", routes.AUTH_CURRENT_SESSION, token=token)
        except (AuthError, Gone):
            return

    def _keep(self, tokens: Tokens) -> Tokens:
        self._tokens = tokens
        if self._on_tokens is not None:
            self._on_tokens(tokens)
        return tokens

    def _refresh(self, tokens: Tokens) -> Tokens:
        """Renew the access token, by logging in if the refresh token is no longer good."""
        if self._now() + _TOKEN_MARGIN < tokens.refresh.valid_until:
            try:
                access = auth.refresh(self._transport, tokens.refresh)
            except (AuthError, Forbidden, RequestRejected):
                return self.login()
            return self._keep(Tokens(access, tokens.refresh))
        return self.login()

    def _current(self) -> Tokens:
        if self._tokens is None:
            return self.login()
        if self._now() + _TOKEN_MARGIN >= self._tokens.access.valid_until:
            return self._refresh(self._tokens)
        return self._tokens

    def call(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """A call with the access token. A 401 leads to one refresh, then to one login.

        A 401 means "not processed", so that repeating is safe for every call. Raises KsefError.
        """

        def attempt(tokens: Tokens) -> Reply:
            return self._transport.request(
                method, path, token=tokens.access.value, json=json, params=params, headers=headers
            )

        tokens = self._current()
        try:
            return attempt(tokens)
        except AuthError:
            tokens = self._refresh(tokens)
        try:
            return attempt(tokens)
        except AuthError:
            tokens = self.login()
        return attempt(tokens)

    def permissions(self) -> list[str]:
        """Names of the active permissions in this context, sorted.

        An owner's rights may be missing: before API 2.9 KSeF does not list them.
        """
        names: set[str] = set()
        for page in range(_MOST_PAGES):
            reply = self.call(
                "POST",
                routes.PERSONAL_GRANTS,
                json={},
                params={"pageOffset": page, "pageSize": _GRANTS_PAGE},
            )
            data = reply.object()
            for grant in _list(reply, data, "permissions"):
                scope = text_of(grant, "permissionScope")
                if scope is not None and grant.get("permissionState", "Active") == "Active":
                    names.add(scope)
            if data.get("hasMore") is not True:
                break
        return sorted(names)

    # -- sessions --------------------------------------------------------------------------------

    def context_limits(self) -> ContextLimits:
        """What KSeF grants this context for a session. Raises KsefError."""
        return self.call("GET", routes.CONTEXT_LIMITS).read(ContextLimits.from_json)

    def rate_limits(self) -> RateLimits:
        """How many requests KSeF takes from this context and address. Raises KsefError."""
        return self.call("GET", routes.RATE_LIMITS).read(RateLimits.from_json)

    def open_online(self, features: Sequence[str] = ()) -> OnlineSession:
        """Open an interactive session for FA(3) with a key of its own.

        ``features`` are names for ``X-KSeF-Feature``. Raises KsefError; a lost answer costs an
        empty session that KSeF closes by itself.
        """
        key = SymmetricKey.generate()
        reply = self._open(routes.ONLINE_OPEN, key, {}, features)
        return reply.read(
            lambda data: OnlineSession(
                self,
                required_text(data, "referenceNumber"),
                required_datetime(data, "validUntil"),
                key,
            )
        )

    def open_batch(
        self, package: Package, *, offline: bool = False, features: Sequence[str] = ()
    ) -> BatchSession:
        """Open a batch session for a package; ``offline`` holds for every document in it.

        Raises KsefError; a lost answer costs an empty session that lapses by itself.
        """
        more = {"batchFile": batch_file(package), "offlineMode": offline}
        reply = self._open(routes.BATCH_OPEN, package.key, more, features)
        return reply.read(lambda data: BatchSession(self, package, data))

    def _open(
        self, path: str, key: SymmetricKey, more: Mapping[str, Any], features: Sequence[str]
    ) -> Reply:
        """Open a session; once more if the Ministry's key was withdrawn meanwhile."""

        def attempt() -> Reply:
            return self.call(
                "POST",
                path,
                json={"formCode": FORM_CODE, "encryption": self._encryption(key), **more},
                headers={"X-KSeF-Feature": ",".join(features)} if features else None,
            )

        try:
            return attempt()
        except RequestRejected as error:
            if error.code != UNKNOWN_KEY_CODE:
                raise
        self.public_keys = auth.fetch_public_keys(self._transport)
        return attempt()

    def _encryption(self, key: SymmetricKey) -> dict[str, str]:
        """How KSeF will read what ``key`` encrypts."""
        public_key = self._public_key()
        encryption = {
            "encryptedSymmetricKey": to_base64(public_key.wrap(key.key)),
            "initializationVector": to_base64(key.iv),
        }
        if public_key.key_id is not None:
            encryption["publicKeyId"] = public_key.key_id
        return encryption

    def _public_key(self) -> PublicKey:
        try:
            return select_key(self.public_keys, SYMMETRIC_USAGE, self._now())
        except ProtocolError:
            self.public_keys = auth.fetch_public_keys(self._transport)
        return select_key(self.public_keys, SYMMETRIC_USAGE, self._now())

    def send_file(self, method: str, url: str, headers: Mapping[str, str], file: IO[bytes]) -> None:
        """Send a file to a presigned link. Raises KsefError. May run in several threads."""
        self._transport.send_file(method, url, headers, file)

    def close_online(self, ref: str) -> None:
        """Close an interactive session, also one of an earlier run: that needs no key.

        One that is closed already is as good. Raises KsefError.
        """
        self._close(routes.ONLINE_CLOSE, ref)

    def close_batch(self, ref: str) -> None:
        """Close a batch session, also one of an earlier run. As :meth:`close_online`.

        KSeF may not know a session that was opened a moment ago (21173): again a little later.
        """
        self._close(routes.BATCH_CLOSE, ref)

    def _close(self, template: str, ref: str) -> None:
        try:
            self.call("POST", routes.fill(template, session=ref))
        except SessionClosed as error:
            if error.code != ALREADY_CLOSED:
                raise

    def session_status(self, ref: str) -> SessionStatus:
        """State of a session. Raises KsefError."""
        reply = self.call("GET", routes.fill(routes.SESSION, session=ref))
        return reply.read(SessionStatus.from_json)

    def session_invoices(self, ref: str) -> list[InvoiceStatus]:
        """Every document of a session, all pages. Raises KsefError."""
        path = routes.fill(routes.SESSION_INVOICES, session=ref)
        found: list[InvoiceStatus] = []
        headers: dict[str, str] = {}
        for _page in range(_MOST_PAGES):
            reply = self.call("GET", path, params={"pageSize": _LARGEST_PAGE}, headers=headers)
            data = reply.object()
            found += [InvoiceStatus.from_json(item) for item in _list(reply, data, "invoices")]
            continuation = text_of(data, "continuationToken")
            if continuation is None:
                return found
            headers = {"x-continuation-token": continuation}
        # A part of the list must never pass for the whole: "absent" would mean "send again".
        raise ProtocolError("KSeF's list of documents does not end")

    def invoice_status(self, ref: str, invoice_ref: str) -> InvoiceStatus:
        """State of one document of a session. Raises KsefError."""
        path = routes.fill(routes.SESSION_INVOICE, session=ref, invoice=invoice_ref)
        return self.call("GET", path).read(InvoiceStatus.from_json)

    # -- documents -------------------------------------------------------------------------------

    def upo(self, session_ref: str, invoice_ref: str) -> bytes:
        """The confirmation of one accepted document, bytes as received. Raises KsefError."""
        return self._document(
            routes.fill(routes.SESSION_INVOICE_UPO, session=session_ref, invoice=invoice_ref)
        )

    def upos_at(self, urls: Sequence[str], workers: int = _WORKERS) -> dict[str, bytes]:
        """The confirmations behind several links, by link, a few at a time.

        They cost no request that counts. One that cannot be had now is left out, and so is the
        rest when nobody answers: there is :meth:`upo` for them. Raises nothing.
        """
        found: dict[str, bytes] = {}

        def fetch(share: Sequence[str]) -> None:
            transport = self._transport.twin()
            for url in share:
                try:
                    found[url] = self._checked(transport.fetch(url))
                except KsefError as error:
                    if isinstance(error, (NotSent, Unavailable)) and error.problem is None:
                        return  # no answer at all: the next one would have to be waited for, too

        with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="ksef-upo") as pool:
            for waiting in [pool.submit(fetch, urls[first::workers]) for first in range(workers)]:
                waiting.result()
        return found

    def invoice(self, ksef_number: str) -> bytes:
        """The document with that number, bytes as received. Raises KsefError."""
        return self._document(routes.fill(routes.INVOICE, number=ksef_number))

    def _document(self, path: str) -> bytes:
        return self._checked(self.call("GET", path, headers={"Accept": "application/xml"}))

    @staticmethod
    def _checked(reply: Reply) -> bytes:
        if not reply.content:
            raise reply.protocol_error("KSeF's answer is empty")
        declared = reply.headers.get(_DIGEST_HEADER)
        if declared is not None and not _same_digest(declared, reply.content):
            raise reply.protocol_error("A document from KSeF arrived damaged")
        return reply.content

    def query_metadata(
        self, filters: Mapping[str, Any], page_offset: int = 0, page_size: int = 100
    ) -> list[dict[str, Any]]:
        """One page of invoice metadata; ``filters`` is KSeF's own object. Raises KsefError.

        The list is shorter than ``page_size`` on the last page. KSeF allows 20 queries an hour.
        """
        reply = self.call(
            "POST",
            routes.INVOICE_METADATA,
            json=dict(filters),
            params={"pageOffset": page_offset, "pageSize": page_size},
        )
        return [dict(item) for item in _list(reply, reply.object(), "invoices")]


def _list(reply: Reply, data: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """The objects at ``key``. Raises ProtocolError if there is no list."""
    value = data.get(key)
    if not isinstance(value, list):
        raise reply.protocol_error(f"KSeF's answer has no {key}")
    return [mapping(item) for item in value]


def _same_digest(declared: str, content: bytes) -> bool:
    try:
        return from_base64(declared) == sha256(content)
    except ValueError:
        return False

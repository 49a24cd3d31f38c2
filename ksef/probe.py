"""Asking KSeF whether it answers: one light public request, measured phase by phase.

No login, no token, nothing of a company. The list of public keys (``GET /security/
public-key-certificates``) is what every session needs first, so that its silence means that
nothing can be sent. Clocks are given; names of hosts are resolved by the system.
"""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from . import latarnia, routes
from .environment import Environment
from .errors import KsefError
from .http import Transport

TIMEOUT = (5.0, 10.0)  # seconds to connect, and between two pieces of an answer
LIMIT = 25.0  # seconds for everything that is asked in one round
_MOST_BYTES = 1_000_000  # the list of keys has a few thousand
_TIMED = ("dns", "connect", "tls", "first_byte")

Stopwatch = Callable[[], float]


@dataclass(frozen=True)
class Measurement:
    """One request. Durations in milliseconds, each of its own phase; None: it was not reached.

    ``dns`` (resolving), ``connect`` (TCP), ``tls`` (handshake, and a proxy's tunnel),
    ``first_byte`` (from the request to the answer's head), ``total`` (all of it). ``reached``:
    KSeF's own machines took the call: the line was open and the certificate good. ``ok``: sending
    can work. ``error`` says what was wrong, also with an answer that is ``ok``. ``body_sha256`` is
    hexadecimal.
    """

    url: str
    ok: bool = False
    reached: bool = False
    status: int | None = None
    dns: int | None = None
    connect: int | None = None
    tls: int | None = None
    first_byte: int | None = None
    total: int | None = None
    body_sha256: str | None = None
    body_size: int | None = None
    error: str = ""


@dataclass(frozen=True)
class Round:
    """What one round found out.

    ``measurements`` and ``beacons`` by the key of the environment; a beacon that could not be read
    is the error instead. ``control_ok``: whether a neutral address answered, None if none was
    asked.
    """

    measurements: Mapping[str, Measurement]
    beacons: Mapping[str, latarnia.Report | KsefError]
    control_ok: bool | None = None


def ask(
    environments: Iterable[Environment],
    *,
    stopwatch: Stopwatch,
    controls: Iterable[str] = (),
    limit: float = LIMIT,
) -> Round:
    """Ask every environment, its beacon if it is believed, and the neutral addresses, all at once.

    ``stopwatch`` gives seconds from any origin. After ``limit`` seconds what is still under way
    counts as not answered. Never raises for what the network does.
    """
    environments = list(environments)
    gauges = {
        one.key: _Gauge(one.api + routes.PUBLIC_KEYS, stopwatch, _is_key_list)
        for one in environments
    }
    neutral = [_Gauge(url, stopwatch, None) for url in controls]
    beacons: dict[str, latarnia.Report | KsefError] = {}

    def read(one: Environment) -> None:
        try:
            beacons[one.key] = latarnia.read(Transport(one, timeout=TIMEOUT))
        except KsefError as error:
            beacons[one.key] = error

    believed = [one for one in environments if one.latarnia and one.believes_latarnia]
    _together(
        [gauge.run for gauge in (*gauges.values(), *neutral)]
        + [partial(read, one) for one in believed],
        stopwatch,
        limit,
    )
    late = f"no full answer within {limit:g} s"
    for one in believed:
        beacons.setdefault(one.key, KsefError(f"The status beacon gave {late}"))
    return Round(
        measurements={key: gauge.result(late) for key, gauge in gauges.items()},
        beacons=dict(beacons),
        control_ok=any(gauge.result(late).ok for gauge in neutral) if neutral else None,
    )


def _together(tasks: Iterable[Callable[[], None]], stopwatch: Stopwatch, limit: float) -> None:
    """Run them at the same time, and wait for ``limit`` seconds at most.

    Resolving a name has no time-out of its own: what hangs there is left behind in its thread.
    """
    end = stopwatch() + limit
    threads = [threading.Thread(target=task, daemon=True) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, end - stopwatch()))


def _is_key_list(body: bytes) -> bool:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, list) and bool(found)


class _Gauge:
    """One request on its way; :meth:`result` may be asked while it still runs."""

    def __init__(
        self, url: str, stopwatch: Stopwatch, is_proper: Callable[[bytes], bool] | None
    ) -> None:
        self._stopwatch = stopwatch
        self._is_proper = is_proper
        self._begun = stopwatch()
        self._finished = False
        self._phase = "start"
        self._phase_begun = self._begun
        self._found = Measurement(url)

    def result(self, late: str) -> Measurement:
        """What is known; ``late`` is the error of a request that has not ended."""
        found = self._found
        if self._finished:
            return found
        return replace(found, ok=False, error=f"{self._phase}: {late}", total=self._elapsed())

    def run(self) -> None:
        """Make the request. What goes wrong on the way becomes part of the result."""
        try:
            self._request()
        except (requests.exceptions.RequestException, OSError, ValueError) as error:
            self._note(ok=False, error=f"{self._phase}: {_reason(error)}")
        self._note(total=self._elapsed())
        self._finished = True

    def _request(self) -> None:
        with requests.Session() as session:
            adapter = _TimedAdapter(self)
            session.mount("https://", adapter)
            session.mount("http://", adapter)
            headers = {"Accept": "application/json", "Cache-Control": "no-cache"}
            with session.get(
                self._found.url,
                headers=headers,
                timeout=TIMEOUT,
                allow_redirects=False,
                stream=True,
                auth=_no_login,
            ) as response:
                self._note(status=response.status_code)
                self.enter("body")
                body = self._body(response)
        self._note(body_sha256=hashlib.sha256(body).hexdigest(), body_size=len(body))
        self._judge(response.status_code, body)

    def _body(self, response: requests.Response) -> bytes:
        pieces, size = [], 0
        for piece in response.iter_content(16_384):
            pieces.append(piece)
            size += len(piece)
            if size > _MOST_BYTES:
                raise ValueError(f"the answer is longer than {_MOST_BYTES} bytes")
            if self._elapsed() > LIMIT * 1000:
                # nobody waits for it any more: an answer in drops must not keep its thread
                raise ValueError(f"no full answer within {LIMIT:g} s")
        return b"".join(pieces)

    def _judge(self, status: int, body: bytes) -> None:
        """An open circuit stops all sending: only what stops sending anyway may count as bad.

        A refusal (4xx) of this one address still is an answer of KSeF; a redirection or another
        page in the place of the keys is not.
        """
        if self._is_proper is None:
            self._note(ok=True)
        elif status == requests.codes.ok and self._is_proper(body):
            self._note(ok=True)
        elif status == requests.codes.ok:
            self._note(error="HTTP 200, but the answer is not the list of keys")
        else:
            self._note(ok=400 <= status < 500, error=f"HTTP {status}")

    # -- called by the connection ----------------------------------------------------------------

    def enter(self, phase: str) -> None:
        """The phase before went well, this one begins."""
        now = self._stopwatch()
        if self._phase in _TIMED:
            self._note(**{self._phase: _milliseconds(now - self._phase_begun)})
        self._phase, self._phase_begun = phase, now

    def note_connected(self) -> None:
        """The line is open, to the right party; the request goes out."""
        self._note(reached=True)
        self.enter("request")

    def _note(self, **facts: Any) -> None:
        self._found = replace(self._found, **facts)

    def _elapsed(self) -> int:
        return _milliseconds(self._stopwatch() - self._begun)


def _milliseconds(seconds: float) -> int:
    return max(0, round(seconds * 1000))


def _no_login(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Given so that requests does not read ``.netrc`` and send what it finds there."""
    return request


def _reason(error: BaseException) -> str:
    """The innermost cause in its own words: what wraps it repeats the address."""
    seen: list[BaseException] = []
    current: Any = error
    while isinstance(current, BaseException) and current not in seen:
        seen.append(current)
        inner = [getattr(current, "reason", None), *current.args, current.__cause__]
        inner.append(current.__context__)
        current = next((one for one in inner if isinstance(one, BaseException)), None)
    # the text may quote what came over the line; not all of that can be stored
    words = "".join(sign if sign.isprintable() else "?" for sign in str(seen[-1]))
    return f"{type(seen[-1]).__name__}: {words}"[:500]


class _TimedAdapter(HTTPAdapter):
    """Requests' own adapter with connections that tell a gauge about their phases."""

    def __init__(self, gauge: _Gauge) -> None:
        self._pools = _pools(gauge)
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *arguments: Any, **options: Any) -> Any:
        manager = super().proxy_manager_for(*arguments, **options)
        manager.pool_classes_by_scheme = self._pools
        return manager


def _pools(gauge: _Gauge) -> dict[str, type]:
    """Pools of connections whose phases are timed."""

    class Timed:
        def _new_conn(self) -> socket.socket:
            """Resolve first, then try the addresses in turn, as the system would."""
            gauge.enter("dns")
            host = self._dns_host
            try:
                found = socket.getaddrinfo(host, self.port, type=socket.SOCK_STREAM)
            except socket.gaierror as error:
                raise NewConnectionError(self, str(error)) from error
            gauge.enter("connect")
            try:
                for position, entry in enumerate(found, 1):
                    self._dns_host = entry[4][0]
                    try:
                        opened = super()._new_conn()
                    except (NewConnectionError, ConnectTimeoutError):
                        if position == len(found):
                            raise
                    else:
                        gauge.enter("tls" if isinstance(self, HTTPSConnection) else "request")
                        return opened
            finally:
                self._dns_host = host
            raise NewConnectionError(self, "the name has no address")

        def connect(self) -> None:
            super().connect()
            gauge.note_connected()

        def getresponse(self, *arguments: Any, **options: Any) -> Any:
            gauge.enter("first_byte")
            return super().getresponse(*arguments, **options)

    class Plain(Timed, HTTPConnection):
        pass

    class Secure(Timed, HTTPSConnection):
        pass

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}

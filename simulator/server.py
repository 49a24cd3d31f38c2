"""HTTP/1.1 over a threaded server: reads requests, applies faults, writes answers."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

from .app import Simulator
from .faults import Fault
from .messages import Refusal, Request, Response
from .routes import register
from .routing import Route

MAX_BODY = 150_000_000
LOOPBACK = "127.0.0.1"


class Server(ThreadingHTTPServer):
    """Serves one :class:`Simulator` on the loopback interface only."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, simulator: Simulator, port: int) -> None:
        self.simulator = simulator
        register(simulator.router)
        super().__init__((LOOPBACK, port), Handler)

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hung up is no error of ours; anything else is told on stderr."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection; keep-alive until the client or a fault ends it."""

    protocol_version = "HTTP/1.1"
    server_version = "ksef-simulator"
    sys_version = ""
    server: Server
    # headers and body leave in one packet: two would wait for the client's delayed acknowledgement
    wbufsize = -1
    disable_nagle_algorithm = True
    #: seconds without a request after which a kept connection is closed
    timeout = 120

    def do_GET(self) -> None:  # noqa: N802 - the name is the standard library's
        self._serve()

    do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Silent: ``/_sim/log`` is the log, and it holds no secret."""

    def _serve(self) -> None:
        simulator = self.server.simulator
        parts = urlsplit(self.path)
        request = Request(
            self.command,
            unquote(parts.path),
            parse_qs(parts.query, keep_blank_values=True),
            self.headers,
            b"",
            self.client_address[0],
            self.server.url,
        )
        route: Route | None = None
        params: dict[str, str] = {}
        refusal: Refusal | None = None
        try:
            route, params = simulator.match(request)
        except Refusal as error:
            refusal = error
        controlled = route is not None and not request.path.startswith("/_sim")
        fault = simulator.take_fault(route.prefix_free) if controlled and route else None
        if fault is not None and fault.kind == "refuse":
            simulator.note(request, route, None, fault)
            self._drop()
            return
        if not self._read_body(request):
            return
        if fault is not None and fault.when == "before":
            self._misbehave(fault, request, route)
            return
        if refusal is not None or route is None:
            now = simulator.clock.now()
            answer = refusal.render(request, now) if refusal else Response(500)
        else:
            answer = simulator.perform(route, params, request)
        if fault is not None:
            self._misbehave(fault, request, route)
            return
        simulator.note(request, route, answer.status, None)
        self._write(answer)

    def _read_body(self, request: Request) -> bool:
        """Read by length or chunks; False when the connection had to be ended."""
        if "chunked" in (self.headers.get("Transfer-Encoding") or "").lower():
            request.body = self._read_chunks()
            return True
        length = self.headers.get("Content-Length") or "0"
        if not length.isdigit() or int(length) > MAX_BODY:
            self.close_connection = True
            self._write(Response(413 if length.isdigit() else 400))
            return False
        request.body = self.rfile.read(int(length))
        return len(request.body) == int(length)

    def _read_chunks(self) -> bytes:
        body = bytearray()
        while True:
            size = int(self.rfile.readline().partition(b";")[0], 16)
            if size == 0:
                while self.rfile.readline().strip():
                    pass
                return bytes(body)
            body += self.rfile.read(size)
            self.rfile.readline()

    def _misbehave(self, fault: Fault, request: Request, route: Route | None) -> None:
        simulator = self.server.simulator
        if fault.kind == "status":
            simulator.note(request, route, fault.status, fault)
            headers = dict(fault.headers)
            kind = headers.pop("Content-Type", _guess_type(fault.body))
            self._write(Response(fault.status, fault.body.encode("utf-8"), kind, headers))
            return
        simulator.note(request, route, None, fault)
        if fault.kind == "hang":
            time.sleep(fault.seconds)
        self._drop()

    def _drop(self) -> None:
        """End the connection with a TCP reset and no answer."""
        self.close_connection = True
        linger = struct.pack("ii", 1, 0)
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()

    def _write(self, answer: Response) -> None:
        self.send_response(answer.status)
        if answer.status != 204:
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if answer.status != 204 and self.command != "HEAD":
            self.wfile.write(answer.body)
        self.wfile.flush()


def _guess_type(body: str) -> str:
    try:
        json.loads(body)
    except ValueError:
        return "text/html; charset=utf-8"
    return "application/json; charset=utf-8"

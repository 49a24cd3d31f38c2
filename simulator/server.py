"""HTTP/1.1 over a threaded server: reads requests, applies faults, writes answers."""

from __future__ import annotations

import contextlib
import io
import re
import socket
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from . import misbehaviour
from .app import Simulator
from .doors import LOOPBACK, Doors
from .faults import REPLACING, Fault
from .messages import Refusal, Request, Response
from .routes import register
from .routing import Route

MAX_BODY = 150_000_000
_GRACE = 0.1
_HOST = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?", re.ASCII)


class Server(ThreadingHTTPServer):
    """Serves one :class:`Simulator` on the loopback interface only."""

    daemon_threads = True
    scheme = "http"
    allow_reuse_address = True

    def __init__(self, simulator: Simulator, port: int) -> None:
        self.simulator = simulator
        #: while true nobody listens, and what is still connected is reset
        self.silent = False
        self._pause = 0.0
        register(simulator.router)
        simulator.stop_listening = self._stop_listening
        simulator.doors = Doors(simulator, Handler)
        super().__init__((LOOPBACK, port), Handler)

    def run(self) -> None:
        """Serve until interrupted, with the outages that are ordered."""
        while True:
            self.serve_forever(poll_interval=0.1)
            if not self.silent:
                return
            address = self.server_address
            self.socket.close()
            time.sleep(self._pause)
            self.socket = socket.socket(self.address_family, self.socket_type)
            self.server_address = address
            self.server_bind()
            self.server_activate()
            self.silent = False

    def _stop_listening(self, seconds: float) -> None:
        """Refuse every connection for a while, as if the machine were gone; the caller's last."""

        def stop() -> None:
            # the answer to the order must get out first
            time.sleep(_GRACE)
            self.silent, self._pause = True, seconds
            self.shutdown()

        threading.Thread(target=stop, daemon=True).start()

    @property
    def url(self) -> str:
        return f"{self.scheme}://{LOOPBACK}:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
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
            self._base_url(),
        )
        try:
            route, params = simulator.match(request)
        except Refusal as error:
            if self._read_body(request):
                simulator.note(request, None, error.status, None)
                self._write(error.render(request, simulator.clock.now()))
            return
        controlled = not request.path.startswith("/_sim")
        fault = simulator.take_fault(route.prefix_free) if controlled else None
        if self.server.silent or (fault is not None and fault.kind == "refuse"):
            simulator.note(request, route, None, fault)
            self._drop()
            return
        if not self._read_body(request):
            return
        if fault is not None and fault.kind == "delay":
            time.sleep(fault.seconds)
        self._answer(request, route, params, fault)

    def _base_url(self) -> str:
        """The address that the client used: links must lead there, whatever it calls us."""
        host = self.headers.get("Host") or ""
        return f"{self.server.scheme}://{host}" if _HOST.fullmatch(host) else self.server.url

    def _answer(
        self, request: Request, route: Route, params: dict[str, str], fault: Fault | None
    ) -> None:
        simulator = self.server.simulator
        answer: Response | None = None
        replacing = fault if fault is not None and fault.kind in REPLACING else None
        if replacing is None or replacing.when == "after":
            answer = simulator.perform(route, params, request)
        if replacing is not None:
            answer = self._replace(replacing, request)
        elif fault is not None and answer is not None:
            answer = misbehaviour.maim(fault, answer)
        simulator.note(request, route, answer.status if answer else None, fault)
        if answer is None:
            self._drop()
        else:
            self._write(answer, fault)

    def _replace(self, fault: Fault, request: Request) -> Response | None:
        """Another answer, or none: the connection is to be reset, at once or after a while."""
        if fault.kind in ("status", "refusal"):
            return misbehaviour.replacement(fault, request, self.server.simulator.clock.now())
        if fault.kind == "hang":
            time.sleep(fault.seconds)
        return None

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

    def _drop(self) -> None:
        """End the connection with a TCP reset and no answer."""
        self.close_connection = True
        linger = struct.pack("ii", 1, 0)
        with contextlib.suppress(OSError):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()

    def _write(self, answer: Response, fault: Fault | None = None) -> None:
        silent = answer.status == 204 or self.command == "HEAD"
        if fault is not None and fault.kind == "cut":
            self.close_connection = True
        # the head is collected apart, because a slow one leaves in two pieces
        stream, self.wfile = self.wfile, io.BytesIO()
        self.send_response(answer.status)
        if answer.status != 204:
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        head, self.wfile = self.wfile.getvalue(), stream
        for piece, seconds in misbehaviour.pieces(fault, head, b"" if silent else answer.body):
            self.wfile.write(piece)
            self.wfile.flush()
            time.sleep(seconds)

"""Further addresses of the simulator that fail before HTTP begins: TLS troubles, dead ports.

They last until ``/_sim/reset`` or the end of the process; a state file does not keep them. A name
that does not resolve needs no door: any host below ``.invalid`` has none (RFC 2606).
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import sys
import tempfile
import threading
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from .messages import BadRequest, Request, Response, reply
from .routing import Route
from .shapes import enum_field, object_field

if TYPE_CHECKING:
    from .app import Simulator

LOOPBACK = "127.0.0.1"
#: Behind these a TLS server speaks HTTP: with a good certificate, or one that must be refused.
CERTIFIED = ("trusted", "self_signed", "expired", "wrong_host")
#: ``garbage`` answers what is no TLS, ``mute`` takes connections and never says a word, ``closed``
#: refuses them.
SILENT = ("garbage", "mute", "closed")
_DAY = timedelta(days=1)
_HANDSHAKE_SECONDS = 10.0
_GARBAGE = b"220 this is no TLS\r\n"


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certify(
    kind: str, key: ec.EllipticCurvePrivateKey, root: tuple[x509.Name, ec.EllipticCurvePrivateKey]
) -> x509.Certificate:
    """The certificate of a door. TLS knows nothing of the virtual clock: dates are real."""
    now = datetime.now(timezone.utc)
    subject = _name("KSeF simulator")
    issuer, signer = (subject, key) if kind == "self_signed" else root
    own: list[x509.GeneralName] = [
        x509.DNSName("localhost"),
        x509.IPAddress(IPv4Address(LOOPBACK)),
    ]
    names = [x509.DNSName("elsewhere.invalid")] if kind == "wrong_host" else own
    ends = now - _DAY if kind == "expired" else now + 30 * _DAY
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 30 * _DAY)
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(signer, hashes.SHA256())
    )


def _root(name: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    now = datetime.now(timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 60 * _DAY)
        .not_valid_after(now + 60 * _DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.KeyUsage(False, False, False, False, False, True, True, False, False),
            critical=True,
        )
        .sign(key, hashes.SHA256())
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")


class _TlsServer(ThreadingHTTPServer):
    """The same service behind TLS."""

    daemon_threads = True
    scheme = "https"
    silent = False

    def __init__(
        self, simulator: Simulator, handler: type[BaseHTTPRequestHandler], context: ssl.SSLContext
    ) -> None:
        self.simulator = simulator
        self._context = context
        super().__init__((LOOPBACK, 0), handler)

    @property
    def url(self) -> str:
        return f"{self.scheme}://{LOOPBACK}:{self.server_address[1]}"

    def finish_request(self, request: Any, client_address: Any) -> None:
        """The handshake happens in the connection's own thread, so a slow one holds nobody up."""
        request.settimeout(_HANDSHAKE_SECONDS)
        with self._context.wrap_socket(request, server_side=True) as connection:
            self.RequestHandlerClass(connection, client_address, self)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients are to refuse most of these doors; anything else is told on stderr."""
        if not isinstance(sys.exc_info()[1], (ssl.SSLError, ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


class Doors:
    """Every door that is open."""

    def __init__(self, simulator: Simulator, handler: type[BaseHTTPRequestHandler]) -> None:
        self._simulator = simulator
        self._handler = handler
        self._root_key = ec.generate_private_key(ec.SECP256R1())
        self._root_name = _name("KSeF simulator TLS")
        self.root = _pem(_root(self._root_name, self._root_key))
        self._open: list[contextlib.ExitStack] = []

    def open(self, kind: str) -> str:
        """The address of a new door of one of the kinds."""
        with contextlib.ExitStack() as stack:
            url = self._serve(kind, stack) if kind in CERTIFIED else self._listen(kind, stack)
            self._open.append(stack.pop_all())
        return url

    def close(self) -> None:
        """Close all; nobody answers at their addresses any more."""
        while self._open:
            self._open.pop().close()

    def _serve(self, kind: str, stack: contextlib.ExitStack) -> str:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certify(kind, key, (self._root_name, self._root_key))
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as folder:
            # the standard library takes a certificate from a file only
            chain = Path(folder) / "chain.pem"
            chain.write_bytes(pem + _pem(certificate).encode("ascii"))
            context.load_cert_chain(chain)
        server = _TlsServer(self._simulator, self._handler, context)
        threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
        stack.callback(server.server_close)
        stack.callback(server.shutdown)
        return server.url

    def _listen(self, kind: str, stack: contextlib.ExitStack) -> str:
        door = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        # bound without listening, a port refuses and yet is given to nobody else
        door.bind((LOOPBACK, 0))
        if kind != "closed":
            door.listen()
        if kind == "garbage":
            threading.Thread(target=_answer_garbage, args=(door,), daemon=True).start()
            # closing alone would leave the thread waiting, and the port open
            stack.callback(door.shutdown, socket.SHUT_RDWR)
        return f"https://{LOOPBACK}:{door.getsockname()[1]}"


def _answer_garbage(door: socket.socket) -> None:
    """Until the door is closed, which makes accept() fail."""
    with contextlib.suppress(OSError):
        while True:
            connection, _address = door.accept()
            with connection, contextlib.suppress(OSError):
                connection.sendall(_GARBAGE)


def control(sim: Simulator, request: Request) -> Response:
    """``POST /_sim/doors`` with a ``kind``: the ``url`` of a new address here or nowhere.

    ``root`` is what a client has to trust to get through a ``trusted`` door, in PEM; it does not
    help with the others.
    """
    body = object_field(request.json(), "body", ("kind",))
    kind = enum_field(body, "kind", CERTIFIED + SILENT)
    if sim.doors is None:
        raise BadRequest(21405, "no server")
    return reply({"kind": kind, "url": sim.doors.open(kind), "root": sim.doors.root})


ROUTES = [Route("POST", "/_sim/doors", control)]

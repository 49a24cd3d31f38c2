"""The probe against real sockets: every way in which KSeF, the line or the name can be bad."""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
import json
import socket
import ssl
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fault_server import Answer, FaultServer, refused_url

from ksef import environment, errors, probe

KEYS = json.dumps([{"certificate": "MII", "usage": ["SymmetricKeyEncryption"]}]).encode()
PATH = "/v2/security/public-key-certificates"


@pytest.fixture
def server():
    server = FaultServer()
    server.answers[:] = [Answer(body=KEYS)]
    yield server
    server.stop()


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(probe, "TIMEOUT", (0.3, 0.3))


def ask(url, **options):
    """One round of one environment without a beacon, and how it went."""
    one = environment.Environment(
        key="demo",
        api=f"{url}/v2",
        qr=url,
        latarnia=None,
        accepts_self_signed=False,
        checks_checksum=False,
        believes_latarnia=False,
    )
    return probe.ask([one], stopwatch=time.monotonic, **options).measurements["demo"]


def test_a_good_answer_is_measured_and_hashed(server):
    found = ask(server.url)
    assert (found.ok, found.reached, found.status, found.error) == (True, True, 200, "")
    assert found.body_sha256 == hashlib.sha256(KEYS).hexdigest()
    assert found.body_size == len(KEYS)
    assert found.tls is None
    phases = [found.dns, found.connect, found.first_byte]
    assert None not in phases
    assert sum(phases) <= found.total + len(phases)  # each is rounded by itself


def test_the_request_is_light_and_anonymous(server, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    ask(server.url)
    [(method, path, headers, body)] = server.seen
    assert (method, path, body) == ("GET", PATH, b"")
    assert not {"authorization", "cookie"} & {name.lower() for name in headers}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(502, b"<html>Bad gateway</html>"), "HTTP 502"),
        (Answer(503, b""), "HTTP 503"),
        (Answer(302, b"", {"Location": "https://example.com/"}), "HTTP 302"),
        (Answer(204, b""), "HTTP 204"),
        (Answer(200, b"<html>Przerwa</html>"), "HTTP 200, but the answer is not the list of keys"),
        (Answer(200, b"[]"), "HTTP 200, but the answer is not the list of keys"),
        (Answer(200, b'{"exception": {}}'), "HTTP 200, but the answer is not the list of keys"),
        (Answer(200, b"[" * 90_000), "HTTP 200, but the answer is not the list of keys"),
    ],
    ids=["502", "503", "redirect", "204", "html", "empty", "object", "deep"],
)
def test_what_is_no_answer_of_a_working_api(server, answer, error):
    server.answers[:] = [answer]
    found = ask(server.url)
    assert (found.ok, found.reached, found.status, found.error) == (
        False,
        True,
        answer.status,
        error,
    )
    assert found.body_sha256 == hashlib.sha256(answer.body).hexdigest()
    assert len(server.seen) == 1, "neither repeated nor followed"


@pytest.mark.parametrize("status", [403, 404, 429])
def test_a_refusal_is_an_answer(server, status):
    """It would stop all sending for good if the Ministry moved this one address."""
    server.answers[:] = [Answer(status, b"{}")]
    found = ask(server.url)
    assert (found.ok, found.error) == (True, f"HTTP {status}")


def test_a_hanging_connection_ends_by_its_time_out(server, impatient):
    server.answers[:] = [Answer(kind="hang")]
    before = time.monotonic()
    found = ask(server.url)
    assert time.monotonic() - before < 3
    assert (found.ok, found.reached, found.status) == (False, True, None)
    assert found.error.startswith("first_byte: TimeoutError"), found.error
    assert found.first_byte is None
    assert found.total >= 300


def test_a_line_that_breaks(server):
    server.answers[:] = [Answer(kind="reset")]
    found = ask(server.url)
    assert (found.ok, found.reached) == (False, True)
    assert found.error.startswith("first_byte: ConnectionResetError"), found.error


def test_an_answer_that_is_noise_can_be_written_down():
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer():
            connection, _address = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"\0\x1b[31mnoise\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        found = ask(f"http://127.0.0.1:{listening.getsockname()[1]}")
        thread.join()
    assert not found.ok
    assert "noise" in found.error
    assert found.error.isprintable()


def test_half_an_answer(server):
    server.answers[:] = [Answer(body=KEYS, kind="cut")]
    found = ask(server.url)
    assert (found.ok, found.status, found.body_sha256) == (False, 200, None)
    assert found.error.startswith("body: "), found.error


def test_an_endless_answer_is_left(server, monkeypatch):
    monkeypatch.setattr(probe, "_MOST_BYTES", 10)
    found = ask(server.url)
    assert not found.ok
    assert found.error == "body: ValueError: the answer is longer than 10 bytes"


def test_an_answer_in_drops_does_not_keep_its_thread(server, monkeypatch):
    monkeypatch.setattr(probe, "LIMIT", -1.0)
    found = ask(server.url, limit=5)
    assert not found.ok
    assert found.error == "body: ValueError: no full answer within -1 s"


def test_nobody_listens():
    found = ask(refused_url())
    assert (found.ok, found.reached, found.connect) == (False, False, None)
    assert found.dns is not None
    assert found.error.startswith("connect: ConnectionRefusedError"), found.error


def test_the_name_is_not_known():
    found = ask("http://ksef.invalid")
    assert (found.ok, found.reached, found.dns) == (False, False, None)
    assert found.error.startswith("dns: gaierror"), found.error


def test_what_never_ends_is_left_behind(server):
    """As a resolver that hangs: nothing bounds it, the round goes on without it."""
    server.answers[:] = [Answer(kind="hang")]
    before = time.monotonic()
    found = ask(server.url, limit=0.2)
    assert time.monotonic() - before < 2
    assert not found.ok
    assert found.error == "first_byte: no full answer within 0.2 s"


def test_all_are_asked_at_the_same_time(impatient):
    servers = [FaultServer() for _number in range(4)]
    for server in servers:
        server.answers[:] = [Answer(kind="hang")]
    hanging = [environment.simulator(server.url) for server in servers]
    try:
        before = time.monotonic()
        probe.ask(hanging, stopwatch=time.monotonic, controls=[servers[0].url])
        assert time.monotonic() - before < 3
    finally:
        for server in servers:
            server.stop()


@pytest.mark.parametrize("status", [200, 404, 500])
def test_a_neutral_address_only_has_to_answer(server, status):
    server.answers[:] = [Answer(status, b"anything")]
    found = probe.ask([], stopwatch=time.monotonic, controls=[refused_url(), server.url])
    assert found.control_ok is True


def test_a_neutral_address_that_is_silent_or_not_asked():
    assert probe.ask([], stopwatch=time.monotonic, controls=[refused_url()]).control_ok is False
    assert probe.ask([], stopwatch=time.monotonic).control_ok is None


def test_an_unreadable_beacon_is_an_error_beside_the_measurement(server):
    server.answers[:] = [Answer(body=KEYS)]
    one = environment.simulator(server.url)
    found = probe.ask([one], stopwatch=time.monotonic)
    assert found.measurements["simulator"].ok
    assert isinstance(found.beacons["simulator"], errors.KsefError)


def test_only_believed_beacons_are_asked(server):
    one = environment.simulator(server.url)
    told = environment.Environment(**{**one.__dict__, "believes_latarnia": False})
    assert not probe.ask([told], stopwatch=time.monotonic).beacons
    assert [path for _method, path, *_rest in server.seen] == [PATH]


def test_a_proxy_of_the_machine_is_used(server, monkeypatch):
    """What sends the invoices goes through it too: without it the line would look dead."""
    monkeypatch.setenv("http_proxy", server.url)
    found = ask("http://ksef.invalid")
    assert (found.ok, found.error) == (True, "")
    assert server.seen[0][1] == f"http://ksef.invalid{PATH}"


# -- TLS -----------------------------------------------------------------------------------------


@pytest.fixture
def tls_server(server, tmp_path):
    """The server behind TLS, and the file with its own certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.timezone.utc)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    listening = server._server
    listening.socket = context.wrap_socket(listening.socket, server_side=True)
    server.url = server.url.replace("http://127.0.0.1", "https://localhost")
    return server, path


def test_tls_is_measured(tls_server, monkeypatch):
    server, path = tls_server
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path))
    found = ask(server.url)
    assert (found.ok, found.error) == (True, "")
    assert found.tls is not None


def test_a_certificate_that_nobody_vouches_for(tls_server, monkeypatch):
    """Whoever answers there, it is not proven to be KSeF."""
    server, _path = tls_server
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    found = ask(server.url)
    assert (found.ok, found.reached, found.tls) == (False, False, None)
    assert found.error.startswith("tls: SSLCertVerificationError"), found.error


def test_no_tls_where_tls_was_expected(server):
    found = ask(server.url.replace("http://", "https://"))
    assert (found.ok, found.reached) == (False, False)
    assert found.error.startswith("tls: "), found.error

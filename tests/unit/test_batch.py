"""Batch sessions over a socket: with the simulator, and with a storage that breaks."""

from __future__ import annotations

import io
import logging
from dataclasses import replace

import pytest
from conversation import NIP, client_of, document, settled
from fault_server import Answer, FaultServer, refused_url
from simulator_process import SimulatorProcess

from ksef import environment
from ksef.auth import fetch_public_keys
from ksef.batch import BatchSession, Upload
from ksef.crypto import sha256, to_base64
from ksef.errors import (
    NotSent,
    ProtocolError,
    RequestRejected,
    SessionClosed,
    Unavailable,
    Verdict,
)
from ksef.http import Transport
from ksef.package import Limits, pack

CLOSE = "POST /sessions/batch/{ref}/close"
SMALL = Limits(part_bytes=700)


@pytest.fixture(scope="module")
def process():
    running = SimulatorProcess()
    yield running
    running.stop()


@pytest.fixture
def simulator(process):
    process.control("reset")
    process.control("speed", {"polls": [0, 1]})
    return process


@pytest.fixture
def storage():
    running = FaultServer()
    yield running
    running.stop()


def requests_of(simulator, method: str) -> list[dict]:
    return [entry for entry in simulator.read("log") if entry["method"] == method]


def test_whole_path_logs_no_secret(simulator, caplog):
    caplog.set_level(logging.DEBUG)
    client = client_of(simulator)
    documents = [document(f"FV/{number}") for number in range(5)]
    with pack(documents, SMALL) as package:
        session = client.open_batch(package, offline=True)
        links = [upload.url for upload in session._uploads.values()]
        session.upload()
        session.close()
        session.close()
    assert len(links) > 3
    status = settled(client, session.reference)
    assert (status.code, status.invoice_count, status.successful) == (200, 5, 5)
    found = client.session_invoices(session.reference)
    assert {item.invoice_hash for item in found} == {to_base64(sha256(xml)) for xml in documents}
    assert {item.mode for item in found} == {"Offline"}
    assert all(item.is_accepted for item in found)
    puts = requests_of(simulator, "PUT")
    assert len(puts) == len(links)
    assert not any(entry["authorization"] for entry in puts)
    assert session.reference in repr(session)
    for link in links:
        signature = link.split("sig=")[1]
        assert len(signature) > 20
        for text in (caplog.text, repr(session), repr(session._uploads)):
            assert signature not in text
    assert package.key.key.hex() not in caplog.text


def test_one_bad_document_stops_no_other(simulator):
    client = client_of(simulator)
    good = [document("FV/1"), document("FV/2")]
    bad = document("FV/3").replace(b"<P_2>", b"<P_9>").replace(b"</P_2>", b"</P_9>")
    with pack([good[0], bad, good[1]]) as package:
        session = client.open_batch(package)
        session.upload()
        session.close()
    status = settled(client, session.reference)
    assert (status.code, status.successful, status.failed) == (200, 2, 1)
    by_hash = {item.invoice_hash: item for item in client.session_invoices(session.reference)}
    assert by_hash[to_base64(sha256(bad))].code == 430
    assert all(by_hash[to_base64(sha256(xml))].is_accepted for xml in good)


def test_withdrawn_key_is_replaced(simulator):
    listed = fetch_public_keys(Transport(environment.simulator(simulator.url)))
    withdrawn = [replace(key, key_id="A" * 43 + "=") for key in listed]
    client = client_of(simulator, public_keys=withdrawn)
    with pack([document("FV/1")]) as package:
        session = client.open_batch(package)
        session.upload()
        session.close()
    assert settled(client, session.reference).code == 200
    assert client.public_keys == listed
    openings = [entry for entry in simulator.read("log") if entry["path"].endswith("/batch")]
    assert [entry["status"] for entry in openings] == [400, 201]


def test_lost_close_is_closed_again(simulator):
    client = client_of(simulator)
    with pack([document("FV/1")]) as package:
        session = client.open_batch(package)
        session.upload()
    simulator.control("faults", {"endpoint": CLOSE, "when": "after", "kind": "reset", "times": 1})
    session.close()
    assert settled(client, session.reference).code == 200
    # in another run, with the reference alone
    client_of(simulator).close_batch(session.reference)


def test_closing_without_the_parts(simulator):
    client = client_of(simulator)
    with pack([document("FV/1")]) as package:
        session = client.open_batch(package)
        with pytest.raises(RequestRejected) as caught:
            session.close()
    assert (caught.value.code, caught.value.verdict) == (21205, Verdict.RETRY)


def test_upload_after_the_window(simulator):
    client = client_of(simulator)
    with pack([document("FV/1")]) as package:
        session = client.open_batch(package)
        simulator.control("clock", {"advance": 21 * 60})
        with pytest.raises(SessionClosed) as caught:
            session.upload()
    assert caught.value.verdict is Verdict.RETRY
    assert not caught.value.outcome_unknown
    assert settled(client, session.reference).code == 440
    assert simulator.read("invoices") == []


def test_a_broken_upload_is_repeated(simulator):
    client = client_of(simulator)
    documents = [document(f"FV/{number}") for number in range(4)]
    # once: the second could meet the repetition of the first
    simulator.control(
        "faults", {"endpoint": "PUT /storage/{name}", "when": "after", "kind": "reset", "times": 1}
    )
    with pack(documents, SMALL) as package:
        session = client.open_batch(package)
        session.upload()
        session.close()
    assert settled(client, session.reference).successful == 4


def test_context_limits(simulator):
    limits = client_of(simulator).context_limits()
    assert (limits.batch.invoices, limits.batch.invoice_bytes) == (10_000, 1_000_000)


# -- storage -------------------------------------------------------------------------------------


def transport_to(url: str) -> Transport:
    return Transport(environment.simulator(url), timeout=(0.5, 0.5))


def test_a_file_is_sent_from_its_start_without_a_token(storage):
    storage.answers.append(Answer(201, b""))
    file = io.BytesIO(b"0123456789")
    file.seek(4)
    url = f"{storage.url}/part?sig=1"
    transport_to(storage.url).send_file("PUT", url, {"x-ms-blob-type": "BlockBlob"}, file)
    [(method, path, headers, body)] = storage.seen
    assert (method, path, body) == ("PUT", "/part?sig=1", b"0123456789")
    assert headers["x-ms-blob-type"] == "BlockBlob"
    assert headers["Content-Length"] == "10"
    assert "Authorization" not in headers


@pytest.mark.parametrize("fault", [Answer(kind="reset"), Answer(503, b"<html/>"), Answer(500)])
def test_a_broken_storage_is_asked_twice(storage, fault):
    storage.answers += [fault, Answer(201, b"")]
    transport_to(storage.url).send_file("PUT", f"{storage.url}/part", {}, io.BytesIO(b"abc"))
    assert [body for *_request, body in storage.seen] == [b"abc", b"abc"]
    storage.answers[:] = [fault]
    with pytest.raises(Unavailable) as caught:
        transport_to(storage.url).send_file("PUT", f"{storage.url}/part", {}, io.BytesIO(b"abc"))
    assert not caught.value.outcome_unknown
    assert len(storage.seen) == 4


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refused_part_is_not_repeated(storage, status):
    storage.answers.append(Answer(status, b"<Error><Code>AuthenticationFailed</Code></Error>"))
    with pytest.raises(SessionClosed) as caught:
        transport_to(storage.url).send_file("PUT", f"{storage.url}/p?sig=x", {}, io.BytesIO(b"a"))
    assert caught.value.verdict is Verdict.RETRY
    assert "sig=x" not in str(caught.value)
    assert len(storage.seen) == 1


def test_nobody_listens():
    url = refused_url()
    with pytest.raises(NotSent) as caught:
        transport_to(url).send_file("PUT", f"{url}/p?sig=secret", {}, io.BytesIO(b"a"))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_link_to_elsewhere_is_not_followed(storage):
    with pytest.raises(ProtocolError):
        transport_to(storage.url).send_file("PUT", "https://example.com/p", {}, io.BytesIO(b"a"))
    assert storage.seen == []


def test_other_lines_of_urllib3_are_still_logged(storage, caplog):
    caplog.set_level(logging.DEBUG)
    storage.answers.append(Answer(200, b"{}"))
    transport = transport_to(storage.url)
    transport.fetch(f"{storage.url}/quiet?sig=1")
    transport.request("GET", "/loud")
    assert "/loud" in caplog.text
    assert "/quiet" not in caplog.text


# -- answers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "listed",
    [
        None,
        [],
        [{"ordinalNumber": 2, "method": "PUT", "url": "https://a"}],
        [{"ordinalNumber": 1, "method": "GET", "url": "https://a"}],
        [{"ordinalNumber": 1, "method": "PUT"}],
        [{"method": "PUT", "url": "https://a"}],
        ["?"],
    ],
)
def test_unusable_answer_to_the_opening(listed):
    with pack([b"<a/>"]) as package, pytest.raises(ProtocolError):
        BatchSession(None, package, {"referenceNumber": "x", "partUploadRequests": listed})


def test_headers_without_a_value_are_left_out():
    data = {
        "ordinalNumber": 1,
        "method": "put",
        "url": "https://a",
        "headers": {"x-ms-blob-type": "BlockBlob", "empty": None},
    }
    upload = Upload.from_json(data)
    assert (upload.method, upload.headers) == ("PUT", {"x-ms-blob-type": "BlockBlob"})


def test_nip_is_the_context(simulator):
    """The package of another seller is refused document by document, not as a whole."""
    other = document("FV/1").replace(NIP.encode(), b"1111111111")
    client = client_of(simulator)
    with pack([other, document("FV/2")]) as package:
        session = client.open_batch(package)
        session.upload()
        session.close()
    status = settled(client, session.reference)
    assert (status.successful, status.failed) == (1, 1)

"""An offline invoice told by its two codes: before it is sent, after, and when something is off.

The simulator's pages judge on their own, from the text in the symbol alone.
"""

from __future__ import annotations

import pytest
import requests
from conversation import NIP, client_of, document, now, settled
from simulator_process import SimulatorProcess

from ksef import der, environment, keys, links
from ksef.crypto import from_base64, sha256
from ksef.package import pack
from ksef.warsaw import day_of


@pytest.fixture(scope="module")
def process():
    running = SimulatorProcess()
    yield running
    running.stop()


@pytest.fixture
def simulator(process):
    process.control("reset")
    process.control("speed", {"polls": [0, 0]})
    return process


def scanned(url: str) -> dict:
    """What the page behind a code says."""
    return requests.get(url, params={"format": "json"}, timeout=10).json()


def certified(simulator, kind: str, *, rsa: bool):
    """A certificate of that kind: its serial number and its key."""
    made = simulator.control("certificates", {"nip": NIP, "kind": kind, "rsa": rsa})
    serial = der.parse_certificate(from_base64(made["certificate"])).serial_hex
    return serial, keys.load(made["key"].encode())


def codes(simulator, xml: bytes, serial: str, key) -> tuple[str, str]:
    """The links of KOD I and KOD II."""
    base = environment.simulator(simulator.url).qr
    digest = sha256(xml)
    return (
        links.invoice_url(base, NIP, day_of(now()), digest),
        links.certificate_url(base, "Nip", NIP, NIP, serial, digest, key),
    )


@pytest.mark.parametrize(("rsa", "encoding"), [(False, "P1363"), (True, "PSS")])
def test_before_and_after_it_is_sent(simulator, rsa, encoding):
    xml = document("FV/QR")
    serial, key = certified(simulator, "Offline", rsa=rsa)
    first, second = codes(simulator, xml, serial, key)
    assert scanned(first)["result"] == "not-found"
    before = scanned(second)
    assert (before["result"], before["signatureEncoding"]) == ("valid", encoding)

    client = client_of(simulator)
    with pack([xml]) as package:
        session = client.open_batch(package, offline=True)
        session.upload()
        session.close()
    assert settled(client, session.reference).code == 200
    [row] = client.session_invoices(session.reference)
    after = scanned(first)
    assert (after["result"], after["ksefNumber"]) == ("found", row.ksef_number)
    assert scanned(second)["result"] == "valid"


def test_what_is_off_is_seen(simulator):
    xml = document("FV/QR")
    serial, key = certified(simulator, "Offline", rsa=False)
    other_serial, other_key = certified(simulator, "Authentication", rsa=False)
    _first, good = codes(simulator, xml, serial, key)
    assert scanned(good)["result"] == "valid"
    for bad, check in (
        (codes(simulator, xml, serial, other_key)[1], "signature"),
        (codes(simulator, xml, other_serial, other_key)[1], "type"),
        (codes(simulator, xml, "01F20A5D352AE590", key)[1], "certificate"),
    ):
        page = scanned(bad)
        assert (page["result"], page["checks"][check]) == ("invalid", False)
    of_another_file = good.replace(
        good.split("/")[-2], codes(simulator, b"<x/>", serial, key)[0][-43:]
    )
    assert scanned(of_another_file)["checks"]["signature"] is False

"""Whole conversations with the simulator, over a socket."""

from __future__ import annotations

import base64
import logging

import pytest
from conversation import NIP, SIGNERS, client_of, document, now
from simulator_process import SimulatorProcess

from ksef import numbers
from ksef.auth import CertificateCredentials, TokenCredentials
from ksef.client import Client
from ksef.crypto import from_base64, sha256, to_base64
from ksef.errors import AuthError, OutcomeUnknown, RequestRejected, SessionClosed
from ksef.signer import Signer
from ksef.upo import parse_upo

SEND = "POST /sessions/online/{ref}/invoices"


@pytest.fixture(scope="module")
def process():
    running = SimulatorProcess()
    yield running
    running.stop()


@pytest.fixture
def simulator(process):
    process.control("reset")
    process.control("speed", {"polls": [1, 1]})
    return process


def settle(client: Client, session: str, reference: str):
    """Poll until KSeF has finished with a document."""
    for _attempt in range(20):
        status = client.invoice_status(session, reference)
        if status.is_final:
            return status
    raise AssertionError("the simulator never finished")


@pytest.mark.parametrize("kind", sorted(SIGNERS))
def test_login_by_certificate(simulator, kind):
    seen = []
    client = client_of(simulator, CertificateCredentials(NIP, SIGNERS[kind]), on_tokens=seen.append)
    tokens = client.login()
    assert seen == [tokens]
    assert tokens.access.valid_until > now()
    assert isinstance(client.permissions(), list)


def test_login_by_ksef_certificate(simulator):
    made = simulator.control("certificates", {"nip": NIP, "kind": "Authentication"})
    signer = Signer.from_pem(made["key"].encode(), from_base64(made["certificate"]))
    client_of(simulator, CertificateCredentials(NIP, signer, verify_chain=True)).login()


def test_login_by_token(simulator):
    token = simulator.control("tokens", {"nip": NIP})["token"]
    client = client_of(simulator, TokenCredentials(NIP, token))
    client.login()
    client.permissions()
    with pytest.raises(AuthError) as caught:
        client_of(simulator, TokenCredentials(NIP, token[:-1] + "0" * 2)).login()
    assert token[-20:] not in str(caught.value)


def test_whole_path_logs_no_secret(simulator, caplog):
    caplog.set_level(logging.DEBUG)
    client = client_of(simulator)
    tokens = client.login()
    xml = document("FV/1")
    session = client.open_online()
    reference = session.send(xml)
    status = settle(client, session.reference, reference)
    assert (status.code, status.details) == (200, ())
    assert numbers.is_ksef_number(status.ksef_number)
    assert status.invoice_hash == to_base64(sha256(xml))
    assert status.mode == "Online"
    assert status.acquired_at is not None
    upo = parse_upo(client.upo(session.reference, reference))
    assert upo.session_reference == session.reference
    assert upo.documents[0].ksef_number == status.ksef_number
    assert upo.documents[0].sha256 == to_base64(sha256(xml))
    session.close()
    session.close()
    assert client.session_status(session.reference).code in (170, 200)
    with pytest.raises(SessionClosed):
        session.send(document("FV/2"))
    received = simulator.read("invoices")
    assert [base64.b64decode(item["xml"]) for item in received] == [xml]
    client.logout()
    for secret in (tokens.access.value, tokens.refresh.value, "<Faktura", to_base64(xml)[:40]):
        assert secret not in caplog.text


def test_lost_answer_is_found_by_hash(simulator):
    client = client_of(simulator)
    xml = document("FV/LOST")
    session = client.open_online()
    simulator.control("faults", {"endpoint": SEND, "when": "after", "kind": "reset", "times": 1})
    with pytest.raises(OutcomeUnknown) as caught:
        session.send(xml)
    assert caught.value.outcome_unknown
    found = client.session_invoices(session.reference)
    assert [item.invoice_hash for item in found] == [to_base64(sha256(xml))]
    assert settle(client, session.reference, found[0].reference).is_accepted
    posts = [
        entry
        for entry in simulator.read("log")
        if entry["method"] == "POST" and entry["path"].endswith("/invoices")
    ]
    assert len(posts) == 1


def test_duplicate_names_the_original(simulator):
    client = client_of(simulator)
    xml = document("FV/TWICE")
    session = client.open_online()
    first = settle(client, session.reference, session.send(xml))
    second = settle(client, session.reference, session.send(xml))
    assert second.code == 440
    assert second.original_ksef_number == first.ksef_number
    assert second.original_session_reference == session.reference


def test_lapsed_access_token_is_renewed(simulator):
    client = client_of(simulator)
    client.login()
    simulator.control("clock", {"advance": 1000})
    client.permissions()
    simulator.control("clock", {"advance": 8 * 24 * 3600})
    client.permissions()


def test_unknown_session(simulator):
    with pytest.raises(RequestRejected) as caught:
        client_of(simulator).session_status("20260101-SO-0000000000-0000000000-00")
    assert caught.value.code == 21173

"""Certificate conversations with the simulator, over a socket."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from keys import ec_key, rsa_key, self_signed
from simulator_process import SimulatorProcess

from ksef import certificates, enrollment, environment, keys
from ksef.auth import (
    CertificateCredentials,
    ExternalCredentials,
    TokenCredentials,
    external_request,
    login_with_signed,
)
from ksef.client import Client
from ksef.errors import AuthError, Forbidden, OutcomeUnknown, RequestRejected
from ksef.http import Transport
from ksef.signer import Signer
from ksef.xades import sign

NIP = "5265877635"
SEAL = Signer(key := ec_key(), self_signed(key))
ENROL = "POST /certificates/enrollments"


@pytest.fixture(scope="module")
def process():
    running = SimulatorProcess()
    yield running
    running.stop()


@pytest.fixture
def simulator(process):
    process.control("reset")
    process.control("speed", {"auth": 0, "certificates": 1, "settle_seconds": 0})
    return process


def now() -> datetime:
    return datetime.now(timezone.utc)


def transport_of(simulator) -> Transport:
    return Transport(environment.simulator(simulator.url), timeout=(5, 5))


def client_of(simulator, credentials=None) -> Client:
    credentials = credentials or CertificateCredentials(NIP, SEAL)
    return Client(transport_of(simulator), credentials, now=now, sleep=lambda _seconds: None)


def issued(client: Client, name: str, kind: str, key) -> certificates.EnrollmentStatus:
    """Ask for a certificate and wait for it."""
    data = certificates.enrollment_data(client)
    reference = certificates.enroll(client, name, kind, enrollment.csr(data, key))
    for _look in range(5):
        status = certificates.enrollment_status(client, reference)
        if status.is_issued or status.is_rejected:
            return status
    raise AssertionError("the simulator never decided")


@pytest.mark.parametrize("kind", keys.KINDS)
@pytest.mark.parametrize("purpose", enrollment.KINDS)
def test_from_request_to_certificate(simulator, purpose, kind):
    client = client_of(simulator)
    before = certificates.limits(client)
    assert before.shortages(2) == ()
    key = keys.generate(kind)
    status = issued(client, "Odoo żółw 1", purpose, key)
    der = certificates.retrieve(client, [status.serial])[status.serial]
    data = certificates.enrollment_data(client)
    wanted = {"kind": purpose, "now": now(), "key": key, "data": data, "serial": status.serial}
    assert enrollment.findings(der, **wanted) == ()
    after = certificates.limits(client)
    assert after.requests.remaining == before.requests.remaining - 1
    assert after.certificates.remaining == before.certificates.remaining - 1
    (entry,) = certificates.query(client, name="żółw")
    assert (entry.serial, entry.kind, entry.status) == (status.serial, purpose, "Active")
    assert (entry.subject_type, entry.subject_value) == ("Nip", NIP)
    assert entry.valid_to - entry.valid_from > timedelta(days=700)
    if purpose == enrollment.AUTHENTICATION:
        client_of(simulator, CertificateCredentials(NIP, Signer(key, der))).login()


def test_lost_answer_is_found_by_name(simulator):
    client = client_of(simulator)
    data = certificates.enrollment_data(client)
    left = certificates.limits(client).requests.remaining
    simulator.control("faults", {"endpoint": ENROL, "kind": "reset", "when": "after"})
    with pytest.raises(OutcomeUnknown) as caught:
        certificates.enroll(
            client, "Odoo lost 1", enrollment.OFFLINE, enrollment.csr(data, keys.generate("ec"))
        )
    assert caught.value.outcome_unknown
    (entry,) = certificates.query(client, name="Odoo lost 1")
    assert entry.kind == enrollment.OFFLINE
    assert certificates.limits(client).requests.remaining == left - 1
    posts = [row for row in simulator.read("log") if row["route"] == "/certificates/enrollments"]
    assert len(posts) == 1, "never repeated by itself"


def test_token_may_ask_for_limits_only(simulator):
    token = simulator.control("tokens", {"nip": NIP})["token"]
    client = client_of(simulator, TokenCredentials(NIP, token))
    assert certificates.limits(client).shortages(2) == ("can_request",)
    with pytest.raises(RequestRejected) as caught:
        certificates.enrollment_data(client)
    assert caught.value.code == 25001
    with pytest.raises(Forbidden):
        certificates.revoke(client, "0123456789ABCDEF", "Superseded")


def test_request_with_other_data_is_refused(simulator):
    client = client_of(simulator)
    data = certificates.enrollment_data(client)
    for changed in ({**data, "commonName": "Other"}, {**data, "givenName": "Jan"}):
        with pytest.raises(RequestRejected) as caught:
            certificates.enroll(
                client, "Odoo 123", enrollment.OFFLINE, enrollment.csr(changed, ec_key())
            )
        assert caught.value.code == 25003
    with pytest.raises(RequestRejected) as caught:
        certificates.enroll(
            client, "Odoo 123", enrollment.OFFLINE, enrollment.csr(data, rsa_key(3072))
        )
    assert caught.value.code == 25010


def test_revoked_certificate_logs_in_no_more(simulator):
    client = client_of(simulator)
    key = keys.generate("ec")
    status = issued(client, "Odoo 12345", enrollment.AUTHENTICATION, key)
    der = certificates.retrieve(client, [status.serial])[status.serial]
    certificates.revoke(client, status.serial, "KeyCompromise")
    (entry,) = certificates.query(client, certificateSerialNumber=status.serial)
    assert entry.status in ("Blocked", "Revoked")
    with pytest.raises(RequestRejected) as caught:
        certificates.revoke(client, status.serial, "KeyCompromise")
    assert caught.value.code == certificates.NOT_ACTIVE
    with pytest.raises(AuthError):
        client_of(simulator, CertificateCredentials(NIP, Signer(key, der))).login()


def test_list_of_many_pages_and_retrieval_of_many(simulator):
    client = client_of(simulator)
    for _number in range(53):
        simulator.control("certificates", {"nip": NIP, "kind": "Offline"})
    serials = [entry.serial for entry in certificates.query(client, type="Offline")]
    assert len(set(serials)) >= 53
    found = certificates.retrieve(client, serials)
    assert set(found) == set(serials)
    assert certificates.retrieve(client, ["0000000000000000"]) == {}


def test_signature_made_elsewhere(simulator):
    transport = transport_of(simulator)
    request = external_request(transport, NIP)
    tokens = login_with_signed(transport, sign(request, SEAL, now()), sleep=lambda _seconds: None)
    client = Client(transport, ExternalCredentials(NIP), now=now, tokens=tokens)
    assert certificates.limits(client).shortages(2) == ()
    with pytest.raises(AuthError, match="new signature"):
        client.login()
    with pytest.raises(RequestRejected) as caught:
        login_with_signed(transport, sign(request, SEAL, now()), sleep=lambda _seconds: None)
    assert caught.value.code == 21111, "a challenge is good for one login"

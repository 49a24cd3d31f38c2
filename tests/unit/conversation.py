"""What a conversation with the simulator needs: a client, its keys, and documents."""

from __future__ import annotations

from datetime import date, datetime, timezone

from keys import ec_key, rsa_key, self_signed
from lxml import etree
from simulator_process import SimulatorProcess
from vectors import shared

from ksef import environment
from ksef.auth import CertificateCredentials
from ksef.client import Client
from ksef.http import Transport
from ksef.signer import Signer
from ksef.types import SessionStatus
from ksef.warsaw import day_of

NIP = "5265877635"
SIGNERS = {
    "rsa": Signer(key := rsa_key(), self_signed(key)),
    "p256": Signer(key := ec_key(), self_signed(key)),
    "p384": Signer(key := ec_key("p384"), self_signed(key)),
}


def now() -> datetime:
    return datetime.now(timezone.utc)


def client_of(
    simulator: SimulatorProcess, credentials=None, *, gate=None, clock=now, **options
) -> Client:
    """A client without pauses."""
    if credentials is None:
        credentials = CertificateCredentials(NIP, SIGNERS["p256"])
    transport = Transport(environment.simulator(simulator.url), timeout=(5, 5), gate=gate)
    return Client(transport, credentials, now=clock, sleep=lambda _seconds: None, **options)


def document(number: str, issue_date: date | None = None) -> bytes:
    """A valid FA(3) file of our NIP with that number, issued today unless told otherwise."""
    path = next(iter(sorted(shared("spec", "fa3-examples").glob("*.xml"))))
    root = etree.parse(str(path)).getroot()
    ns = {"f": etree.QName(root).namespace}
    root.find("f:Podmiot1/f:DaneIdentyfikacyjne/f:NIP", ns).text = NIP
    root.find("f:Fa/f:P_1", ns).text = (issue_date or day_of(now())).isoformat()
    root.find("f:Fa/f:P_2", ns).text = number
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def settled(client: Client, reference: str) -> SessionStatus:
    """The status of a session that KSeF has finished with."""
    for _look in range(50):
        status = client.session_status(reference)
        if status.code >= 200:
            return status
    raise AssertionError("the simulator never finished")

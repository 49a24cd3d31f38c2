"""The signature on a UPO: XAdES by a certificate of the simulated Ministry.

The Ministry signs its UPOs and publishes neither certificate; its schema has no place for the
signature. Who reads one must take the signature away before asking the schema.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree
from signxml.algorithms import SignatureConstructionMethod
from signxml.xades import XAdESSigner

from .pki import ministry_name

if TYPE_CHECKING:
    from .app import Simulator

_YEAR = timedelta(days=365)


class UpoSigner:
    """A key and its certificate, made for one run of the simulator."""

    def __init__(self, sim: Simulator) -> None:
        now = sim.clock.now()
        name = ministry_name("UPO simulator")
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _YEAR)
            .not_valid_after(now + _YEAR)
            .sign(self._key, hashes.SHA256())
        )

    def sign(self, document: bytes) -> bytes:
        """``document`` with an enveloped signature as its last element."""
        signer = XAdESSigner(
            method=SignatureConstructionMethod.enveloped, signature_algorithm="ecdsa-sha256"
        )
        signed = signer.sign(etree.fromstring(document), key=self._key, cert=[self._certificate])
        return etree.tostring(signed, encoding="utf-8", xml_declaration=True)


def finished(sim: Simulator, name: str, document: bytes) -> bytes:
    """``document`` as it is handed out under ``name``: the same bytes every time."""
    if not sim.signed_upo:
        return document
    kept = sim.store.signed_upos.get(name)
    if kept is None:
        kept = sim.upo_signer().sign(document)
        sim.store.signed_upos[name] = kept
    return kept

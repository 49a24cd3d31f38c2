"""Control of KSeF certificates: throw-away ones, foreign ones, changes, the CA's own."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from . import der, identity
from .messages import BadRequest, Request, Response, reply
from .numbers import NIP_PATTERN
from .pki import IssuedCertificate, subject_name
from .routing import Route
from .shapes import base64_field, enum_field, object_field, text_field

if TYPE_CHECKING:
    from .app import Simulator

_KINDS = ("Authentication", "Offline")
_STATES = ("Active", "Blocked", "Revoked")


def certificates(sim: Simulator, request: Request) -> Response:
    """``POST /_sim/certificates``: a KSeF certificate that nobody had to enrol.

    ``nip`` or ``pesel`` and ``kind`` make one with a key of its own (``rsa``: an RSA key;
    ``null_parameter``: encoded as by the test authority), or with ``public_key`` (Base64 DER)
    and, if wanted, ``serial``. ``certificate`` (Base64 DER) takes in a foreign one as if this
    CA had issued it. ``serial`` with ``status`` changes one.
    """
    body = object_field(request.json(), "body")
    if "status" in body:
        return _change(sim, body)
    if "certificate" in body:
        return reply({"serial": _take_in(sim, base64_field(body, "certificate")).serial})
    kind = enum_field(body, "kind", _KINDS)
    subject = _subject(body)
    if "public_key" in body:
        serial = int(text_field(body, "serial"), 16) if "serial" in body else None
        entry = _certify(sim, subject, kind, base64_field(body, "public_key"), serial)
        return reply({"certificate": _encoded(entry), "serial": entry.serial})
    entry, pem = sim.authority.throw_away(
        subject,
        kind,
        sim.clock.now(),
        serial=sim.mint.certificate_serial(),
        rsa_key=bool(body.get("rsa")),
        null_parameter=bool(body.get("null_parameter")),
    )
    return reply(
        {"certificate": _encoded(entry), "key": pem.decode("ascii"), "serial": entry.serial}
    )


def _encoded(entry: IssuedCertificate) -> str:
    return base64.b64encode(entry.der).decode("ascii")


def _subject(body: dict[str, Any]) -> str:
    if "pesel" in body:
        return f"Pesel:{text_field(body, 'pesel')}"
    nip = text_field(body, "nip")
    if not NIP_PATTERN.fullmatch(nip):
        raise BadRequest(21405, "nip")
    return f"Nip:{nip}"


def _change(sim: Simulator, body: dict[str, Any]) -> Response:
    entry = sim.authority.issued.get(text_field(body, "serial"))
    if entry is None:
        raise BadRequest(21405, "serial")
    entry.status = enum_field(body, "status", _STATES)
    return Response(204)


def _certify(
    sim: Simulator, subject: str, kind: str, public_key: bytes, serial: int | None
) -> IssuedCertificate:
    made = sim.authority.sign(
        subject_name(subject),
        public_key,
        kind,
        sim.clock.now(),
        serial=serial or sim.mint.certificate_serial(),
    )
    name = "Simulated certificate"
    return sim.authority.add(IssuedCertificate(made, kind, subject, name, sim.clock.now()))


def _take_in(sim: Simulator, data: bytes) -> IssuedCertificate:
    try:
        certificate = der.load_certificate(data)
    except ValueError as error:
        raise BadRequest(21405, "certificate") from error
    subject = identity.subject_of(certificate, data, "certificateSubject")
    kind = "Authentication" if identity.may_sign(certificate) else "Offline"
    entry = IssuedCertificate(data, kind, subject, "Foreign certificate", sim.clock.now())
    return sim.authority.add(entry)


def authority(sim: Simulator, _request: Request) -> Response:
    """``GET /_sim/ca.pem``: the certificate of the CA behind KSeF certificates."""
    certificate: x509.Certificate = sim.authority.certificate
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    return Response(200, pem, "application/x-pem-file")


ROUTES = [
    Route("POST", "/_sim/certificates", certificates),
    Route("GET", "/_sim/ca.pem", authority),
]

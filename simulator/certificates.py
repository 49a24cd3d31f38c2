"""KSeF certificates: limits, enrolment, retrieval, search and revocation.

Everything here belongs to the authenticated subject, whatever its context.
"""

from __future__ import annotations

import base64
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from cryptography import x509

from . import csr as requests
from . import der
from .clock import parse_moment, stamp
from .messages import BadRequest, Forbidden, Gone, Request, Response, reply
from .permissions import linked
from .pki import IssuedCertificate
from .shapes import base64_field, enum_field, number_parameter, object_field, text_field
from .store import AuthOperation, Enrolment

if TYPE_CHECKING:
    from .app import Simulator

_ENROL_FIELDS = ("certificateName", "certificateType", "csr", "validFrom")
_QUERY_FIELDS = ("certificateSerialNumber", "name", "type", "status", "expiresAfter")
KINDS = ("Authentication", "Offline")
STATES = ("Active", "Blocked", "Revoked", "Expired")
REASONS = ("Unspecified", "Superseded", "KeyCompromise")
#: Kind of identifier -> enrolments in thirty days, certificates held at a time.
LIMITS = {"Nip": (300, 100), "Pesel": (12, 6), "Fingerprint": (12, 6)}
ENROLMENT_WINDOW = timedelta(days=30)
STATUS_LIFE = timedelta(days=30)
#: How far ahead validity may begin.
MAX_AHEAD = timedelta(days=90)
#: A beginning in the past is refused; the Ministry does not say, an allowance for clocks is given.
CLOCK_SKEW = timedelta(minutes=5)

_NAME = re.compile(r"[a-zA-Z0-9_\- ąćęłńóśźżĄĆĘŁŃÓŚŹŻ]{5,100}")
_SERIAL = re.compile(r"[0-9A-F]{16}", re.ASCII)
_TEXT = {
    100: "Wniosek przyjęty do realizacji",
    200: "Wniosek obsłużony (certyfikat wygenerowany)",
    400: "Wniosek odrzucony",
    500: "Nieznany błąd",
    550: "Operacja została anulowana przez system",
}
_KEY_TAKEN = "Klucz publiczny został już certyfikowany przez inny podmiot."
_TOO_MANY = "Osiągnięto dopuszczalny limit posiadanych certyfikatów."


def limits_of(sim: Simulator, subject: str) -> tuple[int, int]:
    """Enrolments in thirty days and certificates held at a time that ``subject`` may have."""
    return sim.store.certificate_limits.get(subject, LIMITS[subject.partition(":")[0]])


def _enrolments_left(sim: Simulator, subject: str) -> int:
    since = sim.clock.now() - ENROLMENT_WINDOW
    used = sum(
        item.subject == subject and item.requested_at > since
        for item in sim.store.enrolments.values()
    )
    return max(0, limits_of(sim, subject)[0] - used)


def _certificates_left(sim: Simulator, subject: str) -> int:
    """Certificates of the future count as well; throw-away ones of the control API do not."""
    now = sim.clock.now()
    held = sum(
        item.subject == subject and item.enrolment is not None and item.status_at(now) == "Active"
        for item in sim.authority.issued.values()
    )
    return max(0, limits_of(sim, subject)[1] - held)


def limits(sim: Simulator, request: Request) -> Response:
    """``GET /certificates/limits``."""
    operation: AuthOperation = request.caller
    allowed = limits_of(sim, operation.owner)
    enrolments = _enrolments_left(sim, operation.owner)
    held = _certificates_left(sim, operation.owner)
    may = operation.method != "Token" and enrolments > 0 and held > 0
    return reply(
        {
            "canRequest": may,
            "enrollment": {"remaining": enrolments, "limit": allowed[0]},
            "certificate": {"remaining": held, "limit": allowed[1]},
        }
    )


def subject_limits(sim: Simulator, request: Request) -> Response:
    """``GET /limits/subject``."""
    enrolments, held = limits_of(sim, request.caller.owner)
    return reply(
        {"enrollment": {"maxEnrollments": enrolments}, "certificate": {"maxCertificates": held}}
    )


def _enrolment_data(sim: Simulator, operation: AuthOperation, code: int) -> dict[str, str]:
    """The attributes that a request must repeat; raises ``code`` when there are none to give."""
    if operation.certificate is None:
        raise BadRequest(code)
    subject = der.load_certificate(operation.certificate).subject
    data = {}
    for field, oid in requests.FIELDS.items():
        values = [str(item.value) for item in subject.get_attributes_for_oid(oid)]
        if values:
            # several given names are one text since RC5 of the contract
            data[field] = " ".join(values)
    if "commonName" not in data or "countryName" not in data:
        raise BadRequest(code)
    if "uniqueIdentifier" not in data:
        known = sim.store.unique_identifiers
        data["uniqueIdentifier"] = known.setdefault(operation.owner, sim.mint.unique_identifier())
    return data


def enrolment_data(sim: Simulator, request: Request) -> Response:
    """``GET /certificates/enrollments/data``: who the caller is by the proof of authentication."""
    return reply(_enrolment_data(sim, request.caller, 25001))


def enrol(sim: Simulator, request: Request) -> Response:
    """``POST /certificates/enrollments``."""
    now = sim.clock.now()
    operation: AuthOperation = request.caller
    body = object_field(request.json(), "treść", _ENROL_FIELDS)
    name = text_field(body, "certificateName")
    if not _NAME.fullmatch(name):
        raise BadRequest(21405, "Pole certificateName ma niepoprawną wartość.")
    kind = enum_field(body, "certificateType", KINDS)
    encoded = base64_field(body, "csr")
    valid_from = _valid_from(body, now)
    data = _enrolment_data(sim, operation, 25002)
    parsed = requests.parse(encoded)
    requests.check_subject(parsed, data)
    if not _enrolments_left(sim, operation.owner):
        raise BadRequest(25006)
    if not _certificates_left(sim, operation.owner):
        raise BadRequest(25007)
    enrolment = Enrolment(
        sim.mint.reference("EH", now),
        operation.owner,
        name,
        kind,
        tuple((oid.dotted_string, value) for oid, value in parsed.subject),
        parsed.public_key,
        valid_from,
        now,
        sim.certificate_polls,
    )
    sim.store.enrolments[enrolment.reference] = enrolment
    return reply({"referenceNumber": enrolment.reference, "timestamp": stamp(now)}, 202)


def _valid_from(body: dict[str, Any], now: datetime) -> datetime | None:
    if body.get("validFrom") is None:
        return None
    try:
        moment = parse_moment(text_field(body, "validFrom"))
    except ValueError as error:
        raise BadRequest(21405, "Pole validFrom nie jest datą.") from error
    if not now - CLOCK_SKEW <= moment <= now + MAX_AHEAD:
        raise BadRequest(21405, "Pole validFrom jest poza dozwolonym zakresem.")
    return moment


def enrolment_status(sim: Simulator, request: Request, ref: str) -> Response:
    """``GET /certificates/enrollments/{ref}``; looking moves the request on."""
    enrolment = sim.store.enrolments.get(ref)
    if enrolment is None or enrolment.subject != request.caller.owner:
        raise BadRequest(25005)
    if sim.clock.now() - enrolment.requested_at > STATUS_LIFE:
        raise Gone("Operacja wygasła i nie jest już dostępna.")
    if enrolment.code == 100:
        if enrolment.looks_left > 0:
            enrolment.looks_left -= 1
        else:
            _decide(sim, enrolment)
    return reply(
        {
            "requestDate": stamp(enrolment.requested_at),
            "status": {
                "code": enrolment.code,
                "description": _TEXT[enrolment.code],
                "details": [enrolment.detail] if enrolment.detail else None,
            },
            "certificateSerialNumber": enrolment.serial,
        }
    )


def settle(sim: Simulator) -> None:
    """Finish requests and revocations that nobody looks at."""
    now = sim.clock.now()
    for enrolment in sim.store.enrolments.values():
        if enrolment.code == 100 and now - enrolment.requested_at >= sim.settle_after:
            _decide(sim, enrolment)
    for entry in sim.authority.issued.values():
        old = entry.revoked_at is not None and now - entry.revoked_at >= sim.settle_after
        if entry.status == "Blocked" and old:
            entry.status = "Revoked"


def _decide(sim: Simulator, enrolment: Enrolment) -> None:
    """Issue the certificate or say why not."""
    forced = sim.faults.outcome("enrolment")
    foreign = any(
        item.public_key == enrolment.public_key and item.subject != enrolment.subject
        for item in sim.authority.issued.values()
    )
    if forced is not None:
        enrolment.code = forced
        enrolment.detail = "Wymuszone przez sterowanie symulatorem."
    elif foreign:
        enrolment.code, enrolment.detail = 400, _KEY_TAKEN
    elif not _certificates_left(sim, enrolment.subject):
        enrolment.code, enrolment.detail = 400, _TOO_MANY
    else:
        _issue(sim, enrolment)


def _issue(sim: Simulator, enrolment: Enrolment) -> None:
    made = sim.authority.sign(
        x509.Name(
            [
                x509.NameAttribute(x509.ObjectIdentifier(oid), value)
                for oid, value in enrolment.attributes
            ]
        ),
        enrolment.public_key,
        enrolment.kind,
        enrolment.valid_from or sim.clock.now(),
        serial=sim.mint.certificate_serial(),
        null_parameter=sim.null_parameters,
    )
    entry = sim.authority.add(
        IssuedCertificate(
            made,
            enrolment.kind,
            enrolment.subject,
            enrolment.name,
            enrolment.requested_at,
            enrolment.reference,
        )
    )
    enrolment.code, enrolment.serial = 200, entry.serial


def _own(sim: Simulator, request: Request) -> list[IssuedCertificate]:
    """The caller's certificates, the latest request first."""
    mine = [item for item in sim.authority.issued.values() if item.subject == request.caller.owner]
    return sorted(mine, key=lambda item: item.requested_at, reverse=True)


def retrieve(sim: Simulator, request: Request) -> Response:
    """``POST /certificates/retrieve``: the caller's own; unknown numbers are left out."""
    body = object_field(request.json(), "treść", ("certificateSerialNumbers",))
    serials = body.get("certificateSerialNumbers")
    if not isinstance(serials, list) or not 1 <= len(serials) <= 10:
        raise BadRequest(21405, "Pole certificateSerialNumbers musi mieć od 1 do 10 pozycji.")
    for serial in serials:
        _check_serial(serial)
    found = [item for item in _own(sim, request) if item.serial in serials]
    return reply(
        {
            "certificates": [
                {
                    "certificate": base64.b64encode(item.der).decode("ascii"),
                    "certificateName": item.name,
                    "certificateSerialNumber": item.serial,
                    "certificateType": item.kind,
                }
                for item in found
            ]
        }
    )


def _check_serial(serial: object) -> None:
    if not isinstance(serial, str) or not _SERIAL.fullmatch(serial):
        raise BadRequest(21405, "Numer seryjny certyfikatu ma niepoprawną wartość.")


def query(sim: Simulator, request: Request) -> Response:
    """``POST /certificates/query``."""
    body: dict[str, Any] = {}
    if request.body.strip():
        body = object_field(request.json(), "treść", _QUERY_FIELDS)
    size = number_parameter(request, "pageSize", 10, 10, 50)
    offset = number_parameter(request, "pageOffset", 0, 0, 1_000_000)
    now = sim.clock.now()
    rows = [item for item in _own(sim, request) if _matches(item, body, now)]
    shown = rows[offset * size : (offset + 1) * size]
    answer = reply(
        {
            "certificates": [_describe(item, now) for item in shown],
            "hasMore": (offset + 1) * size < len(rows),
        }
    )
    for item in shown:
        _look(item)
    return answer


def _look(entry: IssuedCertificate) -> None:
    """Blocked becomes Revoked after some looks."""
    if entry.status == "Blocked" and entry.revoked_at is not None:
        entry.looks_until_revoked -= 1
        if entry.looks_until_revoked < 0:
            entry.status = "Revoked"


def _matches(entry: IssuedCertificate, body: dict[str, Any], now: datetime) -> bool:
    if body.get("certificateSerialNumber") is not None:
        _check_serial(body["certificateSerialNumber"])
        if body["certificateSerialNumber"] != entry.serial:
            return False
    if body.get("name") is not None and text_field(body, "name") not in entry.name:
        return False
    if body.get("type") is not None and enum_field(body, "type", KINDS) != entry.kind:
        return False
    if body.get("status") is not None:
        if enum_field(body, "status", STATES) != entry.status_at(now):
            return False
    if body.get("expiresAfter") is not None:
        try:
            return entry.valid_to > parse_moment(text_field(body, "expiresAfter"))
        except ValueError as error:
            raise BadRequest(21405, "Pole expiresAfter nie jest datą.") from error
    return True


def _describe(entry: IssuedCertificate, now: datetime) -> dict[str, Any]:
    kind, _colon, value = entry.subject.partition(":")
    names = entry.certificate.subject.get_attributes_for_oid(requests.FIELDS["commonName"])
    return {
        "certificateSerialNumber": entry.serial,
        "name": entry.name,
        "type": entry.kind,
        "commonName": str(names[0].value),
        "status": entry.status_at(now),
        "subjectIdentifier": {"type": kind, "value": value},
        "validFrom": stamp(entry.certificate.not_valid_before_utc),
        "validTo": stamp(entry.valid_to),
        "lastUseDate": stamp(entry.used_at),
        "requestDate": stamp(entry.requested_at),
    }


def revoke(sim: Simulator, request: Request, serial: str) -> Response:
    """``POST /certificates/{serial}/revoke``: irreversible, through Blocked to Revoked."""
    operation: AuthOperation = request.caller
    if operation.method == "Token":
        raise Forbidden(
            "auth-method-not-allowed",
            "Operacja nie jest dostępna dla użytej metody uwierzytelnienia.",
            {"authenticationMethodCategory": "Token"},
        )
    _check_serial(serial)
    body: dict[str, Any] = {}
    if request.body.strip():
        body = object_field(request.json(), "treść", ("revocationReason",))
    if body.get("revocationReason") is not None:
        enum_field(body, "revocationReason", REASONS)
    entry = sim.authority.issued.get(serial)
    if entry is None or entry.subject not in linked(sim, operation.owner):
        raise BadRequest(25008)
    now = sim.clock.now()
    if entry.status_at(now) != "Active":
        raise BadRequest(25009)
    entry.status, entry.revoked_at = "Blocked", now
    entry.looks_until_revoked = sim.certificate_polls
    return Response(204)

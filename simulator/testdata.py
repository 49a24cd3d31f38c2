"""``/testdata/*``: subjects, rights and limits that anyone may set on the test environment."""

from __future__ import annotations

import re
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Any

from . import roles
from .auth_request import CONTEXTS
from .certificates import limits_of
from .clock import parse_moment, warsaw_date
from .limits import LIMITS, NEWER_GROUPS, PERIODS, SessionLimits
from .messages import BadRequest, Request, Response
from .numbers import NIP_PATTERN
from .routing import Route
from .shapes import boolean_field, enum_field, integer_field, object_field, text_field
from .store import Company, Context, Person

if TYPE_CHECKING:
    from .app import Simulator

_PESEL = re.compile(
    r"\d{2}(?:0[1-9]|1[0-2]|2[1-9]|3[0-2]|4[1-9]|5[0-2]|6[1-9]|7[0-2]|8[1-9]|9[0-2])\d{7}", re.ASCII
)
_IDENTIFIERS = {
    "Nip": NIP_PATTERN,
    "Pesel": _PESEL,
    "Fingerprint": re.compile(r"[0-9A-F]{64}", re.ASCII),
}
_PERMISSIONS = (
    "InvoiceRead",
    "InvoiceWrite",
    "Introspection",
    "CredentialsRead",
    "CredentialsManage",
    "EnforcementOperations",
    "SubunitManage",
)
_SUBJECTS = ("EnforcementAuthority", "VatGroup", "JST")
_EMPTY = Response(200)


def _body(request: Request) -> dict[str, Any]:
    return object_field(request.json(), "treść")


def _matching(body: dict[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    value = text_field(body, name)
    if not pattern.fullmatch(value):
        raise BadRequest(21405, f"Pole {name} ma niepoprawną wartość.")
    return value


def _description(body: dict[str, Any]) -> str:
    text = text_field(body, "description")
    if not 5 <= len(text) <= 256:
        raise BadRequest(21405, "Pole description musi mieć od 5 do 256 znaków.")
    return text


def _created(sim: Simulator, body: dict[str, Any], nip: str) -> datetime:
    """When something begins: now, or as told, but later than it began the last time."""
    if body.get("createdDate") is None:
        return sim.clock.now()
    try:
        moment = parse_moment(text_field(body, "createdDate"))
    except ValueError as error:
        raise BadRequest(21405, "Pole createdDate nie jest datą.") from error
    if nip in sim.store.created and moment <= sim.store.created[nip]:
        raise BadRequest(21405, "Pole createdDate musi być późniejsze niż poprzednie.")
    return moment


def create_subject(sim: Simulator, request: Request) -> Response:
    """``POST /testdata/subject``; only VAT groups and local governments have units below them."""
    body = _body(request)
    nip = _matching(body, "subjectNip", NIP_PATTERN)
    kind = enum_field(body, "subjectType", _SUBJECTS)
    description = _description(body)
    since = _created(sim, body, nip)
    units: dict[str, str] = {}
    for unit in body.get("subunits") or []:
        entry = object_field(unit, "subunits")
        units[_matching(entry, "subjectNip", NIP_PATTERN)] = _description(entry)
    if units and kind not in roles.PARENTS:
        raise BadRequest(21405, "Podmiot tego typu nie ma jednostek podrzędnych.")
    # What becomes of a NIP with two relations is not described; here it can have one.
    taken = [item for item in (nip, *units) if item in sim.store.subjects]
    if taken or nip in units or any(roles.parents(sim, item) for item in (nip, *units)):
        raise BadRequest(30001)
    sim.store.subjects[nip] = Company(nip, kind, description, since, units)
    sim.store.created[nip] = since
    return _EMPTY


def remove_subject(sim: Simulator, request: Request) -> Response:
    """``POST /testdata/subject/remove``: with everything below it."""
    sim.store.subjects.pop(_matching(_body(request), "subjectNip", NIP_PATTERN), None)
    return _EMPTY


def create_person(sim: Simulator, request: Request) -> Response:
    """``POST /testdata/person``: a person with an owner's rights in the context of the NIP."""
    body = _body(request)
    nip = _matching(body, "nip", NIP_PATTERN)
    pesel = _matching(body, "pesel", _PESEL)
    if not isinstance(body.get("isBailiff"), bool):
        raise BadRequest(21405, "Pole isBailiff jest wymagane.")
    deceased = boolean_field(body, "isDeceased", default=False)
    description, since = _description(body), _created(sim, body, nip)
    if nip in sim.store.persons:
        raise BadRequest(30001)
    sim.store.persons[nip] = Person(pesel, body["isBailiff"], deceased, description, since)
    sim.store.created[nip] = since
    return _EMPTY


def remove_person(sim: Simulator, request: Request) -> Response:
    """``POST /testdata/person/remove``: the person loses every right."""
    nip = _matching(_body(request), "nip", NIP_PATTERN)
    person = sim.store.persons.pop(nip, None)
    if person is not None:
        for key in [key for key in sim.store.grants if key[1] in (nip, person.pesel)]:
            del sim.store.grants[key]
    return _EMPTY


def _grant_key(body: dict[str, Any]) -> tuple[str, str]:
    context = object_field(body.get("contextIdentifier"), "contextIdentifier")
    enum_field(context, "type", ("Nip",))
    subject = object_field(body.get("authorizedIdentifier"), "authorizedIdentifier")
    kind = enum_field(subject, "type", tuple(_IDENTIFIERS))
    return (
        _matching(context, "value", NIP_PATTERN),
        _matching(subject, "value", _IDENTIFIERS[kind]),
    )


def grant(sim: Simulator, request: Request) -> Response:
    """``POST /testdata/permissions``."""
    body = _body(request)
    key = _grant_key(body)
    wanted = body.get("permissions")
    if not isinstance(wanted, list):
        raise BadRequest(21405, "Pole permissions jest wymagane.")
    names = []
    for item in wanted:
        entry = object_field(item, "permissions")
        _description(entry)
        names.append(enum_field(entry, "permissionType", _PERMISSIONS))
    held = sim.store.grants.get(key, ())
    sim.store.grants[key] = (*held, *(name for name in names if name not in held))
    return _EMPTY


def ungrant(sim: Simulator, request: Request) -> Response:
    """``POST /testdata/permissions/revoke``: all rights of the pair."""
    sim.store.grants.pop(_grant_key(_body(request)), None)
    return _EMPTY


def allow_attachments(sim: Simulator, request: Request) -> Response:
    """``POST /testdata/attachment``."""
    sim.store.attachments[_matching(_body(request), "nip", NIP_PATTERN)] = None
    return _EMPTY


def end_attachments(sim: Simulator, request: Request) -> Response:
    """``POST /testdata/attachment/revoke``: at once or on ``expectedEndDate``."""
    body = _body(request)
    nip = _matching(body, "nip", NIP_PATTERN)
    end = warsaw_date(sim.clock.now())
    if body.get("expectedEndDate") is not None:
        try:
            end = date.fromisoformat(text_field(body, "expectedEndDate"))
        except ValueError as error:
            raise BadRequest(21405, "Pole expectedEndDate nie jest datą.") from error
    if nip in sim.store.attachments:
        sim.store.attachments[nip] = datetime(end.year, end.month, end.day, tzinfo=timezone.utc)
    return _EMPTY


def _context(request: Request) -> Context:
    entry = object_field(_body(request).get("contextIdentifier"), "contextIdentifier")
    kind = enum_field(entry, "type", tuple(CONTEXTS))
    return Context(kind, _matching(entry, "value", CONTEXTS[kind]))


def block(sim: Simulator, request: Request) -> Response:
    """``POST /testdata/context/block``: authentication there ends with 480."""
    sim.store.blocked.add(_context(request))
    return _EMPTY


def unblock(sim: Simulator, request: Request) -> Response:
    """``POST /testdata/context/unblock``."""
    sim.store.blocked.discard(_context(request))
    return _EMPTY


def _bounded(body: dict[str, Any], name: str, maximum: int) -> int:
    value = integer_field(body, name, 0)
    if value > maximum:
        raise BadRequest(21405, f"Pole {name} nie może przekraczać {maximum}.")
    return value


def set_session_limits(sim: Simulator, request: Request) -> Response:
    """``POST /testdata/limits/context/session``."""
    body = _body(request)
    changed = {}
    for kind in ("onlineSession", "batchSession"):
        entry = object_field(body.get(kind), kind)
        changed[kind] = SessionLimits(
            _bounded(entry, "maxInvoiceSizeInMB", 5),
            _bounded(entry, "maxInvoiceWithAttachmentSizeInMB", 10),
            _bounded(entry, "maxInvoices", 100_000),
        )
    sim.store.session_limits[request.caller.context] = changed
    return _EMPTY


def drop_session_limits(sim: Simulator, request: Request) -> Response:
    """``DELETE /testdata/limits/context/session``."""
    sim.store.session_limits.pop(request.caller.context, None)
    return _EMPTY


def set_certificate_limits(sim: Simulator, request: Request) -> Response:
    """``POST /testdata/limits/subject/certificate``: for the authenticated subject."""
    body = _body(request)
    subject = request.caller.owner
    if body.get("subjectIdentifierType") is not None:
        kind = enum_field(body, "subjectIdentifierType", tuple(_IDENTIFIERS))
        if kind != subject.partition(":")[0]:
            raise BadRequest(21405, "Pole subjectIdentifierType nie odpowiada podmiotowi.")
    values = list(limits_of(sim, subject))
    names = (("enrollment", "maxEnrollments"), ("certificate", "maxCertificates"))
    for index, (part, name) in enumerate(names):
        entry = object_field(body.get(part) or {}, part)
        if entry.get(name) is not None:
            values[index] = integer_field(entry, name, 0)
    sim.store.certificate_limits[subject] = (values[0], values[1])
    return _EMPTY


def drop_certificate_limits(sim: Simulator, request: Request) -> Response:
    """``DELETE /testdata/limits/subject/certificate``."""
    sim.store.certificate_limits.pop(request.caller.owner, None)
    return _EMPTY


def set_rate_limits(sim: Simulator, request: Request) -> Response:
    """``POST /testdata/rate-limits``: every group of the contract; newer ones may be left out."""
    given = object_field(_body(request).get("rateLimits"), "rateLimits")
    changed = {}
    for group in LIMITS:
        if group in NEWER_GROUPS and group not in given:
            continue
        entry = object_field(given.get(group), group)
        second, minute, hour = (integer_field(entry, name, 0) for name in PERIODS)
        changed[group] = (second, minute, hour)
    sim.store.rate_limits[request.caller.context] = changed
    return _EMPTY


def drop_rate_limits(sim: Simulator, request: Request) -> Response:
    """``DELETE /testdata/rate-limits`` and ``POST …/production``: the defaults are production's."""
    sim.store.rate_limits.pop(request.caller.context, None)
    return _EMPTY


def end_certificate(sim: Simulator, request: Request, serial: str) -> Response:
    """``PUT /testdata/certificates/{serial}`` (API 2.7): validity may only be shortened."""
    try:
        end = parse_moment(text_field(_body(request), "validTo"))
    except ValueError as error:
        raise BadRequest(21405, "Pole validTo nie jest datą.") from error
    entry = sim.authority.issued.get(serial)
    if entry is None or entry.subject != request.caller.owner:
        raise BadRequest(25008)
    if end >= entry.valid_to:
        raise BadRequest(21405, "Okres ważności można tylko skrócić.")
    entry.ends_early = end
    return _EMPTY


_JSON = "application/json"
_BASE = "/v2/testdata"
_ACCESS = ("access",)
_WITH_2_7 = (2, 7)
ROUTES = [
    Route("POST", f"{_BASE}/subject", create_subject, media=_JSON),
    Route("POST", f"{_BASE}/subject/remove", remove_subject, media=_JSON),
    Route("POST", f"{_BASE}/person", create_person, media=_JSON),
    Route("POST", f"{_BASE}/person/remove", remove_person, media=_JSON),
    Route("POST", f"{_BASE}/permissions", grant, media=_JSON),
    Route("POST", f"{_BASE}/permissions/revoke", ungrant, media=_JSON),
    Route("POST", f"{_BASE}/attachment", allow_attachments, media=_JSON),
    Route("POST", f"{_BASE}/attachment/revoke", end_attachments, media=_JSON),
    Route("POST", f"{_BASE}/context/block", block, media=_JSON),
    Route("POST", f"{_BASE}/context/unblock", unblock, media=_JSON),
    Route("POST", f"{_BASE}/limits/context/session", set_session_limits, _ACCESS, media=_JSON),
    Route("DELETE", f"{_BASE}/limits/context/session", drop_session_limits, _ACCESS),
    Route(
        "POST", f"{_BASE}/limits/subject/certificate", set_certificate_limits, _ACCESS, media=_JSON
    ),
    Route("DELETE", f"{_BASE}/limits/subject/certificate", drop_certificate_limits, _ACCESS),
    Route("POST", f"{_BASE}/rate-limits", set_rate_limits, _ACCESS, media=_JSON),
    Route("DELETE", f"{_BASE}/rate-limits", drop_rate_limits, _ACCESS),
    Route("POST", f"{_BASE}/rate-limits/production", drop_rate_limits, _ACCESS),
    Route(
        "PUT",
        _BASE + "/certificates/{serial}",
        end_certificate,
        _ACCESS,
        media=_JSON,
        since=_WITH_2_7,
    ),
]

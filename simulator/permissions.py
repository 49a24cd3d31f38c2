"""Rights: who may do what in a context, and the calls that tell a caller its own."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from .clock import stamp
from .messages import Forbidden, Request, Response, reply
from .routing import Route
from .shapes import enum_field, number_parameter, object_field
from .store import OWNER_RIGHTS, AuthOperation, Context

if TYPE_CHECKING:
    from .app import Simulator

_GRANT_FIELDS = ("contextIdentifier", "targetIdentifier", "permissionTypes", "permissionState")
_SCOPES = (*OWNER_RIGHTS, "EnforcementOperations", "VatUeManage")


def is_owner(sim: Simulator, context: Context, subject: str) -> bool:
    """Someone whose proof carries the NIP of the context, or the PESEL linked with it."""
    kind, _colon, value = subject.partition(":")
    person = sim.store.persons.get(context.nip or "")
    linked = person is not None and kind == "Pesel" and person.pesel == value
    return linked or (kind == "Nip" and value == context.nip)


def of(sim: Simulator, context: Context, subject: str) -> tuple[str, ...]:
    """An owner's rights, else what was granted in the context."""
    if not is_owner(sim, context, subject):
        value = subject.partition(":")[2]
        return sim.store.grants.get((context.nip or context.value, value), ())
    nip = context.nip or ""
    person = sim.store.persons.get(nip)
    company = sim.store.subjects.get(nip)
    enforces = company is not None and company.kind == "EnforcementAuthority"
    if enforces or (person is not None and person.bailiff):
        return (*OWNER_RIGHTS, "EnforcementOperations")
    return OWNER_RIGHTS


def linked(sim: Simulator, subject: str) -> set[str]:
    """The subject and those that are the same person to KSeF: a NIP linked with a PESEL."""
    kind, _colon, value = subject.partition(":")
    found = {subject}
    for nip, person in sim.store.persons.items():
        if (kind, value) in (("Nip", nip), ("Pesel", person.pesel)):
            found |= {f"Nip:{nip}", f"Pesel:{person.pesel}"}
    return found


def deceased(sim: Simulator, subject: str) -> bool:
    kind, _colon, value = subject.partition(":")
    return kind == "Pesel" and any(
        person.pesel == value and person.deceased for person in sim.store.persons.values()
    )


def obstacle(sim: Simulator, context: Context, subject: str) -> tuple[int, str] | None:
    """Why nobody, or not this person, may authenticate in the context."""
    if deceased(sim, subject):
        return 470, "Próba wykorzystania metod autoryzacyjnych osoby zmarłej"
    if context in sim.store.blocked:
        return 480, "Podejrzenie incydentu bezpieczeństwa. Skontaktuj się z Ministerstwem Finansów."
    return None


def personal_grants(sim: Simulator, request: Request) -> Response:
    """``POST /permissions/query/personal/grants``: what the caller may do here.

    An owner's rights are no grants: since API 2.9 they come in ``ownerPermissions``.
    """
    body: dict[str, Any] = {}
    if request.body.strip():
        body = object_field(request.json(), "treść", _GRANT_FIELDS)
    size = number_parameter(request, "pageSize", 10, 10, 100)
    offset = number_parameter(request, "pageOffset", 0, 0, 1_000_000)
    operation: AuthOperation = request.caller
    context = operation.context
    owner = operation.method != "Token" and is_owner(sim, context, operation.subject)
    asked = [
        enum_field({"type": item}, "type", _SCOPES) for item in body.get("permissionTypes") or []
    ]
    inactive = body.get("permissionState") is not None and (
        enum_field(body, "permissionState", ("Active", "Inactive")) == "Inactive"
    )
    held = () if owner or inactive else operation.rights
    entries = [_describe(operation, name) for name in held if not asked or name in asked]
    payload: dict[str, Any] = {
        "permissions": entries[offset * size : (offset + 1) * size],
        "hasMore": (offset + 1) * size < len(entries),
    }
    if owner and sim.api_version >= (2, 9):
        payload["ownerPermissions"] = list(operation.rights)
    return reply(payload)


def _describe(operation: AuthOperation, name: str) -> dict[str, Any]:
    kind, _colon, value = operation.subject.partition(":")
    identity = hashlib.sha256(f"{operation.subject}{name}".encode()).hexdigest()
    context = operation.context
    return {
        "id": identity[:36],
        "contextIdentifier": {"type": context.kind, "value": context.value},
        "authorizedIdentifier": None if kind == "Token" else {"type": kind, "value": value},
        "permissionScope": name,
        "description": f"{name} (simulator)",
        "permissionState": "Active",
        "startDate": stamp(operation.started_at),
        "canDelegate": False,
    }


def attachments_allowed(sim: Simulator, nip: str | None) -> bool:
    """Whether the context may send attachments now."""
    if nip not in sim.store.attachments:
        return False
    end = sim.store.attachments[nip]
    return end is None or sim.clock.now() < end


def attachments_status(sim: Simulator, request: Request) -> Response:
    """``GET /permissions/attachments/status``."""
    nip = request.caller.context.nip
    return reply(
        {
            "isAttachmentAllowed": attachments_allowed(sim, nip),
            "revokedDate": stamp(sim.store.attachments.get(nip)),
        }
    )


def not_served(_sim: Simulator, request: Request, **_params: str) -> Response:
    """What the add-on never does: the rights of others, collective identifiers.

    Nobody has the right to it here.
    """
    collective = request.path.startswith("/v2/collective-identifiers")
    wanted = "CollectiveIdentifierManage" if collective else "CredentialsManage"
    raise Forbidden(
        "missing-permissions",
        "Brak wymaganych uprawnień.",
        {
            "requiredAnyOfPermissions": [wanted],
            "presentPermissions": list(request.caller.rights),
        },
    )


_BASE = "/v2/permissions"
_ACCESS = ("access",)
_JSON = "application/json"
_NOT_SERVED = (
    ("POST", "persons/grants"),
    ("POST", "entities/grants"),
    ("POST", "authorizations/grants"),
    ("POST", "indirect/grants"),
    ("POST", "subunits/grants"),
    ("POST", "eu-entities/administration/grants"),
    ("POST", "eu-entities/grants"),
    ("DELETE", "common/grants/{permission_id}"),
    ("DELETE", "authorizations/grants/{permission_id}"),
    ("GET", "operations/{ref}"),
    ("POST", "query/persons/grants"),
    ("POST", "query/subunits/grants"),
    ("POST", "query/entities/grants"),
    ("POST", "query/authorizations/grants"),
    ("POST", "query/eu-entities/grants"),
)
#: Numbers for payments of many invoices at once, since API 2.7.
_COLLECTIVE = (
    ("POST", ""),
    ("POST", "/query"),
    ("POST", "/invoices"),
    ("GET", "/ksef/{number}"),
)
ROUTES = [
    Route("POST", f"{_BASE}/query/personal/grants", personal_grants, _ACCESS, media=_JSON),
    Route(
        "GET",
        f"{_BASE}/attachments/status",
        attachments_status,
        _ACCESS,
        ("CredentialsManage", "CredentialsRead"),
    ),
    *(Route(method, f"{_BASE}/{path}", not_served, _ACCESS) for method, path in _NOT_SERVED),
    *(
        Route(method, f"/v2/collective-identifiers{path}", not_served, _ACCESS, since=(2, 7))
        for method, path in _COLLECTIVE
    ),
]

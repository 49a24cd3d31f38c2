"""What companies are to each other: VAT groups and local governments with what is below them.

``/testdata/subject`` makes them. A subordinate is a taxpayer of the API like any other: who proves
its NIP owns its context, and owning the parent's gives no right in it (an administrator has to be
appointed or granted). What the relation adds: a subordinate may issue for the parent's NIP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .clock import stamp
from .messages import Request, Response, reply
from .routing import Route
from .shapes import enum_field, number_parameter, object_field, text_field

if TYPE_CHECKING:
    from datetime import datetime

    from .app import Simulator
    from .fa3 import Facts
    from .store import Company, Context

#: kind of a parent -> its own role, that of a subordinate, and the subordinate's role as issuer in
#: an invoice (Podmiot3/Rola of FA(3): 7 unit of a local government, 9 member of a VAT group)
_RELATIONS = {
    "JST": ("LocalGovernmentUnit", "LocalGovernmentSubUnit", "7"),
    "VatGroup": ("VatGroupUnit", "VatGroupSubUnit", "9"),
}
PARENTS = tuple(_RELATIONS)


def parents(sim: Simulator, nip: str | None) -> list[Company]:
    """The group or local government above a NIP; at most one."""
    return [item for item in sim.store.subjects.values() if nip in item.units]


def may_issue(sim: Simulator, context: Context, facts: Facts) -> bool:
    """Whether a subordinate in its own context may issue this invoice for the parent's NIP.

    The Ministry says that relations of local governments and VAT groups are validated and end in
    410, not how. The stricter reading: the invoice must name the subordinate as issuer.
    """
    for parent in parents(sim, context.value if context.kind == "Nip" else None):
        role = _RELATIONS[parent.kind][2]
        if parent.nip == facts.seller_nip and (context.value, role) in facts.third_parties():
            return True
    return False


def may_stand_for(sim: Simulator, context: Context, nip: str) -> bool:
    """The same for KOD II, which knows no invoice: the relation alone."""
    own = context.value if context.kind == "Nip" else None
    return any(parent.nip == nip for parent in parents(sim, own))


# -- what the API tells ------------------------------------------------------------------------


def _page(request: Request, rows: list[tuple[datetime, dict[str, Any]]]) -> Response:
    """One page of roles, the latest first."""
    size = number_parameter(request, "pageSize", 10, 10, 100)
    offset = number_parameter(request, "pageOffset", 0, 0, 1_000_000)
    rows.sort(key=lambda row: row[0], reverse=True)
    shown = rows[offset * size : (offset + 1) * size]
    return reply(
        {
            "roles": [{**item, "startDate": stamp(since)} for since, item in shown],
            "hasMore": (offset + 1) * size < len(rows),
        }
    )


def of_context(sim: Simulator, request: Request) -> Response:
    """``GET /permissions/query/entities/roles``: the roles of the caller's context."""
    context = request.caller.context
    own = context.value if context.kind == "Nip" else ""
    rows: list[tuple[datetime, dict[str, Any]]] = []
    company = sim.store.subjects.get(own)
    if company is not None:
        role = _RELATIONS[company.kind][0] if company.kind in _RELATIONS else company.kind
        rows.append((company.since, {"role": role, "description": company.description}))
    person = sim.store.persons.get(own)
    if person is not None and person.bailiff:
        rows.append((person.since, {"role": "CourtBailiff", "description": person.description}))
    for parent in parents(sim, own):
        entry = {
            "role": _RELATIONS[parent.kind][1],
            "description": parent.units[own],
            "parentEntityIdentifier": {"type": "Nip", "value": parent.nip},
        }
        rows.append((parent.since, entry))
    return _page(request, rows)


def below_context(sim: Simulator, request: Request) -> Response:
    """``POST /permissions/query/subordinate-entities/roles``: who is below the caller's context."""
    wanted = None
    if request.body.strip():
        body = object_field(request.json(), "treść", ("subordinateEntityIdentifier",))
        if body.get("subordinateEntityIdentifier") is not None:
            name = "subordinateEntityIdentifier"
            identifier = object_field(body[name], name, ("type", "value"))
            enum_field(identifier, "type", ("Nip",))
            wanted = text_field(identifier, "value")
    context = request.caller.context
    company = sim.store.subjects.get(context.value) if context.kind == "Nip" else None
    rows: list[tuple[datetime, dict[str, Any]]] = []
    for nip, description in company.units.items() if company else ():
        if company is not None and wanted in (None, nip):
            entry = {
                "subordinateEntityIdentifier": {"type": "Nip", "value": nip},
                "role": _RELATIONS[company.kind][1],
                "description": description,
            }
            rows.append((company.since, entry))
    return _page(request, rows)


_QUERY = "/v2/permissions/query"
_ACCESS = ("access",)
_READ = ("CredentialsManage", "CredentialsRead")
ROUTES = [
    Route("GET", f"{_QUERY}/entities/roles", of_context, _ACCESS, _READ),
    Route(
        "POST",
        f"{_QUERY}/subordinate-entities/roles",
        below_context,
        _ACCESS,
        (*_READ, "SubunitManage"),
        "application/json",
    ),
]

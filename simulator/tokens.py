"""KSeF tokens: making, listing and revoking them (``/tokens``)."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from .clock import stamp
from .messages import BadRequest, Forbidden, Request, Response, reply
from .paging import page
from .permissions import linked
from .routing import Route
from .shapes import enum_field, object_field, text_field
from .store import AuthOperation, Context, KsefToken

if TYPE_CHECKING:
    from .app import Simulator

PERMISSIONS = (
    "InvoiceRead",
    "InvoiceWrite",
    "CredentialsRead",
    "CredentialsManage",
    "SubunitManage",
    "EnforcementOperations",
    "Introspection",
)
_NEWER = "CollectiveIdentifierManage"
_STATES = ("Pending", "Active", "Revoking", "Revoked", "Failed")
_AUTHORS = ("Nip", "Pesel", "Fingerprint")
_CONTEXTS = {"Nip": "nip", "InternalId": "internalId"}
_LARGEST_PAGE = 100


def make(
    sim: Simulator, context: Context, author: str, rights: tuple[str, ...], description: str
) -> KsefToken:
    """A new active token of ``context``; ``author`` is a subject."""
    now = sim.clock.now()
    reference = sim.mint.reference("EC", now)
    secret = f"{reference}|{_CONTEXTS[context.kind]}-{context.value}|{secrets.token_hex(32)}"
    token = KsefToken(reference, secret, context, rights, author, description, now)
    sim.store.tokens[secret] = token
    return token


def create(sim: Simulator, request: Request) -> Response:
    """``POST /tokens``: only after a signature, only with rights that the caller has."""
    operation: AuthOperation = request.caller
    body = object_field(request.json(), "treść", ("permissions", "description"))
    asked = body.get("permissions")
    if not isinstance(asked, list) or not asked:
        raise BadRequest(21405, "Pole permissions jest wymagane.")
    known = (*PERMISSIONS, _NEWER) if sim.api_version >= (2, 8) else PERMISSIONS
    rights = tuple(enum_field({"permissions": item}, "permissions", known) for item in asked)
    text = text_field(body, "description")
    if not 5 <= len(text) <= 256:
        raise BadRequest(21405, "Pole description musi mieć od 5 do 256 znaków.")
    if operation.method == "Token":
        raise Forbidden(
            "auth-method-not-allowed",
            "Operacja nie jest dostępna dla użytej metody uwierzytelnienia.",
            {"authenticationMethodCategory": "Token"},
        )
    if operation.context.kind not in _CONTEXTS:
        raise BadRequest(26002, f"Bieżący typ kontekstu: {operation.context.kind}.")
    missing = [name for name in rights if name not in operation.rights]
    if missing:
        raise BadRequest(26001, f"Brakujące uprawnienia: {', '.join(missing)}.")
    token = make(sim, operation.context, operation.owner, rights, text)
    return reply({"referenceNumber": token.reference, "token": token.text}, 202)


def _visible(sim: Simulator, operation: AuthOperation, manage: tuple[str, ...]) -> list[KsefToken]:
    """Tokens of the context that the caller may see or revoke, the newest first."""
    everything = bool(set(manage) & set(operation.rights))
    found = []
    for token in sim.store.tokens.values():
        if token.context != operation.context:
            continue
        if operation.method == "Token":
            own = token.reference == operation.token_reference
        else:
            own = token.author in linked(sim, operation.owner)
        if everything or own:
            found.append(token)
    return sorted(found, key=lambda item: item.created_at, reverse=True)


def listed(sim: Simulator, request: Request) -> Response:
    """``GET /tokens``."""
    states = [
        enum_field({"status": item}, "status", _STATES) for item in request.query.get("status", [])
    ]
    texts = {name: request.param(name) for name in ("description", "authorIdentifier")}
    if any(text is not None and len(text) < 3 for text in texts.values()):
        raise BadRequest(21405, "Należy podać co najmniej 3 znaki.")
    kind = request.param("authorIdentifierType")
    if kind is not None:
        enum_field({"type": kind}, "type", _AUTHORS)
    rows = []
    for token in _visible(sim, request.caller, ("CredentialsManage", "CredentialsRead")):
        author_kind, _colon, author = token.author.partition(":")
        if (
            (not states or token.status in states)
            and (texts["description"] or "").lower() in token.description.lower()
            and (texts["authorIdentifier"] or "").lower() in author.lower()
            and kind in (None, author_kind)
        ):
            rows.append(token)
    shown, following = page(request, rows, "tokens|", _LARGEST_PAGE)
    return reply({"continuationToken": following, "tokens": [_describe(item) for item in shown]})


def _describe(token: KsefToken) -> dict[str, Any]:
    kind, _colon, value = token.author.partition(":")
    return {
        "referenceNumber": token.reference,
        "authorIdentifier": {"type": kind, "value": value},
        "contextIdentifier": {"type": token.context.kind, "value": token.context.value},
        "description": token.description,
        "requestedPermissions": list(token.rights),
        "dateCreated": stamp(token.created_at),
        "lastUseDate": stamp(token.used_at),
        "status": token.status,
    }


def _find(sim: Simulator, request: Request, ref: str, manage: tuple[str, ...]) -> KsefToken:
    for token in _visible(sim, request.caller, manage):
        if token.reference == ref:
            return token
    raise BadRequest(21405, f"Token o numerze referencyjnym {ref} nie został odnaleziony.")


def one(sim: Simulator, request: Request, ref: str) -> Response:
    """``GET /tokens/{ref}``."""
    return reply(_describe(_find(sim, request, ref, ("CredentialsManage", "CredentialsRead"))))


def revoke(sim: Simulator, request: Request, ref: str) -> Response:
    """``DELETE /tokens/{ref}``."""
    token = _find(sim, request, ref, ("CredentialsManage",))
    if not token.active:
        raise BadRequest(21405, "Token jest już unieważniony.")
    token.active = False
    return Response(204)


_ACCESS = ("access",)
ROUTES = [
    Route("POST", "/v2/tokens", create, _ACCESS, media="application/json"),
    Route("GET", "/v2/tokens", listed, _ACCESS),
    Route("GET", "/v2/tokens/{ref}", one, _ACCESS),
    Route("DELETE", "/v2/tokens/{ref}", revoke, _ACCESS),
]

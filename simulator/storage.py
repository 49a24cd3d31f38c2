"""``/storage``: the signed links to UPOs and parts of exports, and how their store refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import upo
from .messages import XML_TYPE, Request, Response
from .pipeline import sha256

if TYPE_CHECKING:
    from .app import Simulator

_BINARY = "application/octet-stream"


def refusal(status: int, code: str) -> Response:
    """An error of the store: it speaks XML, not JSON."""
    text = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code></Error>'
    return Response(status, text.encode("utf-8"), XML_TYPE)


def signed(sim: Simulator, request: Request, name: str) -> bool:
    """Whether the link to ``name`` is ours and not over."""
    expires, once, signature = (request.param(part) or "" for part in ("se", "id", "sig"))
    return sim.storage_link_ok(name, expires, once, signature)


def download(sim: Simulator, request: Request, name: str) -> Response:
    """``GET /storage/{name}?se=…&id=…&sig=…``: must not be given a token."""
    if request.headers.get("Authorization"):
        return refusal(401, "InvalidAuthenticationInfo")
    found = _content(sim, name) if signed(sim, request, name) else None
    if found is None:
        return refusal(403, "AuthenticationFailed")
    body, kind = found
    return Response(200, body, kind, {"x-ms-meta-hash": sha256(body)})


def _content(sim: Simulator, name: str) -> tuple[bytes, str] | None:
    store = sim.store
    if name in store.upo_pages:
        return upo.page(sim, *store.upo_pages[name]), XML_TYPE
    invoice = store.by_reference.get(name)
    if invoice is not None:
        return upo.of_invoice(sim, invoice), XML_TYPE
    reference, _dot, ordinal = name.rpartition(".")
    export = store.exports.get(reference)
    if export is None or export.package is None:
        return None
    return export.package.parts[int(ordinal) - 1].content, _BINARY

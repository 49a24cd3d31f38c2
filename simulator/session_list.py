"""``GET /sessions``: the sessions of a context, newest first, filtered and paged."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from . import paging
from .clock import parse_moment, stamp
from .messages import BadRequest, Request, Response, reply
from .store import Session

if TYPE_CHECKING:
    from .app import Simulator

#: These see every session of the context; InvoiceWrite alone sees its own.
_SEE_ALL = {"Introspection", "EnforcementOperations"}
RIGHTS = ("Introspection", "EnforcementOperations", "InvoiceWrite")
_STATUSES = {100: "InProgress", 150: "InProgress", 170: "InProgress", 200: "Succeeded"}
_CANCELLED = 440


def common_status(session: Session) -> str:
    """InProgress, Succeeded, Failed or Cancelled."""
    if session.code == _CANCELLED:
        return "Cancelled"
    return _STATUSES.get(session.code, "Failed")


def session_list(sim: Simulator, request: Request) -> Response:
    """``GET /sessions?sessionType=…``."""
    wanted = request.param("sessionType")
    if wanted not in ("Online", "Batch"):
        raise BadRequest(21405, "Parametr sessionType musi mieć wartość Online lub Batch.")
    chosen = request.query.get("statuses", [])
    if set(chosen) - {"InProgress", "Succeeded", "Failed", "Cancelled"}:
        raise BadRequest(21405, "Parametr statuses ma niedozwoloną wartość.")
    reference = request.param("referenceNumber")
    if reference is not None and len(reference) != 36:
        raise BadRequest(21405, "Parametr referenceNumber ma niepoprawną wartość.")
    caller = request.caller
    sees_all = bool(_SEE_ALL & set(caller.rights))
    windows = [_window(request, name) for name in ("Created", "Closed", "Modified")]
    rows = [
        session
        for session in sim.store.sessions.values()
        if session.context == caller.context
        and (session.package is not None) == (wanted == "Batch")
        and (sees_all or session.operation.subject == caller.subject)
        and (not chosen or common_status(session) in chosen)
        and reference in (None, session.reference)
        and all(
            _inside(moment, window)
            for moment, window in zip(_moments(session), windows, strict=True)
        )
    ]
    rows.sort(key=lambda session: session.created_at, reverse=True)
    shown, following = paging.page(request, rows, f"{caller.context.value}|{wanted}|sessions|")
    return reply({"continuationToken": following, "sessions": [_describe(row) for row in shown]})


def _window(request: Request, name: str) -> tuple[datetime | None, datetime | None]:
    low, high = (_moment(request, f"date{name}{end}") for end in ("From", "To"))
    return low, high


def _moment(request: Request, name: str) -> datetime | None:
    text = request.param(name)
    if text is None:
        return None
    try:
        # an unescaped plus sign arrives as a space
        return parse_moment(text.replace(" ", "+"))
    except ValueError as error:
        raise BadRequest(21405, f"Parametr {name} nie jest datą.") from error


def _moments(session: Session) -> tuple[datetime | None, ...]:
    return session.created_at, session.closed_at, session.updated_at


def _inside(moment: datetime | None, window: tuple[datetime | None, datetime | None]) -> bool:
    low, high = window
    if moment is None:
        return low is None and high is None
    return (low is None or moment >= low) and (high is None or moment <= high)


def _describe(session: Session) -> dict[str, Any]:
    return {
        "referenceNumber": session.reference,
        "status": session.status(),
        "dateCreated": stamp(session.created_at),
        "dateUpdated": stamp(session.updated_at),
        "validUntil": None if session.closed else stamp(session.valid_until),
        "totalInvoiceCount": len(session.invoices),
        "successfulInvoiceCount": session.successful,
        "failedInvoiceCount": session.failed,
    }

"""The table of operations served."""

from __future__ import annotations

from . import (
    auth,
    auth_sessions,
    batch,
    certificates,
    configuration,
    control,
    control_certificates,
    doors,
    exports,
    invoices,
    keys,
    latarnia,
    limits,
    notary,
    page,
    permissions,
    qr,
    roles,
    session_list,
    sessions,
    settings,
    statuses,
    storage,
    testdata,
    tokens,
    weather,
)
from .messages import Request, Response, reply
from .routing import Route, Router

_JSON = "application/json"
_ACCESS = ("access",)


def peppol_providers(_sim: object, _request: Request) -> Response:
    """``GET /peppol/query``: the simulator knows no Peppol provider."""
    return reply({"peppolProviders": [], "hasMore": False})


def register(router: Router) -> None:
    """Add every route; the more literal template of two that match comes first."""
    write, read = sessions.WRITE_RIGHTS, statuses.READ_RIGHTS
    one = "/v2/sessions/{ref}"
    online = "/v2/sessions/online"
    enrolments = "/v2/certificates/enrollments"
    table = [
        Route("POST", "/v2/auth/challenge", auth.challenge),
        Route("POST", "/v2/auth/xades-signature", auth.xades_signature, media="application/xml"),
        Route("POST", "/v2/auth/ksef-token", auth.ksef_token, media=_JSON),
        Route("POST", "/v2/auth/token/redeem", auth.redeem, ("authentication",)),
        Route("POST", "/v2/auth/token/refresh", auth.refresh, ("refresh",)),
        Route(
            "DELETE",
            "/v2/auth/sessions/current",
            auth_sessions.delete_current,
            ("access", "refresh"),
        ),
        Route("DELETE", "/v2/auth/sessions/{ref}", auth_sessions.delete, _ACCESS),
        Route("GET", "/v2/auth/sessions", auth_sessions.listed, _ACCESS),
        Route("GET", "/v2/auth/{ref}", auth.status, ("authentication",)),
        *keys.ROUTES,
        Route("GET", "/v2/rate-limits", limits.rate_limits, _ACCESS),
        Route("GET", "/v2/limits/subject", certificates.subject_limits, _ACCESS),
        Route("GET", "/v2/certificates/limits", certificates.limits, _ACCESS),
        Route("GET", f"{enrolments}/data", certificates.enrolment_data, _ACCESS),
        Route("GET", enrolments + "/{ref}", certificates.enrolment_status, _ACCESS),
        Route("POST", enrolments, certificates.enrol, _ACCESS, media=_JSON),
        Route("POST", "/v2/certificates/retrieve", certificates.retrieve, _ACCESS, media=_JSON),
        Route("POST", "/v2/certificates/query", certificates.query, _ACCESS, media=_JSON),
        Route(
            "POST", "/v2/certificates/{serial}/revoke", certificates.revoke, _ACCESS, media=_JSON
        ),
        Route("GET", "/v2/limits/context", limits.context_limits, _ACCESS),
        Route("POST", online, sessions.open_online, _ACCESS, write, _JSON),
        Route("POST", online + "/{ref}/invoices", sessions.send, _ACCESS, write, _JSON),
        Route("POST", online + "/{ref}/close", sessions.close, _ACCESS, write),
        Route("POST", "/v2/sessions/batch", batch.open_batch, _ACCESS, batch.RIGHTS, _JSON),
        Route("POST", "/v2/sessions/batch/{ref}/close", batch.close, _ACCESS, batch.RIGHTS),
        Route("GET", "/v2/sessions", session_list.session_list, _ACCESS, session_list.RIGHTS),
        Route("GET", one, statuses.session_status, _ACCESS, read),
        Route("GET", one + "/invoices", statuses.invoice_list, _ACCESS, read),
        Route("GET", one + "/invoices/failed", statuses.failed_list, _ACCESS, read),
        Route("GET", one + "/invoices/{invoice_ref}", statuses.invoice_status, _ACCESS, read),
        Route("GET", one + "/invoices/{invoice_ref}/upo", statuses.upo_by_invoice, _ACCESS, read),
        Route("GET", one + "/invoices/ksef/{number}/upo", statuses.upo_by_number, _ACCESS, read),
        Route("GET", one + "/upo/{upo_ref}", statuses.upo_page, _ACCESS, read),
        Route("GET", "/v2/invoices/ksef/{number}", invoices.download, _ACCESS, ("InvoiceRead",)),
        Route(
            "POST", "/v2/invoices/query/metadata", invoices.find, _ACCESS, ("InvoiceRead",), _JSON
        ),
        Route("POST", "/v2/invoices/exports", exports.start, _ACCESS, ("InvoiceRead",), _JSON),
        Route("GET", "/v2/invoices/exports/{ref}", exports.status, _ACCESS, ("InvoiceRead",)),
        Route("GET", "/storage/{name}", storage.download),
        Route("PUT", "/storage/{name}", batch.upload),
        *qr.ROUTES,
        *latarnia.ROUTES,
        Route("GET", "/v2/peppol/query", peppol_providers),
        *permissions.ROUTES,
        *roles.ROUTES,
        *tokens.ROUTES,
        *testdata.ROUTES,
        *page.ROUTES,
        *control.ROUTES,
        *control_certificates.ROUTES,
        *configuration.ROUTES,
        *settings.ROUTES,
        *weather.ROUTES,
        *doors.ROUTES,
        *notary.ROUTES,
    ]
    for route in table:
        router.add(route)

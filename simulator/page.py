"""``/_sim/``: the page on which a person sees what goes on and makes trouble on purpose.

Its buttons call the same control API as the tests.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from .clock import WARSAW
from .faults import Fault
from .markup import Raw, escape, page, section, table
from .messages import Request, Response
from .routing import Route
from .store import Invoice, Session
from .weather import KSEF, LATARNIA, trouble_of

if TYPE_CHECKING:
    from datetime import datetime

    from .app import Simulator

_ROWS = 20
_SLOW_SECONDS = 5
_REFUSED = 430
_MAINTENANCE_HOURS = 1

#: heading -> (label, path below /_sim, body)
_BUTTONS: dict[str, list[tuple[str, str, dict[str, Any]]]] = {
    "KSeF, without a word on the beacon": [
        ("Start an outage", "weather", {"outage": "unavailable"}),
        ("Refuse connections", "weather", {"outage": "refuse"}),
        ("End the outage", "weather", {"outage": None}),
        (f"Slow down by {_SLOW_SECONDS} s", "weather", {"delay": _SLOW_SECONDS}),
        ("Normal speed", "weather", {"delay": 0}),
    ],
    "Latarnia: announced, and KSeF is down while it lasts": [
        (
            f"Announce maintenance (now, for {_MAINTENANCE_HOURS} h)",
            "latarnia",
            {"action": "maintenance", "hours": _MAINTENANCE_HOURS, "outage": True},
        ),
        ("Announce a failure", "latarnia", {"action": "failure", "outage": True}),
        ("Announce a total failure", "latarnia", {"action": "total_failure", "outage": True}),
        ("End the latest event", "latarnia", {"action": "end"}),
    ],
    "Latarnia itself": [
        ("Silence Latarnia", "weather", {"service": LATARNIA, "outage": "unavailable"}),
        ("Let Latarnia answer", "weather", {"service": LATARNIA, "outage": None}),
    ],
    "Invoices": [
        (
            "Refuse the next invoice",
            "faults",
            {"endpoint": "invoice", "kind": "outcome", "code": _REFUSED},
        ),
        (
            "Lose the next answer to a sending",
            "faults",
            {"endpoint": "POST /sessions/online/{ref}/invoices", "kind": "reset", "when": "after"},
        ),
        ("Withdraw the orders", "faults", {"clear": True}),
    ],
}

_SCRIPT = """
const told = document.getElementById('told');
async function look() {
  const text = await (await fetch('/_sim/')).text();
  const now = new DOMParser().parseFromString(text, 'text/html');
  for (const part of document.querySelectorAll('[data-live]'))
    part.replaceWith(now.getElementById(part.id));
}
document.addEventListener('click', async event => {
  const button = event.target.closest('button[data-path]');
  if (!button) return;
  const answer = await fetch('/_sim/' + button.dataset.path,
    {method: 'POST', body: button.dataset.body});
  told.textContent = button.textContent + ': ' + (answer.ok ? 'done' : await answer.text());
  await look();
});
setInterval(() => document.hidden || look().catch(() => {
  told.textContent = 'The simulator does not answer.';
}), 3000);
"""


def _button(label: str, path: str, body: dict[str, Any]) -> str:
    data = escape(json.dumps(body))
    return f'<button data-path="{path}" data-body="{data}">{escape(label)}</button>'


def _controls() -> str:
    groups = "".join(
        f"<h3>{escape(heading)}</h3>" + "".join(_button(*button) for button in buttons)
        for heading, buttons in _BUTTONS.items()
    )
    return section("Trouble", groups + '<p id="told" class="note" aria-live="polite"></p>')


def _clock(moment: datetime | None) -> str:
    return moment.astimezone(WARSAW).strftime("%Y-%m-%d %H:%M:%S") if moment else ""


def _banner(sim: Simulator) -> str:
    trouble = trouble_of(sim, KSEF)
    outage = trouble.outage
    now = sim.clock.now()
    beacon = "none in this profile" if sim.profile.name == "demo" else _beacon_status(sim)
    orders = [_order(item) for item in sim.faults.pending]
    state = f"KSeF is down ({outage})" if outage else "KSeF works"
    if trouble.delay and not outage:
        state += f", {trouble.delay:g} s late"
    lines = [
        f'<strong class="{"bad" if outage else "good"}">{escape(state)}</strong>',
        f"Latarnia: <strong>{escape(beacon)}</strong>",
        f"Time in the simulator: {_clock(now)} (Warsaw)",
        f"Ordered: {escape('; '.join(orders) or 'nothing')}",
    ]
    return f'<div id="banner" data-live class="banner" role="status">{"<br>".join(lines)}</div>'


def _order(order: Fault) -> str:
    """An order that was not carried out yet, in words."""
    if order.kind == "outcome":
        text = f"the next {order.endpoint} ends with {order.code}"
    else:
        text = f"{order.kind} ({order.when} the work) at {order.endpoint}"
    return f"{text}, {order.times} times" if order.times > 1 else text


def _beacon_status(sim: Simulator) -> str:
    outage = trouble_of(sim, LATARNIA).outage
    if outage:
        return f"does not answer ({outage})"
    shown = sim.store.beacon.status(sim.clock.now())
    return "an answer made up by order" if sim.store.beacon.raw else str(shown["status"])


def _verdict(invoice: Invoice) -> Raw:
    kind = "good" if invoice.code == 200 else "bad" if invoice.final else "note"
    text = "; ".join([str(invoice.code), *invoice.details])
    return Raw(f'<span class="{kind}">{escape(text)}</span>')


def _kod1(invoice: Invoice) -> Raw | str:
    """A link to the page behind the invoice's QR code, once KSeF could read the invoice."""
    if not invoice.issue_date or not invoice.seller_nip:
        return ""
    year, month, day = invoice.issue_date.split("-")
    digest = base64.urlsafe_b64encode(base64.b64decode(invoice.invoice_hash)).decode("ascii")
    address = f"/qr/invoice/{invoice.seller_nip}/{day}-{month}-{year}/{digest.rstrip('=')}"
    return Raw(f'<a href="{escape(address)}">KOD&nbsp;I</a>')


def _invoices(sim: Simulator) -> str:
    rows = [
        (
            _clock(item.invoicing_date),
            item.number or "?",
            item.seller_nip,
            _verdict(item),
            item.ksef_number,
            item.mode,
            _kod1(item),
        )
        for item in reversed(sim.store.invoices()[-_ROWS:])
    ]
    head = ("Received", "Number", "Seller", "Status", "KSeF number", "Mode", "")
    count = len(sim.store.by_reference)
    return section(f"Invoices ({count})", table(head, rows) if rows else "<p>None yet.</p>")


def _session_row(session: Session) -> tuple[object, ...]:
    return (
        _clock(session.created_at),
        session.reference,
        session.context.value,
        "batch" if session.package else "interactive",
        session.code,
        f"{session.successful} / {len(session.invoices)}",
    )


def _sessions(sim: Simulator) -> str:
    rows = [_session_row(item) for item in reversed(list(sim.store.sessions.values())[-_ROWS:])]
    head = ("Opened", "Reference", "Context", "Kind", "Status", "Accepted")
    count = len(sim.store.sessions)
    return section(f"Sessions ({count})", table(head, rows) if rows else "<p>None yet.</p>")


def _events(sim: Simulator) -> str:
    now = sim.clock.now()
    rows = [
        (
            event.event_id,
            event.category,
            _clock(event.start),
            _clock(event.end) or "open",
            "on" if event.active(now) else "coming" if event.start > now else "over",
        )
        for event in reversed(sim.store.beacon.events[-_ROWS:])
    ]
    return section("Latarnia", table(("Event", "Category", "From", "To", ""), rows)) if rows else ""


def _certificates(sim: Simulator) -> str:
    now = sim.clock.now()
    rows = [
        (item.serial, item.subject, item.kind, item.status_at(now), _clock(item.valid_to))
        for item in reversed(list(sim.authority.issued.values())[-_ROWS:])
    ]
    head = ("Serial number", "Subject", "Type", "Status", "Valid to")
    return section("Certificates", table(head, rows)) if rows else ""


def _requests(sim: Simulator) -> str:
    rows = [
        (entry["at"][11:19], entry["method"], entry["path"], entry["status"], entry["fault"])
        for entry in reversed(list(sim.log)[-_ROWS:])
    ]
    head = ("Time (UTC)", "Method", "Path", "Status", "Fault")
    count = len(sim.log)
    return section(f"Requests ({count})", table(head, rows) if rows else "<p>None yet.</p>")


def overview(sim: Simulator, request: Request) -> Response:
    """``GET /_sim/``."""
    parts = (_invoices, _sessions, _events, _certificates, _requests)
    state = "".join(part(sim) for part in parts)
    major, minor = sim.api_version
    return page(
        "KSeF simulator",
        f"{request.base_url}, profile {sim.profile.name}, API {major}.{minor}: not the Ministry",
        f"{_banner(sim)}{_controls()}"
        f'<div id="state" data-live>{state}</div><script>{_SCRIPT}</script>',
        language="en",
    )


def front(_sim: Simulator, _request: Request) -> Response:
    """``GET /_sim``: the slash is easily forgotten."""
    return Response(302, headers={"Location": "/_sim/"})


ROUTES = [
    Route("GET", "/_sim/", overview),
    Route("GET", "/_sim", front),
]

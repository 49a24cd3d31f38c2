"""The page for people: it shows what goes on, and every button is an order that is taken."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest
from browser import Browser
from harness import NIP, Api, adapted, login, open_session, today
from lxml import html

#: Takes seconds: runs in the browser's part, which keeps the unit part under a minute.
pytestmark = pytest.mark.slow


def look(api: Api) -> Any:
    answer = api.get(f"{api.url}/_sim/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return html.fromstring(answer.text)


def text(api: Api) -> str:
    """Everything that the script keeps up to date."""
    return "\n".join(part.text_content() for part in look(api).xpath("//*[@data-live]"))


def press(api: Api, label: str) -> None:
    """What the page's script does with the button of that label; it must be taken."""
    (button,) = look(api).xpath(f"//button[starts-with(normalize-space(), {json.dumps(label)})]")
    api.control("POST", button.get("data-path"), **json.loads(button.get("data-body")))


def test_every_button_is_an_order_that_is_taken(api: Api) -> None:
    labels = [button.text_content() for button in look(api).iter("button")]
    assert len(labels) == 14
    for label in labels:
        if label != "End the latest event":
            press(api, label)
    press(api, "End the latest event")


def test_outage(api: Api) -> None:
    assert "KSeF works" in text(api)
    press(api, "Start an outage")
    assert "KSeF is down (unavailable)" in text(api)
    assert api.call("POST", "/auth/challenge").status_code == 503
    press(api, "End the outage")
    assert api.call("POST", "/auth/challenge").status_code == 200
    press(api, "Slow down")
    assert "KSeF works, 5 s late" in text(api)
    press(api, "Normal speed")
    assert "late" not in text(api)


def test_announcements(api: Api) -> None:
    assert "Latarnia: AVAILABLE" in text(api)
    press(api, "Announce a failure")
    shown = text(api)
    assert "Latarnia: FAILURE" in shown
    assert "KSeF is down" in shown
    assert api.call("POST", "/auth/challenge").status_code == 503
    press(api, "End the latest event")
    shown = text(api)
    assert "Latarnia: AVAILABLE" in shown
    assert "over" in shown
    press(api, "Announce maintenance")
    assert "Latarnia: MAINTENANCE" in text(api)
    press(api, "End the latest event")
    assert "Latarnia: AVAILABLE" in text(api)
    press(api, "Announce maintenance")
    api.control("POST", "clock", advance=3601)
    assert "Latarnia: AVAILABLE" in text(api)


def test_next_invoice_is_refused(api: Api, invoice_template: bytes) -> None:
    press(api, "Refuse the next invoice")
    assert "the next invoice ends with 430" in text(api)
    session = open_session(api, login(api)["access"])
    for number, code in (("<b>1</b>", 430), ("2", 200)):
        reference = session.send(adapted(invoice_template, P_1=today(), P_2=number))
        assert session.status(reference)["status"]["code"] == code
    shown = text(api)
    assert "Ordered: nothing" in shown
    assert "Wymuszone" in shown
    assert session.reference in shown
    (accepted,) = look(api).xpath("//tr[contains(., '200')]//a/@href")
    assert f"/{NIP}/" in accepted
    assert "Faktura znajduje się w KSeF" in api.get(api.url + accepted).text


def test_orders_and_a_silent_beacon_are_told(api: Api) -> None:
    press(api, "Lose the next answer")
    send = "POST /sessions/online/{ref}/invoices"
    assert f"reset (after the work) at {send}" in text(api)
    press(api, "Withdraw the orders")
    assert "Ordered: nothing" in text(api)
    press(api, "Silence Latarnia")
    assert "Latarnia: does not answer" in text(api)
    assert api.get(f"{api.url}/latarnia/status").status_code == 503
    press(api, "Let Latarnia answer")
    assert "Latarnia: AVAILABLE" in text(api)


def test_texts_are_escaped(api: Api, invoice_template: bytes) -> None:
    session = open_session(api, login(api)["access"])
    reference = session.send(adapted(invoice_template, P_1=today(), P_2="<script>x</script>"))
    session.status(reference)
    page = api.get(f"{api.url}/_sim/").text
    assert "&lt;script&gt;x&lt;/script&gt;" in page
    assert page.count("<script>") == 1


def test_nothing_comes_from_elsewhere(api: Api) -> None:
    page = look(api)
    assert not page.xpath("//link|//img|//script[@src]|//iframe")
    assert page.get("lang") == "en"
    for address in page.xpath("//@href|//@src"):
        assert address.startswith("/")


def test_no_secret_is_shown(api: Api) -> None:
    tokens = login(api)
    page = api.get(f"{api.url}/_sim/").text
    assert not any(tokens[name] in page for name in ("access", "refresh", "authentication"))


def test_forgotten_slash(api: Api) -> None:
    answer = api.get(f"{api.url}/_sim")
    assert (answer.status_code, answer.headers["location"]) == (302, "/_sim/")


def test_buttons_in_a_browser(api: Api) -> None:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no chromium")
    with Browser(path) as browser:
        browser.open(f"{api.url}/_sim/")
        for label, shown in (("Start an outage", "KSeF is down"), ("End the outage", "KSeF works")):
            browser.run(
                "[...document.querySelectorAll('button')]"
                f".find(item => item.textContent === {json.dumps(label)}).click()"
            )
            banner = "document.getElementById('banner').textContent"
            told = "document.getElementById('told').textContent"
            assert browser.wait_for(f"{told}.endsWith('{label}: done')"), browser.run(told)
            assert browser.wait_for(f"{banner}.includes('{shown}')"), browser.run(banner)
        assert browser.errors == []

"""UPOs in each environment, and the links to them."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import Api, Session, adapted, login, open_session, sha, today
from lxml import etree

SUFFIXES = {
    "test": " - środowisko testowe (TE)",
    "demo": " - środowisko przedprodukcyjne (TR)",
    "prod": "",
}


def accepted(api: Api, template: bytes) -> tuple[Session, str, bytes]:
    xml = adapted(template, P_1=today(), P_2="UPO/1")
    session = open_session(api, login(api)["access"])
    reference = session.send(xml)
    assert session.status(reference)["status"]["code"] == 200
    return session, reference, xml


@pytest.mark.parametrize("profile", SUFFIXES)
def test_only_production_passes_the_schema(
    api: Api, invoice_template: bytes, upo_schema: Path, profile: str
) -> None:
    api.control("POST", "profile", profile=profile)
    session, reference, xml = accepted(api, invoice_template)
    path = f"/sessions/{session.reference}/invoices/{reference}/upo"
    single = api.call("GET", path, session.token).content
    session.close()
    for _look in range(2):
        answer = api.call("GET", f"/sessions/{session.reference}", session.token).json()
    whole = api.get(answer["upo"]["pages"][0]["downloadUrl"]).content
    schema = etree.XMLSchema(etree.parse(str(upo_schema)))
    for body in (single, whole):
        root = etree.fromstring(body)
        receiver = root.find("{*}NazwaPodmiotuPrzyjmujacego")
        assert receiver is not None
        assert receiver.text == f"Ministerstwo Finansów{SUFFIXES[profile]}"
        assert schema.validate(root) is (profile == "prod"), schema.error_log
        assert root.findtext(".//{*}SkrotDokumentu") == sha(xml)
        assert root.findtext("{*}KodFormularza") == "FA (3)"
        assert root.findtext("{*}NazwaStrukturyLogicznej") == "Schemat_FA(3)_v1-0E.xsd"
        assert root.findtext("{*}NumerReferencyjnySesji") == session.reference
        assert root.findtext(".//{*}TrybWysylki") == "Online"
        assert len(root.findtext(".//{*}SkrotDokumentuUwierzytelniajacego") or "") == 44


def test_links_are_new_each_time_and_last_three_days(api: Api, invoice_template: bytes) -> None:
    session, reference, _xml = accepted(api, invoice_template)
    api.control("POST", "clock", freeze=True)
    links = [session.status(reference)["upoDownloadUrl"] for _look in range(3)]
    assert len(set(links)) == 3
    bodies = [api.get(link) for link in links]
    assert [body.status_code for body in bodies] == [200] * 3
    assert len({body.content for body in bodies}) == 1
    assert bodies[0].headers["x-ms-meta-hash"] == sha(bodies[0].content)
    api.control("POST", "clock", advance=3 * 86400 - 1)
    assert api.get(links[0]).status_code == 200
    api.control("POST", "clock", advance=2)
    assert api.get(links[0]).status_code == 403
    session.token = login(api)["access"]
    assert api.get(session.status(reference)["upoDownloadUrl"]).status_code == 200


@pytest.mark.parametrize("part", ["se", "id", "sig"])
def test_links_need_every_part(api: Api, invoice_template: bytes, part: str) -> None:
    session, reference, _xml = accepted(api, invoice_template)
    link = session.status(reference)["upoDownloadUrl"]
    base, _mark, query = link.partition("?")
    fewer = "&".join(item for item in query.split("&") if not item.startswith(f"{part}="))
    assert api.get(f"{base}?{fewer}").status_code == 403
    assert api.get(f"{base}?{fewer}&{part}=%C4%85").status_code == 403

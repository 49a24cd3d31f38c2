"""Metadata query, download and export: who sees what, every filter, every refusal."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from batches import Batch, make_zip
from exporting import Export, listed, unpack, window
from harness import NIP, Api, adapted, code_of, login, sha, today, wrap

BUYER = "1111111111"
QUERY = "/invoices/query/metadata"


@pytest.fixture
def token(api: Api) -> str:
    return login(api)["access"]


@pytest.fixture
def files(invoice_template: bytes) -> dict[str, bytes]:
    xml = adapted(invoice_template, P_1=today(), P_2="Q/1")
    changes = [
        (b"Q/1", b"Q/1"),
        (b"<KodWaluty>PLN", b"<KodWaluty>EUR"),
        (b"<P_17>2", b"<P_17>1"),
        (b"<NIP>1111111111</NIP>", b"<BrakID>1</BrakID>"),
    ]
    made = {}
    for number, (old, new) in enumerate(changes, 1):
        assert old in xml, old
        made[f"{number}.xml"] = xml.replace(old, new).replace(b"Q/1", b"Q/%d" % number)
    return made


@pytest.fixture
def rows(api: Api, token: str, files: dict[str, bytes]) -> list[dict[str, Any]]:
    """The four invoices, accepted and stored."""
    batch = Batch(api, token, make_zip(files))
    batch.submit()
    found = batch.rows()
    assert [row["status"]["code"] for row in found] == [200] * 4, found
    return found


def ask(api: Api, token: str, query: str = "", **filters: Any) -> Any:
    body = {"subjectType": "Subject1", "dateRange": window("Invoicing"), **filters}
    return api.call("POST", f"{QUERY}?{query}", token, json=body)


def numbers(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [row["invoiceNumber"] for row in answer.json()["invoices"]]


ALL = ["Q/1", "Q/2", "Q/3", "Q/4"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ALL),
        ({"invoiceNumber": "Q/2"}, ["Q/2"]),
        ({"invoiceNumber": "q/2"}, []),
        ({"currencyCodes": ["EUR"]}, ["Q/2"]),
        ({"currencyCodes": ["EUR", "PLN"]}, ALL),
        ({"isSelfInvoicing": True}, ["Q/3"]),
        ({"isSelfInvoicing": False}, ["Q/1", "Q/2", "Q/4"]),
        ({"buyerIdentifier": {"type": "None"}}, ["Q/4"]),
        ({"buyerIdentifier": {"type": "Nip", "value": BUYER}}, ["Q/1", "Q/2", "Q/3"]),
        ({"buyerIdentifier": {"type": "Nip", "value": NIP}}, []),
        ({"sellerNip": NIP}, ALL),
        ({"sellerNip": BUYER}, []),
        ({"invoicingMode": "Online"}, ALL),
        ({"invoicingMode": "Offline"}, []),
        ({"formType": "FA"}, ALL),
        ({"formType": "PEF"}, []),
        ({"invoiceTypes": ["Vat"]}, ALL),
        ({"invoiceTypes": ["Kor", "VatRr"]}, []),
        ({"hasAttachment": False}, ALL),
        ({"hasAttachment": True}, []),
        ({"amount": {"type": "Brutto", "from": 1291.49, "to": 1291.49}}, ALL),
        ({"amount": {"type": "Netto", "to": 1000}}, []),
        ({"amount": {"type": "Vat", "from": 1}}, ALL),
        ({"subjectType": "Subject2"}, []),
        ({"subjectType": "SubjectAuthorized"}, []),
        ({"dateRange": window("Issue")}, ALL),
        ({"dateRange": window("PermanentStorage")}, ALL),
        ({"dateRange": window(to=f"{today()}T00:00:00")}, []),
        ({"invoiceNumber": None, "amount": None}, ALL),
    ],
)
@pytest.mark.usefixtures("rows")
def test_filters(api: Api, token: str, filters: dict[str, Any], expected: list[str]) -> None:
    assert sorted(numbers(ask(api, token, **filters))) == expected


@pytest.mark.parametrize(
    "filters",
    [
        {"subjectType": None},
        {"subjectType": "Subject4"},
        {"dateRange": None},
        {"dateRange": {"dateType": "Issue"}},
        {"dateRange": window("Other")},
        {"dateRange": window(to="yesterday")},
        {"dateRange": window("Issue", to="2026-01-01T00:00:00")},
        {"dateRange": {"dateType": "Issue", "from": "2026-01-01", "to": "2026-04-02"}},
        {"dateRange": window("Issue", restrictToPermanentStorageHwmDate=True)},
        {"dateRange": window(restrictToPermanentStorageHwmDate="yes")},
        {"ksefNumber": "1-2-3"},
        {"sellerNip": "0000000000"},
        {"invoiceNumber": "x" * 257},
        {"invoiceNumber": 5},
        {"currencyCodes": "PLN"},
        {"currencyCodes": ["zł"]},
        {"invoiceTypes": ["VAT"]},
        {"invoicingMode": "online"},
        {"formType": "FA (3)"},
        {"isSelfInvoicing": "no"},
        {"hasAttachment": 1},
        {"buyerIdentifier": {"value": BUYER}},
        {"buyerIdentifier": {"type": "Nip", "value": "1" * 51}},
        {"amount": {"type": "Gross"}},
        {"amount": {"type": "Brutto", "from": "1"}},
        {"invoiceNumbers": ["Q/1"]},
    ],
)
def test_refused_filters(api: Api, token: str, filters: dict[str, Any]) -> None:
    assert code_of(ask(api, token, **filters)) == 21405


@pytest.mark.parametrize(
    "query", ["pageSize=9", "pageSize=251", "pageSize=x", "pageOffset=-1", "sortOrder=asc"]
)
def test_refused_parameters(api: Api, token: str, query: str) -> None:
    assert code_of(ask(api, token, query)) == 21405


@pytest.mark.parametrize(("version", "code"), [("2.6", 400), ("2.8", 200), ("2.9", 200)])
def test_currencies_by_version(api: Api, token: str, version: str, code: int) -> None:
    api.control("POST", "profile", api_version=version)
    assert ask(api, token, currencyCodes=["EUR", "SLE"]).status_code == code
    assert ask(api, token, currencyCodes=["EUR"]).status_code == 200
    assert code_of(ask(api, token, currencyCodes=["EUR", "AAA"])) == 21405


def test_three_months_by_the_calendar(api: Api, token: str) -> None:
    fits = {"dateType": "Issue", "from": "2026-08-21T00:00:00", "to": "2026-11-21T00:00:00"}
    assert numbers(ask(api, token, dateRange=fits)) == []
    over = {**fits, "to": "2026-11-21T00:00:01"}
    assert code_of(ask(api, token, dateRange=over)) == 21405
    # three months in Warsaw are an hour more in UTC when summer time ends between
    winter = {**fits, "from": "2026-08-20T22:00:00Z", "to": "2026-11-20T23:00:00Z"}
    assert numbers(ask(api, token, dateRange=winter)) == []


@pytest.mark.usefixtures("rows")
def test_order_pages_and_cap(api: Api, token: str, files: dict[str, bytes]) -> None:
    ascending = numbers(ask(api, token))
    assert numbers(ask(api, token, "sortOrder=Desc")) == ascending[::-1]
    more = {f"m{i}.xml": files["1.xml"].replace(b"Q/1", b"M/%02d" % i) for i in range(18)}
    Batch(api, token, make_zip(more)).submit()
    pages = [ask(api, token, f"pageOffset={offset}").json() for offset in range(3)]
    assert [len(page["invoices"]) for page in pages] == [10, 10, 2]
    assert [page["hasMore"] for page in pages] == [True, True, False]
    assert not any(page["isTruncated"] for page in pages)
    assert len({row["ksefNumber"] for page in pages for row in page["invoices"]}) == 22
    api.control("POST", "settings", query_cap=15)
    pages = [ask(api, token, f"pageOffset={offset}").json() for offset in range(2)]
    assert [len(page["invoices"]) for page in pages] == [10, 5]
    assert [page["isTruncated"] for page in pages] == [False, True]
    assert code_of(ask(api, token, "pageOffset=2")) == 21405


def test_high_water_mark(api: Api, token: str, rows: list[dict[str, Any]]) -> None:
    fresh = ask(api, token, dateRange=window()).json()
    assert len(fresh["invoices"]) == 4
    assert fresh["permanentStorageHwmDate"] < rows[0]["acquisitionDate"]
    safe = window(restrictToPermanentStorageHwmDate=True)
    assert ask(api, token, dateRange=safe).json()["invoices"] == []
    api.control("POST", "clock", advance=91)
    assert len(ask(api, token, dateRange=safe).json()["invoices"]) == 4
    late = {**safe, "from": rows[0]["acquisitionDate"]}
    api.control("POST", "clock", advance=-91)
    assert code_of(ask(api, token, dateRange=late)) == 21183
    assert "permanentStorageHwmDate" not in ask(api, token).json()


def test_not_before_storage(api: Api, token: str, files: dict[str, bytes]) -> None:
    api.control("POST", "speed", storage=1)
    batch = Batch(api, token, make_zip({"1.xml": files["1.xml"]}))
    batch.submit()
    assert numbers(ask(api, token)) == []
    assert "permanentStorageDate" in batch.rows()[0]
    assert numbers(ask(api, token)) == ["Q/1"]


def test_the_buyer_sees_only_what_is_his(api: Api, rows: list[dict[str, Any]]) -> None:
    theirs = login(api, BUYER)["access"]
    assert numbers(ask(api, theirs)) == []
    assert sorted(numbers(ask(api, theirs, subjectType="Subject2"))) == ["Q/1", "Q/2", "Q/3"]
    codes = [
        api.call("GET", f"/invoices/ksef/{row['ksefNumber']}", theirs).status_code for row in rows
    ]
    assert codes == [200, 200, 200, 400]
    stranger = login(api, "9462247878")["access"]
    refused = api.call("GET", f"/invoices/ksef/{rows[0]['ksefNumber']}", stranger)
    assert code_of(refused) == 21164
    assert code_of(api.call("GET", "/invoices/ksef/1-2-3", stranger)) == 21405


@pytest.mark.parametrize("compression", ["Zip", "TarGz", None])
def test_export(
    api: Api,
    token: str,
    rows: list[dict[str, Any]],
    files: dict[str, bytes],
    compression: str | None,
) -> None:
    api.control("POST", "settings", export_polls=1, export_part_size=700)
    export = Export(api, token)
    started = export.run(compressionType=compression)
    assert started["status"] == {"code": 100, "description": "Eksport faktur w toku"}
    assert "package" not in started
    done = export.ask().json()
    assert done["status"]["code"] == 200
    package = done["package"]
    assert (package["invoiceCount"], package["isTruncated"]) == (4, False)
    assert len(package["parts"]) > 2
    unpacked = unpack(export.decrypt(package), compression or "Zip")
    by_number = {row["ksefNumber"]: files[row["invoiceFileName"]] for row in rows}
    invoices = {name: body for name, body in unpacked.items() if name != "_metadata.json"}
    assert invoices == {f"{number}.xml": body for number, body in by_number.items()}
    assert {row["ksefNumber"]: row["invoiceHash"] for row in listed(unpacked)} == {
        number: sha(body) for number, body in by_number.items()
    }


@pytest.mark.usefixtures("rows")
def test_export_of_metadata_only_and_of_nothing(api: Api, token: str) -> None:
    api.control("POST", "settings", export_polls=0)
    export = Export(api, token)
    package = export.run(onlyMetadata=True)["package"]
    assert list(unpack(export.decrypt(package))) == ["_metadata.json"]
    nothing = {"subjectType": "Subject2", "dateRange": window()}
    package = Export(api, token).run(nothing)["package"]
    assert (package["invoiceCount"], package["size"], package["parts"]) == (0, 0, [])


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    ("date_type", "name"),
    [
        ("Issue", "lastIssueDate"),
        ("Invoicing", "lastInvoicingDate"),
        ("PermanentStorage", "lastPermanentStorageDate"),
    ],
)
def test_truncated_export(api: Api, token: str, date_type: str, name: str) -> None:
    api.control("POST", "settings", export_polls=0, query_cap=3)
    filters = {"subjectType": "Subject1", "dateRange": window(date_type)}
    export = Export(api, token)
    package = export.run(filters)["package"]
    rows = listed(unpack(export.decrypt(package)))
    assert (package["isTruncated"], package["invoiceCount"], len(rows)) == (True, 3, 3)
    last = rows[-1][name.removeprefix("last")[0].lower() + name.removeprefix("last")[1:]]
    assert package[name] == last
    assert ("permanentStorageHwmDate" in package) == (date_type == "PermanentStorage")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"filters": None}, 21405),
        ({"filters": {"subjectType": "Subject1"}}, 21405),
        ({"encryption": None}, 21405),
        ({"onlyMetadata": "yes"}, 21405),
        ({"compressionType": "Rar"}, 21405),
    ],
)
def test_export_refuses(api: Api, token: str, changes: dict[str, Any], code: int) -> None:
    export = Export(api, token)
    assert code_of(export.post({**export.payload(), **changes})) == code
    payload = export.payload()
    payload["encryption"]["publicKeyId"] = "A" * 43 + "="
    assert code_of(export.post(payload)) == 21470


def test_export_with_a_wrong_key(api: Api, token: str) -> None:
    api.control("POST", "settings", export_polls=0)
    export = Export(api, token)
    payload = export.payload()
    wrapped, _identifier = wrap(api, export.key, "KsefTokenEncryption")
    payload["encryption"].update(encryptedSymmetricKey=wrapped, publicKeyId=None)
    export.post(payload)
    assert export.ask().json()["status"]["code"] == 415


def test_export_beyond_the_high_water_mark(api: Api, token: str) -> None:
    api.control("POST", "settings", export_polls=0)
    tomorrow = (date.fromisoformat(today()) + timedelta(days=1)).isoformat()
    ahead = window(restrictToPermanentStorageHwmDate=True, to=f"{tomorrow}T12:00:00")
    ahead["from"] = f"{tomorrow}T00:00:00"
    status = Export(api, token).run({"subjectType": "Subject1", "dateRange": ahead})["status"]
    assert (status["code"], len(status["details"])) == (420, 1)


def test_ten_exports_at_once(api: Api, token: str) -> None:
    api.control("POST", "settings", export_polls=1)
    exports = [Export(api, token) for _number in range(11)]
    answers = [export.post(export.payload()) for export in exports]
    assert [answer.status_code for answer in answers] == [201] * 10 + [400]
    assert code_of(answers[-1]) == 21182
    for _look in range(2):
        exports[0].ask()
    assert exports[-1].post(exports[-1].payload()).status_code == 201


@pytest.mark.usefixtures("rows")
def test_links_packages_and_statuses_expire(api: Api, token: str) -> None:
    api.control("POST", "settings", export_polls=0)
    export = Export(api, token)
    [part] = export.run()["package"]["parts"]
    assert api.get(part["url"], headers={"Authorization": f"Bearer {token}"}).status_code == 401
    assert api.get(part["url"].replace("sig=", "sig=0")).status_code == 403
    api.control("POST", "clock", advance=3601)
    assert api.get(part["url"]).status_code == 403
    export.token = login(api)["access"]
    [again] = export.ask().json()["package"]["parts"]
    assert api.get(again["url"]).status_code == 200
    api.control("POST", "clock", advance=3 * 86400)
    export.token = login(api)["access"]
    expired = export.ask().json()
    assert (expired["status"]["code"], "package" in expired) == (210, False)
    api.control("POST", "clock", advance=4 * 86400)
    export.token = login(api)["access"]
    assert export.ask().status_code == 410
    export.reference = "20261121-EH-0000000000-0000000000-00"
    assert code_of(export.ask()) == 21175

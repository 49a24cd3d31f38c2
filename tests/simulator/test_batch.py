"""Batch sessions: every check refuses once, and what is right comes back with a number."""

from __future__ import annotations

import io
import tarfile
import zipfile
from typing import Any

import pytest
from batches import Batch, make_tar, make_zip
from harness import (
    Api,
    adapted,
    aes,
    code_of,
    login,
    open_session,
    sha,
    today,
    wrap,
)
from lxml import etree


@pytest.fixture
def token(api: Api) -> str:
    return login(api)["access"]


@pytest.fixture
def xml(invoice_template: bytes) -> bytes:
    return adapted(invoice_template, P_1=today(), P_2="B/0")


@pytest.fixture
def files(xml: bytes) -> dict[str, bytes]:
    return {f"f{i}.xml": xml.replace(b"B/0", f"B/{i}".encode()) for i in range(1, 4)}


@pytest.fixture
def batch(api: Api, token: str, files: dict[str, bytes]) -> Batch:
    return Batch(api, token, make_zip(files))


def opened(batch: Batch, **changes: Any) -> Batch:
    answer = batch.post(batch.payload(**changes))
    assert answer.status_code == 201, answer.text
    return batch


@pytest.mark.parametrize("compression", ["Zip", "TarGz", None])
def test_accepted(api: Api, token: str, files: dict[str, bytes], compression: str | None) -> None:
    archive = make_tar(files) if compression == "TarGz" else make_zip(files)
    batch = Batch(api, token, archive, part_size=500)
    assert len(batch.parts) > 2
    status = batch.submit(compressionType=compression)
    assert status["status"] == {
        "code": 200,
        "description": "Sesja wsadowa przetworzona pomyślnie",
    }
    counts = [status[name] for name in ("invoiceCount", "successfulInvoiceCount")]
    assert (counts, status["failedInvoiceCount"]) == ([3, 3], 0)
    rows = batch.rows()
    assert [row["invoiceFileName"] for row in rows] == list(files)
    assert [row["invoiceHash"] for row in rows] == [sha(content) for content in files.values()]
    assert {row["status"]["code"] for row in rows} == {200}
    assert {row["invoicingMode"] for row in rows} == {"Online"}
    assert {row["invoicingDate"] for row in rows} == {status["dateCreated"]}
    number = rows[1]["ksefNumber"]
    assert api.call("GET", f"/invoices/ksef/{number}", token).content == files["f2.xml"]


def test_upo_pages(api: Api, batch: Batch) -> None:
    api.control("POST", "settings", upo_page_size=2)
    pages = batch.submit()["upo"]["pages"]
    documents = [etree.fromstring(api.get(page["downloadUrl"]).content) for page in pages]
    described = [[item.text for item in page.find("{*}OpisPotwierdzenia")] for page in documents]
    assert described == [["1", "2", "1", "2", "3"], ["2", "2", "3", "3", "3"]]
    numbers = [
        item.text for page in documents for item in page.iterfind(".//{*}NumerKSeFDokumentu")
    ]
    assert numbers == [row["ksefNumber"] for row in batch.rows()]
    path = f"/sessions/{batch.reference}/upo/{pages[1]['referenceNumber']}"
    assert b"<Strona>2</Strona>" in api.call("GET", path, batch.token).content
    assert code_of(api.call("GET", path[:-2] + "zz", batch.token)) == 21178


def test_one_bad_file_rejects_only_itself(api: Api, token: str, files: dict[str, bytes]) -> None:
    files["bad.xml"] = b"<x/>"
    files["again.xml"] = files["f1.xml"]
    files["empty.xml"] = b""
    files["big.xml"] = b" " * 10_000_001
    batch = Batch(api, token, make_zip(files))
    status = batch.submit()
    assert (status["status"]["code"], status["failedInvoiceCount"]) == (200, 4)
    codes = {row["invoiceFileName"]: row["status"]["code"] for row in batch.rows("invoices/failed")}
    assert codes == {"bad.xml": 430, "again.xml": 440, "empty.xml": 430, "big.xml": 430}


def test_no_valid_invoice(api: Api, token: str) -> None:
    batch = Batch(api, token, make_zip({"bad.xml": b"<x/>"}))
    status = batch.submit()
    assert status["status"]["code"] == 445
    assert "upo" not in status


def test_offline_declared_for_all(batch: Batch) -> None:
    batch.submit(offline=True)
    assert {row["invoicingMode"] for row in batch.rows()} == {"Offline"}


def test_day_of_opening_counts(api: Api, invoice_template: bytes) -> None:
    token = login(api)["access"]
    api.control("POST", "clock", set="2026-11-19T22:50:00+00:00")
    late = adapted(invoice_template, P_1="2026-11-20")
    batch = opened(Batch(api, token, make_zip({"a.xml": late})))
    api.control("POST", "clock", advance=1000)
    batch.put()
    batch.close()
    batch.status()
    # uploaded after midnight, but received when the session was opened, the day before P_1
    assert [row["status"]["code"] for row in batch.rows()] == [450]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"fileSize": 0}, 21405),
        ({"fileSize": "12"}, 21405),
        ({"fileSize": 5_000_000_001}, 21405),
        ({"fileSize": 20}, 21157),
        ({"fileHash": "short"}, 21405),
        ({"compressionType": "Rar"}, 21405),
        ({"fileParts": []}, 21405),
        ({"fileParts": None}, 21405),
        ({"fileParts": [7]}, 21405),
    ],
)
def test_open_refuses_the_file(batch: Batch, changes: dict[str, Any], code: int) -> None:
    assert code_of(batch.post(batch.payload(**changes))) == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"fileSize": 100_000_032}, 21157),
        ({"fileSize": 1000}, 21157),
        ({"fileSize": 0}, 21405),
        ({"fileHash": None}, 21405),
        ({"ordinalNumber": 0}, 21405),
        ({"ordinalNumber": 2}, 21405),
        ({"ordinalNumber": None}, 21405),
    ],
)
def test_open_refuses_a_part(batch: Batch, changes: dict[str, Any], code: int) -> None:
    payload = batch.payload()
    payload["batchFile"]["fileParts"][0].update(changes)
    assert code_of(batch.post(payload)) == code


def test_open_refuses_too_many_parts_and_other_forms(batch: Batch) -> None:
    payload = batch.payload()
    [part] = payload["batchFile"]["fileParts"]
    payload["batchFile"]["fileParts"] = [{**part, "ordinalNumber": i} for i in range(1, 52)]
    assert code_of(batch.post(payload)) == 21161
    payload = batch.payload()
    payload["formCode"] = {"systemCode": "PEF (3)", "schemaVersion": "2-1", "value": "PEF"}
    assert code_of(batch.post(payload)) == 21405
    payload = batch.payload()
    payload["encryption"]["publicKeyId"] = "A" * 43 + "="
    assert code_of(batch.post(payload)) == 21470
    assert code_of(batch.post({**batch.payload(), "offlineMode": "yes"})) == 21405


def test_upload_link_wants_no_token(batch: Batch) -> None:
    opened(batch)
    answer = batch.put(headers={"Authorization": f"Bearer {batch.token}"})
    assert answer.status_code == 401
    assert code_of(batch.close()) == 21205
    assert batch.put().status_code == 201


def test_upload_wants_every_header_and_the_signature(api: Api, batch: Batch) -> None:
    opened(batch)
    asked = batch.requests[0]
    assert asked["headers"]["x-ms-blob-type"] == "BlockBlob"
    for name in asked["headers"]:
        fewer = {key: value for key, value in asked["headers"].items() if key != name}
        answer = api.request("PUT", asked["url"], headers=fewer, content=b"x")
        assert answer.status_code == 400
    broken = asked["url"].replace("sig=", "sig=0")
    assert (
        api.request("PUT", broken, headers=asked["headers"], content=b"x").status_code,
        api.request("POST", asked["url"], headers=asked["headers"], content=b"x").status_code,
    ) == (403, 405)
    accepted = batch.put()
    assert (accepted.status_code, accepted.content) == (201, b"")


def test_upload_window(api: Api, batch: Batch) -> None:
    opened(batch)
    api.control("POST", "clock", advance=1201)
    assert batch.put().status_code == 403
    batch.token = login(api)["access"]
    assert code_of(batch.close()) == 21208
    assert batch.status()["status"] == {
        "code": 440,
        "description": "Sesja anulowana",
        "details": ["Przekroczono czas wysyłki"],
    }


def test_window_grows_with_the_parts(api: Api, token: str, files: dict[str, bytes]) -> None:
    archive = make_zip(files)
    batch = opened(Batch(api, token, archive, part_size=len(archive) // 2 + 1))
    api.control("POST", "clock", advance=1201)
    assert [batch.put(number).status_code for number in (1, 2)] == [201, 201]


def test_close_wants_all_parts_in_their_size(
    api: Api, token: str, files: dict[str, bytes], batch: Batch
) -> None:
    archive = make_zip(files)
    missing = opened(Batch(api, token, archive, part_size=len(archive) // 2 + 1))
    assert missing.put(1).status_code == 201
    assert code_of(missing.close()) == 21205
    opened(batch)
    batch.put(content=batch.parts[0] + b"x")
    assert code_of(batch.close()) == 21157
    # the second upload replaces the first
    batch.put()
    assert batch.close().status_code == 204
    assert batch.put().status_code == 403


def test_close_twice_and_of_strangers(api: Api, batch: Batch) -> None:
    batch.submit()
    assert code_of(batch.close()) == 21180
    api.control("POST", "speed", repeated_close_ok=True)
    assert batch.close().status_code == 204
    online = open_session(api, batch.token)
    mine = batch.reference
    batch.reference = online.reference
    assert code_of(batch.close()) == 21173
    online.reference = mine
    assert code_of(online.close()) == 21173
    batch.reference, batch.token = mine, login(api, "1111111111")["access"]
    assert code_of(batch.close()) == 21173


def session_code(batch: Batch) -> int:
    return batch.submit()["status"]["code"]


def test_wrong_hashes_end_in_405(api: Api, token: str, files: dict[str, bytes]) -> None:
    batch = Batch(api, token, make_zip(files))
    assert batch.submit(fileHash=sha(b"other"))["status"]["code"] == 405
    batch = opened(Batch(api, token, make_zip(files)))
    part = batch.parts[0]
    batch.put(content=part[:-1] + bytes([part[-1] ^ 1]))
    batch.close()
    assert batch.status()["status"]["code"] == 405


def test_wrong_key_ends_in_415(api: Api, batch: Batch) -> None:
    payload = batch.payload()
    wrapped, _identifier = wrap(api, batch.key, "KsefTokenEncryption")
    payload["encryption"].update(encryptedSymmetricKey=wrapped, publicKeyId=None)
    assert batch.post(payload).status_code == 201
    batch.put()
    batch.close()
    assert batch.status()["status"]["code"] == 415


def test_other_key_and_prefixed_iv_end_in_435(batch: Batch) -> None:
    batch.key = bytes(32)
    assert session_code(batch) == 435
    batch.parts = [aes(batch.archive, batch.key, batch.iv)]
    batch.parts[0] = batch.iv + batch.parts[0]
    assert batch.submit(fileSize=len(batch.archive) + 16)["status"]["code"] == 435


def linked_tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        link = tarfile.TarInfo("a.xml")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("archive", "compression", "code"),
    [
        (b"no archive at all", "Zip", 430),
        (b"no archive at all", "TarGz", 430),
        (make_zip({"a.xml": b"<x/>"}), "TarGz", 430),
        (make_tar({"a.xml": b"<x/>"}), "Zip", 430),
        (make_zip({"a.xml": b"<x/>" * 500})[:-30], "Zip", 430),
        (make_tar({"a.xml": b"<x/>" * 500})[:-30], "TarGz", 430),
        (make_zip({"a.txt": b"<x/>"}), "Zip", 430),
        (make_zip({"folder/a.xml": b"<x/>"}), "Zip", 430),
        (make_zip({"folder/": b""}), "Zip", 430),
        (make_zip({"a.xml": b"<x/>"}, zipfile.ZIP_BZIP2), "Zip", 430),
        (make_zip({"a" * 125 + ".xml": b"<x/>"}), "Zip", 430),
        (make_tar({"../a.xml": b"<x/>"}), "TarGz", 430),
        (make_zip({"a.xml": bytes(100_000_001)}), "Zip", 430),
        (linked_tar(), "TarGz", 430),
        (make_zip({}), "Zip", 440),
        (make_zip({f"{i}.xml": b"<x/>" for i in range(4)}), "Zip", 420),
    ],
)
def test_bad_archives(api: Api, token: str, archive: bytes, compression: str, code: int) -> None:
    api.control("POST", "speed", max_invoices=3)
    status = Batch(api, token, archive).submit(compressionType=compression)["status"]
    assert (status["code"], len(status["details"])) == (code, 1)


def test_repeated_name(api: Api, token: str) -> None:
    buffer = io.BytesIO()
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(buffer, "w") as archive:
        for _copy in range(2):
            archive.writestr("a.xml", b"<x/>")
    assert session_code(Batch(api, token, buffer.getvalue())) == 430


def test_statuses_in_order(api: Api, batch: Batch) -> None:
    api.control("POST", "speed", polls=[1, 2])
    opened(batch)
    before = batch.status()
    assert (before["status"]["code"], "validUntil" in before) == (100, True)
    batch.put()
    batch.close()
    codes = [batch.status()["status"]["code"] for _look in range(5)]
    assert codes == [150, 150, 150, 200, 200]


def test_unobserved_work_goes_on(api: Api, batch: Batch) -> None:
    api.control("POST", "speed", polls=[9, 9])
    assert batch.submit()["status"]["code"] == 150
    api.control("POST", "clock", advance=61)
    assert batch.status()["status"]["code"] == 200


def test_attachments_need_the_right(api: Api, token: str, xml: bytes) -> None:
    block = (
        b"<Zalacznik><BlokDanych><MetaDane><ZKlucz>a</ZKlucz><ZWartosc>b</ZWartosc></MetaDane>"
        b"</BlokDanych></Zalacznik></Faktura>"
    )
    archive = make_zip({"a.xml": xml.replace(b"</Faktura>", block)})
    batch = Batch(api, token, archive)
    batch.submit()
    assert [row["status"]["code"] for row in batch.rows()] == [415]
    api.control("POST", "attachments", nip="5265877635", allowed=True)
    batch = Batch(api, token, archive)
    batch.submit()
    assert [row["status"]["code"] for row in batch.rows()] == [200]


def test_list_of_sessions(api: Api, token: str, files: dict[str, bytes]) -> None:
    first = Batch(api, token, make_zip(files))
    first.submit()
    second = opened(Batch(api, token, make_zip(files)))
    online = open_session(api, token)

    def listed(query: str, **more: Any) -> list[str]:
        answer = api.call("GET", f"/sessions?{query}", token, **more)
        assert answer.status_code == 200, answer.text
        return [row["referenceNumber"] for row in answer.json()["sessions"]]

    assert listed("sessionType=Batch") == [second.reference, first.reference]
    assert listed("sessionType=Online") == [online.reference]
    assert listed("sessionType=Batch&statuses=Succeeded&statuses=Failed") == [first.reference]
    assert listed(f"sessionType=Batch&referenceNumber={second.reference}") == [second.reference]
    assert listed("sessionType=Batch&dateClosedFrom=2020-01-01T00:00:00Z") == [first.reference]
    assert listed("sessionType=Batch&dateCreatedTo=2020-01-01T00:00:00Z") == []
    for wrong in (
        "",
        "sessionType=Other",
        "sessionType=Batch&statuses=Open",
        "sessionType=Batch&referenceNumber=x",
        "sessionType=Batch&dateCreatedFrom=yesterday",
        "sessionType=Batch&pageSize=9",
    ):
        assert code_of(api.call("GET", f"/sessions?{wrong}", token)) == 21405
    stale = api.call(
        "GET", "/sessions?sessionType=Batch", token, headers={"x-continuation-token": "x"}
    )
    assert code_of(stale) == 21418

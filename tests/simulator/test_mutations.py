"""A good run with one byte or one field changed at a time: nothing changed is accepted."""

from __future__ import annotations

import base64
import copy
import random
import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from batches import Batch, make_zip
from enrolling import Subject, body, new_key, request_for
from exporting import Export, window
from harness import (
    NIP,
    Api,
    Session,
    adapted,
    aes,
    auth_request,
    code_of,
    key_pair,
    login,
    new_challenge,
    open_payload,
    open_session,
    sha,
    submit,
    today,
    wrap,
)
from ksef_client.services.xades import sign_xades_enveloped
from test_qr import Issuer

#: Positions tried where trying all takes too long; the seed makes a failure repeatable.
SAMPLE = 250
SEED = 20261121
SIGNATURE_CODES = {9101, 9102, 9103, 9105, 21001, 21115, 21217, 21401, 21406}
_TEXT = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@pytest.fixture
def dice() -> random.Random:
    return random.Random(SEED)


@pytest.fixture
def xml(invoice_template: bytes) -> bytes:
    return adapted(invoice_template, P_1=today(), P_2="M/1")


def flipped(data: bytes, position: int, mask: int = 1) -> bytes:
    return data[:position] + bytes([data[position] ^ mask]) + data[position + 1 :]


def respelled(text: str, position: int) -> str:
    """Another character at ``position``, one that may stand in the same kind of text."""
    other = _TEXT[(_TEXT.find(text[position]) + 1) % len(_TEXT)]
    return text[:position] + other + text[position + 1 :]


@pytest.mark.parametrize("rsa", [False, True], ids=["ec", "rsa"])
def test_signed_document(api: Api, dice: random.Random, rsa: bool) -> None:
    certificate, key = key_pair(api, rsa=rsa)
    good = sign_xades_enveloped(auth_request(new_challenge(api)), certificate, key).encode()
    assert submit(api, good).status_code == 202
    # the challenge is used up, but a document that verified would be told so: 21111
    mixed = [match.end() for match in re.finditer(rb"<ds:KeyInfo>|</ds:X509Data>", good)]
    # text is allowed there by the schema of signatures, and nobody signs it
    positions = [at for at in range(len(good)) if at not in mixed]
    for position in dice.sample(positions, SAMPLE):
        for mask in (1, 0x21):
            code = code_of(submit(api, flipped(good, position, mask)))
            assert code in SIGNATURE_CODES, (position, good[position - 30 : position + 10])


def test_every_character_of_a_token(api: Api) -> None:
    token = login(api)["access"]
    assert api.call("GET", "/rate-limits", token).status_code == 200
    for position in range(len(token)):
        changed = respelled(token, position)
        assert api.call("GET", "/rate-limits", changed).status_code == 401, position


def test_every_character_of_a_link(api: Api, xml: bytes) -> None:
    session = open_session(api, login(api)["access"])
    link = session.status(session.send(xml))["upoDownloadUrl"]
    assert api.get(link).status_code == 200
    start = link.index("/storage/") + len("/storage/")
    for position in range(start, len(link)):
        if link[position] not in "?&=":
            assert api.get(respelled(link, position)).status_code == 403, position


def test_every_byte_of_a_certificate_request(api: Api) -> None:
    api.control("POST", "speed", certificates=0)
    company = Subject(api, login(api)["access"])
    good = request_for(company.data(), new_key())
    assert company.post(body(good)).status_code == 202
    for position in range(len(good)):
        answer = company.post(body(flipped(good, position)))
        assert code_of(answer) in {25003, 25004, 25010, 25011}, position


def test_every_byte_of_an_encrypted_token(api: Api, dice: random.Random) -> None:
    token = api.control("POST", "tokens", nip=NIP)["token"]

    def attempt(mask: int, position: int = 0) -> int:
        issued = api.call("POST", "/auth/challenge").json()
        text = f"{token}|{issued['timestampMs']}".encode()
        secret, identifier = wrap(api, text, "KsefTokenEncryption")
        changed = flipped(base64.b64decode(secret), position, mask)
        sent = {
            "challenge": issued["challenge"],
            "encryptedToken": base64.b64encode(changed).decode(),
            "publicKeyId": identifier,
            "contextIdentifier": {"type": "Nip", "value": NIP},
        }
        started = api.call("POST", "/auth/ksef-token", json=sent).json()
        path = f"/auth/{started['referenceNumber']}"
        bearer = started["authenticationToken"]["token"]
        code: int = api.call("GET", path, bearer).json()["status"]["code"]
        return code

    assert attempt(0) == 200
    assert {attempt(1, position) for position in dice.sample(range(256), 40)} == {450}


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The paths of all values inside objects and lists."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from leaves(item, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    else:
        yield path


def changed_copies(
    payload: dict[str, Any], optional: set[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Copies with one value missing, null, of another kind, or another of the same kind."""
    for path in leaves(payload):
        name = str(path[-1])
        if name in optional:
            continue
        for change in ("missing", "null", "kind", "value"):
            copied = copy.deepcopy(payload)
            target: Any = copied
            for step in path[:-1]:
                target = target[step]
            old = target[path[-1]]
            if change == "missing":
                del target[path[-1]]
            else:
                target[path[-1]] = {"null": None, "kind": [old], "value": another(old)}[change]
            yield f"{'.'.join(map(str, path))} {change}", copied


def another(value: Any) -> Any:
    """A value of the same kind and, for texts in Base64, of the same length."""
    if isinstance(value, bool):
        return "true"
    if isinstance(value, int):
        return value + 1
    return respelled(value, 0)


def test_every_field_of_an_opening(api: Api) -> None:
    token = login(api)["access"]
    good = open_payload(api, bytes(32), bytes(16))
    # the name of the key may be left out, and every 16 bytes are an IV
    unseen = {"publicKeyId null", "publicKeyId missing", "initializationVector value"}
    for name, payload in changed_copies(good, set()):
        answer = api.call("POST", "/sessions/online", token, json=payload)
        if answer.status_code == 201:
            path = f"/sessions/{answer.json()['referenceNumber']}"
            code = api.call("GET", path, token).json()["status"]["code"]
            assert code == 415 or name.partition(".")[2] in unseen, name
        else:
            assert code_of(answer) in {21405, 21470}, name


def test_every_field_of_a_send(api: Api, xml: bytes) -> None:
    session = open_session(api, login(api)["access"])
    for name, payload in changed_copies(session.payload(xml), set()):
        answer = session.post(payload)
        if answer.status_code == 202:
            status = session.status(answer.json()["referenceNumber"])["status"]
            assert status["code"] in {430, 435}, name
        else:
            assert code_of(answer) in {21402, 21403, 21405}, name
    assert session.status(session.send(xml))["status"]["code"] == 200


def test_another_iv_than_announced(api: Api, xml: bytes) -> None:
    session = open_session(api, login(api)["access"])
    other = Session(api, session.token, session.reference, session.key, bytes(16))
    assert session.status(other.send(xml))["status"]["code"] in {430, 435}


def test_bytes_of_an_invoice(api: Api, xml: bytes, dice: random.Random) -> None:
    """Whatever changes between hashing and encrypting, or afterwards, does not get through."""
    session = open_session(api, login(api)["access"])
    encrypted = session.encrypt(xml)
    for position in dice.sample(range(len(xml)), 40):
        plain = session.payload(flipped(xml, position), invoiceHash=sha(xml))
        assert code_or_verdict(session, plain) == 430, position
    for position in dice.sample(range(len(encrypted)), 40):
        content = flipped(encrypted, position)
        text = base64.b64encode(content).decode()
        sent = session.payload(xml, encryptedInvoiceContent=text)
        assert code_or_verdict(session, sent) == 21403, position
        sent["encryptedInvoiceHash"] = sha(content)
        assert code_or_verdict(session, sent) in {430, 435}, position


def code_or_verdict(session: Session, payload: dict[str, Any]) -> int:
    """The exception code, or the status after acceptance."""
    answer = session.post(payload)
    if answer.status_code == 400:
        return code_of(answer)
    code: int = session.status(answer.json()["referenceNumber"])["status"]["code"]
    return code


def test_every_field_of_a_package(api: Api, xml: bytes) -> None:
    token = login(api)["access"]
    archive = make_zip({"a.xml": xml, "b.xml": xml.replace(b"M/1", b"M/2")})
    sample = Batch(api, token, archive, part_size=1000)
    good = sample.payload(compressionType="Zip")
    # left out, it means Zip
    free = {"batchFile.compressionType missing", "batchFile.compressionType null"}
    free |= {"encryption.publicKeyId missing", "encryption.publicKeyId null"}
    for name, payload in changed_copies(good, set()):
        batch = Batch(api, token, archive, 1000, sample.key, sample.iv)
        answer = batch.post(payload)
        if answer.status_code == 400:
            assert code_of(answer) in {21405, 21157, 21161, 21470}, name
        elif name not in free:
            assert refused_later(batch), name


def refused_later(batch: Batch) -> bool:
    """Upload and close: 21157 at the latest then, or a status that says what is wrong."""
    for number in range(1, len(batch.requests) + 1):
        assert batch.put(number).status_code == 201
    closed = batch.close()
    if closed.status_code == 400:
        return code_of(closed) == 21157 or "415" in closed.text
    return batch.status()["status"]["code"] in {405, 415, 430, 435}


def test_bytes_of_a_package(api: Api, xml: bytes, dice: random.Random) -> None:
    token = login(api)["access"]
    archive = make_zip({"a.xml": xml})
    for position in dice.sample(range(len(archive)), 15):
        batch = Batch(api, token, archive)
        content = flipped(batch.parts[0], position)
        assert batch.post(batch.payload()).status_code == 201
        batch.put(content=content)
        assert batch.close().status_code == 204
        assert batch.status()["status"]["code"] == 405
        # an honest hash of the changed part, and it is the archive that differs
        batch = Batch(api, token, archive)
        batch.parts = [flipped(batch.parts[0], position)]
        assert batch.submit()["status"]["code"] in {405, 435}
        # another archive than the one described
        batch = Batch(api, token, archive)
        batch.parts = [aes(flipped(archive, position), batch.key, batch.iv)]
        assert batch.submit()["status"]["code"] == 405


def test_every_field_of_an_export(api: Api) -> None:
    api.control("POST", "settings", export_polls=0)
    good = Export(api, login(api)["access"])
    payload = good.payload(compressionType="Zip", onlyMetadata=True)
    # they may be null or left out; other filters of the same kind are other questions
    free = {"encryption.publicKeyId", "compressionType"}
    for name, changed in changed_copies(payload, set()):
        answer = good.post(changed)
        path, _space, change = name.rpartition(" ")
        if answer.status_code == 400:
            assert code_of(answer) in {21405, 21470}, name
        elif change == "missing" and path == "onlyMetadata":
            continue
        elif path == "encryption.initializationVector":
            assert change == "value", name
        elif path in free:
            assert change in ("missing", "null"), name
        else:
            assert good.ask().json()["status"]["code"] == 415, name


def test_every_field_of_a_query(api: Api) -> None:
    token = login(api)["access"]
    good = {
        "subjectType": "Subject1",
        "dateRange": window("Invoicing"),
        "amount": {"type": "Brutto", "from": 1, "to": 2},
        "buyerIdentifier": {"type": "Nip", "value": NIP},
        "currencyCodes": ["PLN"],
        "formType": "FA",
        "hasAttachment": False,
        "invoiceNumber": "1",
        "invoiceTypes": ["Vat"],
        "invoicingMode": "Online",
        "isSelfInvoicing": False,
        "ksefNumber": f"{NIP}-20260201-0123456789AB-C5",
        "sellerNip": NIP,
    }
    path = "/invoices/query/metadata"
    assert api.call("POST", path, token, json=good).status_code == 200
    for name, changed in changed_copies(good, set()):
        leaf, _space, change = name.rpartition(" ")
        answer = api.call("POST", path, token, json=changed)
        optional = not leaf.startswith(("subjectType", "dateRange", "amount.type", "buyerId"))
        # another number is another question
        harmless = {"amount.from value", "amount.to value", "invoiceNumber value"}
        harmless |= {"sellerNip value", "ksefNumber value"}
        harmless |= {f"buyerIdentifier.value {how}" for how in ("value", "missing", "null")}
        if (optional and change in ("missing", "null")) or name in harmless:
            # the list itself may be empty, its entry may not be null
            expected = 400 if leaf.endswith(".0") and change == "null" else 200
            assert answer.status_code == expected, name
        else:
            assert (answer.status_code, name) == (400, name)
            assert code_of(answer) == 21405, name


def test_every_field_of_an_enrolment(api: Api) -> None:
    company = Subject(api, login(api)["access"])
    begin = (datetime.now(timezone.utc) + timedelta(days=1)).isoformat()
    good = {**body(request_for(company.data(), new_key())), "validFrom": begin}
    assert company.post(good).status_code == 202
    # another letter is another name, and validity may begin at once
    free = {"certificateName value", "validFrom missing", "validFrom null"}
    for name, changed in changed_copies(good, set()):
        answer = company.post(changed)
        if name in free:
            assert answer.status_code == 202, name
        else:
            assert code_of(answer) in {21405, 25004}, name


def test_every_character_of_the_first_code(api: Api, xml: bytes) -> None:
    session = open_session(api, login(api)["access"])
    assert session.status(session.send(xml))["status"]["code"] == 200
    day = datetime.fromisoformat(today()).strftime("%d-%m-%Y")
    digest = sha(xml).rstrip("=").replace("+", "-").replace("/", "_")
    path = f"{NIP}/{day}/{digest}"

    def result(path: str) -> str:
        answer = api.get(f"{api.url}/qr/invoice/{path}?format=json")
        return answer.json()["result"] if answer.status_code == 200 else "malformed"

    assert result(path) == "found"
    for position, letter in enumerate(path):
        if letter not in "/-":
            changed = respelled(path, position)
            assert result(changed) in ("not-found", "malformed"), changed


@pytest.mark.parametrize("rsa", [False, True], ids=["ec", "rsa"])
def test_every_character_of_the_second_code(api: Api, rsa: bool) -> None:
    code = Issuer(api, rsa=rsa).code()

    def result(path: str) -> str:
        answer = api.get(f"{api.url}/qr/certificate/{path}?format=json")
        return answer.json()["result"] if answer.status_code == 200 else "malformed"

    assert result(code) == "valid"
    # the last one has bits that the signature does not use
    for position, letter in enumerate(code[:-1]):
        if letter != "/":
            changed = respelled(code, position)
            assert result(changed) in ("invalid", "malformed"), changed


def test_every_header_of_an_upload(api: Api, xml: bytes) -> None:
    batch = Batch(api, login(api)["access"], make_zip({"a.xml": xml}))
    assert batch.post(batch.payload()).status_code == 201
    [asked] = batch.requests
    for name, value in asked["headers"].items():
        for position in range(len(value)):
            headers = {**asked["headers"], name: respelled(value, position)}
            answer = api.request("PUT", asked["url"], headers=headers, content=batch.parts[0])
            assert answer.status_code == 400, (name, position)
    assert batch.put().status_code == 201


def test_every_character_of_a_reference(api: Api, xml: bytes) -> None:
    session = open_session(api, login(api)["access"])
    reference = session.send(xml)
    for _look in range(2):
        number = session.status(reference)["ksefNumber"]
    names = {
        f"/sessions/{session.reference}": (len("/sessions/"), {21173}),
        f"/sessions/{session.reference}/invoices/{reference}": (56, {21405}),
        f"/invoices/ksef/{number}": (len("/invoices/ksef/"), {21164, 21405}),
    }
    for path, (start, codes) in names.items():
        assert api.call("GET", path, session.token).status_code == 200
        for position in range(start, len(path)):
            changed = respelled(path, position)
            if path[position] not in "-/":
                assert code_of(api.call("GET", changed, session.token)) in codes, changed

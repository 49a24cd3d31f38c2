"""KSeF certificates: limits, enrolment with its checks, issue, retrieval, search, revocation."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from conftest import SHARED
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding
from cryptography.x509.name import _ASN1Type
from enrolling import (
    ENROL,
    OIDS,
    Subject,
    body,
    key_pem,
    new_key,
    pem_of,
    person,
    request_for,
    resigned,
    token_login,
)
from harness import (
    NIP,
    Api,
    auth_request,
    code_of,
    login,
    new_challenge,
    submit,
)
from ksef_client.services.xades import sign_xades_enveloped


@pytest.fixture
def company(api: Api) -> Subject:
    api.control("POST", "speed", certificates=0)
    return Subject(api, login(api)["access"])


def test_enrolment_data_echo_the_certificate(api: Api, company: Subject) -> None:
    data = company.data()
    assert data["organizationIdentifier"] == f"VATPL-{NIP}"
    assert (data["commonName"], data["countryName"]) == (NIP, "PL")
    assert set(data) == {
        "commonName",
        "countryName",
        "organizationName",
        "organizationIdentifier",
        "uniqueIdentifier",
    }
    assert company.data() == data
    human = person(api).data()
    assert human["serialNumber"] == "PNOPL-30112206276"
    assert {"givenName", "surname"} < set(human)
    assert not {"organizationName", "organizationIdentifier"} & set(human)


@pytest.mark.parametrize("key_kind", ["p256", "rsa2048"])
def test_issued_certificate_authenticates(api: Api, company: Subject, key_kind: str) -> None:
    api.control("POST", "speed", null_parameters=False)
    key = new_key(key_kind)
    status = company.enrol(key)
    assert status["status"] == {
        "code": 200,
        "description": "Wniosek obsłużony (certyfikat wygenerowany)",
    }
    serial = status["certificateSerialNumber"]
    (found,) = company.retrieve(serial)
    assert (found["certificateType"], found["certificateName"]) == ("Authentication", "Próbny 1")
    certificate = x509.load_der_x509_certificate(base64.b64decode(found["certificate"]))
    assert f"{certificate.serial_number:016X}" == serial
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.digital_signature
    assert not usage.value.content_commitment
    length = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert length == timedelta(days=730)
    again = login(api, NIP, (pem_of(base64.b64decode(found["certificate"])), key_pem(key)))
    (row,) = Subject(api, again["access"]).listed(certificateSerialNumber=serial)
    assert row["lastUseDate"]
    # the new certificate may enrol its successor, with the same data
    assert Subject(api, again["access"]).data() == company.data()


def test_null_parameter_quirk(api: Api, company: Subject) -> None:
    """As on the Ministry's test environment: recent ``cryptography`` refuses to read it."""
    key = new_key()
    serial = company.enrol(key)["certificateSerialNumber"]
    der = base64.b64decode(company.retrieve(serial)[0]["certificate"])
    with pytest.raises(ValueError, match="ExtraData"):
        x509.load_der_x509_certificate(der)
    assert submit(api, resigned(api, der, key)).status_code == 202
    stranger = resigned(api, der, new_key())
    assert code_of(submit(api, stranger)) == 9105


def test_offline_certificate_never_authenticates(api: Api, company: Subject) -> None:
    api.control("POST", "speed", null_parameters=False)
    key = new_key()
    serial = company.enrol(key, "Offline")["certificateSerialNumber"]
    der = base64.b64decode(company.retrieve(serial)[0]["certificate"])
    usage = x509.load_der_x509_certificate(der).extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.value.content_commitment
    assert not usage.value.digital_signature
    xml = sign_xades_enveloped(auth_request(new_challenge(api)), pem_of(der), key_pem(key))
    assert code_of(submit(api, xml)) == 21115


def test_issue_is_asynchronous(api: Api, company: Subject) -> None:
    api.control("POST", "speed", certificates=2)
    sent = company.post(body(request_for(company.data(), new_key()))).json()
    codes = [company.status(sent["referenceNumber"]).json()["status"]["code"] for _ in range(4)]
    assert codes == [100, 100, 200, 200]
    later = company.post(body(request_for(company.data(), new_key()))).json()["referenceNumber"]
    api.control("POST", "clock", advance=61)
    assert company.status(later).json()["status"]["code"] == 200


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"certificateName": "abcd"}, 21405),
        ({"certificateName": "x" * 101}, 21405),
        ({"certificateName": "semi;colon"}, 21405),
        ({"certificateName": None}, 21405),
        ({"certificateType": "Other"}, 21405),
        ({"csr": "%%%"}, 21405),
        ({"csr": "AAAA"}, 25004),
        ({"validFrom": "tomorrow"}, 21405),
        ({"validFrom": "2020-01-01T00:00:00Z"}, 21405),
        ({"validFrom": "2199-01-01T00:00:00Z"}, 21405),
    ],
)
def test_bad_fields(company: Subject, change: dict[str, Any], code: int) -> None:
    csr = request_for(company.data(), new_key())
    assert code_of(company.post({**body(csr), **change})) == code


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"commonName": "Inny"}, 25003),
        ({"organizationIdentifier": "VATPL-1111111111"}, 25003),
        ({"surname": "Nadmiarowe"}, 25003),
        ({"uniqueIdentifier": None}, 25003),
    ],
)
def test_subject_must_repeat_the_data(
    company: Subject, change: dict[str, str | None], code: int
) -> None:
    data = {**company.data(), **change}
    csr = request_for({name: value for name, value in data.items() if value}, new_key())
    assert code_of(company.post(body(csr))) == code


def test_order_of_attributes_is_free(company: Subject) -> None:
    data = dict(reversed(company.data().items()))
    assert company.post(body(request_for(data, new_key()))).status_code == 202


@pytest.mark.parametrize(
    ("key_kind", "code"),
    [("rsa3072", 25010), ("rsa1024", 25010), ("p384", 25010), ("ed25519", 25011)],
)
def test_key_kinds(company: Subject, key_kind: str, code: int) -> None:
    assert code_of(company.post(body(request_for(company.data(), new_key(key_kind))))) == code


@pytest.mark.parametrize("digest", [hashes.SHA256(), hashes.SHA384(), hashes.SHA512()])
def test_signature_schemes(company: Subject, digest: hashes.HashAlgorithm) -> None:
    data, key = company.data(), new_key("rsa2048")
    pss = rsa_padding.PSS(rsa_padding.MGF1(digest), digest.digest_size)
    for csr in (
        request_for(data, key, digest),
        request_for(data, key, digest, rsa_padding=pss),
        request_for(data, new_key(), digest),
    ):
        assert company.post(body(csr)).status_code == 202


def test_hash_outside_the_list(company: Subject) -> None:
    csr = request_for(company.data(), new_key(), hashes.SHA224())
    assert code_of(company.post(body(csr))) == 25011


def test_broken_requests(company: Subject) -> None:
    data = company.data()
    csr = request_for(data, new_key())
    assert code_of(company.post(body(csr[:-1] + bytes([csr[-1] ^ 1])))) == 25004
    assert code_of(company.post(body(csr + b"\0"))) == 25004
    assert code_of(company.post(body(csr.replace(NIP.encode(), b"1111111111")))) == 25004
    name = x509.Name(
        [
            x509.NameAttribute(
                OIDS[field],
                value,
                _ASN1Type.T61String if field == "organizationName" else None,
            )
            for field, value in data.items()
        ]
    )
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    teletex = builder.sign(new_key(), hashes.SHA256())
    der = teletex.public_bytes(serialization.Encoding.DER)
    assert code_of(company.post(body(der))) == 25004


def test_official_request_is_read(company: Subject) -> None:
    """The contract's sample, signed with RSA-PSS: its subject is not ours, all else is good."""
    path = SHARED / "spec" / "vectors" / "csr-openapi.der.b64"
    if not path.is_file():
        pytest.skip(f"no vectors in {SHARED}")
    csr = base64.b64decode(path.read_text())
    assert code_of(company.post(body(csr))) == 25003
    changed = csr.replace(b"7762811692", b"7762811693")
    assert code_of(company.post(body(changed))) == 25004


def test_token_may_not_enrol_or_revoke(api: Api, company: Subject) -> None:
    serial = company.enrol(new_key())["certificateSerialNumber"]
    csr = request_for(company.data(), new_key())
    bearer = token_login(api)
    assert code_of(bearer.call("GET", ENROL + "/data")) == 25001
    assert code_of(bearer.post(body(csr))) == 25002
    refused = bearer.revoke(serial)
    assert refused.status_code == 403
    assert refused.json()["reasonCode"] == "auth-method-not-allowed"
    assert refused.json()["security"] == {"authenticationMethodCategory": "Token"}
    assert bearer.limits()["canRequest"] is False
    assert [row["certificateSerialNumber"] for row in bearer.retrieve(serial)] == [serial]


def test_limits_per_kind_of_identifier(api: Api, company: Subject) -> None:
    assert company.limits() == {
        "canRequest": True,
        "enrollment": {"remaining": 300, "limit": 300},
        "certificate": {"remaining": 100, "limit": 100},
    }
    human = person(api)
    assert human.limits()["enrollment"]["limit"] == 12
    assert human.call("GET", "/limits/subject").json() == {
        "enrollment": {"maxEnrollments": 12},
        "certificate": {"maxCertificates": 6},
    }
    serials = [human.enrol(new_key())["certificateSerialNumber"] for _ in range(6)]
    assert human.limits()["certificate"] == {"remaining": 0, "limit": 6}
    assert human.limits()["canRequest"] is False
    csr = request_for(human.data(), new_key())
    assert code_of(human.post(body(csr))) == 25007
    # revoking frees a place but gives no enrolment back
    assert human.revoke(serials[0]).status_code == 204
    human.listed()
    assert human.limits()["certificate"]["remaining"] == 1
    assert human.limits()["enrollment"]["remaining"] == 6


def test_enrolment_limit_is_a_rolling_window(api: Api) -> None:
    api.control("POST", "speed", certificates=0)
    human = person(api)
    for _ in range(12):
        serial = human.enrol(new_key())["certificateSerialNumber"]
        human.revoke(serial)
        human.listed()
    csr = request_for(human.data(), new_key())
    assert code_of(human.post(body(csr))) == 25006
    api.control("POST", "clock", advance=30 * 86400 + 1)
    assert person(api).limits()["enrollment"]["remaining"] == 12


def test_held_limit_at_the_moment_of_issue(api: Api) -> None:
    api.control("POST", "speed", certificates=1)
    human = person(api)
    pending = [human.post(body(request_for(human.data(), new_key()))).json() for _ in range(7)]
    for _look in range(2):
        seen = [human.status(item["referenceNumber"]).json() for item in pending]
    assert [row["status"]["code"] for row in seen] == [200] * 6 + [400]
    assert seen[-1]["status"]["details"] == [
        "Osiągnięto dopuszczalny limit posiadanych certyfikatów."
    ]


def test_future_certificate_counts(company: Subject) -> None:
    start = datetime.now(timezone.utc) + timedelta(days=89)
    status = company.enrol(new_key(), validFrom=start.isoformat())
    assert company.limits()["certificate"]["remaining"] == 99
    (row,) = company.listed(certificateSerialNumber=status["certificateSerialNumber"])
    assert row["validFrom"].startswith(start.strftime("%Y-%m-%dT%H:%M"))
    assert row["status"] == "Active"


def test_key_of_another_subject(api: Api, company: Subject) -> None:
    key = new_key()
    company.enrol(key)
    other = Subject(api, login(api, "1111111111")["access"])
    status = other.enrol(key)
    assert status["status"]["code"] == 400
    assert status["status"]["details"] == [
        "Klucz publiczny został już certyfikowany przez inny podmiot."
    ]
    assert "certificateSerialNumber" not in status
    assert company.enrol(key)["status"]["code"] == 200


def test_references_belong_to_their_subject(api: Api, company: Subject) -> None:
    sent = company.post(body(request_for(company.data(), new_key()))).json()
    other = Subject(api, login(api, "1111111111")["access"])
    assert code_of(other.status(sent["referenceNumber"])) == 25005
    assert code_of(company.status("20250604-EH-461EA5B000-537A6BA15D-D7")) == 25005
    assert company.status(sent["referenceNumber"]).status_code == 200
    api.control("POST", "clock", advance=30 * 86400 + 1)
    later = Subject(api, login(api)["access"])
    assert later.status(sent["referenceNumber"]).status_code == 410


def test_retrieve(api: Api, company: Subject) -> None:
    serial = company.enrol(new_key())["certificateSerialNumber"]
    other = Subject(api, login(api, "1111111111")["access"])
    assert other.retrieve(serial) == []
    assert company.retrieve("0" * 16) == []
    for serials in ([], ["0" * 16] * 11, ["0"], [serial.lower()], "x", [7]):
        asked = {"certificateSerialNumbers": serials}
        assert code_of(company.call("POST", "/certificates/retrieve", json=asked)) == 21405


def test_query_filters_and_pages(api: Api, company: Subject) -> None:
    for index in range(11):
        company.enrol(
            new_key(),
            "Offline" if index % 2 else "Authentication",
            certificateName=f"Numer {index}",
        )
    path = "/certificates/query"
    everything = {"name": "Numer"}
    first = company.call("POST", path, json=everything).json()
    assert (len(first["certificates"]), first["hasMore"]) == (10, True)
    assert first["certificates"][0]["name"] == "Numer 10"
    second = company.call("POST", path, json=everything, params={"pageOffset": 1}).json()
    assert (len(second["certificates"]), second["hasMore"]) == (1, False)
    assert [row["name"] for row in company.listed(name="mer 7")] == ["Numer 7"]
    assert len(company.listed(name="Numer", type="Offline")) == 5
    assert company.listed(name="Numer", status="Revoked") == []
    assert company.listed(name="Numer", expiresAfter="2999-01-01T00:00:00Z") == []
    assert company.call("POST", path).status_code == 200
    for params in ({"pageSize": 9}, {"pageSize": 51}, {"pageOffset": -1}):
        assert code_of(company.call("POST", path, json={}, params=params)) == 21405
    for wrong in ({"status": "x"}, {"type": "x"}, {"expiresAfter": "x"}):
        assert code_of(company.call("POST", path, json=wrong)) == 21405


def test_revocation(api: Api, company: Subject) -> None:
    api.control("POST", "speed", null_parameters=False, certificates=0)
    key = new_key()
    serial = company.enrol(key)["certificateSerialNumber"]
    pem = pem_of(base64.b64decode(company.retrieve(serial)[0]["certificate"]))
    other = Subject(api, login(api, "1111111111")["access"])
    assert code_of(other.revoke(serial)) == 25008
    assert code_of(company.revoke("0" * 16)) == 25008
    assert code_of(company.revoke("x")) == 21405
    assert code_of(company.revoke(serial, revocationReason="Why")) == 21405
    assert company.revoke(serial, revocationReason="KeyCompromise").status_code == 204
    assert code_of(company.revoke(serial)) == 25009
    states = [company.listed(certificateSerialNumber=serial)[0]["status"] for _ in range(2)]
    assert states == ["Blocked", "Revoked"]
    assert code_of(company.revoke(serial)) == 25009
    xml = sign_xades_enveloped(auth_request(new_challenge(api)), pem, key_pem(key))
    started = submit(api, xml).json()
    path = f"/auth/{started['referenceNumber']}"
    status = api.call("GET", path, started["authenticationToken"]["token"]).json()["status"]
    assert (status["code"], status["details"]) == (460, ["Certyfikat odwołany"])


def test_expired_certificate(api: Api, company: Subject) -> None:
    serial = company.enrol(new_key())["certificateSerialNumber"]
    api.control("POST", "clock", advance=731 * 86400)
    later = Subject(api, login(api)["access"])
    (row,) = later.listed(certificateSerialNumber=serial)
    assert row["status"] == "Expired"
    assert code_of(later.revoke(serial)) == 25009
    assert later.limits()["certificate"]["remaining"] == 100


def test_forced_verdict(api: Api, company: Subject) -> None:
    api.control("POST", "faults", endpoint="enrolment", kind="outcome", code=550)
    assert company.enrol(new_key())["status"]["code"] == 550
    assert company.enrol(new_key())["status"]["code"] == 200

"""Authentication: every check of the signature, the challenge and the tokens refuses once."""

from __future__ import annotations

import base64
import re
from datetime import datetime, timedelta, timezone

import pytest
from conftest import start
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.x509.oid import NameOID
from harness import NIP, Api, auth_request, code_of, key_pair, login, new_challenge, submit, wrap
from ksef_client.services.xades import sign_xades_enveloped


def signed(api: Api, **more: str) -> str:
    certificate, key = key_pair(api)
    return sign_xades_enveloped(auth_request(new_challenge(api), **more), certificate, key)


def self_signed(nip: str, *, days: int = 1, person: bool = False) -> tuple[str, str]:
    """A certificate that nobody vouches for; ``days`` negative = expired."""
    key = ec.generate_private_key(ec.SECP256R1())
    attributes = [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "PL"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Ktoś"),
        x509.NameAttribute(x509.ObjectIdentifier("2.5.4.97"), f"VATPL-{nip}"),
        x509.NameAttribute(NameOID.COMMON_NAME, "Ktoś"),
    ]
    if person:
        attributes.append(x509.NameAttribute(NameOID.GIVEN_NAME, "Jan"))
    now = datetime.now(timezone.utc)
    name = x509.Name(attributes)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), pem.decode()


def outcome(api: Api, xml: str, **more: object) -> dict[str, object]:
    """The final status of an accepted submission."""
    started = submit(api, xml, **more)
    assert started.status_code == 202, started.text
    data = started.json()
    path = f"/auth/{data['referenceNumber']}"
    return api.call("GET", path, data["authenticationToken"]["token"]).json()["status"]


def test_both_namespaces_pass(api: Api) -> None:
    for namespace in ("2.0", "2.1"):
        assert submit(api, signed(api, namespace=namespace)).status_code == 202


@pytest.mark.parametrize(
    ("pattern", "replacement", "code"),
    [
        (NIP + "</Nip>", "1111111111</Nip>", 9105),
        (r"(<ds:SignatureValue>[^<]{0,9})..", r"\1AB", 9105),
        (r"<ds:Signature .*</ds:Signature>", "", 9102),
        (r"(<ds:Signature .*</ds:Signature>)", r"\1\1", 9103),
        (r'Type="http://uri.etsi.org/01903#SignedProperties"', "", 9105),
        (r"<xades:SigningCertificate>.*</xades:SigningCertificate>", "", 9105),
        (r"<xades:SigningTime>[^<]*", "<xades:SigningTime>2099-01-01T00:00:00Z", 9105),
        (r'URI=""', 'URI="http://example.com/x"', 9105),
        (r"auth/token/2\.1", "auth/token/3.0", 21401),
        ("certificateSubject<", "certificateOther<", 21401),
        ("<Nip>5", "<Nip>0", 21401),
        ("AuthTokenRequest", "Other", 21401),
        (r"<ds:X509Data>.*</ds:X509Data>", "", 9105),
        (r"</AuthTokenRequest>", "", 21001),
    ],
)
def test_changed_document(api: Api, pattern: str, replacement: str, code: int) -> None:
    xml = signed(api)
    changed = re.sub(pattern, replacement, xml, flags=re.DOTALL)
    assert changed != xml
    assert code_of(submit(api, changed)) == code


def test_encoding_and_dtd(api: Api) -> None:
    xml = signed(api).replace("<?xml version='1.0' encoding='UTF-8'?>", "").lstrip()
    assert code_of(submit(api, xml.encode("utf-16"))) == 21217
    body = xml[xml.index("<AuthTokenRequest") :]
    assert code_of(submit(api, "<!DOCTYPE x [<!ENTITY a 'b'>]>" + body)) == 9101
    wrong = submit(api, xml, headers={"Content-Type": "application/json"})
    assert wrong.status_code == 415


def test_der_signature_value_is_refused(api: Api) -> None:
    xml = signed(api)
    value = re.search(r"<ds:SignatureValue>([^<]*)", xml)
    assert value is not None
    raw = base64.b64decode(value[1])
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    changed = xml.replace(value[1], base64.b64encode(der).decode())
    assert code_of(submit(api, changed)) == 9105


def test_challenge_is_ours_fresh_and_single_use(api: Api) -> None:
    xml = signed(api)
    assert submit(api, xml).status_code == 202
    assert code_of(submit(api, xml)) == 21111
    old = signed(api)
    api.control("POST", "clock", advance=601)
    assert code_of(submit(api, old)) == 21111
    certificate, key = key_pair(api)
    foreign = auth_request("20250604-CR-461EA5B000-537A6BA15D-D7")
    assert code_of(submit(api, sign_xades_enveloped(foreign, certificate, key))) == 21111


def test_offline_certificate_is_refused(api: Api) -> None:
    certificate, key = key_pair(api, kind="Offline")
    xml = sign_xades_enveloped(auth_request(new_challenge(api)), certificate, key)
    assert code_of(submit(api, xml)) == 21115


def test_expired_and_contradictory_certificates(api: Api) -> None:
    for pair in (self_signed(NIP, days=-1), self_signed(NIP, person=True)):
        xml = sign_xades_enveloped(auth_request(new_challenge(api)), *pair)
        assert code_of(submit(api, xml)) == 21115


def test_self_signed_and_chain(api: Api) -> None:
    pair = self_signed(NIP)
    xml = sign_xades_enveloped(auth_request(new_challenge(api)), *pair)
    assert outcome(api, xml)["code"] == 200
    xml = sign_xades_enveloped(auth_request(new_challenge(api)), *pair)
    assert outcome(api, xml, params={"verifyCertificateChain": "true"})["code"] == 460


def test_revoked_certificate(api: Api) -> None:
    made = api.control("POST", "certificates", nip=NIP, kind="Authentication")
    api.control("POST", "certificates", serial=made["serial"], status="Revoked")
    certificate = x509.load_der_x509_certificate(base64.b64decode(made["certificate"]))
    pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
    status = outcome(api, sign_xades_enveloped(auth_request(new_challenge(api)), pem, made["key"]))
    assert (status["code"], status["details"]) == (460, ["Certyfikat odwołany"])


def test_stranger_has_no_rights(api: Api) -> None:
    certificate, key = key_pair(api, "1111111111")
    xml = sign_xades_enveloped(auth_request(new_challenge(api)), certificate, key)
    assert outcome(api, xml)["code"] == 415
    api.control("POST", "subjects", nip=NIP, subject="1111111111", permissions=["InvoiceWrite"])
    xml = sign_xades_enveloped(auth_request(new_challenge(api)), certificate, key)
    assert outcome(api, xml)["code"] == 200


@pytest.mark.parametrize(
    ("change", "code"),
    [("text", 450), ("time", 450), ("context", 450), ("revoked", 450), ("key", 450), ("good", 200)],
)
def test_ksef_token(api: Api, change: str, code: int) -> None:
    token = api.control("POST", "tokens", nip=NIP)["token"]
    if change == "revoked":
        api.control("POST", "tokens", nip=NIP, revoke=True)
    issued = api.call("POST", "/auth/challenge").json()
    moment = issued["timestampMs"] + (change == "time")
    text = f"{token}{'x' if change == 'text' else ''}|{moment}"
    secret, identifier = wrap(api, text.encode(), "KsefTokenEncryption")
    if change == "key":
        secret, _other = wrap(api, text.encode(), "SymmetricKeyEncryption")
    nip = "1111111111" if change == "context" else NIP
    body = {
        "challenge": issued["challenge"],
        "encryptedToken": secret,
        "publicKeyId": identifier,
        "contextIdentifier": {"type": "Nip", "value": nip},
    }
    started = api.call("POST", "/auth/ksef-token", json=body).json()
    bearer = started["authenticationToken"]["token"]
    status = api.call("GET", f"/auth/{started['referenceNumber']}", bearer).json()["status"]
    assert status["code"] == code
    assert code_of(api.call("POST", "/auth/ksef-token", json=body)) == 21111
    body["publicKeyId"] = "A" * 43 + "="
    assert code_of(api.call("POST", "/auth/ksef-token", json=body)) == 21470


def test_redeem_refresh_and_logout(api: Api) -> None:
    tokens = login(api)
    again = api.call("POST", "/auth/token/redeem", tokens["authentication"])
    assert code_of(again) == 21301
    assert api.call("POST", "/auth/token/refresh", tokens["access"]).status_code == 401
    assert api.call("POST", "/auth/token/refresh", tokens["refresh"]).status_code == 200
    assert code_of(api.call("GET", "/auth/x", tokens["authentication"])) == 21304
    assert api.call("DELETE", "/auth/sessions/current", tokens["access"]).status_code == 204
    assert code_of(api.call("POST", "/auth/token/refresh", tokens["refresh"])) == 21301
    # access tokens live on until they expire
    assert api.call("GET", "/rate-limits", tokens["access"]).status_code == 200
    api.control("POST", "clock", advance=901)
    assert api.call("GET", "/rate-limits", tokens["access"]).status_code == 401


def test_redeem_before_success(api: Api) -> None:
    bearer = submit(api, signed(api)).json()["authenticationToken"]["token"]
    assert code_of(api.call("POST", "/auth/token/redeem", bearer)) == 21301


def test_operation_that_is_not_known(api: Api) -> None:
    """The calls about an operation name it: 21304. For the others the token is just no good."""
    first, second = login(api), login(api)
    other = api.call("GET", f"/auth/{second['reference']}", first["authentication"])
    assert code_of(other) == 21304
    assert second["reference"] in other.text
    api.control("POST", "reset")
    asked = [
        api.call("GET", f"/auth/{first['reference']}", first["authentication"]),
        api.call("POST", "/auth/token/redeem", first["authentication"]),
        api.call("POST", "/auth/token/refresh", first["refresh"]),
    ]
    assert [code_of(answer) for answer in asked] == [21304] * 3
    assert all(first["reference"] in answer.text for answer in asked)
    assert api.call("GET", "/rate-limits", first["access"]).status_code == 401
    assert api.call("DELETE", "/auth/sessions/current", first["refresh"]).status_code == 401


@pytest.mark.parametrize("moment", ["redeem", "refresh"])
def test_token_revoked_after_the_login(api: Api, moment: str) -> None:
    token = api.control("POST", "tokens", nip=NIP)["token"]
    issued = api.call("POST", "/auth/challenge").json()
    secret, identifier = wrap(
        api, f"{token}|{issued['timestampMs']}".encode(), "KsefTokenEncryption"
    )
    body = {
        "challenge": issued["challenge"],
        "encryptedToken": secret,
        "publicKeyId": identifier,
        "contextIdentifier": {"type": "Nip", "value": NIP},
    }
    started = api.call("POST", "/auth/ksef-token", json=body).json()
    bearer = started["authenticationToken"]["token"]
    path = f"/auth/{started['referenceNumber']}"
    assert api.call("GET", path, bearer).json()["status"]["code"] == 200
    access = None
    if moment == "refresh":
        tokens = api.call("POST", "/auth/token/redeem", bearer).json()
        access, bearer = (tokens[name]["token"] for name in ("accessToken", "refreshToken"))
    api.control("POST", "tokens", nip=NIP, revoke=True)
    refused = api.call("POST", f"/auth/token/{moment}", bearer)
    assert code_of(refused) == 21301
    assert "Token KSeF został unieważniony" in refused.text
    if access:
        # an access token lives on until it expires
        assert api.call("GET", "/rate-limits", access).status_code == 200


def test_tokens_of_another_instance(api: Api) -> None:
    process, url = start()
    try:
        with Api(url) as other:
            other.control("POST", "speed", auth=0)
            foreign = login(other)
    finally:
        process.terminate()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()
    for name, path in (("access", "sessions/current"), ("refresh", "token/refresh")):
        method = "DELETE" if name == "access" else "POST"
        assert api.call(method, f"/auth/{path}", foreign[name]).status_code == 401


def test_status_is_kept_for_seven_days(api: Api) -> None:
    started = submit(api, signed(api)).json()
    api.control("POST", "clock", advance=2701)
    path = f"/auth/{started['referenceNumber']}"
    assert api.call("GET", path, started["authenticationToken"]["token"]).status_code == 401


def test_malformed_bearers(api: Api) -> None:
    for value in ("x", "a.b.c", "e30.e30.e30", "é"):
        header = {"Authorization": f"Bearer {value}".encode()}
        assert api.call("GET", "/rate-limits", headers=header).status_code == 401
    assert api.call("GET", "/rate-limits").status_code == 401


def test_owner_rights_and_grants(api: Api) -> None:
    path = "/permissions/query/personal/grants"
    answer = api.call("POST", path, login(api)["access"], json={}).json()
    assert answer["permissions"] == []
    assert "InvoiceWrite" in answer["ownerPermissions"]

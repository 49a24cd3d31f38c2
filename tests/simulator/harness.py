"""A small client for tests: it makes requests by hand, so that any part can be made wrong."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import ssl
from dataclasses import dataclass
from datetime import datetime, timezone
from types import TracebackType
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, padding, serialization
from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from ksef_client.services.xades import sign_xades_enveloped
from lxml import etree

NIP = "5265877635"
FORM = {"systemCode": "FA (3)", "schemaVersion": "1-0E", "value": "FA"}


#: Made once: to read the list of authorities takes longer than many a test.
_TLS = ssl.create_default_context()


class Plain(httpx.BaseTransport):
    """Takes out what the leak check puts into answers: tests here compare whole objects.

    The witness and the add-on's own suites get the answers as they are.
    """

    def __init__(self) -> None:
        self._real = httpx.HTTPTransport(verify=_TLS)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._real.handle_request(request)
        body = answer.read()
        if b"xSimExtra" in body:
            # a fault may have cut the document short; it is handed on as it came
            with contextlib.suppress(ValueError):
                cleaned = _without_extras(json.loads(body))
                body = json.dumps(cleaned, ensure_ascii=False).encode("utf-8")
        kept = [item for item in answer.headers.raw if item[0].lower() != b"content-length"]
        return httpx.Response(answer.status_code, headers=kept, stream=httpx.ByteStream(body))

    def close(self) -> None:
        self._real.close()


def _without_extras(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_extras(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _without_extras(item)
        for name, item in value.items()
        if not name.startswith("xSimExtra")
    }


class Api:
    """HTTP against one simulator; ``call`` returns the raw answer, whatever its status."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, timeout=20, transport=Plain())

    def __enter__(self) -> Api:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def control(self, method: str, name: str, /, **body: Any) -> Any:
        """A call of ``/_sim`` that must succeed; its JSON or None."""
        answer = self._http.request(method, f"/_sim/{name}", json=body or None)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def call(self, method: str, path: str, token: str | None = None, **more: Any) -> httpx.Response:
        headers = dict(more.pop("headers", {}))
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return self._http.request(method, f"/v2{path}", headers=headers, **more)

    def get(self, url: str, **more: Any) -> httpx.Response:
        """A plain GET of an absolute address or of a path outside ``/v2``."""
        return self._http.get(url, **more)

    def request(self, method: str, url: str, **more: Any) -> httpx.Response:
        """Any request to an absolute address, without a token."""
        return self._http.request(method, url, **more)


def key_pair(
    api: Api, nip: str = NIP, *, kind: str = "Authentication", rsa: bool = False
) -> tuple[str, str]:
    """PEM certificate and PEM key of a throw-away KSeF certificate."""
    made = api.control("POST", "certificates", nip=nip, kind=kind, rsa=rsa)
    certificate = x509.load_der_x509_certificate(base64.b64decode(made["certificate"]))
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), made["key"]


def auth_request(challenge: str, nip: str = NIP, namespace: str = "2.1") -> str:
    """An unsigned AuthTokenRequest."""
    return (
        f'<AuthTokenRequest xmlns="http://ksef.mf.gov.pl/auth/token/{namespace}">'
        f"<Challenge>{challenge}</Challenge><ContextIdentifier><Nip>{nip}</Nip></ContextIdentifier>"
        "<SubjectIdentifierType>certificateSubject</SubjectIdentifierType></AuthTokenRequest>"
    )


def new_challenge(api: Api) -> str:
    return api.call("POST", "/auth/challenge").json()["challenge"]


def submit(api: Api, xml: str | bytes, **more: Any) -> httpx.Response:
    headers = {"Content-Type": "application/xml", **more.pop("headers", {})}
    return api.call("POST", "/auth/xades-signature", content=xml, headers=headers, **more)


def login(api: Api, nip: str = NIP, pair: tuple[str, str] | None = None) -> dict[str, str]:
    """Access, refresh and authentication token."""
    certificate, key = pair or key_pair(api, nip)
    signed = sign_xades_enveloped(auth_request(new_challenge(api), nip), certificate, key)
    started = submit(api, signed).json()
    token = started["authenticationToken"]["token"]
    status = api.call("GET", f"/auth/{started['referenceNumber']}", token).json()["status"]
    assert status["code"] == 200, status
    tokens = api.call("POST", "/auth/token/redeem", token).json()
    return {
        "access": tokens["accessToken"]["token"],
        "refresh": tokens["refreshToken"]["token"],
        "authentication": token,
        "reference": started["referenceNumber"],
    }


def sha(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode("ascii")


def public_key(api: Api, usage: str) -> dict[str, Any]:
    keys = api.call("GET", "/security/public-key-certificates").json()
    return next(key for key in keys if usage in key["usage"])


def wrap(api: Api, data: bytes, usage: str = "SymmetricKeyEncryption") -> tuple[str, str]:
    """RSA-OAEP of ``data`` in Base64, and the identifier of the key used."""
    entry = public_key(api, usage)
    key = x509.load_der_x509_certificate(base64.b64decode(entry["certificate"])).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    scheme = rsa_padding.OAEP(rsa_padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
    return base64.b64encode(key.encrypt(data, scheme)).decode("ascii"), entry["publicKeyId"]


def aes(plain: bytes, key: bytes, iv: bytes) -> bytes:
    """AES-256-CBC with PKCS#7."""
    padder = padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()


@dataclass
class Session:
    """An interactive session with its key; ``payload`` is a correct request to change."""

    api: Api
    token: str
    reference: str
    key: bytes
    iv: bytes

    @property
    def path(self) -> str:
        return f"/sessions/online/{self.reference}"

    def encrypt(self, xml: bytes) -> bytes:
        return aes(xml, self.key, self.iv)

    def payload(self, xml: bytes, **changes: Any) -> dict[str, Any]:
        encrypted = self.encrypt(xml)
        return {
            "invoiceHash": sha(xml),
            "invoiceSize": len(xml),
            "encryptedInvoiceHash": sha(encrypted),
            "encryptedInvoiceSize": len(encrypted),
            "encryptedInvoiceContent": base64.b64encode(encrypted).decode("ascii"),
            **changes,
        }

    def send(self, xml: bytes, **changes: Any) -> str:
        """Send correctly and return the invoice's reference."""
        answer = self.post(self.payload(xml, **changes))
        assert answer.status_code == 202, answer.text
        return answer.json()["referenceNumber"]

    def post(self, payload: dict[str, Any], **more: Any) -> httpx.Response:
        return self.api.call("POST", f"{self.path}/invoices", self.token, json=payload, **more)

    def status(self, reference: str) -> dict[str, Any]:
        path = f"/sessions/{self.reference}/invoices/{reference}"
        return self.api.call("GET", path, self.token).json()

    def close(self) -> httpx.Response:
        return self.api.call("POST", f"{self.path}/close", self.token)


def open_payload(api: Api, key: bytes, iv: bytes) -> dict[str, Any]:
    wrapped, identifier = wrap(api, key)
    return {
        "formCode": dict(FORM),
        "encryption": {
            "encryptedSymmetricKey": wrapped,
            "initializationVector": base64.b64encode(iv).decode("ascii"),
            "publicKeyId": identifier,
        },
    }


def open_session(api: Api, token: str, **more: Any) -> Session:
    key, iv = os.urandom(32), os.urandom(16)
    answer = api.call("POST", "/sessions/online", token, json=open_payload(api, key, iv), **more)
    assert answer.status_code == 201, answer.text
    return Session(api, token, answer.json()["referenceNumber"], key, iv)


def adapted(template: bytes, **values: str) -> bytes:
    """``template`` with the text of the first element of each name replaced."""
    root = etree.fromstring(template)
    for name, text in values.items():
        element = root.find(f".//{{*}}{name}")
        assert element is not None
        element.text = text
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def today() -> str:
    """The current day in Poland, as the simulator compares."""
    from zoneinfo import ZoneInfo

    return datetime.now(timezone.utc).astimezone(ZoneInfo("Europe/Warsaw")).date().isoformat()


def code_of(answer: httpx.Response) -> int:
    """The exception code of a 400 in either format."""
    assert answer.status_code == 400, answer.text
    body = answer.json()
    if "errors" in body:
        return body["errors"][0]["code"]
    return body["exception"]["exceptionDetailList"][0]["exceptionCode"]

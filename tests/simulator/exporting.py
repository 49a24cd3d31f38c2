"""Exports by hand: ask, wait, fetch, decrypt, unpack."""

from __future__ import annotations

import io
import json
import os
import tarfile
import zipfile
from dataclasses import dataclass, field
from typing import Any

import httpx
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from harness import Api, open_payload, sha, today


def window(date_type: str = "PermanentStorage", **more: Any) -> dict[str, Any]:
    """A date range that began at midnight."""
    return {"dateType": date_type, "from": f"{today()}T00:00:00", **more}


@dataclass
class Export:
    """One export with its key; ``payload`` is a correct request to change."""

    api: Api
    token: str
    key: bytes = field(default_factory=lambda: os.urandom(32))
    iv: bytes = field(default_factory=lambda: os.urandom(16))
    reference: str = ""

    def payload(self, filters: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
        encryption = open_payload(self.api, self.key, self.iv)["encryption"]
        chosen = filters or {"subjectType": "Subject1", "dateRange": window()}
        return {"encryption": encryption, "filters": chosen, **changes}

    def post(self, payload: dict[str, Any]) -> httpx.Response:
        answer = self.api.call("POST", "/invoices/exports", self.token, json=payload)
        if answer.status_code == 201:
            self.reference = answer.json()["referenceNumber"]
        return answer

    def ask(self) -> httpx.Response:
        return self.api.call("GET", f"/invoices/exports/{self.reference}", self.token)

    def run(self, filters: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
        """Start it; what the first look shows."""
        answer = self.post(self.payload(filters, **changes))
        assert answer.status_code == 201, answer.text
        return self.ask().json()

    def decrypt(self, package: dict[str, Any]) -> bytes:
        """The archive of all parts; every size and hash told is compared."""
        archive = b""
        for part in sorted(package["parts"], key=lambda part: part["ordinalNumber"]):
            answer = self.api.request(part["method"], part["url"])
            assert answer.status_code == 200, answer.text
            content = answer.content
            assert answer.headers["x-ms-meta-hash"] == part["encryptedPartHash"] == sha(content)
            assert part["encryptedPartSize"] == len(content)
            decryptor = Cipher(algorithms.AES(self.key), modes.CBC(self.iv)).decryptor()
            unpadder = padding.PKCS7(128).unpadder()
            padded = decryptor.update(content) + decryptor.finalize()
            plain = unpadder.update(padded) + unpadder.finalize()
            assert (part["partSize"], part["partHash"]) == (len(plain), sha(plain))
            archive += plain
        assert package["size"] == len(archive)
        return archive


def unpack(archive: bytes, compression: str = "Zip") -> dict[str, bytes]:
    """Files of an export by name."""
    if compression == "Zip":
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            return {name: opened.read(name) for name in opened.namelist()}
    files = {}
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as opened:
        for member in opened.getmembers():
            stream = opened.extractfile(member)
            assert stream is not None
            files[member.name] = stream.read()
    return files


def listed(files: dict[str, bytes]) -> list[dict[str, Any]]:
    """The entries of ``_metadata.json``."""
    rows: list[dict[str, Any]] = json.loads(files["_metadata.json"])["invoices"]
    return rows

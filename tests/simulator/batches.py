"""Batch sessions by hand, so that any part of them can be made wrong."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from harness import Api, aes, open_payload, sha

PART = 100_000_000


def make_zip(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def make_tar(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@dataclass
class Batch:
    """A package with its key; ``payload`` is a correct opening to change."""

    api: Api
    token: str
    archive: bytes
    part_size: int = PART
    key: bytes = field(default_factory=lambda: os.urandom(32))
    iv: bytes = field(default_factory=lambda: os.urandom(16))
    reference: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    parts: list[bytes] = field(init=False)

    def __post_init__(self) -> None:
        starts = range(0, len(self.archive), self.part_size)
        plain = [self.archive[start : start + self.part_size] for start in starts]
        self.parts = [aes(part, self.key, self.iv) for part in plain]

    @property
    def path(self) -> str:
        return f"/sessions/batch/{self.reference}"

    def payload(self, **changes: Any) -> dict[str, Any]:
        """The body of the opening; ``changes`` replace fields of ``batchFile``."""
        parts = [
            {"ordinalNumber": number, "fileSize": len(part), "fileHash": sha(part)}
            for number, part in enumerate(self.parts, 1)
        ]
        described = {
            "fileSize": len(self.archive),
            "fileHash": sha(self.archive),
            "fileParts": parts,
            **changes,
        }
        return {**open_payload(self.api, self.key, self.iv), "batchFile": described}

    def post(self, payload: dict[str, Any]) -> httpx.Response:
        answer = self.api.call("POST", "/sessions/batch", self.token, json=payload)
        if answer.status_code == 201:
            self.reference = answer.json()["referenceNumber"]
            self.requests = answer.json()["partUploadRequests"]
        return answer

    def put(self, number: int = 1, content: bytes | None = None, **more: Any) -> httpx.Response:
        """Upload part ``number`` as the answer to the opening says."""
        asked = self.requests[number - 1]
        headers = {**asked["headers"], **more.pop("headers", {})}
        body = self.parts[number - 1] if content is None else content
        return self.api.request(asked["method"], asked["url"], headers=headers, content=body)

    def close(self) -> httpx.Response:
        return self.api.call("POST", f"{self.path}/close", self.token)

    def status(self) -> dict[str, Any]:
        return self.api.call("GET", f"/sessions/{self.reference}", self.token).json()

    def rows(self, tail: str = "invoices") -> list[dict[str, Any]]:
        path = f"/sessions/{self.reference}/{tail}?pageSize=1000"
        return self.api.call("GET", path, self.token).json()["invoices"]

    def submit(self, *, offline: bool = False, **changes: Any) -> dict[str, Any]:
        """Open, upload everything, close; the status that the first look shows."""
        answer = self.post({**self.payload(**changes), "offlineMode": offline})
        assert answer.status_code == 201, answer.text
        for number in range(1, len(self.parts) + 1):
            assert self.put(number).status_code == 201
        closed = self.close()
        assert closed.status_code == 204, closed.text
        return self.status()

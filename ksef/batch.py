"""A batch session: parts go up to links of their own, closing starts the work.

Until it is closed, KSeF has processed nothing of it: whatever fails before leaves every document
unsent, and the session lapses by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .crypto import to_base64
from .errors import ProtocolError
from .package import Package
from .types import integer_of, mapping, required_text, text_of

if TYPE_CHECKING:
    from .client import Client

_WORKERS = 4
_METHODS = frozenset({"PUT", "POST"})


@dataclass(frozen=True)
class Upload:
    """Where one part goes. The link is a secret of its own: whoever has it may write."""

    ordinal: int
    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Upload:
        """Read one item of ``partUploadRequests``. Raises ProtocolError."""
        ordinal = integer_of(data, "ordinalNumber")
        method = (text_of(data, "method") or "").upper()
        if ordinal is None or method not in _METHODS:
            raise ProtocolError("KSeF did not say how to send a part of the package")
        headers = {
            name: value
            for name, value in mapping(data.get("headers")).items()
            if isinstance(value, str)
        }
        return cls(ordinal, method, required_text(data, "url"), headers)


def batch_file(package: Package) -> dict[str, Any]:
    """The JSON that declares a package: sizes in bytes, digests base64."""
    return {
        "fileSize": package.size,
        "fileHash": to_base64(package.sha256),
        "compressionType": "Zip",
        "fileParts": [
            {
                "ordinalNumber": part.ordinal,
                "fileSize": part.size,
                "fileHash": to_base64(part.sha256),
            }
            for part in package.parts
        ],
    }


class BatchSession:
    """``reference`` is to be stored before the upload begins; key and links never are.

    After a crash the session can still be asked for its status and list, which needs neither.
    """

    def __init__(self, client: Client, package: Package, data: Mapping[str, Any]) -> None:
        """``data`` is the answer to the opening. Raises ProtocolError."""
        self._client = client
        self._package = package
        self.reference = required_text(data, "referenceNumber")
        listed = data.get("partUploadRequests")
        uploads = [Upload.from_json(mapping(item)) for item in listed or ()]
        self._uploads = {upload.ordinal: upload for upload in uploads}
        if sorted(self._uploads) != [part.ordinal for part in package.parts]:
            raise ProtocolError("KSeF gave other links than the package has parts")

    def __repr__(self) -> str:
        return f"BatchSession({self.reference})"

    def upload(self, workers: int = _WORKERS) -> None:
        """Send every part, several at a time. Raises KsefError, the first of several.

        KSeF gives 20 minutes for each part, all of them together. A part that failed may be sent
        again: calling once more sends them all, and the later one counts.
        """
        with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="ksef-upload") as pool:
            waiting = [pool.submit(self._send, ordinal) for ordinal in sorted(self._uploads)]
            try:
                for one in waiting:
                    one.result()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _send(self, ordinal: int) -> None:
        upload = self._uploads[ordinal]
        self._client.send_file(
            upload.method, upload.url, upload.headers, self._package.parts[ordinal - 1].file
        )

    def close(self) -> None:
        """Have KSeF work on the package; one that is closed already is as good. Raises KsefError.

        After an error the session may be closed all the same: its status tells, or closing again.
        """
        self._client.close_batch(self.reference)

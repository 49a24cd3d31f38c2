"""The package of a batch session: one Zip of documents, cut in parts, each of them encrypted.

Built as a stream: a document is read, compressed and encrypted before the next one is asked for.
What rests on the disk until it is sent is ciphertext only, in unnamed temporary files.
KSeF 2.0 API, "batch session" and "limits".
"""

from __future__ import annotations

import hashlib
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import IO, Any

from .crypto import BlockEncryptor, SymmetricKey, sha256
from .types import integer_of, mapping

_MEGABYTE = 1_000_000
# What an entry costs beside its content: local header, data descriptor, directory, name twice.
_ENTRY_BYTES = 200
# Deflate leaves what it cannot shrink as it is, in blocks with five bytes of their own.
_WORST_GROWTH = 1.001


@dataclass(frozen=True)
class Limits:
    """What one session takes; the defaults are KSeF's own. Sizes in bytes, before encryption.

    ``invoice_bytes`` holds for a document without, ``attachment_bytes`` for one with attachment.
    """

    invoices: int = 10_000
    invoice_bytes: int = 1 * _MEGABYTE
    attachment_bytes: int = 3 * _MEGABYTE
    parts: int = 50
    part_bytes: int = 100 * _MEGABYTE
    archive_bytes: int = 5_000 * _MEGABYTE

    def __post_init__(self) -> None:
        if min(self.invoices, self.parts, self.part_bytes, self.archive_bytes) < 1:
            raise ValueError("A package needs room for something")

    @property
    def room(self) -> int:
        """Bytes of the largest archive."""
        return min(self.archive_bytes, self.parts * self.part_bytes)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Limits:
        """Read ``batchSession`` or ``onlineSession`` of ``GET /limits/context``.

        What is missing or not positive keeps its default.
        """
        found = {
            name: value * factor
            for name, key, factor in (
                ("invoices", "maxInvoices", 1),
                ("invoice_bytes", "maxInvoiceSizeInMB", _MEGABYTE),
                ("attachment_bytes", "maxInvoiceWithAttachmentSizeInMB", _MEGABYTE),
            )
            if (value := integer_of(data, key)) is not None and value > 0
        }
        return cls(**found)


@dataclass(frozen=True)
class ContextLimits:
    """``GET /limits/context``: what KSeF grants this context for both kinds of session."""

    online: Limits
    batch: Limits

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ContextLimits:
        """Read the answer; a missing half keeps the defaults."""
        return cls(
            online=Limits.from_json(mapping(data.get("onlineSession"))),
            batch=Limits.from_json(mapping(data.get("batchSession"))),
        )


@dataclass(frozen=True)
class Part:
    """One encrypted part, from 1: ``size`` in bytes, ``sha256`` its digest, ``file`` its bytes."""

    ordinal: int
    size: int
    sha256: bytes
    file: IO[bytes] = field(repr=False)


@dataclass(frozen=True)
class Package:
    """A package ready to be sent; a context manager that deletes its files.

    ``count`` documents from the front of what was offered are in it. ``size`` and ``sha256`` are
    those of the plain archive. ``key`` is for this package's session only and never stored.
    """

    count: int
    size: int
    sha256: bytes
    parts: tuple[Part, ...]
    key: SymmetricKey = field(repr=False)

    def __enter__(self) -> Package:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Delete the files."""
        for part in self.parts:
            part.file.close()


class _Cutter:
    """A file that can only grow: every ``part_bytes`` begin a new part, encrypted on the way."""

    def __init__(self, key: SymmetricKey, part_bytes: int) -> None:
        self._key = key
        self._part_bytes = part_bytes
        self._digest = hashlib.sha256()
        self._file: IO[bytes] | None = None
        self._encryptor: BlockEncryptor | None = None
        self._part_digest = hashlib.sha256()
        self._room = 0
        self.size = 0
        self.parts: list[Part] = []

    def write(self, data: bytes) -> int:
        view = memoryview(data)
        self._digest.update(view)
        self.size += len(view)
        while view:
            if not self._room:
                self._finish_part()
                self._file = tempfile.TemporaryFile()
                self._encryptor = self._key.encryptor()
                self._part_digest = hashlib.sha256()
                self._room = self._part_bytes
            piece, view = view[: self._room], view[self._room :]
            self._room -= len(piece)
            self._store(self._encryptor.update(piece))
        return len(data)

    def flush(self) -> None:
        """Nothing to do: a file that grows is asked to."""

    def _store(self, cipher: bytes) -> None:
        self._part_digest.update(cipher)
        self._file.write(cipher)

    def _finish_part(self) -> None:
        if self._file is None:
            return
        self._store(self._encryptor.finalize())
        size = self._file.tell()
        self._file.seek(0)
        self.parts.append(Part(len(self.parts) + 1, size, self._part_digest.digest(), self._file))
        self._file = None

    def finish(self) -> bytes:
        """End the last part; the digest of everything written."""
        self._finish_part()
        return self._digest.digest()

    def discard(self) -> None:
        """Delete everything."""
        for file in (*(part.file for part in self.parts), self._file):
            if file is not None:
                file.close()


def pack(documents: Iterable[bytes], limits: Limits | None = None) -> Package:
    """Put documents in a package, from the front, until there are no more or it is full.

    Documents are FA(3) files; afterwards they are told apart by their SHA-256. Raises ValueError
    if there is none at all, if one is empty, or if the same bytes come twice: KSeF would take the
    second for a duplicate. Nothing is left behind when anything raises.
    """
    limits = limits or Limits()
    key = SymmetricKey.generate()
    cutter = _Cutter(key, limits.part_bytes)
    try:
        count = _fill(cutter, documents, limits)
        if not count:
            raise ValueError("There is nothing to put in a package, or no room for the first")
        digest = cutter.finish()
    except BaseException:
        cutter.discard()
        raise
    return Package(count, cutter.size, digest, tuple(cutter.parts), key)


def _fill(cutter: _Cutter, documents: Iterable[bytes], limits: Limits) -> int:
    """Write the Zip; the number of documents that went in."""
    seen: set[bytes] = set()
    directory = 0
    with zipfile.ZipFile(cutter, "w", zipfile.ZIP_DEFLATED) as archive:
        for xml in documents:
            if not xml:
                raise ValueError("An empty document cannot be sent")
            needed = int(len(xml) * _WORST_GROWTH) + _ENTRY_BYTES
            if len(seen) == limits.invoices or cutter.size + directory + needed > limits.room:
                break
            digest = sha256(xml)
            if digest in seen:
                raise ValueError("A package cannot hold the same document twice")
            seen.add(digest)
            directory += _ENTRY_BYTES
            # A name says nothing about the document; without a date, which would be the clock's.
            info = zipfile.ZipInfo(f"{len(seen)}.xml")
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, xml)
    return len(seen)

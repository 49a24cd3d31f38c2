"""Archives of invoices, Zip and TarGz: opened with every limit, and made for exports."""

from __future__ import annotations

import gzip
import hashlib
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

COMPRESSIONS = ("Zip", "TarGz")
#: An entry bigger than any invoice may be is judged by its size alone; its bytes are not kept.
KEPT_BYTES = 10_000_000
#: Beyond these an archive counts as a bomb: bytes of one entry and of all together.
MAX_ENTRY = 100_000_000
MAX_TOTAL = 5_000_000_000
_NAME_LENGTH = 128
_CHUNK = 1 << 16
_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    gzip.BadGzipFile,
    EOFError,
    NotImplementedError,
    OSError,
    ValueError,
)


class PackageError(Exception):
    """The archive is refused: status 420 (too many files) or 430, with a reason in Polish."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(frozen=True)
class Entry:
    """One file of an archive. ``content`` is None when it is bigger than :data:`KEPT_BYTES`."""

    name: str
    size: int
    digest: bytes
    content: bytes | None


def entries(archive: IO[bytes], compression: str, max_files: int) -> Iterator[Entry]:
    """The files of ``archive`` in its order, read one by one; raises :class:`PackageError`.

    Folders, links, names that do not end in ``.xml`` and repeated names refuse the whole
    archive: the Ministry says only that it holds XML files.
    """
    members = _zip_members(archive) if compression == "Zip" else _tar_members(archive)
    seen: set[str] = set()
    total = 0
    try:
        for name, stream in members:
            _check_name(name, seen)
            seen.add(name)
            if len(seen) > max_files:
                raise PackageError(420, f"Paczka zawiera więcej niż {max_files} faktur.")
            entry = _read(name, stream)
            total += entry.size
            if total > MAX_TOTAL:
                raise PackageError(430, "Rozpakowana paczka jest zbyt duża.")
            yield entry
    except _BROKEN as error:
        raise PackageError(430, f"Nie można rozpakować paczki: {error}") from error


def _check_name(name: str, seen: set[str]) -> None:
    if "/" in name or "\\" in name or not name.lower().endswith(".xml"):
        raise PackageError(430, f"Paczka zawiera element inny niż plik XML: {name}")
    if len(name) > _NAME_LENGTH:
        raise PackageError(430, f"Nazwa pliku jest dłuższa niż {_NAME_LENGTH} znaków.")
    if name in seen:
        raise PackageError(430, f"Nazwa pliku powtarza się: {name}")


def _zip_members(archive: IO[bytes]) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(archive) as opened:
        for info in opened.infolist():
            if info.flag_bits & 1:
                raise PackageError(430, "Paczka jest zabezpieczona hasłem.")
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise PackageError(430, f"Nieobsługiwana metoda kompresji: {info.filename}")
            with opened.open(info) as stream:
                yield info.filename, stream


def _tar_members(archive: IO[bytes]) -> Iterator[tuple[str, IO[bytes]]]:
    with tarfile.open(fileobj=archive, mode="r|gz") as opened:
        for member in opened:
            stream = opened.extractfile(member) if member.isreg() else None
            if stream is None:
                raise PackageError(430, f"Paczka zawiera element inny niż plik: {member.name}")
            yield member.name, stream


def _read(name: str, stream: IO[bytes]) -> Entry:
    digest = hashlib.sha256()
    kept = bytearray()
    size = 0
    while chunk := stream.read(_CHUNK):
        size += len(chunk)
        if size > MAX_ENTRY:
            raise PackageError(430, f"Rozpakowany plik jest zbyt duży: {name}")
        digest.update(chunk)
        if size <= KEPT_BYTES:
            kept += chunk
    content = bytes(kept) if size <= KEPT_BYTES else None
    return Entry(name, size, digest.digest(), content)

"""The batch session: open, upload the parts, close, and the work on the package."""

from __future__ import annotations

import base64
import hashlib
import tempfile
import threading
import time
from datetime import timedelta
from typing import IO, TYPE_CHECKING, Any

from . import ciphers, limits, opening, packages, pipeline, storage
from .messages import BadRequest, Request, Response, reply
from .shapes import boolean_field, enum_field, hash_field, integer_field, object_field
from .store import Invoice, Package, Part, Session

if TYPE_CHECKING:
    from .app import Simulator

RIGHTS = ("InvoiceWrite", "EnforcementOperations")
MAX_PARTS = 50
MAX_FILE = 5_000_000_000
#: 100 MB of plain bytes and one block of padding
MAX_PART = 100_000_000 + ciphers.BLOCK
WINDOW_PER_PART = timedelta(minutes=20)
TOO_LATE = "Przekroczono czas wysyłki"
NOTHING_SENT = "Nie przesłano faktur"
_FIELDS = ("formCode", "batchFile", "encryption", "offlineMode")
_FILE_FIELDS = ("fileSize", "fileHash", "compressionType", "fileParts")
#: Seconds of work that one look does itself, and that the thread does between two requests.
_LOOK_SLICE = 0.5
_THREAD_SLICE = 0.05
_PAUSE = 0.002
#: Kept in memory up to this size while it is put together, on disk beyond.
_SPOOL = 16_000_000


def open_batch(sim: Simulator, request: Request) -> Response:
    """``POST /sessions/batch``."""
    now = sim.clock.now()
    body = object_field(request.json(), "treść", _FIELDS)
    form = opening.read_form(sim, body, batch=True)
    package = _read_package(object_field(body.get("batchFile"), "batchFile", _FILE_FIELDS))
    package.offline = boolean_field(body, "offlineMode", default=False)
    key, iv = opening.read_encryption(sim, body)
    operation = request.caller
    window = len(package.parts) * WINDOW_PER_PART
    session = Session(
        sim.mint.reference("SB", now),
        operation.context,
        operation,
        form,
        key,
        iv,
        now,
        now,
        now + window,
        package=package,
    )
    session.check_identifiers = opening.wants_identifiers(request)
    sim.store.sessions[session.reference] = session
    requests = []
    for part in package.parts:
        link, _end = sim.storage_link(_link_name(session, part), window, request.base_url)
        headers = _part_headers(session, part)
        requests.append(
            {"ordinalNumber": part.ordinal, "method": "PUT", "url": link, "headers": headers}
        )
    return reply({"referenceNumber": session.reference, "partUploadRequests": requests}, 201)


def _read_package(body: dict[str, Any]) -> Package:
    """The declared archive; raises 21405, 21157 or 21161."""
    size = integer_field(body, "fileSize", 1)
    if size > MAX_FILE:
        raise BadRequest(21405, f"Pole fileSize nie może przekraczać {MAX_FILE}.")
    file_hash = hash_field(body, "fileHash")
    compression = "Zip"
    if body.get("compressionType") is not None:
        compression = enum_field(body, "compressionType", packages.COMPRESSIONS)
    listed = body.get("fileParts")
    if not isinstance(listed, list) or not listed:
        raise BadRequest(21405, "Pole fileParts jest wymagane i nie może być puste.")
    if len(listed) > MAX_PARTS:
        raise BadRequest(21161, f"Maksymalna liczba części to {MAX_PARTS}.")
    parts = [_read_part(item) for item in listed]
    parts.sort(key=lambda part: part.ordinal)
    # A gap or a repetition among the numbers is nowhere described; it is an error in any case.
    if [part.ordinal for part in parts] != list(range(1, len(parts) + 1)):
        raise BadRequest(21405, "Numery części muszą być kolejne, od 1.")
    # Padding adds 1 to 16 bytes to each part; any other sum cannot come from this archive.
    encrypted = sum(part.size for part in parts)
    if not encrypted - ciphers.BLOCK * len(parts) <= size <= encrypted - len(parts):
        raise BadRequest(21157, "Suma rozmiarów części nie odpowiada rozmiarowi paczki.")
    return Package(size, file_hash, compression, parts, offline=False)


def _read_part(value: object) -> Part:
    body = object_field(value, "fileParts", ("ordinalNumber", "fileSize", "fileHash"))
    size = integer_field(body, "fileSize", 1)
    ordinal = integer_field(body, "ordinalNumber", 1)
    if size > MAX_PART or size % ciphers.BLOCK:
        raise BadRequest(21157, f"Rozmiar części {ordinal} jest nieprawidłowy.")
    return Part(ordinal, size, hash_field(body, "fileHash"))


def _link_name(session: Session, part: Part) -> str:
    return f"{session.reference}.{part.ordinal}"


def _part_headers(session: Session, part: Part) -> dict[str, str]:
    """Every one must come back; the second differs from part to part, so nobody hard-codes it."""
    tag = hashlib.sha256(_link_name(session, part).encode()).hexdigest()[:12]
    return {"x-ms-blob-type": "BlockBlob", "x-ms-meta-part": tag}


def upload(sim: Simulator, request: Request, name: str) -> Response:
    """``PUT /storage/{name}?se=…&id=…&sig=…``: one part; a second upload replaces the first."""
    if request.headers.get("Authorization"):
        return storage.refusal(401, "InvalidAuthenticationInfo")
    reference, _dot, ordinal = name.rpartition(".")
    session = sim.store.sessions.get(reference)
    if (
        not storage.signed(sim, request, name)
        or session is None
        or session.package is None
        or session.closed
    ):
        return storage.refusal(403, "AuthenticationFailed")
    part = session.package.parts[int(ordinal) - 1]
    for header, value in _part_headers(session, part).items():
        if request.headers.get(header) != value:
            return storage.refusal(400, "MissingRequiredHeader")
    part.content = request.body
    session.updated_at = sim.clock.now()
    return Response(201)


def close(sim: Simulator, request: Request, ref: str) -> Response:
    """``POST /sessions/batch/{ref}/close``: from here on the package is worked on."""
    session = opening.find_session(sim, request, ref)
    package = session.package
    if package is None:
        raise opening.unknown_session(ref)
    if session.details == [TOO_LATE]:
        raise BadRequest(21208, "Sesja anulowana, przekroczony czas wysyłki.")
    if session.closed and sim.repeated_close_ok:
        return Response(204)
    if session.closed or session.code != 100:
        raise BadRequest(21180, f"Status sesji {session.code} uniemożliwia jej zamknięcie.")
    for part in package.parts:
        if part.content is None:
            raise BadRequest(21205, f"Nie przesłano zadeklarowanej '{part.ordinal}' części pliku.")
    for part in package.parts:
        if len(part.content or b"") != part.size:
            raise BadRequest(
                21157,
                f"Zadeklarowany rozmiar części '{part.ordinal}' nie zgadza się z rzeczywistym.",
            )
    session.closed_at = session.updated_at = sim.clock.now()
    session.code = 150
    return Response(204)


# -- the work -----------------------------------------------------------------------------------


def look(sim: Simulator, session: Session) -> None:
    """One look at a batch: it starts the work when it has been looked at often enough."""
    package = session.package
    if package is None or session.code != 150:
        return
    if package.looks >= sum(sim.polls):
        progress(sim, session)
    package.looks += 1


def progress(sim: Simulator, session: Session) -> None:
    """Work for a moment; if that is not enough, a thread does the rest between the requests."""
    if session.reference in sim.labouring:
        return
    if _work(sim, session, _LOOK_SLICE):
        sim.labouring.add(session.reference)
        threading.Thread(target=_labour, args=(sim, session), daemon=True).start()


def _labour(sim: Simulator, session: Session) -> None:
    while True:
        with sim.lock:
            known = sim.store.sessions.get(session.reference) is session
            if not known or not _work(sim, session, _THREAD_SLICE):
                sim.labouring.discard(session.reference)
                return
        time.sleep(_PAUSE)


def _work(sim: Simulator, session: Session, seconds: float) -> bool:
    """Unpack if that was not done, then judge invoices for about ``seconds``; True = there is more.

    An invoice that an order holds back keeps the whole session at 150.
    """
    package = session.package
    if package is None:
        return False
    if not package.unpacked:
        try:
            _unpack(sim, session, package)
        except packages.PackageError as error:
            session.code = error.code
            session.details = [error.reason] if error.reason else []
            session.updated_at = sim.clock.now()
            return False
    end = time.monotonic() + seconds
    while package.judged < len(session.invoices):
        invoice = session.invoices[package.judged]
        if pipeline.held(sim, invoice):
            return False
        pipeline.finish(sim, invoice)
        package.judged += 1
        if time.monotonic() > end:
            return True
    pipeline.conclude(sim, session)
    return False


def _unpack(sim: Simulator, session: Session, package: Package) -> None:
    """From the encrypted parts to invoices; raises PackageError with the session's status."""
    if session.key is None:
        raise packages.PackageError(415, "")
    most = limits.of_session(sim, session.context, session.limits_key).invoices
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL) as archive:
        _join(package, session.key, session.iv, archive)
        archive.seek(0)
        found = list(packages.entries(archive, package.compression, most))
    package.unpacked = True
    if not found:
        raise packages.PackageError(440, NOTHING_SENT)
    for entry in found:
        pipeline.receive(sim, _invoice(sim, session, package.offline, entry))


def _join(package: Package, key: bytes, iv: bytes, archive: IO[bytes]) -> None:
    """Write the decrypted parts one after the other, letting go of each; raises PackageError."""
    digest = hashlib.sha256()
    size = 0
    for part in package.parts:
        content, part.content = part.content or b"", None
        if pipeline.sha256(content) != part.file_hash:
            raise packages.PackageError(405, f"Nieprawidłowy skrót części {part.ordinal}.")
        try:
            for chunk in ciphers.decrypt_chunks(content, key, iv):
                digest.update(chunk)
                size += len(chunk)
                archive.write(chunk)
        except ciphers.CipherError as error:
            raise packages.PackageError(435, f"Część {part.ordinal}: {error}") from error
    whole = base64.b64encode(digest.digest()).decode("ascii")
    if (size, whole) != (package.size, package.file_hash):
        raise packages.PackageError(405, "Nieprawidłowy rozmiar lub skrót paczki.")


def _invoice(sim: Simulator, session: Session, offline: bool, entry: packages.Entry) -> Invoice:
    return Invoice(
        sim.mint.reference("EE", sim.clock.now()),
        session,
        len(session.invoices) + 1,
        base64.b64encode(entry.digest).decode("ascii"),
        entry.size,
        None,
        offline,
        None,
        # all invoices of a batch count as submitted when the session was opened
        session.created_at,
        xml=entry.content,
        file_name=entry.name,
    )

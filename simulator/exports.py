"""Asynchronous export: an encrypted package of invoices and their metadata."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from . import ciphers, metadata, opening, packages, query
from .clock import stamp
from .messages import BadRequest, Gone, Request, Response, reply
from .pipeline import sha256
from .shapes import boolean_field, enum_field, object_field
from .store import Export, ExportPackage, ExportPart

if TYPE_CHECKING:
    from .app import Simulator

MAX_RUNNING = 10
#: How long the status is kept, how long the package, how long one link to a part.
STATUS_LIFE = timedelta(days=7)
PACKAGE_LIFE = timedelta(days=3)
LINK_LIFE = timedelta(hours=1)
_FIELDS = ("encryption", "filters", "onlyMetadata", "compressionType")
_TEXT = {
    100: "Eksport faktur w toku",
    200: "Eksport faktur zakończony sukcesem",
    210: "Eksport faktur wygasł i nie jest już dostępny do pobrania",
    415: "Błąd odszyfrowania dostarczonego klucza",
    420: "Zakres filtrowania wykracza poza dostępny zakres danych",
    500: "Nieznany błąd (500)",
    550: "Operacja została anulowana przez system",
}
_BEYOND = (
    "Parametr dateRange.from jest późniejszy niż PermanentStorageHwmDate przy włączonym "
    "restrictToPermanentStorageHwmDate."
)
#: Which subject types an identifier of the context can ask for; the others end in 21181. The
#: Ministry names no combinations: a whole taxpayer has all, a unit is only ever a third party.
_ALLOWED = {"Nip": set(metadata.SUBJECTS), "InternalId": {"Subject3"}}


def start(sim: Simulator, request: Request) -> Response:
    """``POST /invoices/exports``."""
    now = sim.clock.now()
    body = object_field(request.json(), "treść", _FIELDS)
    filters = object_field(body.get("filters"), "filters")
    subject = query.read(filters, now, sim.api_version).subject
    only_metadata = boolean_field(body, "onlyMetadata", default=False)
    compression = "Zip"
    if body.get("compressionType") is not None:
        compression = enum_field(body, "compressionType", packages.COMPRESSIONS)
    key, iv = opening.read_encryption(sim, body)
    operation = request.caller
    context = operation.context
    if subject not in _ALLOWED.get(context.kind, ()):
        raise BadRequest(
            21181,
            "Nie można wyeksportować paczki faktur dla wybranego podmiotu "
            f"({subject}) i zalogowanego identyfikatora kontekstu ({context.kind}).",
        )
    running = [
        item
        for item in sim.store.exports.values()
        if (item.context, item.subject) == (context, operation.subject) and _running(sim, item)
    ]
    if len(running) >= MAX_RUNNING:
        raise BadRequest(
            21182,
            "Dla uwierzytelnionego podmiotu w bieżącym kontekście osiągnięto maksymalny limit "
            f"{MAX_RUNNING} równoczesnych eksportów faktur. Spróbuj ponownie później.",
        )
    export = Export(
        sim.mint.reference("EH", now),
        context,
        operation.subject,
        key,
        iv,
        filters,
        compression,
        only_metadata,
        now,
    )
    sim.store.exports[export.reference] = export
    return reply({"referenceNumber": export.reference}, 201)


def _running(sim: Simulator, export: Export) -> bool:
    return export.code == 100 and sim.clock.now() - export.started_at < sim.settle_after


def status(sim: Simulator, request: Request, ref: str) -> Response:
    """``GET /invoices/exports/{ref}``."""
    export = sim.store.exports.get(ref)
    if export is None or export.context != request.caller.context:
        raise BadRequest(21175)
    now = sim.clock.now()
    if now - export.started_at > STATUS_LIFE:
        raise Gone("Operacja wygasła i nie jest już dostępna.")
    if export.code == 100:
        if export.looks >= sim.export_polls or not _running(sim, export):
            _finish(sim, export)
        export.looks += 1
    if export.code == 200 and export.expires_at is not None and now >= export.expires_at:
        export.code, export.package = 210, None
    return reply(
        {
            "status": {
                "code": export.code,
                "description": _TEXT[export.code],
                "details": export.details or None,
            },
            "completedDate": stamp(export.completed_at),
            "packageExpirationDate": stamp(export.expires_at),
            "package": _describe(sim, export, request.base_url),
        }
    )


def _describe(sim: Simulator, export: Export, base_url: str) -> dict[str, Any] | None:
    package = export.package
    if package is None or export.expires_at is None:
        return None
    life = min(LINK_LIFE, export.expires_at - sim.clock.now())
    parts = []
    for part in package.parts:
        name = f"{export.reference}.{part.ordinal}"
        link, expires = sim.storage_link(name, life, base_url)
        suffix = "zip" if export.compression == "Zip" else "tar.gz"
        parts.append(
            {
                "ordinalNumber": part.ordinal,
                "partName": f"{export.reference}-{part.ordinal:03}.{suffix}.aes",
                "method": "GET",
                "url": link,
                "partSize": part.plain_size,
                "partHash": part.plain_hash,
                "encryptedPartSize": len(part.content),
                "encryptedPartHash": sha256(part.content),
                "expirationDate": stamp(expires),
            }
        )
    return {
        "invoiceCount": package.count,
        "size": package.size,
        "parts": parts,
        "isTruncated": package.truncated,
        **package.dates,
        # since 2.7.1
        "compressionType": export.compression if sim.api_version >= (2, 8) else None,
    }


def _finish(sim: Simulator, export: Export) -> None:
    """Reach the verdict and, if it is good, make the package."""
    now = sim.clock.now()
    export.completed_at = now
    if export.key is None:
        export.code = 415
    elif (filters := query.read(export.filters, export.started_at, sim.api_version)).beyond(sim):
        export.code, export.details = 420, [_BEYOND]
    else:
        export.package = _package(sim, export, filters, export.key)
        export.code, export.expires_at = 200, now + PACKAGE_LIFE


def _package(sim: Simulator, export: Export, filters: query.Query, key: bytes) -> ExportPackage:
    found = filters.rows(sim, export.context)
    rows = found[: sim.query_cap]
    truncated = len(found) > len(rows)
    dates: dict[str, str | None] = {"permanentStorageHwmDate": stamp(filters.high_water(sim))}
    if truncated and filters.date_type == "Issue":
        dates["lastIssueDate"] = rows[-1][1].issue_date
    elif truncated:
        dates[f"last{filters.date_type}Date"] = stamp(rows[-1][0])
    described = [metadata.describe(invoice) for _moment, invoice in rows]
    files = {"_metadata.json": json.dumps({"invoices": described}, ensure_ascii=False).encode()}
    if not export.only_metadata:
        files.update((f"{item.ksef_number}.xml", item.xml or b"") for _moment, item in rows)
    # What the Ministry packs when nothing was found is unknown; here there is nothing to fetch.
    archive = _archive(files, export.compression) if rows else b""
    parts = []
    for ordinal, at in enumerate(range(0, len(archive), sim.export_part_size), 1):
        plain = archive[at : at + sim.export_part_size]
        content = ciphers.encrypt(plain, key, export.iv)
        parts.append(ExportPart(ordinal, len(plain), sha256(plain), content))
    return ExportPackage(len(rows), len(archive), truncated, dates, parts)


def _archive(files: dict[str, bytes], compression: str) -> bytes:
    buffer = io.BytesIO()
    if compression == "Zip":
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
    else:
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()

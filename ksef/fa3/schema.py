"""Validation against the Ministry's schemas, when they are there. Never touches the network."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from pathlib import Path
from threading import Lock

from lxml import etree

#: File names of the schemas, the main one first.
SCHEMA_FILES = (
    "schemat_FA(3)_v1-0E.xsd",
    "StrukturyDanych_v10-0E.xsd",
    "ElementarneTypyDanych_v10-0E.xsd",
    "KodyKrajow_v10-0E.xsd",
)

Loader = Callable[[str], bytes]

#: Sets of schemas that are kept ready: the present one, and an older one of another database.
_MOST_COMPILED = 4

_lock = Lock()
_compiled: dict[Hashable, etree.XMLSchema | SchemaError] = {}


class SchemaError(Exception):
    """A schema that cannot be used.

    ``file`` is the name of the file to blame, ``key`` names the fault (`missing`, `large`, `xml`,
    `dtd`, `kind`, `reference`, `compile`, `sample`), ``detail`` is the parser's own sentence or
    the value that is wrong, or empty.
    """

    def __init__(self, file: str, key: str, detail: str = "") -> None:
        super().__init__(f"{file}: {key} {detail}".strip())
        self.file = file
        self.key = key
        self.detail = detail


class _LocalResolver(etree.Resolver):
    """Answers every import by its file name, out of the files at hand.

    Also the unknown ones, with nothing: an import without an answer would be looked for on disk.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__()
        self.files = files

    def resolve(self, url: str, public_id: str, context: object) -> object:
        return self.resolve_string(self.files.get(file_of(url), b""), context, base_url=url)


def file_of(location: str) -> str:
    """The file name in an address."""
    return location.rsplit("/", 1)[-1]


def safe_parser() -> etree.XMLParser:
    """No entities, no network, no DTD from elsewhere."""
    return etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False
    )


def validate_xsd(
    xml: bytes, schema_dir_or_loader: str | Path | Loader, key: Hashable = None
) -> list[str]:
    """Messages of the schema check, empty when the file is valid.

    The second argument is a folder with the four files or a function from file name to bytes. A
    ``key`` stands for the content of the files: they are read only when it is new here.
    Raises SchemaError for a broken schema, and what reading the files raises.
    """
    schema = compiled(schema_dir_or_loader, key)
    try:
        document = etree.fromstring(xml, safe_parser())
    except etree.XMLSyntaxError as error:
        return [str(error)]
    with _lock:  # the error log belongs to the schema object
        if schema.validate(document):
            return []
        return [f"line {entry.line}: {entry.message}" for entry in schema.error_log]


def compiled(source: str | Path | Loader, key: Hashable = None) -> etree.XMLSchema:
    """The schema, compiled once in this process. Raises SchemaError, also again and again."""
    load = source if callable(source) else lambda name: Path(source, name).read_bytes()
    files = None
    if key is None:
        files = {name: load(name) for name in SCHEMA_FILES}
        key = tuple(hashlib.sha256(content).digest() for content in files.values())
    with _lock:
        if key not in _compiled:
            files = files or {name: load(name) for name in SCHEMA_FILES}
            while len(_compiled) >= _MOST_COMPILED:
                del _compiled[next(iter(_compiled))]
            _compiled[key] = _compile(files)
        found = _compiled[key]
    if isinstance(found, SchemaError):
        raise found.with_traceback(None)
    return found


def _compile(files: dict[str, bytes]) -> etree.XMLSchema | SchemaError:
    parser = safe_parser()
    parser.resolvers.add(_LocalResolver(files))
    roots = {}
    for name, content in files.items():  # the compiler would blame the file that includes it
        try:
            roots[name] = etree.fromstring(content, parser)
        except etree.XMLSyntaxError as error:
            return SchemaError(name, "xml", str(error))
    main = SCHEMA_FILES[0]
    try:
        return etree.XMLSchema(roots[main])
    except etree.XMLSchemaParseError as error:
        entry = error.error_log.last_error
        blamed = file_of(entry.filename or "") if entry is not None else main
        return SchemaError(blamed if blamed in files else main, "compile", str(error))

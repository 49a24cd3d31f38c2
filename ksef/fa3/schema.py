"""Validation against the Ministry's schemas, when they are there. Never touches the network."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
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

_lock = Lock()
_compiled: dict[bytes, etree.XMLSchema] = {}


class _LocalResolver(etree.Resolver):
    """Answers every import by its file name, out of the files at hand."""

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__()
        self.files = files

    def resolve(self, url: str, public_id: str, context: object) -> object:
        name = url.rsplit("/", 1)[-1]
        return self.resolve_string(self.files.get(name, b""), context, base_url=url)


def validate_xsd(xml: bytes, schema_dir_or_loader: str | Path | Loader) -> list[str]:
    """Messages of the schema check, empty when the file is valid.

    The second argument is a folder with the four files or a function from file name to bytes.
    Raises what reading the files raises, and lxml's XMLSchemaParseError for a broken schema.
    """
    schema = _schema(schema_dir_or_loader)
    try:
        document = etree.fromstring(xml, _parser())
    except etree.XMLSyntaxError as error:
        return [str(error)]
    with _lock:  # the error log belongs to the schema object
        if schema.validate(document):
            return []
        return [f"line {entry.line}: {entry.message}" for entry in schema.error_log]


def _schema(source: str | Path | Loader) -> etree.XMLSchema:
    load = source if callable(source) else lambda name: Path(source, name).read_bytes()
    files = {name: load(name) for name in SCHEMA_FILES}
    digest = hashlib.sha256()
    for content in files.values():
        digest.update(hashlib.sha256(content).digest())
    key = digest.digest()
    with _lock:
        if key not in _compiled:
            parser = _parser()
            parser.resolvers.add(_LocalResolver(files))
            _compiled[key] = etree.XMLSchema(etree.fromstring(files[SCHEMA_FILES[0]], parser))
        return _compiled[key]


def _parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True)

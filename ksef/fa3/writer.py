"""Writes a document as XML. Everything it does is decided by the classes of the model."""

from __future__ import annotations

from functools import cache
from typing import Any

from lxml import etree

from .lexical import Lexical, Text
from .model import Faktura
from .structure import occurrences

NAMESPACE = "http://crd.gov.pl/wzor/2025/06/25/13775/"


def write(faktura: Faktura) -> bytes:
    """The document as UTF-8 bytes: no byte order mark, no processing instruction, no DTD.

    Only meant for a document in which `validate.check` found nothing: the writer itself does not
    look for errors (lxml raises ValueError for characters that XML cannot hold).
    """
    root = etree.Element(f"{{{NAMESPACE}}}Faktura", nsmap={None: NAMESPACE})
    _append_children(root, faktura)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


@cache
def _plan(cls: type) -> tuple[tuple[str, str, Any, bool, bool, dict[str, str] | None], ...]:
    """Fields of a class as (name, tag, type, simple, repeated, attributes), in schema order."""
    return tuple(
        (
            name,
            f"{{{NAMESPACE}}}{name}",
            occurs.type,
            isinstance(occurs.type, Lexical),
            occurs.maximum > 1,
            occurs.type.attributes if isinstance(occurs.type, Text) else None,
        )
        for name, occurs in occurrences(cls).items()
    )


def _append_children(parent: etree._Element, node: Any) -> None:
    values = vars(node)
    for name, tag, kind, simple, repeated, attributes in _plan(type(node)):
        value = values[name]
        if value is None:
            continue
        for item in value if repeated else (value,):
            child = etree.SubElement(parent, tag)
            if not simple:
                _append_children(child, item)
                continue
            child.text = kind.write(item)
            if attributes:
                child.attrib.update(attributes)

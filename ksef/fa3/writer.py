"""Writes a document as XML. Everything it does is decided by the classes of the model."""

from __future__ import annotations

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


def _append_children(parent: etree._Element, node: Any) -> None:
    for name, occurs in occurrences(type(node)).items():
        value = getattr(node, name)
        if value is None:
            continue
        for item in value if occurs.maximum > 1 else (value,):
            child = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
            if isinstance(occurs.type, Lexical):
                child.text = occurs.type.write(item)
                if isinstance(occurs.type, Text):
                    child.attrib.update(occurs.type.attributes)
            else:
                _append_children(child, item)

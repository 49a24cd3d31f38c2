"""Reads a frozen FA(3) file back into the classes of the model.

Corrections and settlements start from what was frozen, never from today's partner or product: the
file that KSeF has is the one record of it.
"""

from __future__ import annotations

from datetime import date, datetime, timezone
from decimal import Decimal, InvalidOperation
from typing import Any

from lxml import etree

from .lexical import Day, Integer, Lexical, Moment, Number
from .model import Faktura
from .structure import occurrences


def read(xml: bytes) -> Faktura:
    """The document of a file.

    Elements that the model does not know are left out (`Zalacznik`).

    :raise ValueError: it is not XML, not an invoice, or a value is not of its type
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(xml, parser)
    except etree.XMLSyntaxError as error:
        raise ValueError(str(error)) from error
    if etree.QName(root).localname != "Faktura":
        raise ValueError(f"not an invoice: {etree.QName(root).localname}")
    faktura: Faktura = _node(root, Faktura)
    return faktura


def _node(node: etree._Element, cls: type) -> Any:
    fields = occurrences(cls)
    values: dict[str, Any] = {}
    for child in node:
        name = etree.QName(child).localname
        if name not in fields:
            continue
        value = _value(child, fields[name].type)
        if fields[name].maximum > 1:
            value = (*values.get(name, ()), value)
        values[name] = value
    return cls(**values)


def _value(node: etree._Element, kind: Any) -> Any:
    if not isinstance(kind, Lexical):
        return _node(node, kind)
    text = node.text or ""
    if isinstance(kind, Number):
        try:
            return Decimal(text.strip())
        except InvalidOperation as error:
            raise ValueError(f"not a number: {text[:40]}") from error
    if isinstance(kind, Integer):
        return int(text)
    if isinstance(kind, Day):
        return date.fromisoformat(text.strip()[:10])
    if isinstance(kind, Moment):
        moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
        return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return text

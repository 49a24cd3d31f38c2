"""Reading what a caller asks for when it authenticates: the XML document, policies of addresses.

The schema itself is the Ministry's and not part of this project; its rules are written out here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from lxml import etree

from .messages import BadRequest
from .numbers import NIP_PATTERN
from .shapes import object_field
from .store import Context
from .xades import DS

NAMESPACES = ("http://ksef.mf.gov.pl/auth/token/2.0", "http://ksef.mf.gov.pl/auth/token/2.1")
ROOT = "AuthTokenRequest"
_INSTANCE = "{http://www.w3.org/2001/XMLSchema-instance}"
_CHALLENGE = re.compile(r"\d{8}-CR-[A-F0-9]{10}-[A-F0-9]{10}-[A-F0-9]{2}", re.ASCII)
_SUBJECT_TYPES = ("certificateSubject", "certificateFingerprint")
_EU_NUMBERS = (
    r"ATU\d{8}|BE[01]\d{9}|BG\d{9,10}|CY\d{8}[A-Z]|CZ\d{8,10}|DE\d{9}|DK\d{8}|EE\d{9}|EL\d{9}|"
    r"ES([A-Z]\d{8}|\d{8}[A-Z]|[A-Z]\d{7}[A-Z])|FI\d{8}|FR[A-Z0-9]{2}\d{9}|HR\d{11}|HU\d{8}|"
    r"IE(\d{7}[A-Z]{2}|\d[A-Z0-9+*]\d{5}[A-Z])|IT\d{11}|LT(\d{9}|\d{12})|LU\d{8}|LV\d{11}|"
    r"MT\d{8}|NL[A-Z0-9+*]{12}|PT\d{9}|RO\d{2,10}|SE\d{12}|SI\d{8}|SK\d{10}|"
    r"XI((\d{9}|\d{12})|(GD|HA)\d{3})"
)
#: Identifiers of a context.
CONTEXTS = {
    "Nip": NIP_PATTERN,
    "InternalId": re.compile(NIP_PATTERN.pattern + r"-\d{5}", re.ASCII),
    "NipVatUe": re.compile(NIP_PATTERN.pattern + rf"-({_EU_NUMBERS})", re.ASCII),
    "PeppolId": re.compile(r"P[A-Z]{2}[0-9]{6}", re.ASCII),
}
_OCTET = r"(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9][0-9]|[0-9])"
_ADDRESS = rf"({_OCTET}\.){{3}}{_OCTET}"
#: element of the document -> field of the JSON policy, pattern; in the order of the schema
_POLICY = {
    "Ip4Address": ("ip4Addresses", re.compile(_ADDRESS, re.ASCII)),
    "Ip4Range": ("ip4Ranges", re.compile(f"{_ADDRESS}-{_ADDRESS}", re.ASCII)),
    "Ip4Mask": ("ip4Masks", re.compile(rf"{_ADDRESS}/(0|[1-9]|[12][0-9]|3[0-2])", re.ASCII)),
}
_MOST_ADDRESSES = 10

Policy = dict[str, list[str]]


@dataclass(frozen=True)
class AuthRequest:
    """A well-formed AuthTokenRequest. ``policy``: addresses, ranges and masks by JSON field."""

    challenge: str
    context: Context
    subject_type: str
    policy: Policy | None


def read(root: etree._Element) -> AuthRequest:
    """The request without its signature; raises 21401."""
    namespace = etree.QName(root).namespace
    if etree.QName(root).localname != ROOT or namespace not in NAMESPACES:
        raise BadRequest(21401, "Nieoczekiwany element główny.")
    parts = _children(root)
    names = [etree.QName(item).localname for item in parts]
    expected = ["Challenge", "ContextIdentifier", "SubjectIdentifierType"]
    if names[:3] != expected or names[3:] not in ([], ["AuthorizationPolicy"]):
        raise BadRequest(21401, f"Oczekiwane elementy: {', '.join(expected)}.")
    challenge = _text(parts[0], _CHALLENGE.fullmatch)
    choices = _children(parts[1])
    if len(choices) != 1 or etree.QName(choices[0]).localname not in CONTEXTS:
        raise BadRequest(21401, "Element ContextIdentifier ma niepoprawną zawartość.")
    kind = etree.QName(choices[0]).localname
    context = Context(kind, _text(choices[0], CONTEXTS[kind].fullmatch))
    subject_type = _text(parts[2], _SUBJECT_TYPES.__contains__)
    policy = _read_policy(parts[3]) if len(parts) > 3 else None
    return AuthRequest(challenge, context, subject_type, policy)


def _children(element: etree._Element) -> list[etree._Element]:
    """The elements inside one that may hold nothing else; a signature is passed over."""
    found = [item for item in element if isinstance(item.tag, str)]
    texts = [element.text, *(item.tail for item in element)]
    namespace = etree.QName(element).namespace
    inner = [item for item in found if item.tag != f"{DS}Signature"]
    strange = any(etree.QName(item).namespace != namespace for item in inner)
    if strange or any((text or "").strip() for text in texts) or _attributes(element):
        name = etree.QName(element).localname
        raise BadRequest(21401, f"Element {name} ma niepoprawną zawartość.")
    return inner


def _attributes(element: etree._Element) -> list[str]:
    """Attributes that the schema does not have; those of schema instances are always allowed."""
    return [str(name) for name in element.attrib if not str(name).startswith(_INSTANCE)]


def _text(element: etree._Element, allowed: Any) -> str:
    """The text of an element without children; raises 21401 unless ``allowed`` says yes."""
    text = "".join(element.xpath("text()"))
    elements = [item for item in element if isinstance(item.tag, str)]
    if elements or _attributes(element) or not allowed(text):
        name = etree.QName(element).localname
        raise BadRequest(21401, f"Element {name} ma niepoprawną wartość.")
    return text


def _read_policy(element: etree._Element) -> Policy:
    allowed = _children(element)
    if [etree.QName(item).localname for item in allowed] != ["AllowedIps"]:
        raise BadRequest(21401, "Element AuthorizationPolicy ma niepoprawną zawartość.")
    order = list(_POLICY)
    policy: Policy = {}
    last = 0
    for item in _children(allowed[0]):
        name = etree.QName(item).localname
        if name not in _POLICY or order.index(name) < last:
            raise BadRequest(21401, f"Element {name} jest niedozwolony w tym miejscu.")
        last = order.index(name)
        key, pattern = _POLICY[name]
        policy.setdefault(key, []).append(_text(item, pattern.fullmatch))
    if any(len(values) > _MOST_ADDRESSES for values in policy.values()):
        raise BadRequest(21401, "Za dużo adresów IP.")
    return policy


def read_json_policy(body: dict[str, Any]) -> Policy | None:
    """``authorizationPolicy`` of the login with a token; raises 21405."""
    if body.get("authorizationPolicy") is None:
        return None
    outer = object_field(body["authorizationPolicy"], "authorizationPolicy", ("allowedIps",))
    allowed = object_field(
        outer.get("allowedIps"), "allowedIps", tuple(key for key, _pattern in _POLICY.values())
    )
    policy: Policy = {}
    for key, pattern in _POLICY.values():
        values = allowed.get(key)
        if values is None:
            continue
        if not isinstance(values, list) or len(values) > _MOST_ADDRESSES:
            raise BadRequest(21405, f"Pole {key} może mieć {_MOST_ADDRESSES} pozycji.")
        if not all(isinstance(item, str) and pattern.fullmatch(item) for item in values):
            raise BadRequest(21405, f"Pole {key} ma niepoprawną wartość.")
        policy[key] = list(values)
    return policy

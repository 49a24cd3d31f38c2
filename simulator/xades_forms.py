"""The forms of signature that KSeF takes besides the plain one: enveloping, XPath, signed KeyInfo.

Of XPath and xmldsig-filter2 only expressions are taken that leave out the signature and nothing
else, which is what the Ministry's list names them for; others could leave out what was signed.
"""

from __future__ import annotations

import base64
import copy
from typing import Any

from cryptography import x509
from lxml import etree
from signxml.verifier import XMLVerifier

from . import der
from .messages import BadRequest

DS_NAMESPACE = "http://www.w3.org/2000/09/xmldsig#"
DS = f"{{{DS_NAMESPACE}}}"
XADES = "{http://uri.etsi.org/01903/v1.3.2#}"
ENVELOPED = f"{DS_NAMESPACE}enveloped-signature"
BASE64 = f"{DS_NAMESPACE}base64"
XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"
_FILTER2_NAMESPACE = "http://www.w3.org/2002/06/xmldsig-filter2"
FILTER2 = _FILTER2_NAMESPACE
_REQUEST = "AuthTokenRequest"
#: Context tag of a directoryName among GeneralNames.
_DIRECTORY_NAME = 0xA4
#: Expressions, ``S`` for the signature's name, that select the signature alone in a document with
#: one signature.
_ALL_BUT_SIGNATURE = "not(ancestor-or-self::S)"
_SIGNATURES = ("/descendant::S", "//S", "here()/ancestor::S[1]")


def leaves_out_the_signature(transform: etree._Element) -> bool:
    """Whether a transform takes the signature away, and only that."""
    algorithm = transform.get("Algorithm")
    if algorithm == ENVELOPED:
        return True
    children = [item for item in transform if isinstance(item.tag, str)]
    if algorithm not in (XPATH, FILTER2) or len(children) != 1:
        return False
    [child] = children
    expression = _normalized(child)
    if algorithm == XPATH:
        return child.tag == f"{DS}XPath" and expression == _ALL_BUT_SIGNATURE
    subtracts = child.tag == f"{{{_FILTER2_NAMESPACE}}}XPath" and child.get("Filter") == "subtract"
    return subtracts and expression in _SIGNATURES


def _normalized(element: etree._Element) -> str:
    """An expression without spaces, and with ``S`` for the qualified name of a signature."""
    text = "".join((element.text or "").split())
    for prefix, namespace in element.nsmap.items():
        if prefix and namespace == DS_NAMESPACE:
            text = text.replace(f"::{prefix}:Signature", "::S").replace(
                f"//{prefix}:Signature", "//S"
            )
    return text


class Verifier(XMLVerifier):
    """Evaluates the transforms that :func:`leaves_out_the_signature` admits; callers check that."""

    def _apply_transforms(self, payload: Any, *, transforms_node: Any, signature: Any) -> Any:
        if transforms_node is not None:
            transforms_node = copy.deepcopy(transforms_node)
            for transform in transforms_node:
                if transform.get("Algorithm") in (XPATH, FILTER2):
                    transform.set("Algorithm", ENVELOPED)
        return super()._apply_transforms(
            payload, transforms_node=transforms_node, signature=signature
        )


# -- enveloping ------------------------------------------------------------------------------------


def signed_object(signature: etree._Element) -> etree._Element | None:
    """The one ``ds:Object`` of an enveloping signature that holds the document, None if unclear."""
    objects = [
        item
        for item in signature.findall(f"{DS}Object")
        if item.find(f"{XADES}QualifyingProperties") is None
    ]
    return objects[0] if len(objects) == 1 and objects[0].get("Id") else None


def request_in(holder: etree._Element, parse: Any) -> etree._Element | None:
    """The request inside a ``ds:Object``, as an element or as a document in Base64.

    ``parse`` reads a document with all the checks of its own; None for anything else.
    """
    children = [item for item in holder if isinstance(item.tag, str)]
    if len(children) == 1 and etree.QName(children[0]).localname == _REQUEST:
        return children[0]
    if children or holder.get("Encoding") != BASE64:
        return None
    try:
        document = base64.b64decode("".join((holder.text or "").split()), validate=True)
    except ValueError:
        return None
    root: etree._Element = parse(document)
    if next(root.iter(f"{DS}Signature"), None) is not None:
        raise BadRequest(9103)
    return root if etree.QName(root).localname == _REQUEST else None


# -- the certificate under the signature -----------------------------------------------------------


def issuer_serial_fits(encoded: str, certificate: x509.Certificate) -> bool:
    """Whether an IssuerSerialV2 (Base64 DER of RFC 5035's IssuerSerial) names a certificate."""
    try:
        names, serial = der.elements(der.inside(base64.b64decode(encoded, validate=True)))
        [(tag, directory_name)] = list(der.elements(names[1]))
    except ValueError:
        return False
    directory = 0xA4
    same_issuer = tag == directory and directory_name == certificate.issuer.public_bytes()
    return (
        same_issuer and int.from_bytes(serial[1], "big", signed=True) == certificate.serial_number
    )


def key_info_binds(key_info: etree._Element | None, sent: bytes) -> bool:
    """Whether a KeyInfo that is itself signed holds the signer's certificate and no other."""
    if key_info is None:
        return False
    found = key_info.findall(f"{DS}X509Data/{DS}X509Certificate")
    try:
        certificates = [
            base64.b64decode("".join((item.text or "").split()), validate=True) for item in found
        ]
    except ValueError:
        return False
    return certificates == [sent]

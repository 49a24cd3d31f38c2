"""The signed login request: XAdES-BES, enveloped, in the minimal profile that KSeF verifies.

Structure and algorithms follow the Ministry's own clients. ``SigningCertificate`` binds the
certificate to the signature; without it the newer environments refuse the request (9105).
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from lxml import etree

from .crypto import from_base64, sha256, to_base64
from .errors import LocalError
from .numbers import normalize_nip

if TYPE_CHECKING:
    from .signer import Signer

AUTH_NS = "http://ksef.mf.gov.pl/auth/token/2.0"
DS_NS = "http://www.w3.org/2000/09/xmldsig#"
XADES_NS = "http://uri.etsi.org/01903/v1.3.2#"
_C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
_EXC_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
_ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
_SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
_SIGNATURE_METHODS = {
    "rsa": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    "ec": "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
}
_SIGNED_PROPERTIES_TYPE = "http://uri.etsi.org/01903#SignedProperties"
_CHALLENGE = re.compile(r"\d{8}-CR-[0-9A-F]{10}-[0-9A-F]{10}-[0-9A-F]{2}", re.ASCII)
_SUBJECT_TYPES = frozenset({"certificateSubject", "certificateFingerprint"})
# Clocks differ; a signing time in the future is refused.
_CLOCK_MARGIN = timedelta(minutes=1)


def auth_token_request(challenge: str, nip: str, subject_type: str = "certificateSubject") -> bytes:
    """The unsigned ``AuthTokenRequest`` for one NIP, UTF-8. Raises ValueError."""
    if _CHALLENGE.fullmatch(challenge) is None:
        raise ValueError("not a challenge of KSeF")
    if normalize_nip(nip) != nip:
        raise ValueError("not a NIP")
    if subject_type not in _SUBJECT_TYPES:
        raise ValueError(f"There is no subject identifier type {subject_type!r}")
    root = etree.Element(f"{{{AUTH_NS}}}AuthTokenRequest", nsmap={None: AUTH_NS})
    _add(root, AUTH_NS, "Challenge", challenge)
    context = _add(root, AUTH_NS, "ContextIdentifier")
    _add(context, AUTH_NS, "Nip", nip)
    _add(root, AUTH_NS, "SubjectIdentifierType", subject_type)
    return _serialize(root)


def _parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)


def check_signed(signed: bytes, challenge: str) -> str | None:
    """Why a file signed elsewhere cannot log in, None if nothing speaks against it.

    The answer is one of not_xml, not_request, other_challenge, not_signed. KSeF alone verifies the
    signature; this only spares a person the wrong file.
    """
    try:
        root = etree.fromstring(signed, _parser())
    except etree.XMLSyntaxError:
        return "not_xml"
    requests = list(root.iter(f"{{{AUTH_NS}}}AuthTokenRequest"))
    if len(requests) != 1:
        return "not_request"
    if requests[0].findtext(f"{{{AUTH_NS}}}Challenge") != challenge:
        return "other_challenge"
    return None if next(root.iter(f"{{{DS_NS}}}Signature"), None) is not None else "not_signed"


def signing_certificate(signed: bytes) -> bytes | None:
    """DER of the certificate in a signed file, None if it names none. Unverified."""
    found = next(etree.fromstring(signed, _parser()).iter(f"{{{DS_NS}}}X509Certificate"), None)
    try:
        return None if found is None else from_base64(found.text or "")
    except ValueError:
        return None


def challenge_of(request: bytes) -> str:
    """The challenge in a request that :func:`auth_token_request` made."""
    return etree.fromstring(request, _parser()).findtext(f"{{{AUTH_NS}}}Challenge")


def sign(xml: bytes, signer: Signer, now: datetime) -> bytes:
    """``xml`` with an enveloped signature as the last child of its root.

    ``now`` is aware. The result must be sent byte for byte. Raises LocalError if xmlsec is
    missing or the key cannot sign.
    """
    xmlsec = _import_xmlsec()
    root = etree.fromstring(xml, _parser())
    signature = _template(root, signer, now)
    try:
        context = xmlsec.SignatureContext()
        context.key = xmlsec.Key.from_memory(signer.private_pem(), xmlsec.KeyFormat.PEM)
        context.register_id(signature.find(f".//{{{XADES_NS}}}SignedProperties"), "Id")
        context.sign(signature)
    except xmlsec.Error:
        raise LocalError("The login request could not be signed with this key") from None
    if signer.kind == "ec":
        value = signature.find(f"{{{DS_NS}}}SignatureValue")
        value.text = to_base64(_fixed_size(from_base64(value.text), signer.private_key.key_size))
    # Neither reference covers KeyInfo, so it is added afterwards and stays exactly as given:
    # xmlsec would read the certificate, which it may be unable to do.
    key_info = etree.Element(f"{{{DS_NS}}}KeyInfo")
    x509_data = _add(key_info, DS_NS, "X509Data")
    _add(x509_data, DS_NS, "X509Certificate", to_base64(signer.certificate_der))
    signature.find(f"{{{DS_NS}}}SignatureValue").addnext(key_info)
    return _serialize(root)


def _import_xmlsec() -> Any:
    try:
        import xmlsec
    except Exception as error:  # noqa: BLE001 - its own class cannot be imported when this fails
        raise LocalError(
            "The Python package xmlsec cannot be loaded, so no certificate login is possible. "
            "Install it so that it uses the same libxml2 as lxml "
            "(pip install --force-reinstall --no-binary lxml,xmlsec lxml xmlsec)"
        ) from error
    return xmlsec


def _fixed_size(signature: bytes, key_bits: int) -> bytes:
    """R and S of an ECDSA signature, each as long as the key.

    Some builds of xmlsec1 take the key's bits for bytes and put hundreds of zeros before each
    number; KSeF and every other verifier refuse that.
    """
    half, size = len(signature) // 2, (key_bits + 7) // 8
    numbers = (signature[:half], signature[half:])
    return b"".join(int.from_bytes(part, "big").to_bytes(size, "big") for part in numbers)


def _template(root: etree._Element, signer: Signer, now: datetime) -> etree._Element:
    signature = etree.SubElement(root, f"{{{DS_NS}}}Signature", Id="Signature", nsmap={"ds": DS_NS})
    info = _add(signature, DS_NS, "SignedInfo")
    _add(info, DS_NS, "CanonicalizationMethod", Algorithm=_C14N)
    _add(info, DS_NS, "SignatureMethod", Algorithm=_SIGNATURE_METHODS[signer.kind])
    _reference(info, (_ENVELOPED, _EXC_C14N), URI="")
    _reference(info, (_EXC_C14N,), URI="#SignedProperties", Type=_SIGNED_PROPERTIES_TYPE)
    _add(signature, DS_NS, "SignatureValue")
    holder = _add(signature, DS_NS, "Object")
    qualifying = etree.SubElement(
        holder,
        f"{{{XADES_NS}}}QualifyingProperties",
        Target="#Signature",
        nsmap={"xades": XADES_NS},
    )
    signed = _add(qualifying, XADES_NS, "SignedProperties", Id="SignedProperties")
    properties = _add(signed, XADES_NS, "SignedSignatureProperties")
    moment = (now - _CLOCK_MARGIN).astimezone(timezone.utc)
    _add(properties, XADES_NS, "SigningTime", moment.strftime("%Y-%m-%dT%H:%M:%SZ"))
    certificates = _add(properties, XADES_NS, "SigningCertificate")
    certificate = _add(certificates, XADES_NS, "Cert")
    digest = _add(certificate, XADES_NS, "CertDigest")
    _add(digest, DS_NS, "DigestMethod", Algorithm=_SHA256)
    _add(digest, DS_NS, "DigestValue", to_base64(sha256(signer.certificate_der)))
    issuer = _add(certificate, XADES_NS, "IssuerSerial")
    _add(issuer, DS_NS, "X509IssuerName", signer.info.issuer)
    _add(issuer, DS_NS, "X509SerialNumber", str(signer.info.serial))
    return signature


def _reference(info: etree._Element, transforms: tuple[str, ...], **attributes: str) -> None:
    reference = _add(info, DS_NS, "Reference", **attributes)
    holder = _add(reference, DS_NS, "Transforms")
    for algorithm in transforms:
        _add(holder, DS_NS, "Transform", Algorithm=algorithm)
    _add(reference, DS_NS, "DigestMethod", Algorithm=_SHA256)
    _add(reference, DS_NS, "DigestValue")


def _add(
    parent: etree._Element, namespace: str, name: str, text: str | None = None, **attributes: str
) -> etree._Element:
    element = etree.SubElement(parent, f"{{{namespace}}}{name}", attributes)
    element.text = text
    return element


def _serialize(root: etree._Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")

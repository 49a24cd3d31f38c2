"""Verification of a signed AuthTokenRequest: an independent judge of the client's XAdES.

Digests and the signature are recomputed by signxml; the binding of the certificate, the placement
and the algorithms are checked here and in ``xades_forms``, in the order of the Ministry's refusals.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import SignXMLException
from signxml.verifier import SignatureConfiguration

from . import der
from . import xades_forms as forms
from .clock import parse_moment
from .messages import BadRequest
from .xades_forms import DS, XADES

SIGNED_PROPERTIES_TYPE = "http://uri.etsi.org/01903#SignedProperties"
#: How far in the future SigningTime may lie. The Ministry names no figure; this is strict.
CLOCK_SKEW = timedelta(minutes=5)

NEGATIVE = "Podpis zweryfikowany negatywnie."
WRONG_PROFILE = "Format podpisu niezgodny z akceptowanymi profilami XAdES."

_C14N = {
    "http://www.w3.org/2006/12/xml-c14n11",
    "http://www.w3.org/2006/12/xml-c14n11#WithComments",
    "http://www.w3.org/2001/10/xml-exc-c14n#",
    "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315#WithComments",
}
_LEAVING_OUT = {forms.ENVELOPED, forms.XPATH, forms.FILTER2}
_HASHES = {
    "http://www.w3.org/2000/09/xmldsig#sha1": hashlib.sha1,
    "http://www.w3.org/2001/04/xmlenc#sha256": hashlib.sha256,
    "http://www.w3.org/2001/04/xmldsig-more#sha384": hashlib.sha384,
    "http://www.w3.org/2001/04/xmlenc#sha512": hashlib.sha512,
    "http://www.w3.org/2007/05/xmldsig-more#sha3-256": hashlib.sha3_256,
    "http://www.w3.org/2007/05/xmldsig-more#sha3-384": hashlib.sha3_384,
    "http://www.w3.org/2007/05/xmldsig-more#sha3-512": hashlib.sha3_512,
}
_METHODS = frozenset(
    method for method in SignatureMethod if method.name.startswith(("RSA", "SHA", "ECDSA"))
)


@dataclass(frozen=True)
class Verified:
    """What a good signature proves: the signed element and who signed it."""

    request: etree._Element
    certificate: x509.Certificate
    #: the certificate's bytes as sent, which ``certificate`` need not have (see ``der``)
    der: bytes


def parse_document(body: bytes) -> etree._Element:
    """The root of a document in UTF-8 without DTD; raises 21217, 21001 or 9101."""
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadRequest(21217)
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadRequest(21217) from error
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        raise BadRequest(21001) from error
    tree = root.getroottree()
    if tree.docinfo.xml_version != "1.0":
        raise BadRequest(9101, "Dokument musi być w wersji XML 1.0.")
    encoding = (tree.docinfo.encoding or "UTF-8").upper()
    if encoding not in ("UTF-8", "US-ASCII"):
        raise BadRequest(21217)
    if tree.docinfo.internalDTD is not None or tree.docinfo.doctype:
        raise BadRequest(9101, "Dokument nie może zawierać DTD.")
    return root


def request_of(root: etree._Element) -> etree._Element:
    """The request: the document itself, or what an enveloping signature holds; raises 21401."""
    if root.tag != f"{DS}Signature":
        return root
    holder = forms.signed_object(root)
    request = forms.request_in(holder, parse_document) if holder is not None else None
    if request is None:
        raise BadRequest(21401, "Podpis nie zawiera dokumentu AuthTokenRequest.")
    return request


def verify(body: bytes, root: etree._Element, now: datetime) -> Verified:
    """Check the one signature, enveloped or enveloping; raises 9102, 9103, 9105 or 21115.

    A signature that does not fit the profiles is refused everywhere. Production lets some pass
    with a warning (sig-001, ksef-api#844), which ones nobody knows.
    """
    signatures = list(root.iter(f"{DS}Signature"))
    if not signatures:
        raise BadRequest(9102)
    if len(signatures) > 1:
        raise BadRequest(9103)
    signature = signatures[0]
    if root.getroottree().xpath("/processing-instruction()"):
        # the reference to the whole document covers them, signxml digests the root alone
        raise BadRequest(9105, NEGATIVE)
    if signature is not root and signature.getparent() is not root:
        raise BadRequest(9105, WRONG_PROFILE)
    sent, certificate = _certificate(signature)
    _check_key(certificate)
    _check_shape(signature)
    _check_signature_value(signature, certificate)
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise BadRequest(21115, "Certyfikat jest poza okresem ważności.")
    signed = _verify_with_signxml(body, certificate, now)
    _check_signed_properties(signed, certificate, sent, now)
    return Verified(signed.request, certificate, sent)


def _certificate(signature: etree._Element) -> tuple[bytes, x509.Certificate]:
    """The first certificate of KeyInfo: its bytes, and how the library reads them."""
    found = signature.findall(f"{DS}KeyInfo/{DS}X509Data/{DS}X509Certificate")
    if not found:
        raise BadRequest(9105, WRONG_PROFILE)
    try:
        sent = base64.b64decode("".join((found[0].text or "").split()), validate=True)
        certificate = der.load_certificate(sent)
        certificate.public_key()
        return sent, certificate
    except (ValueError, x509.InvalidVersion, UnsupportedAlgorithm) as error:
        raise BadRequest(21115, "Certyfikat jest nieczytelny.") from error


def _check_key(certificate: x509.Certificate) -> None:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        strong = key.key_size >= 2048
    else:
        strong = isinstance(key, ec.EllipticCurvePublicKey) and key.curve.key_size >= 256
    if not strong:
        raise BadRequest(9105, "Klucz jest zbyt słaby lub nieobsługiwany.")


def _check_shape(signature: etree._Element) -> None:
    """Only listed algorithms, a reference to the whole document and one to SignedProperties."""
    method = signature.find(f"{DS}SignedInfo/{DS}CanonicalizationMethod")
    properties = signature.findall(
        f"{DS}Object/{XADES}QualifyingProperties/{XADES}SignedProperties"
    )
    identified = len(properties) == 1 and bool(properties[0].get("Id")) and signature.get("Id")
    ids = [item.get("Id") for item in signature.getroottree().iter() if item.get("Id")]
    if (
        method is None
        or method.get("Algorithm") not in _C14N
        or not identified
        or properties[0].getparent().get("Target") != f"#{signature.get('Id')}"
        # duplicate identifiers are the door to signature wrapping
        or len(ids) != len(set(ids))
    ):
        raise BadRequest(9105, WRONG_PROFILE)
    target = f"#{properties[0].get('Id')}"
    document = ""
    if signature.getparent() is None:
        holder = forms.signed_object(signature)
        document = "#" + (holder.get("Id") or "") if holder is not None else "#"
    uris = [
        _check_reference(reference, target, document)
        for reference in signature.findall(f"{DS}SignedInfo/{DS}Reference")
    ]
    if uris.count(document) != 1 or uris.count(target) != 1:
        raise BadRequest(9105, WRONG_PROFILE)


def _check_reference(reference: etree._Element, properties: str, document: str) -> str:
    """The URI of a reference with listed transforms inside the document; raises 9105.

    ``properties`` is the URI of SignedProperties, whose reference must say its type; ``document``
    that of what is signed, empty for an enveloped signature, which must be left out of it.
    """
    uri = reference.get("URI")
    transforms = reference.findall(f"{DS}Transforms/{DS}Transform")
    for item in transforms:
        algorithm = item.get("Algorithm")
        listed = (
            algorithm in _C14N
            or (algorithm == forms.BASE64 and uri == document != "")
            or (algorithm in _LEAVING_OUT and forms.leaves_out_the_signature(item))
        )
        if not listed:
            raise BadRequest(9105, WRONG_PROFILE)
    if (
        uri is None
        or (uri and not uri.startswith("#"))
        or (uri == "" and not any(map(forms.leaves_out_the_signature, transforms)))
        or (uri == properties and reference.get("Type") != SIGNED_PROPERTIES_TYPE)
    ):
        raise BadRequest(9105, WRONG_PROFILE)
    return uri


def _check_signature_value(signature: etree._Element, certificate: x509.Certificate) -> None:
    """An ECDSA value must be R followed by S at fixed width; DER is refused."""
    key = certificate.public_key()
    value = signature.findtext(f"{DS}SignatureValue") or ""
    try:
        raw = base64.b64decode("".join(value.split()), validate=True)
    except ValueError as error:
        raise BadRequest(9105, NEGATIVE) from error
    if isinstance(key, ec.EllipticCurvePublicKey):
        width = (key.curve.key_size + 7) // 8
        if len(raw) != 2 * width:
            raise BadRequest(9105, NEGATIVE)


@dataclass(frozen=True)
class _Signed:
    """What the references covered, as it was digested."""

    request: etree._Element
    properties: etree._Element
    key_info: etree._Element | None


def _verify_with_signxml(body: bytes, certificate: x509.Certificate, now: datetime) -> _Signed:
    config = SignatureConfiguration(
        location="./",
        expect_references=False,
        signature_methods=_METHODS,
        digest_algorithms=frozenset(DigestAlgorithm),
        verification_time=now,
    )
    try:
        results = forms.Verifier().verify(body, x509_cert=certificate, expect_config=config)
    except (SignXMLException, etree.LxmlError, ValueError, TypeError, KeyError) as error:
        # signxml reports unknown algorithms and malformed values with several exception types
        raise BadRequest(9105, NEGATIVE) from error
    found: dict[str, etree._Element] = {}
    for part in results if isinstance(results, list) else [results]:
        if part.signed_xml is not None:
            found.setdefault(etree.QName(part.signed_xml).localname, part.signed_xml)
    request, properties = found.get("AuthTokenRequest"), found.get("SignedProperties")
    if request is None and "Object" in found:
        request = forms.request_in(found["Object"], parse_document)
    if request is None or properties is None:
        raise BadRequest(9105, WRONG_PROFILE)
    return _Signed(request, properties, found.get("KeyInfo"))


def _check_signed_properties(
    signed: _Signed, certificate: x509.Certificate, sent: bytes, now: datetime
) -> None:
    """SigningTime and the certificate, both under the signature."""
    properties = signed.properties
    base = f"{XADES}SignedSignatureProperties"
    try:
        signing_time = parse_moment(properties.findtext(f"{base}/{XADES}SigningTime") or "")
    except ValueError as error:
        raise BadRequest(9105, WRONG_PROFILE) from error
    if signing_time > now + CLOCK_SKEW:
        raise BadRequest(9105, WRONG_PROFILE)
    first = properties.find(f"{base}/{XADES}SigningCertificate/{XADES}Cert")
    second = properties.find(f"{base}/{XADES}SigningCertificateV2/{XADES}Cert")
    entry = first if first is not None else second
    if entry is None:
        if forms.key_info_binds(signed.key_info, sent):
            return
        raise BadRequest(9105, WRONG_PROFILE)
    method = entry.find(f"{XADES}CertDigest/{DS}DigestMethod")
    digest = entry.findtext(f"{XADES}CertDigest/{DS}DigestValue") or ""
    algorithm = _HASHES.get(method.get("Algorithm") if method is not None else "")
    if algorithm is None or base64.b64encode(algorithm(sent).digest()).decode() != digest.strip():
        raise BadRequest(9105, WRONG_PROFILE)
    serial = entry.findtext(f"{XADES}IssuerSerial/{DS}X509SerialNumber")
    if serial is not None and serial.strip() != str(certificate.serial_number):
        raise BadRequest(9105, WRONG_PROFILE)
    issuer = entry.findtext(f"{XADES}IssuerSerial/{DS}X509IssuerName")
    if issuer is not None and not same_name(issuer, certificate.issuer):
        raise BadRequest(9105, WRONG_PROFILE)
    newer = entry.findtext(f"{XADES}IssuerSerialV2")
    if newer is not None and not forms.issuer_serial_fits(newer.strip(), certificate):
        raise BadRequest(9105, WRONG_PROFILE)


def same_name(text: str, name: x509.Name) -> bool:
    """Whether an RFC 4514 text names ``name``, in either order of its parts."""
    labels = {
        "SERIALNUMBER": "2.5.4.5",
        "GN": "2.5.4.42",
        "GIVENNAME": "2.5.4.42",
        "SN": "2.5.4.4",
        "SURNAME": "2.5.4.4",
        "ORGANIZATIONIDENTIFIER": "2.5.4.97",
        "T": "2.5.4.12",
        "E": "1.2.840.113549.1.9.1",
    }
    try:
        parsed = x509.Name.from_rfc4514_string(
            text, {label: x509.ObjectIdentifier(oid) for label, oid in labels.items()}
        )
    except ValueError:
        return False
    wanted = sorted((item.oid.dotted_string, item.value) for item in name)
    return sorted((item.oid.dotted_string, item.value) for item in parsed) == wanted

"""Signatures other than the plain one of section 5.4: enveloping, XPath, filter2, signed KeyInfo.

They are made here by hand, part by part, so that each part can be wrong in an otherwise good one.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from harness import NIP, Api, auth_request, code_of, key_pair, new_challenge, sha, submit
from lxml import etree

DS = "http://www.w3.org/2000/09/xmldsig#"
XADES = "http://uri.etsi.org/01903/v1.3.2#"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
ECDSA = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
BASE64 = f"{DS}base64"
ENVELOPED = f'<ds:Transform Algorithm="{DS}enveloped-signature"/>'
C14N = f'<ds:Transform Algorithm="{EXCLUSIVE}"/>'
TYPE = ' Type="http://uri.etsi.org/01903#SignedProperties"'


def xpath(expression: str = "not(ancestor-or-self::ds:Signature)", name: str = "ds:XPath") -> str:
    algorithm = "http://www.w3.org/TR/1999/REC-xpath-19991116"
    return f'<ds:Transform Algorithm="{algorithm}"><{name}>{expression}</{name}></ds:Transform>'


def filter2(expression: str = "/descendant::ds:Signature", kind: str = "subtract") -> str:
    namespace = "http://www.w3.org/2002/06/xmldsig-filter2"
    return (
        f'<ds:Transform Algorithm="{namespace}"><f:XPath xmlns:f="{namespace}" Filter="{kind}">'
        f"{expression}</f:XPath></ds:Transform>"
    )


@dataclass
class Form:
    """A signature to make. ``transforms`` of the reference to the document.

    ``holder``: None = enveloped, ``element`` or ``base64`` = enveloping, with the request so.
    ``binding``: what names the certificate: v1, v2, key_info, or nothing.
    """

    transforms: str = ENVELOPED + C14N
    holder: str | None = None
    binding: str = "v1"
    issuer_serial: bytes | None = None
    more_objects: str = ""
    more_references: str = ""
    inner: str | None = None

    def make(self, request: str, pair: tuple[str, str]) -> bytes:
        """The signed document."""
        self.certificate = x509.load_pem_x509_certificate(pair[0].encode())
        self.der = self.certificate.public_bytes(serialization.Encoding.DER)
        body = request if self.inner is None else self.inner
        root = etree.fromstring(self._frame(body))
        signature = root if self.holder else root[-1]
        self._digest(root, signature)
        info = signature.find(f"{{{DS}}}SignedInfo")
        key = serialization.load_pem_private_key(pair[1].encode(), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        signed = key.sign(canonical(info), ec.ECDSA(hashes.SHA256()))
        raw = b"".join(number.to_bytes(32, "big") for number in decode_dss_signature(signed))
        signature.find(f"{{{DS}}}SignatureValue").text = base64.b64encode(raw).decode()
        return etree.tostring(root, encoding="UTF-8", xml_declaration=True)

    def _frame(self, request: str) -> str:
        signature = self._signature(request)
        if self.holder:
            return signature
        return request.replace("</AuthTokenRequest>", f"{signature}</AuthTokenRequest>")

    def _signature(self, request: str) -> str:
        holder, uri = "", ""
        if self.holder == "element":
            holder, uri = f'<ds:Object Id="Doc">{request}</ds:Object>', "#Doc"
        elif self.holder == "base64":
            text = base64.b64encode(request.encode()).decode()
            holder = f'<ds:Object Id="Doc" Encoding="{BASE64}">{text}</ds:Object>'
            uri = "#Doc"
        certificate = base64.b64encode(self.der).decode()
        return (
            f'<ds:Signature xmlns:ds="{DS}" Id="Sig"><ds:SignedInfo>'
            f'<ds:CanonicalizationMethod Algorithm="{EXCLUSIVE}"/>'
            f'<ds:SignatureMethod Algorithm="{ECDSA}"/>'
            f"{reference(uri, self.transforms)}{reference('#Props', C14N, TYPE)}"
            f"{self.more_references}"
            f"{reference('#Key', C14N) if self.binding == 'key_info' else ''}</ds:SignedInfo>"
            '<ds:SignatureValue></ds:SignatureValue><ds:KeyInfo Id="Key"><ds:X509Data>'
            f"<ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
            f"{holder}{self.more_objects}<ds:Object>"
            f'<xades:QualifyingProperties xmlns:xades="{XADES}" Target="#Sig">'
            '<xades:SignedProperties Id="Props"><xades:SignedSignatureProperties>'
            "<xades:SigningTime>2026-01-01T00:00:00Z</xades:SigningTime>"
            f"{self._binding()}</xades:SignedSignatureProperties></xades:SignedProperties>"
            "</xades:QualifyingProperties></ds:Object></ds:Signature>"
        )

    def _binding(self) -> str:
        if self.binding not in ("v1", "v2"):
            return ""
        version = "V2" if self.binding == "v2" else ""
        digest = (
            f'<xades:CertDigest><ds:DigestMethod Algorithm="{SHA256}"/>'
            f"<ds:DigestValue>{sha(self.der)}</ds:DigestValue></xades:CertDigest>"
        )
        serial = ""
        if version:
            encoded = self.issuer_serial
            if encoded is None:
                encoded = issuer_serial(self.certificate.issuer, self.certificate.serial_number)
            serial = base64.b64encode(encoded).decode()
            serial = f"<xades:IssuerSerialV2>{serial}</xades:IssuerSerialV2>"
        name = f"xades:SigningCertificate{version}"
        return f"<{name}><xades:Cert>{digest}{serial}</xades:Cert></{name}>"

    def _digest(self, root: etree._Element, signature: etree._Element) -> None:
        """Fill in the digests of all references, as a signer would."""
        for item in signature.iterfind(f"{{{DS}}}SignedInfo/{{{DS}}}Reference"):
            uri = item.get("URI") or ""
            if uri:
                [target] = root.xpath("//*[@Id=$name]", name=uri[1:])
                decoded = f'Algorithm="{BASE64}"' in self.transforms and uri == "#Doc"
                data = base64.b64decode(target.text) if decoded else canonical(target)
            else:
                parent = signature.getparent()
                assert parent is not None
                parent.remove(signature)
                data = canonical(root)
                parent.append(signature)
            item.find(f"{{{DS}}}DigestValue").text = sha(data)


def reference(uri: str, transforms: str, kind: str = "") -> str:
    return (
        f'<ds:Reference URI="{uri}"{kind}><ds:Transforms>{transforms}</ds:Transforms>'
        f'<ds:DigestMethod Algorithm="{SHA256}"/><ds:DigestValue></ds:DigestValue></ds:Reference>'
    )


def canonical(element: Any) -> bytes:
    alone = etree.fromstring(etree.tostring(element, with_tail=False))
    return etree.tostring(alone, method="c14n", exclusive=True)


def der(tag: int, content: bytes) -> bytes:
    size = len(content)
    length = bytes([size]) if size < 128 else bytes([0x82]) + size.to_bytes(2, "big")
    return bytes([tag]) + length + content


def issuer_serial(issuer: x509.Name, serial: int) -> bytes:
    """IssuerSerial of RFC 5035: a directory name among general names, and the number."""
    number = serial.to_bytes(serial.bit_length() // 8 + 1, "big")
    names = der(0x30, der(0xA4, issuer.public_bytes()))
    return der(0x30, names + der(0x02, number))


def attempt(api: Api, form: Form) -> int:
    """202, or the code of the refusal."""
    answer = submit(api, form.make(auth_request(new_challenge(api)), key_pair(api)))
    return 202 if answer.status_code == 202 else code_of(answer)


GOOD = {
    "enveloped": Form(),
    "xpath": Form(xpath() + C14N),
    "xpath with spaces": Form(xpath(" not( ancestor-or-self::ds:Signature )\n") + C14N),
    "filter2": Form(filter2() + C14N),
    "filter2, short": Form(filter2("//ds:Signature") + C14N),
    "filter2, here": Form(filter2("here()/ancestor::ds:Signature[1]") + C14N),
    "enveloping": Form(C14N, "element"),
    "enveloping, text in base64": Form(C14N, "base64"),
    "enveloping, base64": Form(f'<ds:Transform Algorithm="{BASE64}"/>', "base64"),
    "version 2": Form(binding="v2"),
    "signed KeyInfo": Form(binding="key_info"),
    "enveloping, version 2": Form(C14N, "element", "v2"),
}


@pytest.mark.parametrize("name", GOOD)
def test_taken(api: Api, name: str) -> None:
    assert attempt(api, GOOD[name]) == 202


def test_the_whole_login_with_an_enveloping_signature(api: Api) -> None:
    signed = Form(C14N, "element").make(auth_request(new_challenge(api)), key_pair(api))
    started = submit(api, signed).json()
    bearer = started["authenticationToken"]["token"]
    path = f"/auth/{started['referenceNumber']}"
    assert api.call("GET", path, bearer).json()["status"]["code"] == 200


@pytest.mark.parametrize(
    "transforms",
    [
        # these leave out more than the signature, or something else, or nothing
        xpath("not(ancestor-or-self::ds:Signature) and true()"),
        xpath("not(ancestor-or-self::Challenge)"),
        xpath("true()"),
        xpath("not(ancestor-or-self::ds:Signature)", "XPath"),
        filter2("/descendant::Challenge"),
        filter2("/"),
        filter2(kind="intersect"),
        filter2(kind="union"),
        # the signature stays in what is signed
        "",
        f'<ds:Transform Algorithm="{BASE64}"/>' + ENVELOPED,
        f'<ds:Transform Algorithm="{DS}enveloped-signature"/><ds:Transform Algorithm="urn:x"/>',
    ],
)
def test_transforms_that_are_refused(api: Api, transforms: str) -> None:
    assert attempt(api, Form(transforms + C14N)) == 9105


OTHER_PREFIX = 'xmlns:ds="urn:none" xmlns:real="http://www.w3.org/2000/09/xmldsig#"'


def test_prefix_of_another_namespace(api: Api) -> None:
    """The same letters, another name: this expression leaves out nothing."""
    transform = (
        '<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116">'
        f"<real:XPath {OTHER_PREFIX}>not(ancestor-or-self::ds:Signature)</real:XPath>"
        "</ds:Transform>"
    )
    assert attempt(api, Form(transform + C14N)) == 9105


@pytest.mark.parametrize(
    ("form", "code"),
    [
        # nothing to sign, two things to sign, a thing without a name
        (Form(C14N, "element", inner="<Other/>"), 21401),
        (Form(C14N, "base64", inner="<Other/>"), 21401),
        (Form(C14N, "base64", inner="no XML"), 21001),
        (Form(C14N, "element", more_objects='<ds:Object Id="More"/>'), 21401),
        (Form(f'<ds:Transform Algorithm="{BASE64}"/>', "base64", inner="<!DOCTYPE a><a/>"), 9101),
        # the document is there, but the signature is about something else
        (Form(binding=""), 9105),
        (Form(C14N, "element", binding=""), 9105),
    ],
)
def test_enveloping_refusals(api: Api, form: Form, code: int) -> None:
    assert attempt(api, form) == code


def test_changed_after_signing(api: Api) -> None:
    for form in (Form(C14N, "element"), Form(xpath() + C14N), Form(filter2() + C14N)):
        signed = form.make(auth_request(new_challenge(api)), key_pair(api))
        changed = signed.replace(NIP.encode(), b"1111111111", 1)
        assert changed != signed
        assert code_of(submit(api, changed)) == 9105
    form = Form(f'<ds:Transform Algorithm="{BASE64}"/>', "base64")
    request = auth_request(new_challenge(api))
    signed = form.make(request, key_pair(api))
    other = base64.b64encode(request.replace(NIP, "1111111111").encode())
    changed = signed.replace(base64.b64encode(request.encode()), other)
    assert changed != signed
    assert code_of(submit(api, changed)) == 9105


def test_object_that_is_not_signed(api: Api) -> None:
    """A second object with the request, while the signature is about the first."""
    request = auth_request(new_challenge(api))
    signed = Form(C14N, "element").make(request, key_pair(api))
    evil = f'<ds:Object Id="Evil">{request.replace(NIP, "1111111111")}</ds:Object>'.encode()
    for place in (b'<ds:Object Id="Doc">', b"</ds:Signature>"):
        assert code_of(submit(api, signed.replace(place, evil + place, 1))) in (21401, 9105)
    renamed = signed.replace(b'<ds:Object Id="Doc">', b'<ds:Object Id="Other">', 1)
    assert code_of(submit(api, renamed)) == 9105


def test_signature_inside_the_encoded_document(api: Api) -> None:
    inner = Form().make(auth_request(new_challenge(api)), key_pair(api)).decode()
    inner = inner[inner.index("<AuthTokenRequest") :]
    assert attempt(api, Form(C14N, "base64", inner=inner)) == 9103


@pytest.mark.parametrize("change", ["issuer", "serial", "rubbish"])
def test_wrong_issuer_serial(api: Api, change: str) -> None:
    pair = key_pair(api)
    certificate = x509.load_pem_x509_certificate(pair[0].encode())
    issuer, serial = certificate.issuer, certificate.serial_number
    made = {
        "issuer": issuer_serial(certificate.subject, serial),
        "serial": issuer_serial(issuer, serial + 1),
        "rubbish": b"\x30\x03\x02\x01\x05",
    }[change]
    signed = Form(binding="v2", issuer_serial=made).make(auth_request(new_challenge(api)), pair)
    assert code_of(submit(api, signed)) == 9105


def test_signed_key_info_holds_one_certificate(api: Api) -> None:
    class Two(Form):
        def _signature(self, request: str) -> str:
            text = super()._signature(request)
            mark = "</ds:X509Certificate>"
            one = text[text.index("<ds:X509Certificate>") : text.index(mark) + len(mark)]
            return text.replace(one, one + one, 1)

    assert attempt(api, Two(binding="key_info")) == 9105
    # named by a property it may have company, as chains do
    assert attempt(api, Two()) == 202

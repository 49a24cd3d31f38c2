"""The signed login request: profile, keys, independent verification."""

from __future__ import annotations

import base64
import copy
import hashlib
import sys
from datetime import datetime, timezone

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from keys import ec_key, rsa_key, self_signed
from lxml import etree
from vectors import shared

from ksef import xades
from ksef.errors import LocalError
from ksef.signer import Signer

NOW = datetime(2026, 11, 20, 10, 0, 30, tzinfo=timezone.utc)
CHALLENGE = "20250604-CR-461EA5B000-537A6BA15D-D7"
NS = {"ds": xades.DS_NS, "xades": xades.XADES_NS, "a": xades.AUTH_NS}
KEYS = {"rsa": rsa_key(), "p256": ec_key("p256"), "p384": ec_key("p384")}


def signed(kind: str) -> tuple[bytes, Signer]:
    """A signed request and who signed it."""
    key = KEYS[kind]
    signer = Signer(key, self_signed(key))
    return xades.sign(xades.auth_token_request(CHALLENGE, "5265877635"), signer, NOW), signer


def canonical(node, *, exclusive: bool) -> bytes:
    """The canonical form of a node where it stands."""
    return etree.tostring(node, method="c14n", exclusive=exclusive)


def verify(xml: bytes, signer: Signer) -> None:
    """Verify with lxml and cryptography, not with xmlsec. Raises InvalidSignature."""
    root = etree.fromstring(xml)
    node = root.find("ds:Signature", NS)
    info = node.find("ds:SignedInfo", NS)
    value = base64.b64decode(node.findtext("ds:SignatureValue", None, NS))
    data = canonical(info, exclusive=False)
    key = signer.private_key.public_key()
    if signer.kind == "rsa":
        key.verify(value, data, padding.PKCS1v15(), hashes.SHA256())
    else:
        half = len(value) // 2
        assert half == (key.key_size + 7) // 8
        numbers = (int.from_bytes(value[:half], "big"), int.from_bytes(value[half:], "big"))
        key.verify(encode_dss_signature(*numbers), data, ec.ECDSA(hashes.SHA256()))
    properties = canonical(node.find(".//xades:SignedProperties", NS), exclusive=True)
    root.remove(node)
    digests = [
        base64.b64encode(hashlib.sha256(part).digest()).decode()
        for part in (canonical(root, exclusive=True), properties)
    ]
    declared = [item.text for item in info.findall("ds:Reference/ds:DigestValue", NS)]
    if digests != declared:
        raise InvalidSignature


@pytest.mark.parametrize("kind", sorted(KEYS))
def test_signature_verifies_and_has_the_profile(kind):
    xml, signer = signed(kind)
    verify(xml, signer)
    root = etree.fromstring(xml)
    signature = root[-1]
    assert signature.tag == f"{{{xades.DS_NS}}}Signature"
    assert signature.get("Id") == "Signature"
    names = [etree.QName(child).localname for child in signature]
    assert names == ["SignedInfo", "SignatureValue", "KeyInfo", "Object"]
    references = signature.findall("ds:SignedInfo/ds:Reference", NS)
    assert [item.get("URI") for item in references] == ["", "#SignedProperties"]
    assert references[1].get("Type") == "http://uri.etsi.org/01903#SignedProperties"
    method = signature.find("ds:SignedInfo/ds:SignatureMethod", NS).get("Algorithm")
    assert method.endswith("#rsa-sha256" if kind == "rsa" else "#ecdsa-sha256")
    certificate = signature.findtext("ds:KeyInfo/ds:X509Data/ds:X509Certificate", None, NS)
    assert base64.b64decode(certificate) == signer.certificate_der
    assert signature.findtext(".//xades:SigningTime", None, NS) == "2026-11-20T09:59:30Z"
    assert signature.findtext(".//ds:X509SerialNumber", None, NS) == str(signer.info.serial)


@pytest.mark.parametrize(("kind", "size"), [("p256", 64), ("p384", 96)])
def test_ecdsa_value_is_r_and_s(kind, size):
    root = etree.fromstring(signed(kind)[0])
    assert len(base64.b64decode(root.findtext(".//ds:SignatureValue", None, NS))) == size


@pytest.mark.parametrize(
    "path",
    ["a:Challenge", "a:ContextIdentifier/a:Nip", ".//xades:SigningTime", ".//ds:X509IssuerName"],
)
def test_a_changed_byte_breaks_it(path):
    xml, signer = signed("p256")
    root = etree.fromstring(xml)
    changed = copy.deepcopy(root)
    changed.find(path, NS).text += "0"
    with pytest.raises(InvalidSignature):
        verify(etree.tostring(changed), signer)


def test_structure_equals_the_known_good_request():
    """Same elements, attributes and algorithms as the fixture that xmlsec1 accepts."""

    def shape(root):
        return [
            (etree.QName(node).localname, {k: v for k, v in node.attrib.items() if k != "Id"})
            for node in root.iter()
            if isinstance(node.tag, str)
        ]

    known = etree.parse(str(shared("spec", "vectors", "own-xades-ec.xml"))).getroot()
    ours = etree.fromstring(signed("p256")[0])
    assert shape(ours) == shape(known)


@pytest.mark.parametrize("kind", sorted(KEYS))
def test_password_protected_key(kind):
    key = KEYS[kind]
    certificate = self_signed(key)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    signer = Signer.from_pem(pem, certificate, b"secret")
    verify(xades.sign(xades.auth_token_request(CHALLENGE, "5265877635"), signer, NOW), signer)
    for password in (None, b"", b"wrong"):
        with pytest.raises(LocalError) as caught:
            Signer.from_pem(pem, certificate, password)
        assert "password" in caught.value.message
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert Signer.from_pem(plain, certificate, b"needless").kind == signer.kind


def test_key_and_certificate_must_match():
    with pytest.raises(LocalError, match="does not belong"):
        Signer(KEYS["p256"], self_signed(KEYS["rsa"]))
    for broken in (b"", b"nonsense", self_signed(KEYS["rsa"])[:200]):
        with pytest.raises(LocalError, match="cannot be read"):
            Signer(KEYS["rsa"], broken)


def test_missing_xmlsec_is_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "xmlsec", None)
    with pytest.raises(LocalError, match="libxml2"):
        signed("p256")


@pytest.mark.parametrize(
    ("challenge", "nip", "kind"),
    [
        ("x", "5265877635", "certificateSubject"),
        (CHALLENGE, "526-587-76-35", "certificateSubject"),
        (CHALLENGE, "5265877635", "other"),
    ],
)
def test_bad_request(challenge, nip, kind):
    with pytest.raises(ValueError):
        xades.auth_token_request(challenge, nip, kind)


def test_secrets_do_not_print():
    signer = Signer(KEYS["rsa"], self_signed(KEYS["rsa"]))
    assert repr(signer) == "Signer()"

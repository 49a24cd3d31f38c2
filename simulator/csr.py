"""What KSeF checks about a certificate request (PKCS#10) before it takes it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID, SignatureAlgorithmOID

from . import der
from .messages import BadRequest
from .pki import ORGANIZATION_IDENTIFIER

UNIQUE_IDENTIFIER = x509.ObjectIdentifier("2.5.4.45")
#: Fields of the enrolment data and the attributes that must repeat them.
FIELDS = {
    "commonName": NameOID.COMMON_NAME,
    "countryName": NameOID.COUNTRY_NAME,
    "givenName": NameOID.GIVEN_NAME,
    "surname": NameOID.SURNAME,
    "serialNumber": NameOID.SERIAL_NUMBER,
    "uniqueIdentifier": UNIQUE_IDENTIFIER,
    "organizationName": NameOID.ORGANIZATION_NAME,
    "organizationIdentifier": ORGANIZATION_IDENTIFIER,
}
_PRINTABLE = re.compile(rb"[A-Za-z0-9 '()+,\-./:=?]*")
_ALGORITHMS = {
    SignatureAlgorithmOID.RSA_WITH_SHA1,
    SignatureAlgorithmOID.RSA_WITH_SHA256,
    SignatureAlgorithmOID.RSA_WITH_SHA384,
    SignatureAlgorithmOID.RSA_WITH_SHA512,
    SignatureAlgorithmOID.RSASSA_PSS,
    SignatureAlgorithmOID.ECDSA_WITH_SHA1,
    SignatureAlgorithmOID.ECDSA_WITH_SHA256,
    SignatureAlgorithmOID.ECDSA_WITH_SHA384,
    SignatureAlgorithmOID.ECDSA_WITH_SHA512,
}
_HASHES = {"sha1", "sha256", "sha384", "sha512"}


@dataclass(frozen=True)
class Csr:
    """A request that proves possession of its key. ``public_key``: SubjectPublicKeyInfo in DER."""

    subject: list[tuple[x509.ObjectIdentifier, str]]
    public_key: bytes


def parse(data: bytes) -> Csr:
    """Read and verify; raises 25004, 25011 or 25010."""
    try:
        request = x509.load_der_x509_csr(data)
        subject = _subject(data)
    except (ValueError, TypeError, x509.InvalidVersion) as error:
        raise BadRequest(25004, "Nie można odczytać wniosku PKCS#10.") from error
    try:
        algorithm = request.signature_hash_algorithm
    except UnsupportedAlgorithm as error:
        raise BadRequest(25011) from error
    known = request.signature_algorithm_oid in _ALGORITHMS
    if not known or algorithm is None or algorithm.name not in _HASHES:
        raise BadRequest(25011)
    key = _public_key(request)
    good_rsa = isinstance(key, rsa.RSAPublicKey) and key.key_size == 2048
    good_ec = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
    if not (good_rsa or good_ec):
        raise BadRequest(25010)
    if not _signature_ok(request, data):
        raise BadRequest(25004, "Podpis wniosku jest nieprawidłowy.")
    spki = request.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return Csr(subject, spki)


def _public_key(request: x509.CertificateSigningRequest) -> object:
    """The key, None for a kind that the library does not know; raises 25004 for nonsense."""
    try:
        return request.public_key()
    except UnsupportedAlgorithm:
        return None
    except ValueError as error:
        raise BadRequest(25004, "Nie można odczytać klucza publicznego.") from error


def _signature_ok(request: x509.CertificateSigningRequest, data: bytes) -> bool:
    try:
        # the library does not mind a count of unused bits before a signature of whole bytes
        whole = list(der.elements(der.inside(data)))[2][1][:1] == b"\x00"
        return whole and request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # the algorithm named does not fit the key
        return False


def _subject(data: bytes) -> list[tuple[x509.ObjectIdentifier, str]]:
    """Attributes of the subject as they stand in the file; raises ValueError.

    Read from the file itself, because the library hides which string type was used.
    """
    info = list(der.elements(der.inside(data)))[0][1]
    name = der.write(*list(der.elements(info))[1])
    found = []
    for oid, tag, raw in der.attributes(name):
        if tag == der.PRINTABLE_STRING and _PRINTABLE.fullmatch(raw):
            found.append((oid, raw.decode("ascii")))
        elif tag == der.UTF8_STRING:
            found.append((oid, raw.decode("utf-8")))
        else:
            raise ValueError(f"string type {tag:#x} of attribute {oid.dotted_string}")
    return found


def check_subject(csr: Csr, data: dict[str, str]) -> None:
    """Exactly the attributes of the enrolment data, in any order; raises 25003."""
    wanted = Counter((FIELDS[field], value) for field, value in data.items())
    if Counter(csr.subject) != wanted:
        raise BadRequest(25003)

"""A private key with its certificate, checked once and never printed."""

from __future__ import annotations

import ssl

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
)

from . import der
from .errors import LocalError
from .links import PrivateKey

_SMALLEST_RSA = 2048
_SMALLEST_EC = 256


class Signer:
    """Key and certificate that belong together. Raises LocalError if they do not.

    ``kind`` is "rsa" or "ec"; ``certificate_der`` the certificate's untouched bytes; ``info`` the
    fields read from it.
    """

    def __init__(self, private_key: PrivateKey, certificate: bytes) -> None:
        if certificate.lstrip().startswith(b"-----BEGIN CERTIFICATE"):
            try:
                certificate = ssl.PEM_cert_to_DER_cert(certificate.decode("ascii").strip())
            except ValueError:
                raise LocalError("The certificate cannot be read") from None
        try:
            self.info = der.parse_certificate(certificate)
            public_key = load_der_public_key(self.info.spki)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise LocalError("The certificate cannot be read") from error
        self.kind = _kind(private_key)
        if _spki(public_key) != _spki(private_key.public_key()):
            raise LocalError("The private key does not belong to the certificate")
        self.private_key = private_key
        self.certificate_der = certificate

    def __repr__(self) -> str:
        return "Signer()"

    @classmethod
    def from_pem(
        cls, key_pem: bytes, certificate_der: bytes, password: bytes | None = None
    ) -> Signer:
        """Load a PEM key, encrypted or not. Raises LocalError with a readable reason."""
        return cls(_load_key(key_pem, password), certificate_der)

    def private_pem(self) -> bytes:
        """The key as unencrypted PKCS#8 PEM, for a library that takes nothing else."""
        return self.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _load_key(key_pem: bytes, password: bytes | None) -> PrivateKey:
    encrypted = b"ENCRYPTED" in key_pem
    if encrypted and not password:
        raise LocalError("The private key is protected by a password, but none is given")
    try:
        # A password for a key that needs none is an error to the library, but not to a person.
        key = load_pem_private_key(key_pem, password if encrypted else None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        reason = "or its password is wrong" if encrypted else "as PEM"
        raise LocalError(f"The private key cannot be read {reason}") from None
    if not isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
        raise LocalError("KSeF takes RSA and elliptic-curve keys only")
    return key


def _kind(key: PrivateKey) -> str:
    if isinstance(key, rsa.RSAPrivateKey):
        kind, smallest = "rsa", _SMALLEST_RSA
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        kind, smallest = "ec", _SMALLEST_EC
    else:
        raise LocalError("KSeF takes RSA and elliptic-curve keys only")
    if key.key_size < smallest:
        raise LocalError(f"The private key has {key.key_size} bits; KSeF wants {smallest}")
    return kind


def _spki(public_key: object) -> bytes:
    if not isinstance(public_key, (rsa.RSAPublicKey, ec.EllipticCurvePublicKey)):
        raise LocalError("KSeF takes RSA and elliptic-curve keys only")
    return public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

"""A private key with its certificate, checked once and never printed."""

from __future__ import annotations

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from . import der, keys
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
        certificate = keys.certificate_der(certificate)
        try:
            self.info = der.parse_certificate(certificate)
            public_key = load_der_public_key(self.info.spki)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise LocalError("The certificate cannot be read") from error
        self.kind = _kind(private_key)
        if keys.spki(public_key) != keys.spki(private_key.public_key()):
            raise LocalError("The private key does not belong to the certificate")
        self.private_key = private_key
        self.certificate_der = certificate

    def __repr__(self) -> str:
        return "Signer()"

    @classmethod
    def from_pem(
        cls, key_pem: bytes, certificate_der: bytes, password: bytes | None = None
    ) -> Signer:
        """Load a key, encrypted or not. Raises LocalError with a readable reason."""
        return cls(keys.load(key_pem, password), certificate_der)

    def private_pem(self) -> bytes:
        """The key as unencrypted PKCS#8 PEM, for a library that takes nothing else."""
        return keys.to_pem(self.private_key)


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

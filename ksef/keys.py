"""Private keys: making, reading and writing them. None is ever printed or put into a message."""

from __future__ import annotations

import ssl

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
    pkcs12,
)

from . import der
from .errors import LocalError
from .links import PrivateKey

KINDS = ("ec", "rsa")
_PEM = b"-----BEGIN"
# KSeF certifies exactly these two sorts (25010 for any other).
_RSA_BITS = 2048


def generate(kind: str) -> PrivateKey:
    """A fresh key that KSeF certifies: "ec" is P-256, "rsa" has 2048 bits. Raises ValueError."""
    if kind == "ec":
        return ec.generate_private_key(ec.SECP256R1())
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
    raise ValueError(f"There is no kind of key {kind!r}")


def to_pem(key: PrivateKey, password: bytes | None = None) -> bytes:
    """PKCS#8 in PEM, encrypted if there is a password."""
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def spki(public_key: object) -> bytes:
    """SubjectPublicKeyInfo in DER, by which keys are compared. Raises LocalError."""
    if not isinstance(public_key, (rsa.RSAPublicKey, ec.EllipticCurvePublicKey)):
        raise LocalError("KSeF takes RSA and elliptic-curve keys only")
    return public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def load(data: bytes, password: bytes | None = None) -> PrivateKey:
    """Read a key in PEM or DER, encrypted or not. Raises LocalError with a readable reason."""
    reader = load_pem_private_key if _PEM in data else load_der_private_key
    try:
        # A password for a key that needs none is an error to the library, but not to a person.
        key = reader(data, None)
    except TypeError:
        if not password:
            raise LocalError(
                "The private key is protected by a password, but none is given"
            ) from None
        key = _load_encrypted(reader, data, password)
    except (ValueError, UnsupportedAlgorithm):
        raise LocalError("The private key cannot be read") from None
    return _supported(key)


def _load_encrypted(reader: object, data: bytes, password: bytes) -> object:
    try:
        return reader(data, password)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise LocalError("The private key cannot be read or its password is wrong") from None


def _supported(key: object) -> PrivateKey:
    if not isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
        raise LocalError("KSeF takes RSA and elliptic-curve keys only")
    return key


def certificate_der(data: bytes) -> bytes:
    """The DER of a certificate given in PEM or DER. Raises LocalError."""
    if data.lstrip().startswith(_PEM):
        try:
            data = ssl.PEM_cert_to_DER_cert(data.decode("ascii").strip())
        except ValueError:
            raise LocalError("The certificate cannot be read") from None
    try:
        der.parse_certificate(data)
    except ValueError:
        raise LocalError("The certificate cannot be read") from None
    return data


def load_pkcs12(data: bytes, password: bytes | None = None) -> tuple[PrivateKey, bytes]:
    """Key and certificate (DER) of a PKCS#12 file. Raises LocalError with a readable reason."""
    try:
        key, certificate, _others = pkcs12.load_key_and_certificates(data, password or None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise LocalError("The PKCS#12 file cannot be read or its password is wrong") from None
    if key is None or certificate is None:
        raise LocalError("The PKCS#12 file must hold a private key and its certificate")
    return _supported(key), certificate.public_bytes(Encoding.DER)


def public_bytes(key: PrivateKey, *, pem: bool) -> bytes:
    """The public half of a key, SubjectPublicKeyInfo in PEM or DER."""
    return key.public_key().public_bytes(
        Encoding.PEM if pem else Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    )


def certificate_pem(certificate: bytes) -> bytes:
    """PEM of a certificate given in DER, without reading it."""
    return ssl.DER_cert_to_PEM_cert(certificate).encode("ascii")

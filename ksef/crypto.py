"""Digests, encodings, and the encryption that KSeF asks for."""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import padding as block_padding
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import load_der_public_key

from . import der
from .errors import ProtocolError
from .types import required_datetime, required_text, text_of, texts_of

TOKEN_USAGE = "KsefTokenEncryption"  # noqa: S105 - the name of a key usage
SYMMETRIC_USAGE = "SymmetricKeyEncryption"

_KEY_SIZE = 32
_BLOCK_SIZE = 16


def sha256(data: bytes) -> bytes:
    """The 32-byte SHA-256 digest."""
    return hashlib.sha256(data).digest()


def to_base64(data: bytes) -> str:
    """Standard base64 with padding."""
    return base64.b64encode(data).decode("ascii")


def to_base64url(data: bytes) -> str:
    """URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def from_base64(text: str) -> bytes:
    """Decode standard base64 strictly (line breaks allowed). Raises ValueError."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("not base64") from error


class BlockEncryptor:
    """AES-256-CBC with PKCS#7 of a stream: any number of ``update``, then one ``finalize``."""

    def __init__(self, key: bytes, iv: bytes) -> None:
        self._padder = block_padding.PKCS7(_BLOCK_SIZE * 8).padder()
        self._encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()

    def update(self, plain: bytes | memoryview) -> bytes:
        """The cipher bytes that are certain by now."""
        return self._encryptor.update(self._padder.update(plain))

    def finalize(self) -> bytes:
        """The rest, with the padding."""
        return self._encryptor.update(self._padder.finalize()) + self._encryptor.finalize()


@dataclass(frozen=True, repr=False)
class SymmetricKey:
    """AES-256 key and initialisation vector of one session; never stored, never printed."""

    key: bytes
    iv: bytes

    def __post_init__(self) -> None:
        if len(self.key) != _KEY_SIZE or len(self.iv) != _BLOCK_SIZE:
            raise ValueError("AES-256 takes a key of 32 and a vector of 16 bytes")

    def __repr__(self) -> str:
        return "SymmetricKey()"

    @classmethod
    def generate(cls) -> SymmetricKey:
        """A fresh random key and vector."""
        return cls(secrets.token_bytes(_KEY_SIZE), secrets.token_bytes(_BLOCK_SIZE))

    def encryptor(self) -> BlockEncryptor:
        """For a stream; KSeF wants the same key and vector for everything in a session."""
        return BlockEncryptor(self.key, self.iv)

    def encrypt(self, plain: bytes) -> bytes:
        """AES-256-CBC with PKCS#7. The vector is not put in front: it travels in the session."""
        encryptor = self.encryptor()
        return encryptor.update(plain) + encryptor.finalize()

    def decrypt(self, cipher: bytes) -> bytes:
        """The plain bytes. Raises ValueError if the padding or the length is wrong."""
        decryptor = Cipher(algorithms.AES(self.key), modes.CBC(self.iv)).decryptor()
        padded = decryptor.update(cipher) + decryptor.finalize()
        unpadder = block_padding.PKCS7(_BLOCK_SIZE * 8).unpadder()
        return unpadder.update(padded) + unpadder.finalize()


@dataclass(frozen=True)
class PublicKey:
    """One key of the Ministry. ``key_id`` goes along with whatever was encrypted with it."""

    key_id: str | None
    usage: tuple[str, ...]
    valid_from: datetime
    valid_to: datetime
    key: rsa.RSAPublicKey = field(repr=False)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PublicKey:
        """Read one item of the key list. Raises ProtocolError.

        ``certificate`` is X.509 in DER; one official sample is a bare SubjectPublicKeyInfo.
        """
        try:
            encoded = from_base64(required_text(data, "certificate"))
            key = load_der_public_key(der.subject_public_key_info(encoded))
        except (ValueError, UnsupportedAlgorithm) as error:
            raise ProtocolError("KSeF sent a public key that cannot be read") from error
        if not isinstance(key, rsa.RSAPublicKey):
            raise ProtocolError("KSeF sent a public key that is not RSA")
        return cls(
            key_id=text_of(data, "publicKeyId"),
            usage=texts_of(data, "usage"),
            valid_from=required_datetime(data, "validFrom"),
            valid_to=required_datetime(data, "validTo"),
            key=key,
        )

    def wrap(self, data: bytes) -> bytes:
        """RSA-OAEP with SHA-256, MGF1-SHA-256 and an empty label."""
        algorithm = hashes.SHA256()
        oaep = padding.OAEP(mgf=padding.MGF1(algorithm), algorithm=algorithm, label=None)
        return self.key.encrypt(data, oaep)


def select_key(keys: Iterable[PublicKey], usage: str, now: datetime) -> PublicKey:
    """The key for ``usage`` that is valid now; of several the one that became valid last.

    Raises ProtocolError if there is none.
    """
    valid = [key for key in keys if usage in key.usage and key.valid_from <= now < key.valid_to]
    if not valid:
        raise ProtocolError(f"KSeF lists no key for {usage} that is valid now")
    return max(valid, key=lambda key: key.valid_from)

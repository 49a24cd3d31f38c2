"""AES-256-CBC with PKCS#7, as invoices, parts of packages and exports are encrypted."""

from __future__ import annotations

from collections.abc import Iterator

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BLOCK = 16
_CHUNK = 1 << 20


class CipherError(ValueError):
    """The bytes are no ciphertext under this key; the message tells why, in Polish."""


def decrypt(encrypted: bytes, key: bytes, iv: bytes) -> bytes:
    """The plain bytes; raises :class:`CipherError`."""
    return b"".join(decrypt_chunks(encrypted, key, iv))


def decrypt_chunks(encrypted: bytes, key: bytes, iv: bytes) -> Iterator[bytes]:
    """The plain bytes piece by piece; raises :class:`CipherError`, perhaps only at the end.

    Also refuses a ciphertext that has the IV in front. The obsolete description prefixed it:
    decrypting such a file gives one garbage block and then the document, with valid padding.
    """
    if not encrypted or len(encrypted) % BLOCK:
        raise CipherError("Długość szyfrogramu nie jest wielokrotnością bloku.")
    if encrypted.startswith(iv):
        raise CipherError("Szyfrogram zaczyna się od wektora inicjującego.")
    decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    unpadder = padding.PKCS7(BLOCK * 8).unpadder()
    view = memoryview(encrypted)
    for start in range(0, len(view), _CHUNK):
        yield unpadder.update(decryptor.update(view[start : start + _CHUNK]))
    try:
        yield unpadder.update(decryptor.finalize()) + unpadder.finalize()
    except ValueError as error:
        raise CipherError("Nieprawidłowe dopełnienie PKCS#7.") from error


def encrypt(plain: bytes, key: bytes, iv: bytes) -> bytes:
    """The ciphertext, without the IV in front."""
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    padder = padding.PKCS7(BLOCK * 8).padder()
    return encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()

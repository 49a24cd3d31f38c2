"""As much DER as the simulator needs where the certificate library is too strict or too quiet.

The Ministry's test authority writes ``ecdsa-with-SHA512`` with an explicit NULL parameter; recent
releases of ``cryptography`` refuse such a certificate. It is read here with the NULL taken out.
"""

from __future__ import annotations

from collections.abc import Iterator

from cryptography import x509

SEQUENCE, SET, OID, BIT_STRING = 0x30, 0x31, 0x06, 0x03
UTF8_STRING, PRINTABLE_STRING = 0x0C, 0x13
NULL = b"\x05\x00"
_LONG_FORM = 0x80
# 1.2.840.10045.4.3: ecdsa-with-SHA2, followed by one byte for the hash
_ECDSA_SHA2 = bytes.fromhex("2a8648ce3d0403")
#: The whole algorithm identifier as the test authority writes it.
ECDSA_SHA512_WITH_NULL = bytes.fromhex("300c06082a8648ce3d0403040500")


def read(data: bytes, start: int = 0) -> tuple[int, bytes, int]:
    """Tag, content and end of the element at ``start``; raises ValueError."""
    if len(data) < start + 2:
        raise ValueError("truncated DER")
    tag, length, position = data[start], data[start + 1], start + 2
    if length & _LONG_FORM:
        size = length & 0x7F
        if not 1 <= size <= 4:
            raise ValueError("indefinite or absurd DER length")
        length = int.from_bytes(data[position : position + size], "big")
        position += size
    if position + length > len(data):
        raise ValueError("truncated DER")
    return tag, data[position : position + length], position + length


def elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of the elements that follow one another in ``data``."""
    position = 0
    while position < len(data):
        tag, content, position = read(data, position)
        yield tag, content


def write(tag: int, content: bytes) -> bytes:
    """One element."""
    size = len(content)
    if size < _LONG_FORM:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, _LONG_FORM | len(length)]) + length + content


def inside(data: bytes, tag: int = SEQUENCE) -> bytes:
    """The content of the only element of ``data``; raises ValueError for anything else."""
    found, content, end = read(data)
    if found != tag or end != len(data):
        raise ValueError("unexpected DER element")
    return content


def _is_ecdsa(algorithm: bytes) -> bool:
    tag, oid, _end = read(algorithm)
    return tag == OID and oid.startswith(_ECDSA_SHA2)


def _change_algorithm(parts: list[tuple[int, bytes]], index: int, *, null: bool) -> None:
    tag, algorithm = parts[index]
    if _is_ecdsa(algorithm):
        parts[index] = (tag, algorithm.removesuffix(NULL) + (NULL if null else b""))


def with_null_parameter(tbs_certificate: bytes, *, null: bool) -> bytes:
    """The part of a certificate that is signed, its ECDSA algorithm with or without NULL."""
    parts = list(elements(inside(tbs_certificate)))
    # version, serial number, signature algorithm
    _change_algorithm(parts, 2, null=null)
    return write(SEQUENCE, b"".join(write(*part) for part in parts))


def load_certificate(der: bytes) -> x509.Certificate:
    """The certificate, also one with the NULL parameter; raises ValueError.

    What comes back for such a one does not have the same bytes: keep ``der`` for digests.
    """
    parts = list(elements(inside(der)))
    if len(parts) != 3:
        raise ValueError("not a certificate")
    parts[0] = (SEQUENCE, inside(with_null_parameter(write(*parts[0]), null=False)))
    _change_algorithm(parts, 1, null=False)
    return x509.load_der_x509_certificate(write(SEQUENCE, b"".join(write(*item) for item in parts)))


def attributes(name: bytes) -> list[tuple[x509.ObjectIdentifier, int, bytes]]:
    """Type, string tag and raw value of each attribute of a DER-encoded name; raises ValueError."""
    found = []
    for set_tag, group in elements(inside(name)):
        if set_tag != SET:
            raise ValueError("not a name")
        for tag, pair in elements(group):
            parts = list(elements(pair))
            if tag != SEQUENCE or len(parts) != 2 or parts[0][0] != OID:
                raise ValueError("not a name")
            found.append((_dotted(parts[0][1]), *parts[1]))
    return found


def _dotted(oid: bytes) -> x509.ObjectIdentifier:
    """An object identifier of the two arcs used in names (values below 128 * 40 * 2)."""
    numbers, value = [], 0
    for byte in oid:
        value = value << 7 | byte & 0x7F
        if not byte & _LONG_FORM:
            numbers.append(value)
            value = 0
    if not numbers:
        raise ValueError("empty object identifier")
    first = min(numbers[0] // 40, 2)
    arcs = [first, numbers[0] - 40 * first, *numbers[1:]]
    return x509.ObjectIdentifier(".".join(map(str, arcs)))

"""The few fields of an X.509 certificate that we need, read from its DER by hand.

Certificates of the KSeF test authority carry an explicit NULL in an ECDSA algorithm identifier;
current versions of ``cryptography`` refuse to load them. Nothing here judges a certificate.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone

_SEQUENCE, _SET, _INTEGER, _BIT_STRING, _OID = 0x30, 0x31, 0x02, 0x03, 0x06
_VERSION, _EXTENSIONS = 0xA0, 0xA3
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_BMP_STRING, _UNIVERSAL_STRING, _T61_STRING = 0x1E, 0x1C, 0x14
_STRING_TYPES = {
    0x0C: "utf-8",
    0x13: "ascii",
    0x16: "ascii",
    0x12: "ascii",
    _T61_STRING: "latin-1",
    _BMP_STRING: "utf-16-be",
    _UNIVERSAL_STRING: "utf-32-be",
}
_KEY_USAGE = "2.5.29.15"
# The only short names that RFC 4514 defines; every other type is written as its number.
_SHORT_NAMES = {
    "2.5.4.3": "CN",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.6": "C",
    "2.5.4.9": "STREET",
    "0.9.2342.19200300.100.1.25": "DC",
    "0.9.2342.19200300.100.1.1": "UID",
}


@dataclass(frozen=True)
class _Item:
    tag: int
    content: bytes
    raw: bytes


@dataclass(frozen=True)
class CertificateInfo:
    """``issuer`` and ``subject`` are RFC 4514 texts, ``serial`` the number, ``spki`` DER.

    ``attributes`` are the subject's (object identifier, text) pairs in their order.
    ``digital_signature`` and ``non_repudiation`` are None if the certificate has no key usage.
    """

    serial: int
    issuer: str
    subject: str
    attributes: tuple[tuple[str, str], ...]
    not_before: datetime
    not_after: datetime
    spki: bytes
    digital_signature: bool | None
    non_repudiation: bool | None

    @property
    def serial_hex(self) -> str:
        """The number as KSeF writes it: upper-case hexadecimal, at least 16 digits."""
        return f"{self.serial:016X}"


def _items(data: bytes) -> list[_Item]:
    """Split concatenated DER items. Raises ValueError."""
    items = []
    position = 0
    while position < len(data):
        start = position
        if position + 2 > len(data):
            raise ValueError("truncated DER")
        tag, length = data[position], data[position + 1]
        position += 2
        if length & 0x80:
            size = length & 0x7F
            if not 1 <= size <= 4 or position + size > len(data):
                raise ValueError("bad DER length")
            length = int.from_bytes(data[position : position + size], "big")
            position += size
        if position + length > len(data):
            raise ValueError("truncated DER")
        items.append(
            _Item(tag, data[position : position + length], data[start : position + length])
        )
        position += length
    return items


def _sequence(data: bytes) -> list[_Item]:
    items = _items(data)
    if len(items) != 1 or items[0].tag != _SEQUENCE:
        raise ValueError("not a DER sequence")
    return _items(items[0].content)


def _oid(content: bytes) -> str:
    if not content or content[-1] & 0x80:
        raise ValueError("bad object identifier")
    numbers = []
    value = 0
    for byte in content:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            numbers.append(value)
            value = 0
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, [first, numbers[0] - 40 * first, *numbers[1:]]))


def _escape(text: str) -> str:
    """Escape an attribute value as RFC 4514, section 2.4."""
    escaped = "".join(
        "\\00" if char == "\0" else f"\\{char}" if char in '\\"+,;<>' else char for char in text
    )
    if escaped[:1] in ("#", " "):
        escaped = "\\" + escaped
    if escaped[-1:] == " " and len(text) > 1:
        escaped = escaped[:-1] + "\\ "
    return escaped


def _pair(data: bytes) -> tuple[str, str | None, bytes]:
    """Object identifier, text and raw value of one attribute; no text if it is of another type."""
    name, value = _items(data)
    encoding = _STRING_TYPES.get(value.tag)
    text = None if encoding is None else value.content.decode(encoding)
    return _oid(name.content), text, value.raw


def _attribute(data: bytes) -> str:
    oid, text, raw = _pair(data)
    return f"{_SHORT_NAMES.get(oid, oid)}={'#' + raw.hex() if text is None else _escape(text)}"


def _attributes(content: bytes) -> tuple[tuple[str, str], ...]:
    """The texts of a name; an attribute that is no text is left out."""
    pairs = [
        _pair(item.content) for relative in _items(content) for item in _items(relative.content)
    ]
    return tuple((oid, text) for oid, text, _raw in pairs if text is not None)


def _name(content: bytes) -> str:
    """An RFC 4514 text: the last relative name first."""
    parts = []
    for relative in _items(content):
        if relative.tag != _SET:
            raise ValueError("bad name")
        parts.append("+".join(_attribute(item.content) for item in _items(relative.content)))
    return ",".join(reversed(parts))


def _time(item: _Item) -> datetime:
    text = item.content.decode("ascii")
    if item.tag == _UTC_TIME:
        # RFC 5280: two digits from 50 on belong to the 20th century.
        text = ("19" if text[:2] >= "50" else "20") + text
    elif item.tag != _GENERALIZED_TIME:
        raise ValueError("bad time")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=timezone.utc)


def _key_usage(fields: list[_Item]) -> int | None:
    """The first octet of the key usage bits, None without the extension."""
    for field in fields:
        if field.tag != _EXTENSIONS:
            continue
        for extension in _sequence(field.content):
            parts = _items(extension.content)
            if parts[0].tag == _OID and _oid(parts[0].content) == _KEY_USAGE:
                bits = _items(parts[-1].content)[0]
                if bits.tag != _BIT_STRING or len(bits.content) < 1:
                    raise ValueError("bad key usage")
                return bits.content[1] if len(bits.content) > 1 else 0
    return None


def parse_certificate(data: bytes) -> CertificateInfo:
    """Read a DER certificate. Raises ValueError if it is none."""
    try:
        fields = _items(_sequence(data)[0].content)
        if fields[0].tag == _VERSION:
            fields = fields[1:]
        if fields[0].tag != _INTEGER:
            raise ValueError("bad serial number")
        usage = _key_usage(fields[6:])
        not_before, not_after = _items(fields[3].content)
        return CertificateInfo(
            serial=int.from_bytes(fields[0].content, "big", signed=True),
            issuer=_name(fields[2].content),
            subject=_name(fields[4].content),
            attributes=_attributes(fields[4].content),
            not_before=_time(not_before),
            not_after=_time(not_after),
            spki=fields[5].raw,
            digital_signature=None if usage is None else bool(usage & 0x80),
            non_repudiation=None if usage is None else bool(usage & 0x40),
        )
    except (IndexError, UnicodeDecodeError) as error:
        raise ValueError("not a certificate") from error


def subject_public_key_info(data: bytes) -> bytes:
    """The SubjectPublicKeyInfo in a certificate, or ``data`` itself if it already is one.

    Raises ValueError.
    """
    fields = _sequence(data)
    if len(fields) == 2 and fields[1].tag == _BIT_STRING:
        return data
    return parse_certificate(data).spki

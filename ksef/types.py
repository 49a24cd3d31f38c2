"""Readable shapes of KSeF's answers.

Reading is tolerant: unknown fields are ignored, optional ones may be missing or null. Only what
nothing can work without raises :class:`ProtocolError`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from .errors import ProtocolError

_DATETIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?"
    r"(Z|z|[+-]\d\d:?\d\d)?",
    re.ASCII,
)
IN_PROGRESS_BELOW = 200  # 100, 150, 170: not final
SUCCESS = 200


def parse_datetime(text: str) -> datetime:
    """An aware datetime from ISO 8601 with any number of fractional digits (KSeF sends seven).

    Digits after the sixth are cut; a missing offset counts as UTC. Raises ValueError.
    """
    match = _DATETIME.fullmatch(text.strip())
    if match is None:
        raise ValueError("not a date and time")
    year, month, day, hour, minute = (int(match[index]) for index in range(1, 6))
    offset = match[8]
    zone = timezone.utc
    if offset and offset not in "Zz":
        delta = timedelta(hours=int(offset[1:3]), minutes=int(offset[-2:]))
        zone = timezone(-delta if offset[0] == "-" else delta)
    microsecond = int((match[7] or "0")[:6].ljust(6, "0"))
    return datetime(year, month, day, hour, minute, int(match[6] or 0), microsecond, tzinfo=zone)


def mapping(value: Any) -> Mapping[str, Any]:
    """``value`` if it is a JSON object, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def text_of(data: Mapping[str, Any], key: str) -> str | None:
    """The non-empty text at ``key`` or None."""
    value = data.get(key)
    return value if isinstance(value, str) and value else None


def required_text(data: Mapping[str, Any], key: str) -> str:
    """The text at ``key``. Raises ProtocolError."""
    value = text_of(data, key)
    if value is None:
        raise ProtocolError(f"KSeF's answer has no {key}")
    return value


def datetime_of(data: Mapping[str, Any], key: str) -> datetime | None:
    """The moment at ``key``, None if it is missing or unreadable."""
    value = text_of(data, key)
    if value is None:
        return None
    try:
        return parse_datetime(value)
    except ValueError:
        return None


def required_datetime(data: Mapping[str, Any], key: str) -> datetime:
    """The moment at ``key``. Raises ProtocolError."""
    value = datetime_of(data, key)
    if value is None:
        raise ProtocolError(f"KSeF's answer has no readable {key}")
    return value


def integer_of(data: Mapping[str, Any], key: str) -> int | None:
    """The whole number at ``key`` or None."""
    value = data.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def texts_of(data: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """The texts in the list at ``key``; anything else in it is left out."""
    value = data.get(key)
    if not isinstance(value, list):
        return ()
    return tuple(item for item in value if isinstance(item, str))


@dataclass(frozen=True)
class StatusInfo:
    """``status`` of any operation: code, description, details, extensions (texts only)."""

    code: int
    description: str
    details: tuple[str, ...]
    extensions: Mapping[str, str]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> StatusInfo:
        """Read the object at ``status`` of ``data``. Raises ProtocolError without a code."""
        status = mapping(data.get("status"))
        code = integer_of(status, "code")
        if code is None:
            raise ProtocolError("KSeF's answer has no status code")
        extensions = {
            key: value
            for key, value in mapping(status.get("extensions")).items()
            if isinstance(value, str)
        }
        description = text_of(status, "description") or ""
        return cls(code, description, texts_of(status, "details"), extensions)


@dataclass(frozen=True)
class InvoiceStatus:
    """One document in a session. ``invoice_hash`` is the base64 SHA-256 that was declared."""

    reference: str
    invoice_hash: str
    invoice_number: str | None
    ksef_number: str | None
    code: int
    description: str
    details: tuple[str, ...]
    original_ksef_number: str | None
    original_session_reference: str | None
    acquired_at: datetime | None
    invoicing_date: datetime | None
    mode: str | None
    upo_url: str | None

    @property
    def is_final(self) -> bool:
        """Whether KSeF has finished with the document."""
        return self.code >= IN_PROGRESS_BELOW

    @property
    def is_accepted(self) -> bool:
        """Whether the document has a number."""
        return self.code == SUCCESS and self.ksef_number is not None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> InvoiceStatus:
        """Read one invoice of a session. Raises ProtocolError without reference or status."""
        status = StatusInfo.from_json(data)
        mode = text_of(data, "invoicingMode")
        return cls(
            reference=required_text(data, "referenceNumber"),
            # One official example lacks the hash; an empty one equals no document of ours.
            invoice_hash=text_of(data, "invoiceHash") or "",
            invoice_number=text_of(data, "invoiceNumber"),
            ksef_number=text_of(data, "ksefNumber"),
            code=status.code,
            description=status.description,
            details=status.details,
            original_ksef_number=status.extensions.get("originalKsefNumber"),
            original_session_reference=status.extensions.get("originalSessionReferenceNumber"),
            acquired_at=datetime_of(data, "acquisitionDate"),
            invoicing_date=datetime_of(data, "invoicingDate"),
            mode=mode if mode in ("Online", "Offline") else None,
            upo_url=text_of(data, "upoDownloadUrl"),
        )


@dataclass(frozen=True)
class UpoPage:
    """One page of a session's confirmation; ``url`` is a presigned link and therefore secret."""

    reference: str
    url: str | None
    expires_at: datetime | None

    def __repr__(self) -> str:
        return f"UpoPage(reference={self.reference!r})"


@dataclass(frozen=True)
class SessionStatus:
    """One session. Counts are None until KSeF gives them."""

    code: int
    description: str
    details: tuple[str, ...]
    invoice_count: int | None
    successful: int | None
    failed: int | None
    upo_pages: tuple[UpoPage, ...]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> SessionStatus:
        """Read ``GET /sessions/{reference}``. Raises ProtocolError without a status."""
        status = StatusInfo.from_json(data)
        pages = mapping(data.get("upo")).get("pages")
        return cls(
            code=status.code,
            description=status.description,
            details=status.details,
            invoice_count=integer_of(data, "invoiceCount"),
            successful=integer_of(data, "successfulInvoiceCount"),
            failed=integer_of(data, "failedInvoiceCount"),
            upo_pages=tuple(
                UpoPage(
                    reference=text_of(page, "referenceNumber") or "",
                    url=text_of(page, "downloadUrl"),
                    expires_at=datetime_of(page, "downloadUrlExpirationDate"),
                )
                for page in map(mapping, pages if isinstance(pages, list) else ())
            ),
        )

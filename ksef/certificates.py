"""KSeF certificates: limits, requests, retrieval, lists, revocation.

Every call belongs to the subject that logged in (a NIP, a PESEL or a fingerprint), not to the
company it works for. A KSeF token may ask for the limits, but not for certificates.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from . import routes
from .crypto import from_base64, to_base64
from .enrollment import ATTRIBUTES, KINDS
from .errors import ProtocolError
from .types import (
    StatusInfo,
    datetime_of,
    integer_of,
    mapping,
    required_datetime,
    required_text,
    text_of,
)

if TYPE_CHECKING:
    from .client import Client

# Error code of a revocation: it is revoked, blocked or expired already.
NOT_ACTIVE = 25009
REVOCATION_REASONS = ("Unspecified", "Superseded", "KeyCompromise")
# KSeF counts requests over the last 30 days; a revoked certificate gives none back.
REQUEST_WINDOW = timedelta(days=30)
_PAGE = 50
_MOST_PAGES = 100
_MOST_SERIALS = 10  # of one retrieval
SERIAL = re.compile(r"[0-9A-F]{16}", re.ASCII)
NAME = re.compile(r"[a-zA-Z0-9_\- ąćęłńóśźżĄĆĘŁŃÓŚŹŻ]{5,100}")


@dataclass(frozen=True)
class Limit:
    """How many are left, and of how many."""

    remaining: int
    limit: int

    @classmethod
    def from_json(cls, data: Mapping[str, Any], key: str) -> Limit:
        """Read the object at ``key``. Raises ProtocolError."""
        value = mapping(data.get(key))
        remaining, limit = integer_of(value, "remaining"), integer_of(value, "limit")
        if remaining is None or limit is None:
            raise ProtocolError(f"KSeF's answer has no {key} limit")
        return cls(remaining, limit)


@dataclass(frozen=True)
class Limits:
    """``GET /certificates/limits``: what the subject that logged in may still ask for."""

    can_request: bool
    requests: Limit
    certificates: Limit

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Limits:
        """Raises ProtocolError if a figure is missing."""
        return cls(
            can_request=data.get("canRequest") is True,
            requests=Limit.from_json(data, "enrollment"),
            certificates=Limit.from_json(data, "certificate"),
        )

    def shortages(self, needed: int) -> tuple[str, ...]:
        """What stands against ``needed`` new certificates: can_request, requests, certificates."""
        found = () if self.can_request else ("can_request",)
        if self.requests.remaining < needed:
            found += ("requests",)
        if self.certificates.remaining < needed:
            found += ("certificates",)
        return found


@dataclass(frozen=True)
class EnrollmentStatus:
    """One request. ``serial`` is the certificate's number, None until there is one."""

    code: int
    description: str
    details: tuple[str, ...]
    serial: str | None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> EnrollmentStatus:
        """Raises ProtocolError without a status."""
        status = StatusInfo.from_json(data)
        serial = text_of(data, "certificateSerialNumber")
        return cls(status.code, status.description, status.details, serial)

    @property
    def is_issued(self) -> bool:
        """Whether the certificate is there."""
        return self.code == 200 and self.serial is not None

    @property
    def is_rejected(self) -> bool:
        """Whether KSeF will never issue it for this request."""
        return self.code >= 400


@dataclass(frozen=True)
class CertificateEntry:
    """One certificate as KSeF lists it. ``status`` is Active, Blocked, Revoked or Expired."""

    serial: str
    name: str
    kind: str
    common_name: str
    status: str
    subject_type: str
    subject_value: str
    valid_from: datetime
    valid_to: datetime
    last_used_at: datetime | None
    requested_at: datetime

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> CertificateEntry:
        """Raises ProtocolError if something that identifies it is missing."""
        subject = mapping(data.get("subjectIdentifier"))
        return cls(
            serial=required_text(data, "certificateSerialNumber"),
            name=text_of(data, "name") or "",
            kind=required_text(data, "type"),
            common_name=text_of(data, "commonName") or "",
            status=required_text(data, "status"),
            subject_type=text_of(subject, "type") or "",
            subject_value=text_of(subject, "value") or "",
            valid_from=required_datetime(data, "validFrom"),
            valid_to=required_datetime(data, "validTo"),
            last_used_at=datetime_of(data, "lastUseDate"),
            requested_at=required_datetime(data, "requestDate"),
        )


# -- calls ---------------------------------------------------------------------------------------


def limits(client: Client) -> Limits:
    """What may still be asked for. Raises KsefError."""
    return client.call("GET", routes.CERTIFICATE_LIMITS).read(Limits.from_json)


def enrollment_data(client: Client) -> dict[str, str]:
    """What the request must contain, field → text, absent fields left out.

    Raises RequestRejected 25001 when the way of logging in does not allow certificates.
    """
    reply = client.call("GET", routes.ENROLLMENT_DATA)
    data = reply.object()
    found = {key: text for key in ATTRIBUTES if (text := text_of(data, key)) is not None}
    if "commonName" not in found or "countryName" not in found:
        raise reply.protocol_error("KSeF's data for a certificate request are incomplete")
    return found


def enroll(client: Client, name: str, kind: str, csr: bytes) -> str:
    """Ask for a certificate: the reference of the request.

    Never repeated: when the answer is lost (``outcome_unknown``), the request may be used up; look
    for ``name`` in :func:`query`. Raises KsefError, ValueError for a name or kind KSeF has not.
    """
    if NAME.fullmatch(name) is None:
        raise ValueError("KSeF does not take this name for a certificate")
    if kind not in KINDS:
        raise ValueError(f"There is no kind of certificate {kind!r}")
    body = {"certificateName": name, "certificateType": kind, "csr": to_base64(csr)}
    reply = client.call("POST", routes.ENROLLMENTS, json=body)
    return reply.read(lambda data: required_text(data, "referenceNumber"))


def enrollment_status(client: Client, reference: str) -> EnrollmentStatus:
    """State of a request; KSeF keeps it for 30 days, then Gone. Raises KsefError."""
    path = routes.fill(routes.ENROLLMENT, reference=reference)
    return client.call("GET", path).read(EnrollmentStatus.from_json)


def retrieve(client: Client, serials: Sequence[str]) -> dict[str, bytes]:
    """Certificates in DER by serial number; KSeF leaves out what is not ours. Raises KsefError."""
    found: dict[str, bytes] = {}
    for start in range(0, len(serials), _MOST_SERIALS):
        part = list(serials[start : start + _MOST_SERIALS])
        reply = client.call(
            "POST", routes.CERTIFICATE_RETRIEVE, json={"certificateSerialNumbers": part}
        )
        for item in reply.object().get("certificates") or ():
            entry = mapping(item)
            serial, content = (
                text_of(entry, "certificateSerialNumber"),
                text_of(entry, "certificate"),
            )
            if serial is None or content is None:
                raise reply.protocol_error("KSeF's answer has no certificate")
            try:
                found[serial] = from_base64(content)
            except ValueError:
                raise reply.protocol_error("KSeF's answer has an unreadable certificate") from None
    return found


def query(client: Client, **filters: str) -> list[CertificateEntry]:
    """Every certificate of the subject, newest request first, all pages. Raises KsefError.

    ``filters`` are KSeF's own: certificateSerialNumber, name (part of it), type, status.
    """
    found: list[CertificateEntry] = []
    for page in range(_MOST_PAGES):
        reply = client.call(
            "POST",
            routes.CERTIFICATE_QUERY,
            json=filters,
            params={"pageSize": _PAGE, "pageOffset": page},
        )
        data = reply.object()
        items = data.get("certificates")
        if not isinstance(items, list):
            raise reply.protocol_error("KSeF's answer has no certificates")
        found += [CertificateEntry.from_json(mapping(item)) for item in items]
        if data.get("hasMore") is not True:
            return found
    # A part of the list must never pass for the whole: "absent" would mean "ask again".
    raise ProtocolError("KSeF's list of certificates does not end")


def revoke(client: Client, serial: str, reason: str) -> None:
    """Revoke for good. Raises KsefError; after a lost answer :func:`query` tells the truth."""
    if SERIAL.fullmatch(serial) is None:
        raise ValueError("not a serial number of KSeF")
    if reason not in REVOCATION_REASONS:
        raise ValueError(f"There is no reason {reason!r}")
    path = routes.fill(routes.CERTIFICATE_REVOKE, serial=serial)
    client.call("POST", path, json={"revocationReason": reason})


def room_again_at(
    limits: Limits, entries: Iterable[CertificateEntry], needed: int, now: datetime
) -> datetime | None:
    """When ``needed`` certificates may be asked for again, as far as the list of them tells.

    A request is free 30 days after it was made, a place when a certificate expires. None if the
    list does not account for what is used up (rejected requests are not in it). ``now`` is aware.
    """
    entries = list(entries)
    moments = []
    for limit, ends in (
        (
            limits.requests,
            [entry.requested_at + REQUEST_WINDOW for entry in entries],
        ),
        (
            limits.certificates,
            [entry.valid_to for entry in entries if entry.status == "Active"],
        ),
    ):
        missing = needed - limit.remaining
        if missing <= 0:
            continue
        upcoming = sorted(end for end in ends if end > now)
        if len(upcoming) < missing:
            return None
        moments.append(upcoming[missing - 1])
    return max(moments, default=None)

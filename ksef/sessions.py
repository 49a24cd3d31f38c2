"""An open interactive session: sending documents and closing it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from . import routes
from .crypto import SymmetricKey, sha256, to_base64
from .types import required_text

if TYPE_CHECKING:
    from .client import Client

FORM_CODE = {"systemCode": "FA (3)", "schemaVersion": "1-0E", "value": "FA"}
ALREADY_CLOSED = 21180


def invoice_body(
    xml: bytes,
    key: SymmetricKey,
    *,
    offline: bool = False,
    corrects_sha256: bytes | None = None,
) -> dict[str, Any]:
    """The JSON that carries one document. Sizes are bytes, digests base64. Raises ValueError.

    ``corrects_sha256`` is the digest of the rejected file that this one corrects technically.
    """
    if not xml:
        raise ValueError("An empty document cannot be sent")
    if corrects_sha256 is not None and not offline:
        raise ValueError("A technical correction is possible for offline documents only")
    encrypted = key.encrypt(xml)
    body: dict[str, Any] = {
        "invoiceHash": to_base64(sha256(xml)),
        "invoiceSize": len(xml),
        "encryptedInvoiceHash": to_base64(sha256(encrypted)),
        "encryptedInvoiceSize": len(encrypted),
        "encryptedInvoiceContent": to_base64(encrypted),
        "offlineMode": offline,
    }
    if corrects_sha256 is not None:
        body["hashOfCorrectedInvoice"] = to_base64(corrects_sha256)
    return body


class OnlineSession:
    """``reference`` is to be stored before the first document is sent; the key never is.

    After a crash the session can still be listed, which needs no key.
    """

    def __init__(
        self, client: Client, reference: str, valid_until: datetime, key: SymmetricKey
    ) -> None:
        self._client = client
        self.reference = reference
        self.valid_until = valid_until
        self._key = key

    def __repr__(self) -> str:
        return f"OnlineSession({self.reference})"

    def send(
        self, xml: bytes, *, offline: bool = False, corrects_sha256: bytes | None = None
    ) -> str:
        """Send one document, once, and return KSeF's reference of it.

        Raises KsefError. With ``outcome_unknown`` KSeF may have it: look for its hash in
        ``Client.session_invoices`` before anything else. ValueError for impossible arguments.
        """
        body = invoice_body(xml, self._key, offline=offline, corrects_sha256=corrects_sha256)
        path = routes.fill(routes.ONLINE_SEND, session=self.reference)
        return self._client.call("POST", path, json=body).read(_reference)

    def close(self) -> None:
        """Close the session; one that is closed already is as good. Raises KsefError."""
        self._client.close_online(self.reference)


def _reference(data: Mapping[str, Any]) -> str:
    return required_text(data, "referenceNumber")

"""What all ways to open something encrypted share: form code, encryption, the caller's session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import keys
from .messages import BadRequest, Request
from .shapes import base64_field, object_field, text_field
from .store import Session

if TYPE_CHECKING:
    from .app import Simulator

FORM = ("FA (3)", "1-0E", "FA")
_ENCRYPTION = ("encryptedSymmetricKey", "initializationVector", "publicKeyId")
_KEY_BYTES = 32
_IV_BYTES = 16


def read_form(body: dict[str, Any]) -> tuple[str, str, str]:
    """The form code; raises 21405 for any but FA (3).

    The simulator holds no other schema, so it accepts no other form.
    """
    names = ("systemCode", "schemaVersion", "value")
    form_code = object_field(body.get("formCode"), "formCode", names)
    system, version, value = (text_field(form_code, name) for name in names)
    if (system, version, value) != FORM:
        raise BadRequest(21405, "Nieobsługiwany kod formularza.")
    return system, version, value


def read_encryption(sim: Simulator, body: dict[str, Any]) -> tuple[bytes | None, bytes]:
    """The symmetric key and the IV; raises 21405 or 21470.

    A key that cannot be unwrapped is None: the call succeeds, the status 415 tells later.
    """
    encryption = object_field(body.get("encryption"), "encryption", _ENCRYPTION)
    wrapped = base64_field(encryption, "encryptedSymmetricKey")
    iv = base64_field(encryption, "initializationVector", _IV_BYTES)
    pair = keys.choose(sim, "SymmetricKeyEncryption", encryption.get("publicKeyId"))
    try:
        key = pair.decrypt(wrapped)
    except ValueError:
        return None, iv
    return (key if len(key) == _KEY_BYTES else None), iv


def wants_identifiers(request: Request) -> bool:
    """Whether the opener asked for the check digits of NIP and internal identifiers."""
    features = (request.headers.get("X-KSeF-Feature") or "").replace(" ", "").split(",")
    return "subject-identifier-validation" in features


def find_session(sim: Simulator, request: Request, reference: str) -> Session:
    """The session of this context; 21173 otherwise, whoever else it belongs to."""
    session = sim.store.sessions.get(reference)
    if session is None or session.context != request.caller.context:
        raise unknown_session(reference)
    return session


def unknown_session(reference: str) -> BadRequest:
    """The refusal 21173."""
    return BadRequest(21173, f"Sesja o numerze referencyjnym {reference} nie została znaleziona.")

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
#: the environment that still takes the form before
_OLD_FORM, _OLD_FORM_PROFILE = ("FA (2)", "1-0E", "FA"), "test"
_ONLINE_ONLY = {("PEF (3)", "2-1", "PEF"), ("PEF_KOR (3)", "2-1", "PEF")}
#: Forms that KSeF takes, as they must be named: system code, version, value.
FORMS = {FORM, _OLD_FORM, *_ONLINE_ONLY, ("FA_RR (1)", "1-1E", "FA_RR")}
_ENCRYPTION = ("encryptedSymmetricKey", "initializationVector", "publicKeyId")
_KEY_BYTES = 32
_IV_BYTES = 16


def read_form(sim: Simulator, body: dict[str, Any], *, batch: bool) -> tuple[str, str, str]:
    """The form code; raises 21405 for any but FA (3), and says which of the reasons it is.

    KSeF takes other forms as well. The simulator holds no schema for them, and what it cannot
    judge it does not take.
    """
    names = ("systemCode", "schemaVersion", "value")
    form_code = object_field(body.get("formCode"), "formCode", names)
    system, version, value = (text_field(form_code, name) for name in names)
    asked = (system, version, value)
    if asked not in FORMS:
        raise BadRequest(21405, "Nieznany kod formularza.")
    if asked == _OLD_FORM and sim.profile.name != _OLD_FORM_PROFILE:
        raise BadRequest(21405, f"Formularz {system} nie jest już przyjmowany.")
    if batch and asked in _ONLINE_ONLY:
        raise BadRequest(21405, f"Formularz {system} nie jest przyjmowany w sesji wsadowej.")
    if asked != FORM:
        raise BadRequest(21405, f"Symulator nie ma schematu formularza {system}.")
    return asked


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

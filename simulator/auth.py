"""Authentication: challenge, both proofs, status, tokens and the end of an auth session."""

from __future__ import annotations

import base64
import hashlib
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.x509.oid import NameOID

from . import auth_request, identity, keys, permissions, xades
from .auth_request import CONTEXTS
from .clock import stamp, warsaw_date
from .messages import BadRequest, Forbidden, Gone, Request, Response, reply
from .pki import IssuedCertificate
from .shapes import base64_field, enum_field, object_field, text_field
from .store import AuthOperation, Challenge, Context

if TYPE_CHECKING:
    from .app import Simulator

CHALLENGE_LIFE = timedelta(minutes=10)
AUTHENTICATION_LIFE = timedelta(minutes=45)
ACCESS_LIFE = timedelta(minutes=15)
REFRESH_LIFE = timedelta(days=7)
STATUS_LIFE = timedelta(days=7)
#: Regulation Dz.U. 2025 poz. 1815, par. 13.
LAST_DAY_OF_TOKENS = date(2026, 12, 31)

_TOKEN_FIELDS = (
    "challenge",
    "contextIdentifier",
    "encryptedToken",
    "publicKeyId",
    "authorizationPolicy",
)
_STATUS_TEXT = {
    100: "Uwierzytelnianie w toku",
    200: "Uwierzytelnianie zakończone sukcesem",
    415: "Uwierzytelnianie zakończone niepowodzeniem",
    425: "Uwierzytelnienie unieważnione",
    450: "Uwierzytelnianie zakończone niepowodzeniem z powodu błędnego tokenu",
    460: "Uwierzytelnianie zakończone niepowodzeniem z powodu błędu certyfikatu",
    470: "Uwierzytelnianie zakończone niepowodzeniem",
    480: "Uwierzytelnienie zablokowane",
}
_METHOD_CODES = {
    "Token": "token.ksef",
    "InternalCertificate": "xades.internal-certificate",
    "QualifiedSeal": "xades.qualified-seal",
    "QualifiedSignature": "xades.qualified-signature",
}
_NO_RIGHTS = "Brak przypisanych uprawnień"


def challenge(sim: Simulator, request: Request) -> Response:
    """``POST /auth/challenge``."""
    now = sim.clock.now()
    value = sim.mint.reference("CR", now)
    sim.store.challenges[value] = Challenge(value, now, request.client_ip)
    return reply(
        {
            "challenge": value,
            "timestamp": stamp(now),
            "timestampMs": timestamp_ms(now),
            "clientIp": request.client_ip,
        }
    )


def timestamp_ms(moment: datetime) -> int:
    """Whole milliseconds since 1970."""
    return int(moment.timestamp() * 1000)


def xades_signature(sim: Simulator, request: Request) -> Response:
    """``POST /auth/xades-signature``: every check of the signature happens in this call."""
    now = sim.clock.now()
    root = xades.parse_document(request.body)
    asked = auth_request.read(xades.request_of(root))
    context = asked.context
    # The Ministry does not say when a challenge is used up; a submission that parses does it here.
    known = _use_challenge(sim, asked.challenge, now)
    verified = xades.verify(request.body, root, now)
    if auth_request.read(verified.request) != asked:
        raise BadRequest(9105, xades.NEGATIVE)
    if not known:
        raise BadRequest(21111)
    _check_context(context, verified.certificate)
    subject = identity.subject_of(verified.certificate, verified.der, asked.subject_type)
    issued = sim.authority.find(verified.der)
    failure = _certificate_failure(sim, request, verified.certificate, issued)
    if issued is not None:
        issued.used_at = now
    method = "InternalCertificate" if issued else _method(verified.certificate)
    rights = permissions.of(sim, context, subject)
    operation = _begin(sim, context, subject, method, failure, rights)
    operation.certificate, operation.owner = verified.der, subject
    operation.proof_hash = base64.b64encode(hashlib.sha256(request.body).digest()).decode("ascii")
    operation.allowed_ips = asked.policy
    return _accepted(sim, operation)


def _check_context(context: Context, certificate: x509.Certificate) -> None:
    """A Peppol provider's context needs its own certificate, which bears the identifier as CN."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if context.kind == "PeppolId" and context.value not in [item.value for item in names]:
        raise BadRequest(21117)


def _use_challenge(sim: Simulator, value: str, now: datetime) -> bool:
    """Mark a challenge used; False when it is unknown, used already or older than ten minutes."""
    known = sim.store.challenges.get(value)
    good = known is not None and not known.used and now - known.issued_at <= CHALLENGE_LIFE
    if known is not None:
        known.used = True
    return good


def _certificate_failure(
    sim: Simulator,
    request: Request,
    certificate: x509.Certificate,
    issued: IssuedCertificate | None,
) -> tuple[int, str] | None:
    """Why the certificate may not authenticate: a status code and its detail, None if it may."""
    if issued is not None and issued.kind != "Authentication":
        raise BadRequest(21115, "Certyfikat typu Offline nie służy do uwierzytelniania.")
    if not identity.may_sign(certificate):
        raise BadRequest(21115, "Certyfikat nie służy do podpisu.")
    if issued is not None:
        states = {
            "Revoked": "Certyfikat odwołany",
            "Blocked": "Certyfikat zawieszony",
            "Expired": "Certyfikat nieważny",
        }
        detail = states.get(issued.status_at(sim.clock.now()))
        return (460, detail) if detail else None
    forced = (request.param("verifyCertificateChain") or "").lower() == "true"
    if sim.profile.accepts_self_signed and not forced:
        return None
    return 460, "Niezaufany łańcuch certyfikatów"


def _method(certificate: x509.Certificate) -> str:
    seal = certificate.subject.get_attributes_for_oid(identity.ORGANIZATION_IDENTIFIER)
    return "QualifiedSeal" if seal else "QualifiedSignature"


def ksef_token(sim: Simulator, request: Request) -> Response:
    """``POST /auth/ksef-token``: what is wrong with the token shows up in the status."""
    now = sim.clock.now()
    if sim.tokens_disabled and warsaw_date(now) > LAST_DAY_OF_TOKENS:
        raise Forbidden(
            "auth-method-not-allowed",
            "Operacja nie jest dostępna dla użytej metody uwierzytelnienia.",
            {"authenticationMethodCategory": "Token"},
        )
    body = object_field(request.json(), "treść", _TOKEN_FIELDS)
    wanted = text_field(body, "challenge")
    identifier = object_field(body.get("contextIdentifier"), "contextIdentifier", ("type", "value"))
    kind = enum_field(identifier, "type", tuple(CONTEXTS))
    value = text_field(identifier, "value")
    if not CONTEXTS[kind].fullmatch(value):
        raise BadRequest(21405, "Pole contextIdentifier.value ma niepoprawną wartość.")
    policy = auth_request.read_json_policy(body)
    encrypted = base64_field(body, "encryptedToken")
    key = keys.choose(sim, "KsefTokenEncryption", body.get("publicKeyId"))
    issued = sim.store.challenges.get(wanted)
    if not _use_challenge(sim, wanted, now) or issued is None:
        raise BadRequest(21111)
    context = Context(kind, value)
    try:
        text = key.decrypt(encrypted).decode("utf-8")
    except UnicodeDecodeError:
        return _accepted(sim, _token_failure(sim, context, "Nieprawidłowe kodowanie tokena"))
    except ValueError:
        return _accepted(sim, _token_failure(sim, context, "Nieprawidłowe szyfrowanie tokena"))
    secret, bar, moment = text.rpartition("|")
    token = sim.store.tokens.get(secret)
    if not bar or token is None:
        return _accepted(sim, _token_failure(sim, context, "Nieprawidłowy token"))
    if moment != str(timestamp_ms(issued.issued_at)):
        return _accepted(sim, _token_failure(sim, context, "Nieprawidłowy czas tokena"))
    if not token.active:
        return _accepted(sim, _token_failure(sim, context, "Token unieważniony"))
    if token.context != context:
        detail = f"Token nie może zostać użyty w kontekście {value}"
        return _accepted(sim, _token_failure(sim, context, detail))
    operation = _begin(sim, context, f"Token:{token.reference}", "Token", None, token.rights)
    operation.token_reference, operation.owner = token.reference, token.author
    operation.allowed_ips = policy
    token.used_at = now
    return _accepted(sim, operation)


def _token_failure(sim: Simulator, context: Context, detail: str) -> AuthOperation:
    return _begin(sim, context, "Token:?", "Token", (450, detail), ())


def _begin(
    sim: Simulator,
    context: Context,
    subject: str,
    method: str,
    failure: tuple[int, str] | None,
    rights: tuple[str, ...],
) -> AuthOperation:
    now = sim.clock.now()
    if failure is None:
        failure = permissions.obstacle(sim, context, subject)
    if failure is None and not rights:
        failure = (415, _NO_RIGHTS)
    code, details = (failure[0], [failure[1]]) if failure else (200, [])
    operation = AuthOperation(
        sim.mint.reference("AU", now),
        context,
        subject,
        method,
        now,
        sim.auth_polls,
        code,
        details,
        rights,
    )
    sim.store.operations[operation.reference] = operation
    return operation


def _accepted(sim: Simulator, operation: AuthOperation) -> Response:
    token = sim.make_token(operation, "authentication", AUTHENTICATION_LIFE)
    return reply({"referenceNumber": operation.reference, "authenticationToken": token}, 202)


def status(sim: Simulator, request: Request, ref: str) -> Response:
    """``GET /auth/{ref}`` with that operation's own authentication token."""
    operation: AuthOperation = request.caller
    if operation.reference != ref:
        raise BadRequest(
            21304,
            f"Operacja uwierzytelniania o numerze referencyjnym {ref} nie została znaleziona.",
        )
    if sim.clock.now() - operation.started_at > STATUS_LIFE:
        raise Gone("Operacja wygasła i nie jest już dostępna.")
    if operation.code == 100:
        if operation.polls_left > 0:
            operation.polls_left -= 1
        else:
            operation.code = operation.final_code
    return reply(describe(sim, operation))


def describe(sim: Simulator, operation: AuthOperation) -> dict[str, Any]:
    """An authentication as its status and the list of sessions show it."""
    final = operation.code != 100
    shown = {
        "startDate": stamp(operation.started_at),
        "authenticationMethodInfo": {
            "category": "Token" if operation.method == "Token" else "XadesSignature",
            "code": _METHOD_CODES[operation.method],
            "displayName": operation.method,
        },
        "status": {
            "code": operation.code,
            "description": _STATUS_TEXT[operation.code],
            "details": operation.final_details if final and operation.final_details else None,
        },
        "isTokenRedeemed": operation.redeemed,
        "lastTokenRefreshDate": stamp(operation.refreshed_at),
        "refreshTokenValidUntil": stamp(operation.refresh_valid_until),
    }
    if sim.api_version < (2, 9):
        # withdrawn on 2026-11-16
        shown["authenticationMethod"] = operation.method
    return shown


def redeem(sim: Simulator, request: Request) -> Response:
    """``POST /auth/token/redeem``: once, and only after success."""
    operation: AuthOperation = request.caller
    if operation.redeemed:
        raise BadRequest(
            21301,
            f"Tokeny dla operacji uwierzytelniania {operation.reference} zostały już pobrane.",
        )
    if operation.code != 200 or operation.deleted:
        raise BadRequest(
            21301, f"Status uwierzytelniania ({operation.code}) nie pozwala na pobranie tokenów."
        )
    _check_token(sim, operation)
    if permissions.deceased(sim, operation.owner):
        raise BadRequest(21308)
    operation.redeemed = True
    operation.refresh_valid_until = sim.clock.now() + REFRESH_LIFE
    return reply(
        {
            "accessToken": sim.make_token(operation, "access", ACCESS_LIFE),
            "refreshToken": sim.make_token(operation, "refresh", REFRESH_LIFE),
        }
    )


def refresh(sim: Simulator, request: Request) -> Response:
    """``POST /auth/token/refresh``: a new access token; the refresh token stays."""
    operation: AuthOperation = request.caller
    if operation.deleted:
        # OpenAPI lists 21301 for this call, not 401
        raise BadRequest(21301, "Sesja uwierzytelniania została unieważniona.")
    _check_token(sim, operation)
    if operation.method != "Token":
        operation.rights = permissions.of(sim, operation.context, operation.subject)
    if not operation.rights:
        raise BadRequest(21301, "Podmiot utracił uprawnienia w kontekście.")
    if permissions.deceased(sim, operation.owner):
        raise BadRequest(21308)
    operation.refreshed_at = sim.clock.now()
    return reply({"accessToken": sim.make_token(operation, "access", ACCESS_LIFE)})


def _check_token(sim: Simulator, operation: AuthOperation) -> None:
    """Who logged in with a KSeF token that was revoked since gets no more tokens."""
    if operation.token_reference is None:
        return
    used = operation.token_reference
    if not any(item.active for item in sim.store.tokens.values() if item.reference == used):
        raise BadRequest(21301, "Token KSeF został unieważniony.")

"""The simulator as an object: state, clock, keys and the order of the global checks."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import traceback
import unicodedata
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from . import certificates, jwt, keys, leak, limits, throttle, weather
from .clock import Clock, stamp
from .doors import Doors
from .fa3 import load_schema
from .faults import Fault, Faults
from .journal import Journal
from .lifecycle import settle
from .messages import (
    BadRequest,
    Broken,
    Forbidden,
    NotFound,
    Refusal,
    Request,
    Response,
    TooManyRequests,
    Unauthorized,
    UnsupportedMedia,
)
from .notary import Notary
from .numbers import NumberMint
from .options import Options
from .pki import Authority, EncryptionKey
from .routing import Route, Router
from .store import AuthOperation, Store
from .upo_signature import UpoSigner


def ip_allowed(policy: dict[str, list[str]] | None, address: str) -> bool:
    """Whether an authorisation policy (addresses, ranges ``a-b``, masks) admits ``address``."""
    if not policy or not any(policy.values()):
        return True
    caller = IPv4Address(address)
    ranges = (text.partition("-") for text in policy.get("ip4Ranges", []))
    return (
        address in policy.get("ip4Addresses", [])
        or any(IPv4Address(low) <= caller <= IPv4Address(high) for low, _dash, high in ranges)
        or any(caller in IPv4Network(text, strict=False) for text in policy.get("ip4Masks", []))
    )


class Simulator(Options):
    """Handles one request at a time under one lock; only waiting happens outside of it."""

    def __init__(
        self, options: Options | None = None, schemas: Path | None = None, seed: int | None = None
    ) -> None:
        super().__init__()
        self._start = options or Options()
        self.lock = threading.RLock()
        self.schema = load_schema(schemas) if schemas else None
        self.clock = Clock()
        self.router = Router()
        self._secret = secrets.token_bytes(32)
        self.authority = Authority(self.clock.now())
        self._first_keys = keys.first_keys(self.clock.now())
        self._seed = seed
        self.mint = NumberMint(seed)
        self.leak_salt = str(seed) if seed is not None else secrets.token_hex(8)
        self._upo_signer: UpoSigner | None = None
        self.log = Journal()
        #: set by the server: refuse connections for so many seconds; further addresses
        self.stop_listening: Callable[[float], None] | None = None
        self.doors: Doors | None = None
        #: set by the command line: holds every exchange against the Ministry's file
        self.notary: Notary | None = None
        #: set by the keeper of the state: something may have changed
        self.on_change: Callable[[], None] | None = None
        self.reset()

    def reset(self) -> None:
        """Forget everything except the first keys and certificates; those survive as in reality."""
        self.store = Store()
        self.keys = list(self._first_keys)
        self.authority.forget_enrolled()
        self.faults = Faults(self._seed)
        self.throttle = throttle.Throttle()
        self.log.clear()
        self.clock.reset()
        #: references of the batch sessions that a thread is working on
        self.labouring: set[str] = set()
        self.copy_options(self._start)
        if self.doors is not None:
            self.doors.close()

    # -- what a restart must not change ---------------------------------------------------------

    def export_secrets(self) -> dict[str, Any]:
        """Keys of the Ministry, of the authority and of our own tokens."""
        return {
            "secret": self._secret,
            "authority": self.authority.export(),
            "first_keys": [key.export() for key in self._first_keys],
            "keys": [key.export() for key in self.keys],
        }

    def import_secrets(self, state: dict[str, Any]) -> None:
        """The inverse of :meth:`export_secrets`."""
        self._secret = state["secret"]
        self.authority.restore(*state["authority"])
        self._first_keys = [EncryptionKey.restored(*item) for item in state["first_keys"]]
        self.keys = [EncryptionKey.restored(*item) for item in state["keys"]]

    # -- tokens ---------------------------------------------------------------------------------

    def make_token(
        self, operation: AuthOperation, kind: str, life: timedelta
    ) -> dict[str, str | None]:
        """A bearer token of ``operation`` and the moment it expires."""
        now = self.clock.now()
        expires = now + life
        claims = {
            "typ": kind,
            "arn": operation.reference,
            "jti": secrets.token_hex(8),
            "cit": operation.context.kind,
            "civ": operation.context.value,
            "iss": "ksef-simulator",
            "aud": "ksef-simulator",
            "iat": now.timestamp(),
            "exp": expires.timestamp(),
        }
        return {"token": jwt.make(claims, self._secret), "validUntil": stamp(expires)}

    def _authenticate(self, route: Route, request: Request) -> None:
        scheme, _space, value = (request.headers.get("Authorization") or "").partition(" ")
        if scheme.lower() != "bearer" or not value:
            raise Unauthorized("Brak tokena.")
        try:
            claims = jwt.read(value.strip(), self._secret)
        except ValueError as error:
            raise Unauthorized("Token jest nieprawidłowy.") from error
        operation = self.store.operations.get(claims["arn"])
        if claims["typ"] not in route.token:
            raise Unauthorized("Token jest nieprawidłowy.")
        if self.clock.now().timestamp() >= claims["exp"]:
            raise Unauthorized("Token wygasł.")
        if operation is None and "access" not in route.token:
            # the calls that are about the operation itself name it: status, redeem, refresh
            reference = claims["arn"]
            raise BadRequest(
                21304,
                f"Operacja uwierzytelniania o numerze referencyjnym {reference} nie została "
                "znaleziona.",
            )
        if operation is None:
            raise Unauthorized("Token jest nieprawidłowy.")
        request.caller = operation

    def upo_signer(self) -> UpoSigner:
        """Made when it is first needed."""
        if self._upo_signer is None:
            self._upo_signer = UpoSigner(self)
        return self._upo_signer

    # -- signed links ---------------------------------------------------------------------------

    def storage_link(self, name: str, life: timedelta, base_url: str) -> tuple[str, datetime]:
        """A download address that carries its own authorisation, and its end; never the same."""
        expires = self.clock.now() + life
        moment, once = str(int(expires.timestamp())), secrets.token_hex(8)
        signature = self._storage_signature(name, moment, once)
        query = urlencode({"se": moment, "id": once, "sig": signature})
        return f"{base_url}/storage/{quote(name)}?{query}", expires

    def storage_link_ok(self, name: str, expires: str, once: str, signature: str) -> bool:
        genuine = self._storage_signature(name, expires, once)
        good = hmac.compare_digest(genuine.encode("ascii"), signature.encode("utf-8"))
        return good and self.clock.now().timestamp() < int(expires)

    def _storage_signature(self, name: str, expires: str, once: str) -> str:
        text = f"{name}|{expires}|{once}".encode()
        return hmac.new(self._secret, text, hashlib.sha256).hexdigest()

    # -- one request ----------------------------------------------------------------------------

    def match(self, request: Request) -> tuple[Route, dict[str, str]]:
        """The route, or the refusal for an unknown address or method."""
        if request.path.startswith("/v2/testdata/") and self.profile.name != "test":
            raise NotFound("Nie znaleziono zasobu.")
        route, params = self.router.match(request.method, request.path)
        if self.api_version < route.since:
            raise NotFound("Nie znaleziono zasobu.")
        return route, params

    def take_fault(self, endpoint: str) -> Fault | None:
        """The fault ordered for a request, or what an outage of KSeF does to it."""
        with self.lock:
            return self.faults.take(endpoint) or weather.standing_fault(self, endpoint)

    def perform(self, route: Route, params: dict[str, str], request: Request) -> Response:
        """Run the checks in the documented order, then the handler."""
        answer = self._perform(route, params, request)
        if self.notary is not None:
            with self.lock:
                self.notary.look(request, answer)
        if self.on_change is not None:
            self.on_change()
        warning = request.headers.get("X-Test-System-Warning")
        if warning and self.profile.name == "test":
            folded = unicodedata.normalize("NFKD", warning).encode("ascii", "ignore")
            answer.headers["X-System-Warning"] = folded.decode("ascii")
        if self.leak_check and not request.path.startswith("/_sim"):
            leak.strew(answer, self.leak_salt)
        return answer

    def _perform(self, route: Route, params: dict[str, str], request: Request) -> Response:
        with self.lock:
            try:
                if self.api_version >= (2, 9):
                    request.unreadable = 21001
                has_body = route.media is not None and request.body
                if has_body and request.media_type != route.media:
                    raise UnsupportedMedia(f"Oczekiwany typ treści: {route.media}.")
                self._throttle(route, request)
                if route.token:
                    self._authenticate(route, request)
                    self._authorize(route, request)
                settle(self)
                certificates.settle(self)
                return route.handler(self, request, **params)
            except Refusal as refusal:
                return refusal.render(request, self.clock.now())
            except Exception as error:
                # a mistake of the simulator must look like one of the Ministry, and be seen here
                traceback.print_exc()
                return Broken(type(error).__name__).render(request, self.clock.now())

    def _throttle(self, route: Route, request: Request) -> None:
        """429 comes before 401: a token that is not good counts as no context."""
        group = throttle.group_of(route, self.api_version)
        if group is None or not self.count_requests:
            return
        operation = self._bearer(request)
        context = operation.context if operation else None
        values = limits.of_requests(self, context) if context else limits.LIMITS
        key = (str(context), request.client_ip, throttle.counter_of(route, group))
        refused = self.throttle.admit(key, values[group], self.clock.now().timestamp())
        if refused:
            raise TooManyRequests(*refused)

    def _bearer(self, request: Request) -> AuthOperation | None:
        """Whose token this is, whatever kind it is and whether or not it is still good."""
        value = (request.headers.get("Authorization") or "").rpartition(" ")[2]
        try:
            return self.store.operations.get(jwt.read(value, self._secret)["arn"])
        except ValueError:
            return None

    def _authorize(self, route: Route, request: Request) -> None:
        operation: AuthOperation = request.caller
        if not ip_allowed(operation.allowed_ips, request.client_ip):
            raise Forbidden(
                "ip-not-allowed", "Adres IP jest niedozwolony.", {"clientIp": request.client_ip}
            )
        if route.rights and not set(route.rights) & set(operation.rights):
            raise Forbidden(
                "missing-permissions",
                "Brak wymaganych uprawnień.",
                {
                    "requiredAnyOfPermissions": list(route.rights),
                    "presentPermissions": list(operation.rights),
                },
            )

    def note(
        self, request: Request, route: Route | None, status: int | None, fault: Fault | None
    ) -> None:
        """Remember a request without its body or any secret; status None = no answer sent."""
        if request.path.startswith("/_sim"):
            return
        with self.lock:
            self.log.append(
                {
                    "method": request.method,
                    "path": request.path,
                    "route": route.template.removeprefix("/v2") if route else None,
                    "status": status,
                    "request_id": request.request_id,
                    "at": stamp(datetime.now(timezone.utc)),
                    "authorization": request.headers.get("Authorization") is not None,
                    "fault": f"{fault.kind} {fault.when}" if fault else None,
                    "remark": request.remark,
                }
            )
        # the answer was told of before this entry was there
        if self.on_change is not None:
            self.on_change()

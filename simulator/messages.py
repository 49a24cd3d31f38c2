"""What the simulator's handlers take and give: request, response, refusals in both formats."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from email.message import Message
from typing import Any

from .clock import stamp

JSON_TYPE = "application/json; charset=utf-8"
PROBLEM_TYPE = "application/problem+json; charset=utf-8"
XML_TYPE = "application/xml; charset=utf-8"

#: Texts of the codes, as in the Ministry's contract.
CODE_TEXT = {
    9101: "Nieprawidłowy dokument.",
    9102: "Brak podpisu.",
    9103: "Przekroczona liczba dozwolonych podpisów.",
    9105: "Nieprawidłowa treść podpisu.",
    21001: "Nieczytelna treść.",
    21111: "Nieprawidłowe wyzwanie autoryzacyjne.",
    21115: "Nieprawidłowy certyfikat.",
    21117: "Nieprawidłowy identyfikator podmiotu dla wskazanego typu kontekstu.",
    21155: "Przekroczono dozwoloną liczbę faktur w sesji.",
    21157: "Nieprawidłowy rozmiar części pakietu.",
    21161: "Przekroczono dozwoloną liczbę części pakietu.",
    21164: "Faktura o podanym identyfikatorze nie istnieje.",
    21165: "Faktura o podanym numerze KSeF nie jest jeszcze dostępna.",
    21166: "Korekta techniczna niedostępna.",
    21167: "Status faktury nie pozwala na korektę techniczną.",
    21173: "Brak sesji o wskazanym numerze referencyjnym.",
    21175: "Wynik zapytania o podanym identyfikatorze nie istnieje.",
    21178: "Nie znaleziono UPO dla podanych kryteriów.",
    21180: "Status sesji nie pozwala na wykonanie operacji.",
    21181: "Nieprawidłowe żądanie eksportu faktur.",
    21182: "Osiągnięto limit trwających eksportów.",
    21183: "Zakres filtrowania wykracza poza dostępny zakres danych.",
    21184: "Sesja jest tymczasowo niedostępna.",
    21205: "Pakiet nie może być pusty.",
    21208: "Czas oczekiwania na requesty upload lub finish został przekroczony.",
    21217: "Nieprawidłowe kodowanie znaków.",
    21301: "Brak autoryzacji.",
    21304: "Brak uwierzytelnienia.",
    21308: "Próba wykorzystania metod autoryzacyjnych osoby zmarłej.",
    21401: "Dokument nie jest zgodny ze schemą (xsd).",
    21402: "Nieprawidłowy rozmiar pliku.",
    21403: "Nieprawidłowy skrót pliku.",
    21405: "Błąd walidacji danych wejściowych.",
    21406: "Konflikt podpisu i typu uwierzytelnienia.",
    21418: "Przekazany token kontynuacji ma nieprawidłowy format.",
    21470: "Przesłany identyfikator klucza jest nieznany lub wskazuje na wycofany klucz.",
    25001: "Brak możliwości pobrania danych do CSR dla wykorzystanego sposobu uwierzytelnienia.",
    25002: (
        "Brak możliwości złożenia wniosku certyfikacyjnego dla wykorzystanego sposobu "
        "uwierzytelnienia."
    ),
    25003: "Dane w CSR nie zgadzają się z danymi w użytym wektorze uwierzytelniającym.",
    25004: "Niepoprawny format CSR lub niepoprawny podpis CSR.",
    25005: "Wniosek certyfikacyjny o podanym numerze referencyjnym nie istnieje.",
    25006: "Osiągnięto limit możliwych do złożenia wniosków certyfikacyjnych.",
    25007: "Osiągnięto limit dopuszczalnej liczby posiadanych certyfikatów.",
    25008: "Certyfikat o podanym numerze seryjnym nie istnieje.",
    25009: (
        "Nie można odwołać wskazanego certyfikatu, ponieważ jest już odwołany, zablokowany lub "
        "nieważny."
    ),
    25010: "Nieprawidłowy typ lub długość klucza.",
    25011: "Nieprawidłowy algorytm podpisu CSR.",
    26001: "Nie można nadać tokenowi uprawnień których nie posiadasz.",
    26002: "Nie można wygenerować tokena dla obecnego typu kontekstu.",
    30001: "Podmiot lub uprawnienie już istnieje.",
}

#: Codes that the contract at hand (API 2.6) does not have, and where they come from.
CODE_SOURCES = {21184: "changelog of API 2.8.0; ksef-api#864"}


def _no_constant(name: str) -> None:
    """NaN and Infinity, which Python reads and JSON does not have."""
    raise ValueError(name)


@dataclass
class Request:
    """One HTTP request, its body read. ``query`` keeps repeated parameters."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: Message
    body: bytes
    client_ip: str
    base_url: str
    request_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    caller: Any = None
    #: something odd that was accepted, for the log
    remark: str | None = None
    #: the code of a body that is no JSON: 21001 since API 2.9.0, before as any bad input
    unreadable: int = 21405

    @property
    def media_type(self) -> str:
        return (self.headers.get("Content-Type") or "").partition(";")[0].strip().lower()

    @property
    def wants_problem(self) -> bool:
        return (self.headers.get("X-Error-Format") or "").strip().lower() == "problem-details"

    def json(self) -> Any:
        """The body as JSON; raises 21001 or 21405 when it is none."""
        try:
            return json.loads(self.body.decode("utf-8"), parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            detail = "Treść żądania nie jest poprawnym dokumentem JSON."
            raise BadRequest(self.unreadable, detail) from error

    def param(self, name: str, default: str | None = None) -> str | None:
        values = self.query.get(name)
        return values[-1] if values else default


@dataclass
class Response:
    """Status, body and headers of an answer."""

    status: int = 200
    body: bytes = b""
    content_type: str = JSON_TYPE
    headers: dict[str, str] = field(default_factory=dict)


def reply(payload: Any, status: int = 200) -> Response:
    """A JSON answer; None-valued keys are left out, as the real service does."""
    return Response(status, json.dumps(_prune(payload), ensure_ascii=False).encode("utf-8"))


def _prune(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _prune(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_prune(item) for item in value]
    return value


class Refusal(Exception):
    """An answer other than success; rendered by :meth:`render`."""

    status = 500
    title = "Internal Server Error"

    def __init__(self, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.headers = headers or {}

    def extra(self) -> dict[str, Any]:
        return {}

    def render(self, request: Request, now: datetime) -> Response:
        body = {
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "instance": request.path,
            **self.extra(),
            "timestamp": stamp(now),
            "traceId": _trace_id(request),
        }
        return Response(
            self.status,
            json.dumps(body, ensure_ascii=False).encode("utf-8"),
            PROBLEM_TYPE,
            dict(self.headers),
        )


class Broken(Refusal):
    """500 in the shape that production showed: an ExceptionResponse with code 500."""

    def render(self, request: Request, now: datetime) -> Response:
        return _exception(request, now, 500, "Nieznany błąd (500)", [self.detail])


class BadRequest(Refusal):
    """400 with an exception code; ``details`` explain it."""

    status = 400
    title = "Bad Request"

    def __init__(self, code: int, *details: str) -> None:
        super().__init__("Żądanie jest nieprawidłowe.")
        self.code = code
        self.details = [text for text in details if text]

    def render(self, request: Request, now: datetime) -> Response:
        description = CODE_TEXT[self.code]
        if request.wants_problem:
            return super().render(request, now)
        return _exception(request, now, self.code, description, self.details)

    def extra(self) -> dict[str, Any]:
        error = {"code": self.code, "description": CODE_TEXT[self.code], "details": self.details}
        return {"errors": [error]}


class Unauthorized(Refusal):
    """401, always a problem document."""

    status = 401
    title = "Unauthorized"


class Forbidden(Refusal):
    """403 with a reason code and its ``security`` object, always a problem document."""

    status = 403
    title = "Forbidden"

    def __init__(self, reason: str, detail: str, security: dict[str, Any]) -> None:
        super().__init__(detail)
        self.reason = reason
        self.security = security

    def extra(self) -> dict[str, Any]:
        return {"reasonCode": self.reason, "security": self.security}


class Gone(Refusal):
    """410: the status of an operation is no longer kept."""

    status = 410
    title = "Gone"


class TooManyRequests(Refusal):
    """429 with the seconds to wait; the older body is a status object."""

    status = 429
    title = "Too Many Requests"

    def __init__(self, detail: str, seconds: int) -> None:
        super().__init__(detail, {"Retry-After": str(seconds)})

    def render(self, request: Request, now: datetime) -> Response:
        if request.wants_problem:
            return super().render(request, now)
        body = {"status": {"code": 429, "description": self.title, "details": [self.detail]}}
        text = json.dumps(body, ensure_ascii=False)
        return Response(429, text.encode("utf-8"), JSON_TYPE, dict(self.headers))


class NotFound(Refusal):
    """404: no such address."""

    status = 404
    title = "Not Found"


class MethodNotAllowed(Refusal):
    """405; the Allow header is set by the router."""

    status = 405
    title = "Method Not Allowed"


class UnsupportedMedia(Refusal):
    """415: the endpoint takes another content type."""

    status = 415
    title = "Unsupported Media Type"


def _exception(
    request: Request, now: datetime, code: int, description: str, details: list[str]
) -> Response:
    """The older error body; its HTTP status is 500 for code 500, else 400."""
    entry = {"exceptionCode": code, "exceptionDescription": description, "details": details}
    body = {
        "exception": {
            "exceptionDetailList": [entry],
            "serviceCode": _trace_id(request),
            "serviceCtx": "srvSIM",
            "serviceName": "simulator",
            "timestamp": stamp(now),
        }
    }
    text = json.dumps(body, ensure_ascii=False)
    return Response(500 if code == 500 else 400, text.encode("utf-8"))


def _trace_id(request: Request) -> str:
    return f"00-{request.request_id}-{request.request_id[:16]}-00"

"""The Ministry's OpenAPI file as a judge of the simulator's answers and of what it accepts.

``Contract.faults`` looks at an answer: is the status described for this operation, are content
type, headers, body and exception codes as described? ``Contract.leniency`` looks at a request that
was taken: would the file have allowed it? What the file of API 2.6 cannot know is listed below
with its source.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

Json = dict[str, Any]

#: Any operation may answer so; no operation describes it. 404, 405 and 415 come from the web
#: framework (415: ksef-api#109), 500 was seen on production (ksef-api#704).
UNDESCRIBED = {404, 405, 415, 500}
#: Withdrawn on 2026-11-16 (announced in API 2.1.1).
WITHDRAWN = {"authenticationMethod"}
#: Codes that any operation may give: validation, and since API 2.9.0 unreadable content.
GENERAL_CODES = {21405, 21001}
#: (operation, code) that the file does not have together. Sources: changelog of API 2.8.0 and
#: ksef-api#864; section 10 of ksef-api.md, where the sister operation by KSeF number has it.
CODES_SEEN_ELSEWHERE = {
    ("POST /sessions/online/{}/invoices", 21184),
    ("GET /sessions/{}/invoices/{}/upo", 21178),
}
#: (operation, status) that the file does not have together. Tokens end with the year 2026 by
#: regulation Dz.U. 2025 poz. 1815, par. 13; how the API will say so is not described yet.
STATUSES_SEEN_ELSEWHERE = {("POST /auth/ksef-token", 403)}
#: Operations later than API 2.6.
NEWER_OPERATIONS = {
    "PUT /testdata/certificates/{}",
    "POST /collective-identifiers",
    "POST /collective-identifiers/query",
    "POST /collective-identifiers/invoices",
    "GET /collective-identifiers/ksef/{}",
}
#: Values of enumerations that came later: currencies with API 2.8.0.
NEWER_VALUES = {"CNH", "SLE", "VED", "XTS", "ZWG"}
_TYPES = {
    "string": str,
    "integer": int,
    "boolean": bool,
    "number": (int, float),
    "array": list,
    "object": dict,
}


@dataclass(frozen=True)
class Exchange:
    """One answer of the API; ``path`` without ``/v2`` and query."""

    method: str
    path: str
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def media(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0]


@dataclass
class Operation:
    """One operation of the file, its template without the names of placeholders."""

    name: str
    pattern: re.Pattern[str]
    described: Json
    codes: set[int] = field(default_factory=set)


def _blank(template: str) -> str:
    return re.sub(r"\{\w+\}", "{}", template)


class Contract:
    """All operations of one OpenAPI file."""

    def __init__(self, document: Json) -> None:
        self._schemas = document["components"]["schemas"]
        self.operations: dict[str, Operation] = {}
        for template, methods in document["paths"].items():
            for method, described in methods.items():
                name = f"{method.upper()} {_blank(template)}"
                pattern = re.compile(re.escape(_blank(template)).replace(r"\{\}", "[^/]+"))
                text = described["responses"]["400"].get("description", "")
                codes = {int(code) for code in re.findall(r"^\|\s*(\d{4,5})\s*\|", text, re.M)}
                self.operations[name] = Operation(name, pattern, described, codes)

    @classmethod
    def load(cls, path: Path) -> Contract:
        return _load(path)

    def operation(self, method: str, path: str) -> Operation | None:
        """The most literal operation that matches."""
        found = [
            operation
            for operation in self.operations.values()
            if operation.name.startswith(f"{method} ") and operation.pattern.fullmatch(path)
        ]
        return min(found, key=lambda operation: operation.name.count("{}"), default=None)

    def faults(self, exchange: Exchange) -> list[str]:
        """What is wrong with an answer, in words; empty when all is well."""
        operation = self.operation(exchange.method, exchange.path)
        where = f"{exchange.method} {exchange.path} {exchange.status}"
        if operation is None:
            return self._outside(exchange, where)
        responses = operation.described["responses"]
        if str(exchange.status) not in responses:
            known = (operation.name, exchange.status) in STATUSES_SEEN_ELSEWHERE
            excused = known or exchange.status in UNDESCRIBED
            return [] if excused else [f"{where}: not described"]
        judge = _Judge(self._schemas)
        judge.answer(exchange, responses[str(exchange.status)], where)
        allowed = operation.codes | GENERAL_CODES
        for code in _codes(exchange):
            if code not in allowed and (operation.name, code) not in CODES_SEEN_ELSEWHERE:
                judge.faults.append(f"{where}: code {code} is not described here")
        return judge.faults

    def leniency(
        self, method: str, path: str, query: dict[str, list[str]], media: str, body: bytes
    ) -> list[str]:
        """What is wrong with a request that was taken, in words; empty when all is well.

        ``path`` without ``/v2``; ``query`` with all values of repeated parameters.
        """
        operation = self.operation(method, path)
        if operation is None:
            return []
        where = f"taken: {method} {path}"
        judge = _Judge(self._schemas, asked=True)
        for parameter in operation.described.get("parameters", []):
            name, schema = parameter["name"], parameter["schema"]
            if parameter["in"] != "query":
                continue
            if name not in query:
                if parameter.get("required"):
                    judge.faults.append(f"{where}: {name} is missing")
                continue
            judge.value(_parameter(query[name], schema), schema, f"{where}?{name}")
        content = operation.described.get("requestBody", {}).get("content", {})
        if body and content and media not in content:
            judge.faults.append(f"{where}: content type {media}")
        elif body and content and "json" in media:
            judge.value(json.loads(body), content[media]["schema"], where)
        return judge.faults

    def _outside(self, exchange: Exchange, where: str) -> list[str]:
        newer = any(
            re.fullmatch(
                re.escape(name).replace(r"\{\}", "[^/]+"), f"{exchange.method} {exchange.path}"
            )
            for name in NEWER_OPERATIONS
        )
        if newer or exchange.status in UNDESCRIBED:
            return []
        return [f"{where}: no such operation"]


@cache
def _load(path: Path) -> Contract:
    return Contract(json.loads(path.read_text(encoding="utf-8")))


def _parameter(values: list[str], schema: Json) -> Any:
    """The values of a query parameter as the kind that its schema wants; text when they are not."""
    if schema.get("type") == "array":
        return values
    text = values[-1]
    if schema.get("type") == "integer" and re.fullmatch(r"-?\d{1,9}", text, re.ASCII):
        return int(text)
    if schema.get("type") == "boolean":
        return {"true": True, "false": False}.get(text.lower(), text)
    # an unescaped plus sign arrives as a space
    return text.replace(" ", "+") if schema.get("format") == "date-time" else text


def _codes(exchange: Exchange) -> list[int]:
    """The exception codes of a 400 in either format."""
    if exchange.status != 400 or "json" not in exchange.media:
        return []
    body = json.loads(exchange.body)
    if "errors" in body:
        return [error["code"] for error in body["errors"]]
    return [item["exceptionCode"] for item in body["exception"]["exceptionDetailList"]]


class _Judge:
    """Compares one answer or request with its description and collects what differs.

    ``asked``: in a request a moment may lack its offset (API 2.1.2: then it is Warsaw's).
    """

    def __init__(self, schemas: Json, *, asked: bool = False) -> None:
        self._schemas = schemas
        self._offset = r"([+-]\d\d:\d\d|Z)" + ("?" if asked else "")
        self.faults: list[str] = []

    def answer(self, exchange: Exchange, described: Json, where: str) -> None:
        content = described.get("content", {})
        if not content:
            if exchange.body:
                self.faults.append(f"{where}: a body where none is described")
            return
        if exchange.media not in content:
            self.faults.append(f"{where}: content type {exchange.media}")
            return
        for name in described.get("headers", {}):
            if name != "X-System-Warning" and name.lower() not in exchange.headers:
                self.faults.append(f"{where}: header {name} is missing")
        if "json" in exchange.media:
            self.value(json.loads(exchange.body), content[exchange.media]["schema"], where)

    def value(self, value: Any, schema: Json, where: str) -> None:
        while "$ref" in schema:
            schema = self._schemas[schema["$ref"].rpartition("/")[2]]
        if value is None:
            if not schema.get("nullable"):
                self.faults.append(f"{where}: null")
            return
        for part in schema.get("allOf", []):
            self.value(value, part, where)
        kind = schema.get("type")
        if kind in _TYPES and not self._is(value, kind):
            self.faults.append(f"{where}: {type(value).__name__} instead of {kind}")
            return
        if "enum" in schema and value not in [*schema["enum"], *NEWER_VALUES]:
            self.faults.append(f"{where}: {value!r} not in the enumeration")
        if kind == "string":
            self._text(value, schema, where)
        elif kind in ("integer", "number"):
            self._number(value, schema, where)
        elif kind == "array":
            self._array(value, schema, where)
        if isinstance(value, dict):
            self._object(value, schema, where)

    @staticmethod
    def _is(value: Any, kind: str) -> bool:
        if isinstance(value, bool):
            return kind == "boolean"
        return isinstance(value, _TYPES[kind])

    def _text(self, value: str, schema: Json, where: str) -> None:
        long = not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 10**9)
        wrong = schema.get("pattern") and not re.search(schema["pattern"], value)
        formats = {
            "date-time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?" + self._offset,
            "date": r"\d{4}-\d\d-\d\d",
            "uri": r"https?://\S+",
            "byte": r"[A-Za-z0-9+/]*={0,2}",
        }
        form = formats.get(schema.get("format", ""), r"[\s\S]*")
        if long or wrong or not re.fullmatch(form, value):
            self.faults.append(f"{where}: {value!r}")

    def _number(self, value: float, schema: Json, where: str) -> None:
        low, high = schema.get("minimum", value), schema.get("maximum", value)
        if not low <= value <= high:
            self.faults.append(f"{where}: {value} out of {low}..{high}")

    def _array(self, value: list[Any], schema: Json, where: str) -> None:
        if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", 10**9):
            self.faults.append(f"{where}: {len(value)} items")
        for index, item in enumerate(value):
            self.value(item, schema["items"], f"{where}[{index}]")

    def _object(self, value: Json, schema: Json, where: str) -> None:
        for name in set(schema.get("required", [])) - WITHDRAWN - set(value):
            self.faults.append(f"{where}: {name} is missing")
        for name, item in value.items():
            if name in schema.get("properties", {}):
                self.value(item, schema["properties"][name], f"{where}.{name}")

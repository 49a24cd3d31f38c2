"""What a check of a document finds: a code of the error catalogue, a place and a text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: Text key -> sentence. The ORM floor translates by key; these are for logs and tests.
TEXTS = {
    "missing": "is missing",
    "choice": "one of {names} is needed",
    "conflict": "only one of {names} may be given",
    "too_many": "at most {limit} allowed, {count} given",
    "kind": "must be a {expected}, not {value}",
    "empty": "is empty",
    "too_long": "is {length} characters long, {limit} are allowed",
    "spaces": "has leading, trailing or repeated spaces",
    "forbidden": "contains characters that KSeF refuses: {characters}",
    "pattern": "{value} does not have the required form",
    "enum": "{value} is not an allowed value",
    "range": "{value} is out of range",
    "decimals": "{value} has more than {limit} decimals",
    "checksum": "{value} has a wrong check digit",
    "total": "bases and taxes add up to {computed}, the total says {stated}",
    "rows": "rows add up to {computed}, the total of the rate says {stated}",
    "row": "quantity times price gives {computed}, the row says {stated}",
    "numbering": "row numbers must run 1, 2, 3 ...",
    "size": "the file has {size} bytes, {limit} are allowed",
    "bytes": "the file {reason}",
}


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a document.

    ``code`` is a code of the error catalogue (KS01...), ``field`` the path of the element, for
    example ``Fa/FaWiersz[2]/P_12``, ``key`` a key of `TEXTS` and ``args`` its values.
    """

    code: str
    field: str
    key: str
    args: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.code} {self.field}: {TEXTS[self.key].format(**self.args)}"

"""The operations of the Ministry's OpenAPI file, as the tests of the contract compare them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any


def blank(template: str) -> str:
    """An operation without the names of its placeholders."""
    return re.sub(r"\{\w+\}", "{}", template)


def operations(path: Path) -> dict[str, dict[str, Any]]:
    """``METHOD /template`` -> its description in the file."""
    document = json.loads(path.read_text(encoding="utf-8"))
    return {
        f"{method.upper()} {blank(template)}": described
        for template, methods in document["paths"].items()
        for method, described in methods.items()
    }


def codes(described: dict[str, Any]) -> set[int]:
    """The exception codes of its 400."""
    text = described["responses"]["400"].get("description", "")
    return {int(code) for code in re.findall(r"^\|\s*(\d{4,5})\s*\|", text, re.MULTILINE)}

"""Where the test data lie: ``shared/`` beside the checkout. Its absence is a failure, no skip."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SHARED = Path(__file__).resolve().parents[3] / "shared"
VECTORS_DIR = SHARED / "spec" / "vectors"


def shared(*parts: str) -> Path:
    """A file below ``shared/``. Raises FileNotFoundError that says what is missing."""
    path = SHARED.joinpath(*parts)
    if not path.exists():
        raise FileNotFoundError(f"{path}: the tests need the shared folder beside the repository")
    return path


def vectors() -> dict[str, Any]:
    """The machine-readable vectors."""
    return json.loads(shared("spec", "vectors", "vectors.json").read_text(encoding="utf-8"))

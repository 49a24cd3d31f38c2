"""The Ministry's schemas for the tests: `L10N_PL_KSEF_SCHEMAS`, or `schemas` of the bench."""

import os
from pathlib import Path

from ..ksef.fa3.schema import SCHEMA_FILES

ROOT = Path(__file__).resolve().parent.parent


def schema_folder():
    bench = Path(os.environ.get("L10N_PL_KSEF_BENCH", ROOT / ".bench"))
    return Path(os.environ.get("L10N_PL_KSEF_SCHEMAS", bench / "schemas"))


def schema_files():
    """Name -> bytes of the four files. Raises RuntimeError where they are not at hand."""
    folder = schema_folder()
    try:
        return {name: (folder / name).read_bytes() for name in SCHEMA_FILES}
    except OSError as error:
        raise RuntimeError(f"No schemas in {folder}: run bin/setup.") from error

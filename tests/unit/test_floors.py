"""The floors of the add-on: imports go downwards only.

Every Python file is parsed with :mod:`ast`, so nothing has to be importable here. The table
below is the whole law; a folder that is not in it may not hold Python files.
"""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

STDLIB = frozenset(sys.stdlib_module_names)
# the standard library's own ways to the network: floors above 0 leave them alone
HTTP = frozenset({"http", "urllib.request", "socket", "ssl", "ftplib", "smtplib", "xmlrpc"})

# folder -> (packages it may import, parts of the standard library it may not,
#            other folders of the add-on it may import)
FLOORS = {
    # urllib3 is the part of requests that knows how far a request got
    "ksef": (
        {"requests", "urllib3", "cryptography", "lxml", "qrcode", "xmlsec", "dateutil"},
        frozenset({"os", "gettext", "locale"}),
        set(),
    ),
    "simulator": ({"werkzeug", "lxml", "cryptography", "signxml"}, frozenset(), set()),
    # psycopg2, markupsafe and lxml are Odoo's own vocabulary (errors, Markup, views)
    "models": ({"odoo", "psycopg2", "markupsafe", "lxml", "dateutil"}, HTTP, {"ksef"}),
    "wizards": ({"odoo", "markupsafe", "dateutil"}, HTTP, {"models"}),
    "report": ({"odoo", "markupsafe", "lxml"}, HTTP, {"models"}),
    "controllers": ({"odoo", "werkzeug", "markupsafe"}, HTTP, {"models"}),
    "migrations": ({"odoo"}, HTTP, {"models"}),
}
# the root package only gathers; the manifest imports nothing
ROOT_FILES = {"__init__.py": {"controllers", "models", "report", "wizards"}, "__manifest__.py": ()}
# tests may import anything but these: the simulator is a process, never a module
TESTS_MUST_NOT = {"tests": {"simulator"}, "tests/unit": {"simulator", "odoo"}}
# neither product nor Odoo test: helpers of the commands
FREE = {"bin", "scripts"}

PACKAGE = "odoo.addons.l10n_pl_ksef"
CLOCKS = {
    ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"),
    ("time", "time"), ("time", "time_ns"), ("time", "monotonic"), ("time", "monotonic_ns"),
    ("time", "perf_counter"), ("time", "localtime"), ("time", "gmtime"),
}  # fmt: skip


def python_files() -> list[Path]:
    """Return every Python file of the repository, relative to its root."""
    found = (path.relative_to(ROOT) for path in ROOT.rglob("*.py"))
    return sorted(p for p in found if not any(part.startswith(".") for part in p.parts))


def imports(path: Path) -> list[tuple[int, str]]:
    """Return (line, absolute module name) of each import in one file.

    Names inside the add-on, relative or by Odoo's long name, come out as ``.folder.module``.
    """
    result = []
    for node in ast.walk(ast.parse((ROOT / path).read_bytes(), str(path))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = list(path.parent.parts)
                kept = package[: len(package) - node.level + 1]
                base = "." + ".".join([*kept, *filter(None, [base])])
            # `from .. import ksef` and `from urllib import request` name the module last
            names = [base]
            if base in ("", ".", "urllib", PACKAGE):
                names = [f"{base.rstrip('.')}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            inside = name == PACKAGE or name.startswith(PACKAGE + ".")
            result.append((node.lineno, name[len(PACKAGE) :] if inside else name))
    return result


def complaints(path: Path) -> list[str]:
    """Return what is wrong with the imports of one file, one sentence each."""
    folder = path.parts[0] if len(path.parts) > 1 else ""
    found = []
    for line, name in imports(path):
        problem = forbidden(path, folder, name)
        if problem:
            found.append(f"{path}:{line}: {problem}")
    return found


def forbidden(path: Path, folder: str, name: str) -> str | None:
    """Return why ``path`` in ``folder`` must not import ``name``, or None where it may."""
    top = name.strip(".").split(".")[0]
    if folder == "tests":
        place = "tests/unit" if path.parts[1] == "unit" else "tests"
        bad = top in TESTS_MUST_NOT[place]
        return f"{place} must not import {top}" if bad else None
    if folder in FREE:
        return None
    if not folder:
        allowed = ROOT_FILES.get(path.name)
        if allowed is None:
            return "no other Python file belongs at the top level"
        return None if name.startswith(".") and top in allowed else f"root must not import {name}"
    if folder not in FLOORS:
        return f"{folder}/ stands on no floor: add it to the table in {Path(__file__).name}"
    packages, closed, folders = FLOORS[folder]
    if name.startswith("."):
        return None if top in {folder, *folders} else f"{folder}/ must not import {top}/"
    if top in STDLIB:
        shut = top in closed or any(name == c or name.startswith(c + ".") for c in closed)
        return f"{folder}/ must not import {name}" if shut else None
    return None if top in packages else f"{folder}/ must not import {top}"


@pytest.mark.parametrize("path", python_files(), ids=str)
def test_imports_go_downwards(path):
    """No file imports from a floor above its own."""
    assert not complaints(path)


@pytest.mark.parametrize("path", [p for p in python_files() if p.parts[0] == "ksef"], ids=str)
def test_floor_0_has_no_clock(path):
    """Floor 0 is told the time; it never reads a clock."""
    reads = []
    for node in ast.walk(ast.parse((ROOT / path).read_bytes(), str(path))):
        if isinstance(node, ast.Attribute):
            owner = node.value
            last = getattr(owner, "id", None) or getattr(owner, "attr", None)
            if (last, node.attr) in CLOCKS:
                reads.append(f"{path}:{node.lineno}: {last}.{node.attr}")
    assert not reads


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("ksef/a.py", "import odoo"),
        ("ksef/fa3/a.py", "from ... import models"),
        ("ksef/a.py", "from os import environ"),
        ("simulator/a.py", "from ksef.numbers import crc8"),
        ("simulator/a.py", "from ..ksef import numbers"),
        ("models/a.py", "import requests"),
        ("models/a.py", "from ..simulator import pki"),
        ("models/a.py", "from urllib import request"),
        ("wizards/a.py", "from cryptography import x509"),
        ("wizards/a.py", "from odoo.addons.l10n_pl_ksef.ksef import client"),
        ("tests/test_a.py", "from odoo.addons.l10n_pl_ksef import simulator"),
        ("tests/unit/test_a.py", "import odoo"),
        ("helpers/a.py", "import json"),
        ("a.py", "import json"),
    ],
)
def test_the_law_is_enforced(path, source, tmp_path, monkeypatch):
    """Each of these breaks the law, and the check says so."""
    target = tmp_path / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(source, encoding="utf-8")
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    assert complaints(Path(path))


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("ksef/fa3/a.py", "from ..errors import KsefError"),
        ("ksef/a.py", "from . import routes\nfrom .routes import X\nimport json"),
        ("models/a.py", "from odoo import models\nfrom ..ksef import numbers"),
        ("models/a.py", "from odoo.addons.l10n_pl_ksef.ksef.numbers import crc8"),
        ("models/a.py", "from urllib.parse import quote"),
        ("tests/unit/test_a.py", "from ksef import numbers\nimport requests"),
        ("__init__.py", "from . import models, wizards"),
    ],
)
def test_the_law_allows(path, source, tmp_path, monkeypatch):
    """Ordinary imports are no finding."""
    target = tmp_path / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(source, encoding="utf-8")
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    assert not complaints(Path(path))

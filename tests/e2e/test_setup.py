"""``bin/setup`` again: quick where all is there, and whole after an interruption."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bench import BENCH, ROOT, Database, command, eventually, kill, succeed

# what a run writes although it makes nothing
NOISE = {"cache", "log", "lock", "pg", "data", "odoo.conf", "demo", "screens"}
# the parts of a bench that are long to make and that no step of this file's tests touches
WHOLE = ("root", "venv", "venv-sim", "schemas", "bin")


def made(bench: Path) -> dict[str, int]:
    """Every file that setup made, with the time of its last change."""
    found = {}
    for top in (entry for entry in bench.iterdir() if entry.name not in NOISE):
        for folder, _folders, files in os.walk(top):
            if "__pycache__" not in folder:
                names = (Path(folder, name) for name in files)
                found |= {str(path): path.lstat().st_mtime_ns for path in names}
    # rewritten at each run, with the same content
    return {name: when for name, when in found.items() if not name.endswith("google-chrome")}


@pytest.fixture
def other_bench() -> Iterator[Path]:
    """An empty bench that shares the downloads of this one."""
    bench = Path(tempfile.mkdtemp(prefix="l10n-pl-ksef-"))
    bench.chmod(0o755)  # the user postgres must get in
    yield bench
    command("odoo", "stop", **at(bench))
    shutil.rmtree(bench)


def at(bench: Path) -> dict[str, str]:
    return {
        "L10N_PL_KSEF_BENCH": str(bench),
        "CACHE_DIR": os.environ.get("CACHE_DIR", str(BENCH / "cache")),
    }


def interrupt(bench: Path, part: str, moment: Callable[[], bool]) -> None:
    """Start setup and ``kill -9`` it, with all that it started, as soon as ``moment()``."""
    process = subprocess.Popen(
        [str(ROOT / "bin" / "setup"), part],
        env={**os.environ, **at(bench)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        eventually("the moment to interrupt setup", moment, 120)
        assert process.poll() is None, "setup ended too early"
    finally:
        kill(process)


def test_second_run_is_quick_and_makes_nothing():
    before = made(BENCH)
    assert before, "there is a bench"
    started = time.monotonic()
    said = succeed("setup")
    assert time.monotonic() - started < 20
    assert made(BENCH) == before
    assert len(said.splitlines()) == 1, said


def test_interrupted_pip_leaves_nothing_half_made(other_bench):
    venv = other_bench / "venv-lint"
    packages = [f"{venv}/lib/python3.*/site-packages", "ruff*"]
    interrupt(other_bench, "lint", lambda: any(Path("/").glob("/".join(packages).lstrip("/"))))
    assert not (other_bench / "stamps" / "venv-lint").exists()
    (venv / "bin" / "python").unlink()  # as a disk that was full would leave it
    succeed("setup", "lint", **at(other_bench))
    for linter in ("ruff", "pylint"):
        subprocess.run([str(venv / "bin" / linter), "--version"], check=True)
    before = made(other_bench)
    succeed("setup", "lint", **at(other_bench))
    assert made(other_bench) == before


def test_interrupted_template_is_made_anew(other_bench):
    for name in WHOLE:
        # hard links: quick, and the steps replace files, they never write into one
        shutil.copytree(BENCH / name, other_bench / name, copy_function=os.link, symlinks=True)
    shutil.copytree(BENCH / "stamps", other_bench / "stamps")
    (other_bench / "stamps" / "tpl_pl").unlink()
    log = other_bench / "log" / "template.log"
    interrupt(
        other_bench,
        "odoo",
        lambda: log.exists() and "Loading module account" in log.read_text(),
    )
    assert not (other_bench / "stamps" / "tpl_pl").exists()
    succeed("setup", "odoo", **at(other_bench))
    template = Database("tpl_pl", other_bench)
    (company,) = template("SELECT chart_template FROM res_company")
    assert company == ("pl",)
    databases = {name for (name,) in template("SELECT datname FROM pg_database")}
    assert "build_tpl_pl" not in databases

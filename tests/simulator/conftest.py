"""A simulator process per test session, reset before every test; run in the simulator's venv."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Api

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("L10N_PL_KSEF_SHARED", ROOT.parent / "shared"))


CONTRACT = SHARED / "ksef" / "open-api.json"


def schema_folder() -> Path:
    """The Ministry's schemas as the witness package carries them."""
    import ksef_client

    return Path(ksef_client.__file__).parent / "documents" / "fa3" / "schemas"


def start(*arguments: str) -> tuple[subprocess.Popen[str], str]:
    """A simulator process and its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "simulator", "--port", "0", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("simulator listening on http://127.0.0.1:"), line
    return process, line.split()[-1]


@pytest.fixture(scope="session")
def running() -> Iterator[str]:
    # the witness and the contract see answers with properties that nobody knows
    options = ["--leak-check", "--schemas", str(schema_folder())]
    if CONTRACT.is_file():
        options += ["--contract", str(CONTRACT)]
    process, url = start(*options)
    yield url
    process.terminate()
    process.wait(10)
    assert process.stdout is not None
    process.stdout.close()


@pytest.fixture
def api(running: str) -> Iterator[Api]:
    """A fresh simulator; what it took and answered in the test must not break the contract."""
    with Api(running) as client:
        client.control("POST", "reset")
        client.control("POST", "speed", polls=[0, 0], auth=0, storage=0)
        client.control("POST", "settings", count_requests=False)
        before = client.control("GET", "contract")["faults"]
        yield client
        broken = client.control("GET", "contract")["faults"][len(before) :]
        assert broken == [], "\n".join(broken)


@pytest.fixture
def invoice_template() -> bytes:
    """One FA(3) file of the shared examples, used as bytes to adapt."""
    path = SHARED / "spec" / "fa3-examples" / "C01-plain-23.xml"
    if not path.is_file():
        pytest.skip(f"no shared examples in {SHARED}")
    return path.read_bytes()


@pytest.fixture
def upo_schema() -> Path:
    path = SHARED / "ksef" / "upo" / "upo-v4-3.xsd"
    if not path.is_file():
        pytest.skip(f"no UPO schema in {SHARED}")
    return path

"""The simulator as a process of its own, for tests that need a whole conversation."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("L10N_PL_KSEF_SHARED", ROOT.parent / "shared")) / "ksef"
SCHEMAS = Path(os.environ.get("L10N_PL_KSEF_SCHEMAS", SHARED / "fa"))
#: The Ministry's OpenAPI file; without it nothing is held against the contract.
CONTRACT = SHARED / "open-api.json"


def python() -> str:
    """The interpreter with the simulator's packages. Raises FileNotFoundError."""
    named = os.environ.get("L10N_PL_KSEF_SIMULATOR_PYTHON")
    bench = Path(os.environ.get("L10N_PL_KSEF_BENCH", str(ROOT / ".bench")))
    path = named or str(bench / "venv-sim" / "bin" / "python")
    if not Path(path).exists():
        raise FileNotFoundError(f"{path}: run bin/setup, it makes the simulator's environment")
    return path


class SimulatorProcess:
    """Starts on a free port; ``url`` is its address."""

    def __init__(self) -> None:
        # unknown properties in answers, always: the Ministry may add some any day
        command = [python(), "-m", "simulator", "--port", "0", "--profile", "test", "--leak-check"]
        if SCHEMAS.exists():
            command += ["--schemas", str(SCHEMAS)]
        if CONTRACT.is_file():
            command += ["--contract", str(CONTRACT)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        line = self._process.stdout.readline()
        match = re.search(r"http://\S+", line)
        if match is None:
            self.stop()
            raise RuntimeError(f"the simulator did not start: {line!r}")
        self.url = match[0]

    def stop(self) -> None:
        """End the process; AssertionError if anything it took or answered broke the contract."""
        try:
            alive = hasattr(self, "url") and self._process.poll() is None
            broken = self.read("contract")["faults"] if alive else []
        finally:
            self._end()
        assert not broken, "\n".join(broken)

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def control(self, name: str, body: Any = None) -> Any:
        """POST to the control API; the answer's JSON or None."""
        reply = requests.post(f"{self.url}/_sim/{name}", json=body or {}, timeout=10)
        reply.raise_for_status()
        return reply.json() if reply.content else None

    def read(self, name: str) -> Any:
        """GET from the control API."""
        reply = requests.get(f"{self.url}/_sim/{name}", timeout=10)
        reply.raise_for_status()
        return reply.json()

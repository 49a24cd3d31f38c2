"""Workers of Odoo that a test starts, lets hang and kills; each is a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

from bench import BENCH, ROOT, Database, end_with_parent, kill

SCRIPT = Path(__file__).with_name("worker.py")


class Workers:
    """One loaded Odoo from which workers are forked: a second or less until they work."""

    def __init__(self, database: Database) -> None:
        ours, theirs = socket.socketpair()
        self.log = BENCH / "log" / f"{database.name}_workers.log"
        with SCRIPT.open() as script, self.log.open("a") as log:
            self._process = subprocess.Popen(
                [str(ROOT / "bin" / "odoo"), "shell", "-d", database.name, "--no-http"],
                env={**os.environ, "KSEF_ORDERS": str(theirs.fileno())},
                pass_fds=[theirs.fileno()],
                stdin=script,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )
        theirs.close()
        ours.settimeout(120)
        self._orders = ours.makefile("rw")
        ours.close()

    def _order(self, what: str, *values: Any) -> int:
        self._orders.write(json.dumps({"do": what, "with": values}) + "\n")
        self._orders.flush()
        answer = self._orders.readline()
        assert answer, f"the workers' Odoo has ended, see {self.log}"
        return int(answer)

    def start(self, what: str, *values: Any) -> int:
        """Begin some work, see ``worker.py``; returns the number of its process."""
        return self._order(what, *values)

    def wait(self, number: int) -> int:
        """How a process ended: 0, or minus the signal that killed it."""
        return self._order("wait", number)

    def do(self, what: str, *values: Any) -> None:
        """The same to its end, which has to be a good one."""
        assert self.wait(self.start(what, *values)) == 0, f"{what}, see {self.log}"

    def kill(self, number: int) -> None:
        """``kill -9`` of one worker."""
        os.kill(number, signal.SIGKILL)
        assert self.wait(number) == -signal.SIGKILL

    def stop(self) -> None:
        self._orders.close()
        kill(self._process)

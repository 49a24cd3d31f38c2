"""The bench as these tests see it: its commands, its Odoo over HTTP, its database."""

from __future__ import annotations

import configparser
import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg2
import requests

ROOT = Path(__file__).resolve().parents[2]
BENCH = Path(os.environ.get("L10N_PL_KSEF_BENCH", ROOT / ".bench"))


def command(
    name: str, *arguments: str, seconds: float = 600, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run one of the commands in bin/ to its end; both outputs together in ``stdout``."""
    return subprocess.run(
        [str(ROOT / "bin" / name), *arguments],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
    )


def succeed(name: str, *arguments: str, **options: Any) -> str:
    """The same, and it has to end well; returns what it said."""
    done = command(name, *arguments, **options)
    assert done.returncode == 0, done.stdout
    return done.stdout


def kill(process: subprocess.Popen[Any]) -> None:
    """``kill -9`` of a process and of everything that it started."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(20)


def end_with_parent() -> None:
    """In a child: the kernel kills it when the test run dies, were it by a kill -9."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def eventually(what: str, ready: Callable[[], Any], seconds: float = 60) -> Any:
    """The first true answer of ``ready``; an AssertionError naming ``what`` after so long."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if answer := ready():
            return answer
        time.sleep(0.2)
    raise AssertionError(f"not within {seconds} s: {what}")


class Database:
    """A database of the bench's cluster, looked at past Odoo."""

    def __init__(self, name: str, bench: Path = BENCH) -> None:
        self.name = name
        self.bench = bench

    def _connect(self, name: str) -> Any:
        conf = configparser.ConfigParser(interpolation=None)
        conf.read(self.bench / "odoo.conf")
        options = conf["options"]
        connection = psycopg2.connect(host=options["db_host"], user=options["db_user"], dbname=name)
        connection.autocommit = True
        return connection

    def __call__(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of a query; none for a command."""
        connection = self._connect(self.name)
        try:
            with connection.cursor() as cursor:
                cursor.execute(query, values)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def wake_crons(self) -> None:
        """Tell Odoo's scheduled actions that something is due, as ``ir.cron`` does."""
        connection = self._connect("postgres")
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_notify('cron_trigger', %s)", (self.name,))
        finally:
            connection.close()


class Server:
    """An Odoo server process on a free port."""

    def __init__(self, database: str, *options: str) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.database = database
        self.log = BENCH / "log" / f"{database}.log"
        arguments = ["server", "-d", database, "--db-filter", f"^{database}$"]
        arguments += ["--http-port", str(port), *options]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [str(ROOT / "bin" / "odoo"), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )
        eventually(f"{self.url} answers, see {self.log}", self._answers, 120)

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        try:
            return requests.get(f"{self.url}/web/health", timeout=5).ok
        except (requests.ConnectionError, requests.Timeout):
            return False

    def kill(self) -> None:
        if self.process.poll() is None:
            kill(self.process)

    def login(self, name: str) -> Session:
        return Session(self, name)


class Session:
    """What the web client does for one user: calls of model methods."""

    def __init__(self, server: Server, login: str) -> None:
        self.server = server
        self.http = requests.Session()
        self._post("/web/session/authenticate", db=server.database, login=login, password=login)

    def _post(self, path: str, **params: Any) -> Any:
        reply = self.http.post(f"{self.server.url}{path}", json={"params": params}, timeout=180)
        reply.raise_for_status()
        answer = reply.json()
        assert "error" not in answer, answer["error"]["data"]["message"]
        return answer["result"]

    def call(self, model: str, method: str, *arguments: Any, **options: Any) -> Any:
        """The result of a public method; an AssertionError with Odoo's message if it refuses."""
        return self._post(
            f"/web/dataset/call_kw/{model}/{method}",
            model=model,
            method=method,
            args=list(arguments),
            kwargs=options,
        )

    def create(self, model: str, **values: Any) -> int:
        (new,) = self.call(model, "create", [values])
        return new

    def ref(self, xmlid: str) -> int:
        module, name = xmlid.split(".")
        domain = [("module", "=", module), ("name", "=", name)]
        (row,) = self.call("ir.model.data", "search_read", domain, ["res_id"])
        return row["res_id"]

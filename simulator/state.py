"""``--state FILE``: what the simulator knows, kept in SQLite across restarts.

One row holds the whole state; large byte strings (invoices, packages) are rows of their own, named
by their SHA-256, and so are the entries of the log, by their numbers: saving again writes only what
is new. The file holds private keys of the
simulated Ministry and the content of invoices: it is readable by its owner only.
"""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import sqlite3
import threading
import time
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .journal import Journal
from .options import Options

if TYPE_CHECKING:
    from .app import Simulator

#: Raised whenever what is saved changes its shape.
_VERSION = 4
_LARGE = 1024
#: At least so long between two savings, and never more than a tenth of the time spent on them.
_PAUSE = 0.3
_SHARE = 10
_TABLES = """
create table if not exists state (name text primary key, value blob not null) without rowid;
create table if not exists content (digest text primary key, value blob not null) without rowid;
create table if not exists log (number integer primary key, entry text not null);
"""
#: Besides this package's own classes only these may come out of a file.
_ALLOWED = {
    ("datetime", "date"),
    ("datetime", "datetime"),
    ("datetime", "timedelta"),
    ("datetime", "timezone"),
    ("builtins", "set"),
    ("builtins", "frozenset"),
    ("random", "Random"),
}


#: What unpickling raises when a class has changed or the bytes are no pickle.
_SHAPE_ERRORS = (AttributeError, EOFError, ImportError, IndexError, KeyError, TypeError, ValueError)
_REMEDY = "Delete it or name another file."


class StateError(Exception):
    """The file cannot be used; the message says why and what to do."""


class _Writer(pickle.Pickler):
    def __init__(self, target: io.BytesIO) -> None:
        super().__init__(target, protocol=5)
        self.content: dict[str, bytes] = {}

    def persistent_id(self, value: Any) -> str | None:
        if type(value) is not bytes or len(value) < _LARGE:
            return None
        digest = hashlib.sha256(value).hexdigest()
        self.content[digest] = value
        return digest


class _Reader(pickle.Unpickler):
    def __init__(self, source: io.BytesIO, content: dict[str, bytes]) -> None:
        super().__init__(source)
        self._content = content

    def persistent_load(self, digest: Any) -> bytes:
        return self._content[digest]

    def find_class(self, module: str, name: str) -> Any:
        own = module.startswith(f"{__package__}.") and "." not in name
        if own or (module, name) in _ALLOWED:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} has no place in a state file")


class StateFile:
    """An open state file; nobody else may use it meanwhile."""

    def __init__(self, path: Path) -> None:
        """Open or make it; raises StateError."""
        self._path = path
        try:
            path.touch(mode=0o600)
            self._database = sqlite3.connect(path, timeout=1, check_same_thread=False)
            self._database.execute("pragma locking_mode = exclusive")
            self._database.execute("pragma journal_mode = wal")
            self._database.executescript(_TABLES)
            rows = self._database.execute("select digest from content")
            self._known = {digest for (digest,) in rows}
            (self._logged,) = self._database.execute(
                "select coalesce(max(number), 0) from log"
            ).fetchone()
        except (OSError, sqlite3.Error) as error:
            raise StateError(f"{path} cannot be used as state file: {error}") from error

    def save(self, state: dict[str, Any], log: Journal) -> None:
        """Replace what is kept, in one transaction."""
        target = io.BytesIO()
        writer = _Writer(target)
        writer.dump((_VERSION, state))
        new = [item for item in writer.content.items() if item[0] not in self._known]
        with self._database:
            self._database.executemany("insert into content values (?, ?)", new)
            self._database.execute("replace into state values ('all', ?)", (target.getvalue(),))
            gone = [(digest,) for digest in self._known - set(writer.content)]
            self._database.executemany("delete from content where digest = ?", gone)
            entries = [(number, json.dumps(entry)) for number, entry in log.after(self._logged)]
            self._database.executemany("insert into log values (?, ?)", entries)
            self._database.execute("delete from log where number < ?", (log.first,))
        self._known = set(writer.content)
        self._logged = log.last

    def load(self) -> dict[str, Any] | None:
        """What was kept, None in a new file; raises StateError."""
        try:
            row = self._database.execute("select value from state where name = 'all'").fetchone()
            if row is None:
                return None
            content = dict(self._database.execute("select digest, value from content"))
            version, state = _Reader(io.BytesIO(row[0]), content).load()
        except (sqlite3.Error, pickle.UnpicklingError, *_SHAPE_ERRORS) as error:
            raise StateError(f"{self._path} cannot be read ({error}). {_REMEDY}") from error
        if version != _VERSION:
            raise StateError(f"{self._path} is of another version of the simulator. {_REMEDY}")
        return dict(state)

    def load_log(self, empty: Journal) -> Journal:
        """What was kept of the log, at most as much as ``empty`` would hold; raises StateError."""
        try:
            rows = self._database.execute("select entry from log order by number")
            return empty.continued((json.loads(entry) for (entry,) in rows), self._logged)
        except (sqlite3.Error, *_SHAPE_ERRORS) as error:
            raise StateError(f"{self._path} cannot be read ({error}). {_REMEDY}") from error

    def close(self) -> None:
        self._database.close()


def snapshot(sim: Simulator) -> dict[str, Any]:
    """Everything that a restart must not change, but the log, which is kept apart."""
    return {
        "options": {item.name: getattr(sim, item.name) for item in fields(Options)},
        "store": sim.store,
        "faults": sim.faults,
        "throttle": sim.throttle,
        "clock": sim.clock,
        "mint": sim.mint,
        **sim.export_secrets(),
    }


def restore(sim: Simulator, state: dict[str, Any]) -> None:
    """Put a snapshot back; the command line's profile and version give way to the kept ones."""
    for name, value in state["options"].items():
        setattr(sim, name, value)
    sim.store, sim.faults = state["store"], state["faults"]
    sim.throttle = state["throttle"]
    sim.clock, sim.mint = state["clock"], state["mint"]
    sim.import_secrets(state)


class Keeper:
    """Saves the state after requests, soon but not at every one, and once more at the end."""

    def __init__(self, sim: Simulator, path: Path) -> None:
        """Open the file and put its state back, if any; raises StateError."""
        self._sim = sim
        self._file = StateFile(path)
        kept = self._file.load()
        if kept is not None:
            restore(sim, kept)
            sim.log = self._file.load_log(sim.log)
        self._changed = threading.Event()
        self._ended = threading.Event()
        sim.on_change = self._changed.set
        self._changed.set()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def _work(self) -> None:
        while not self._ended.is_set():
            self._changed.wait()
            self._changed.clear()
            self._ended.wait(max(_PAUSE, self._save() * _SHARE))

    def _save(self) -> float:
        """Seconds that it took, during which nobody was served."""
        begin = time.monotonic()
        with self._sim.lock:
            self._file.save(snapshot(self._sim), self._sim.log)
        return time.monotonic() - begin

    def close(self) -> None:
        """Save what happened last."""
        self._ended.set()
        self._changed.set()
        self._thread.join()
        self._save()
        self._file.close()

"""The log is bounded, and a state file follows it entry by entry."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import start
from harness import Api

LENGTH = 5


@contextmanager
def running(*options: str) -> Iterator[Api]:
    """A simulator that remembers few requests; killed in the end."""
    process, url = start("--log-length", str(LENGTH), *options)
    try:
        with Api(url) as api:
            yield api
    finally:
        process.kill()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()


def ask(api: Api, *names: str) -> None:
    for name in names:
        assert api.call("GET", f"/{name}").status_code == 404


def told(api: Api) -> str:
    return "".join(entry["path"].removeprefix("/v2/") for entry in api.control("GET", "log"))


def test_only_the_latest_are_kept() -> None:
    with running() as api:
        ask(api, *"abcd")
        assert told(api) == "abcd"
        ask(api, *"efg")
        assert told(api) == "cdefg"
        api.control("POST", "reset")
        assert told(api) == ""
        ask(api, "h")
        assert told(api) == "h"


@pytest.mark.slow
def test_a_file_keeps_as_many(tmp_path: Path) -> None:
    state = ("--state", str(tmp_path / "state.sqlite"))
    seen = []
    for names in ("abc", "defgh", "i", ""):
        with running(*state) as api:
            ask(api, *names)
            seen.append(told(api))
            time.sleep(0.8)
    assert seen == ["abc", "defgh", "efghi", "efghi"]
    with running(*state) as api:
        api.control("POST", "reset")
        ask(api, "j")
        time.sleep(0.8)
    with running(*state) as api:
        assert told(api) == "j"

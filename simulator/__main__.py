"""``python3 -m simulator --port 8899 --profile test --schemas DIR``."""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path

from lxml import etree

from .app import PROFILES, Simulator
from .server import Server


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted; prints the address when ready. 2 = bad arguments or schemas."""
    parser = argparse.ArgumentParser(prog="simulator", description="Local stand-in for KSeF 2.0")
    parser.add_argument("--port", type=int, default=8899, help="0 takes a free port")
    parser.add_argument("--profile", choices=sorted(PROFILES), default="test")
    parser.add_argument("--schemas", type=Path, help="folder with the FA(3) XSD and its base types")
    options = parser.parse_args(arguments)
    try:
        simulator = Simulator(options.profile, options.schemas)
        server = Server(simulator, options.port)
    except (OSError, etree.LxmlError) as error:
        print(f"simulator: {error}", file=sys.stderr)
        return 2
    print(f"simulator listening on {server.url}", flush=True)
    with server, contextlib.suppress(KeyboardInterrupt):
        server.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""``python3 -m simulator --port 8899 --profile test --schemas DIR``."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from pathlib import Path

from lxml import etree

from .app import Simulator
from .journal import LENGTH, Journal
from .notary import Notary
from .options import API_VERSIONS, PROFILES, Options
from .server import Server
from .state import Keeper, StateError

#: Let every suite that starts a simulator run under the leak check, and against the contract.
LEAK_CHECK = "KSEF_SIMULATOR_LEAK_CHECK"
CONTRACT = "KSEF_SIMULATOR_CONTRACT"


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted; prints the address when ready. 2 = bad arguments or schemas."""
    parser = argparse.ArgumentParser(prog="simulator", description="Local stand-in for KSeF 2.0")
    parser.add_argument("--port", type=int, default=8899, help="0 takes a free port")
    parser.add_argument("--profile", choices=sorted(PROFILES), default="test")
    parser.add_argument("--schemas", type=Path, help="folder with the FA(3) XSD and its base types")
    parser.add_argument(
        "--state", type=Path, help="SQLite file that keeps everything across a restart"
    )
    parser.add_argument("--api-version", choices=sorted(API_VERSIONS), default="2.9")
    parser.add_argument(
        "--log-length", type=int, default=LENGTH, help="requests remembered at most"
    )
    parser.add_argument("--seed", type=int, help="makes reference and KSeF numbers repeatable")
    parser.add_argument(
        "--leak-check",
        action="store_true",
        default=os.environ.get(LEAK_CHECK, "") not in ("", "0"),
        help=f"strew unknown properties over the answers; also {LEAK_CHECK}=1",
    )
    parser.add_argument(
        "--contract",
        type=Path,
        default=os.environ.get(CONTRACT) or None,
        help=f"the Ministry's OpenAPI file, to hold every exchange against; also {CONTRACT}=FILE",
    )
    options = parser.parse_args(arguments)
    chosen = Options(
        profile=PROFILES[options.profile],
        api_version=API_VERSIONS[options.api_version],
        leak_check=options.leak_check,
    )
    try:
        simulator = Simulator(chosen, options.schemas, options.seed)
        simulator.log = Journal(length=options.log_length)
        simulator.notary = Notary(options.contract) if options.contract else None
        keeper = Keeper(simulator, options.state) if options.state else None
        server = Server(simulator, options.port)
    except (OSError, ValueError, etree.LxmlError, StateError) as error:
        print(f"simulator: {error}", file=sys.stderr)
        return 2
    # whoever started it may end it in either way; the state is to be saved in both
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with server, contextlib.suppress(KeyboardInterrupt):
        # whoever reads it may end the process at once
        print(f"simulator listening on {server.url}", flush=True)
        server.run()
    if keeper is not None:
        keeper.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

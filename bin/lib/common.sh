# shellcheck shell=bash
# Where things are, how a step is said, stamped and logged. Sourced by every command.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
BENCH=${L10N_PL_KSEF_BENCH:-$ROOT/.bench}
mkdir -p "$BENCH"
BENCH=$(cd "$BENCH" && pwd -P)
CACHE=${CACHE_DIR:-$BENCH/cache}
LOGS=$BENCH/log
STAMPS=$BENCH/stamps
ADDON=l10n_pl_ksef
QUIET=${QUIET:-}
mkdir -p "$CACHE" "$LOGS" "$STAMPS" "$BENCH/bin"

say() { [ -n "$QUIET" ] || printf '[%s %4ss] %s\n' "${0##*/}" "$SECONDS" "$*"; }
warn() { printf '[%s] WARNING: %s\n' "${0##*/}" "$*" >&2; }
die() {
    printf '[%s] ERROR: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# logged NAME COMMAND...: output goes to log/NAME.log; on failure its last lines are shown.
logged() {
    local log=$LOGS/$1.log
    shift
    "$@" >"$log" 2>&1 && return 0
    tail -n 15 "$log" >&2
    warn "'$1' failed; all of it is in $log"
    return 1
}

# A step is stamped only when it is whole. The stamp holds the key of what was made
# (versions, hashes of lists), so a changed list makes the step run again.
done_with() { [ "$(cat "$STAMPS/$1" 2>/dev/null)" = "$2" ]; }
stamp() {
    printf '%s\n' "$2" >"$STAMPS/$1.new"
    mv "$STAMPS/$1.new" "$STAMPS/$1"
}

# step NAME KEY WHAT FUNCTION: run FUNCTION unless it was done with this KEY.
step() {
    done_with "$1" "$2" && return 0
    rm -f "$STAMPS/$1"
    # said even by a quiet run: it may take a minute
    QUIET='' say "$3"
    "$4"
    stamp "$1" "$2"
}

key_of() { sha256sum "$@" | sha256sum | cut -c1-16; }

free_port() {
    "$BENCH/venv/bin/python" -c \
        'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

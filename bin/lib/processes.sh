# shellcheck shell=bash
# Processes that a command starts and must not leave behind, whatever ends it.

GROUPS_STARTED=()

# Each child leads a process group of its own: its children end with it, and Ctrl-C reaches
# them only through end_children, in order.
watch_over_children() {
    trap end_children EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    trap 'exit 129' HUP
}

# start NAME COMMAND...: in the background, output in log/NAME.log. STARTED is its process.
start() {
    local log=$LOGS/$1.log
    shift
    set -m
    "$@" >"$log" 2>&1 </dev/null &
    set +m
    STARTED=$!
    GROUPS_STARTED+=("$STARTED")
}

# finish NAME COMMAND...: the same, and wait; unlike a foreground command it lets traps run at once.
finish() {
    start "$@"
    wait "$STARTED" && return 0
    tail -n 25 "$LOGS/$1.log" >&2
    die "'$1' failed; all of it is in $LOGS/$1.log"
}

# wait_for SECONDS NAME COMMAND...: until COMMAND is true; ends when the process STARTED does.
wait_for() {
    local limit=$((SECONDS + $1)) name=$2 process=$STARTED
    shift 2
    until "$@" 2>/dev/null; do
        if ! kill -0 "$process" 2>/dev/null || [ "$SECONDS" -ge "$limit" ]; then
            tail -n 25 "$LOGS/$name.log" >&2
            die "'$name' did not start; all of it is in $LOGS/$name.log"
        fi
        sleep 0.2
    done
}

group_lives() { kill -0 -- "-$1" 2>/dev/null; }

end_children() {
    local group patience=50
    # the newest first: Odoo before the simulator that it talks to
    for ((i = ${#GROUPS_STARTED[@]} - 1; i >= 0; i--)); do
        group=${GROUPS_STARTED[i]}
        kill -TERM -- "-$group" 2>/dev/null || continue
        while group_lives "$group" && [ $((patience--)) -gt 0 ]; do sleep 0.2; done
        ! group_lives "$group" || kill -KILL -- "-$group" 2>/dev/null || true
    done
    GROUPS_STARTED=()
}

port_is_free() {
    "$BENCH/venv/bin/python" - "$1" 2>/dev/null <<'PYTHON'
import socket, sys

with socket.socket() as s:
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", int(sys.argv[1])))
PYTHON
}

# port_or_free PORT: this one, or another when somebody has it
port_or_free() { if port_is_free "$1"; then echo "$1"; else free_port; fi; }

answers() {
    "$BENCH/venv/bin/python" -c \
        'import sys, urllib.request as r; r.urlopen(sys.argv[1], timeout=5).read()' "$1"
}

# start_simulator NAME PORT: SIMULATOR is its address.
start_simulator() {
    start "$1" env -C "$ROOT" "$BENCH/venv-sim/bin/python" -m simulator \
        --port "$2" --profile test --schemas "$BENCH/schemas"
    wait_for 20 "$1" grep -q 'listening on' "$LOGS/$1.log"
    SIMULATOR=$(grep -oE 'http://[^ ]+' "$LOGS/$1.log" | head -n 1)
}

# start_odoo NAME DATABASE PORT OPTIONS...: returns when the web client answers.
start_odoo() {
    local name=$1 db=$2 port=$3
    shift 3
    set_address "$db" "$port"
    start "$name" odoo_run server -d "$db" --db-filter "^$db\$" --http-port "$port" "$@"
    wait_for 120 "$name" answers "http://127.0.0.1:$port/web/health"
}

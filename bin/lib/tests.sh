# shellcheck shell=bash
# The parts of bin/test. Each prints what it ran and ends in count_tests.

PASSED=0 FAILED=0 SKIPPED=0
OTHER_MODULES=sale_stock,account_debit_note,l10n_eu_oss

# count_tests PASSED FAILED SKIPPED WHAT: a part without a test, or with a skipped one, is a failure.
count_tests() {
    PASSED=$((PASSED + $1)) FAILED=$((FAILED + $2)) SKIPPED=$((SKIPPED + $3))
    [ "$(($1 + $2))" -gt 0 ] || { warn "$4: no test ran" && FAILED=$((FAILED + 1)); }
    [ "$3" = 0 ] || warn "$4: $3 tests were skipped"
}

# number_before WORD LOG: 12 of the last "12 WORD" in the log; 0 where there is none.
number_before() { { grep -oE "[0-9]+ $1" "$2" || echo 0; } | tail -n 1 | cut -d ' ' -f 1; }

# pytest_in VENV FOLDER [OPTION...]: the tests of a folder with a pytest.ini of its own.
pytest_in() {
    "$BENCH/$1/bin/python" -m pytest -q -c "$ROOT/$2/pytest.ini" --rootdir "$ROOT/$2" \
        "${@:3}" "$ROOT/$2" 2>&1
}

# count_pytest FOLDER STATUS: by what stands in the folder's log.
count_pytest() {
    local log=$LOGS/${1##*/}.log failed
    failed=$(($(number_before failed "$log") + $(number_before 'errors?' "$log")))
    [ "$2" = 0 ] || [ "$failed" -gt 0 ] || failed=1
    count_tests "$(number_before passed "$log")" "$failed" "$(number_before skipped "$log")" "$1"
}

run_pytest() {
    local rc=0
    pytest_in "$@" | tee "$LOGS/${2##*/}.log" || rc=$?
    count_pytest "$2" "$rc"
}

# check NAME COMMAND...: a linter is one test.
check() {
    local name=$1
    shift
    if (cd "$ROOT" && "$@"); then count_tests 1 0 0 "$name"; else count_tests 0 1 0 "$name"; fi
}

# count_part NAME PROCESS: a part that ran beside this one, by bin/test's own last line.
count_part() {
    local log=$LOGS/part-$1.log rc=0 last
    wait "$2" || rc=$?
    cat "$log"
    last=$(tail -n 1 "$log")
    if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]]; then
        count_tests "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}" "${BASH_REMATCH[3]}" "$1"
    else
        count_tests 0 1 0 "$1"
    fi
    [ "$rc" = 0 ] || [ "$FAILED" -gt 0 ] || [ "$SKIPPED" -gt 0 ] || FAILED=1
}

test_lint() {
    local bin=$BENCH/venv-lint/bin
    check "ruff check" "$bin/ruff" check .
    check "ruff format" "$bin/ruff" format --check .
    # it knows translation only as self.env._, we call that _ in long methods; computes return nothing
    check "pylint-odoo" "$bin/python" -m pylint --rcfile pyproject.toml -sn --disable=all \
        --enable=odoolint --disable=prefer-env-translation,missing-return \
        __init__.py __manifest__.py models wizards tests
    check "OCA's checks" "$ROOT/bin/lib/oca-checks"
}

test_unit() {
    # both at once: two environments, and a machine with two cores
    local rc=0
    start simulator pytest_in venv-sim tests/simulator -m "not slow"
    run_pytest venv tests/unit
    wait "$STARTED" || rc=$?
    cat "$LOGS/simulator.log"
    count_pytest tests/simulator "$rc"
}

# test_in_odoo NAME TAGS [MODULES]: Odoo's tests in a fresh copy of the template, then dropped;
# with more modules, separated by commas.
test_in_odoo() {
    local name=$1 tags=$2 modules=${3:+$3,}$ADDON db=test_$1_$$ port log rc=0 sum total=0 failed=0 skipped errors
    log=$LOGS/test-$name.log
    port=$(free_port)
    say "Odoo tests $tags in database $db (log: $log)"
    db_copy "$TEMPLATE" "$db"
    set_address "$db" "$port"
    LIMIT=${TEST_TIMEOUT:-2400} odoo_run server -d "$db" -i "$modules" --test-tags "$tags" \
        --stop-after-init --screenshots "$BENCH/screens" --http-port "$port" \
        --gevent-port "$((port < 65000 ? port + 1 : port - 1))" >"$log" 2>&1 || rc=$?
    [ -n "${KEEP_DB:-}" ] || db_drop "$db"
    # names of the tests, then errors with their tracebacks
    grep -oE '(Starting|skipped) [A-Za-z_]+\.[A-Za-z0-9_]+.*' "$log" | sed 's/^Starting/  ran/' || true
    show_errors "$log"
    sum=$(grep -oE '[0-9]+ failed, [0-9]+ error\(s\) of [0-9]+ tests' "$log" | tail -n 1 || true)
    [[ $sum =~ ([0-9]+)\ failed,\ ([0-9]+)\ error.*\ ([0-9]+)\ tests ]] \
        && failed=$((BASH_REMATCH[1] + BASH_REMATCH[2])) total=${BASH_REMATCH[3]}
    skipped=$(grep -cE ': skipped [A-Za-z_]+\.[A-Za-z0-9_]+' "$log" || true)
    errors=$(error_lines "$log")
    [ "$rc" = 0 ] && [ "$errors" = 0 ] || [ "$failed" -gt 0 ] || failed=1
    [ "$rc" = 0 ] || warn "odoo ended with status $rc"
    count_tests "$((total > failed + skipped ? total - failed - skipped : 0))" "$failed" "$skipped" \
        "$name"
}

# show_errors LOG: with their tracebacks
show_errors() {
    awk -v error="$ERROR_LINE" '$0 ~ error {p = 1}
        /^[0-9-]+ [0-9:,]+ [0-9]+ (INFO|DEBUG|WARNING|RUNBOT) / {p = 0} p' "$1" \
        | cut -c1-400 | head -n 300
}

# Tests that need a browser or whole processes carry the tag ksef_browser, those that need modules
# on which the add-on does not depend the tag ksef_sale.
test_odoo() {
    test_in_odoo odoo "/$ADDON,-ksef_browser,-ksef_sale"
    test_in_odoo sale "ksef_sale/$ADDON" "$OTHER_MODULES"
}
test_browser() {
    test_in_odoo browser "ksef_browser/$ADDON"
    run_pytest venv-sim tests/simulator -m slow
    run_pytest venv tests/e2e
}

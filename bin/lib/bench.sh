# shellcheck shell=bash
# The whole library: source this one.
# shellcheck source-path=SCRIPTDIR
LIB=$(dirname "${BASH_SOURCE[0]}")
. "$LIB/common.sh"
. "$LIB/system.sh"
. "$LIB/python.sh"
. "$LIB/wkhtmltopdf.sh"
. "$LIB/postgres.sh"
. "$LIB/odoo_source.sh"
. "$LIB/odoo.sh"

prepare_part() {
    case $1 in
        unit) install_system_packages python3 python3-venv ca-certificates && prepare_python ;;
        lint) install_system_packages python3 python3-venv ca-certificates && prepare_linters ;;
        odoo)
            install_system_packages "${SYSTEM_PACKAGES[@]}"
            prepare_python
            prepare_odoo
            step wkhtmltopdf "$WK_SHA256" "wkhtmltopdf" make_wkhtmltopdf
            make_chrome
            prepare_postgres
            prepare_template
            ;;
    esac
}

# prepare PART...: one run at a time in one bench. Afterwards the functions of postgres.sh
# and odoo.sh work in this shell.
prepare() {
    exec 9>"$BENCH/lock"
    flock -n 9 || { QUIET='' say "waiting for another run in $BENCH" && flock 9; }
    local part
    for part in "$@"; do prepare_part "$part"; done
    exec 9>&-
    export_bench
}

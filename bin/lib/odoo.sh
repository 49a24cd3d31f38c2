# shellcheck shell=bash
# Running the bench's Odoo, and the template databases that make tests quick.

TEMPLATE=tpl_pl
TEMPLATE_MODULES=account,l10n_pl,certificate

# The add-on on Odoo's path: a link for each of its folders and files. One link to ROOT would do
# but for Odoo's export of translations: that follows links, and by .bench it came back to ROOT.
link_addon() {
    local folder=$BENCH/addons/$ADDON entry link
    [ ! -L "$folder" ] || rm "$folder"
    mkdir -p "$folder"
    find -L "$folder" -mindepth 1 -maxdepth 1 -type l -delete # what is no more
    for entry in "$ROOT"/*; do
        link=$folder/${entry##*/}
        [ "$(readlink "$link" || true)" = "$entry" ] || ln -sfn "$entry" "$link"
    done
}

write_odoo_conf() {
    local base=$1 port=${ODOO_PORT:-8069}
    mkdir -p "$BENCH/data"
    cat >"$BENCH/odoo.conf.new" <<CONF
[options]
addons_path = $(odoo_addons_path "$base")
data_dir = $BENCH/data
db_host = $PG
db_user = odoo
http_interface = 127.0.0.1
http_port = $port
gevent_port = $((port + 3))
workers = 0
max_cron_threads = 0
list_db = False
CONF
    mv "$BENCH/odoo.conf.new" "$BENCH/odoo.conf"
}

# What the add-on's tests and the demo ask the environment for.
export_bench() {
    export L10N_PL_KSEF_BENCH=$BENCH
    export L10N_PL_KSEF_SIMULATOR_PYTHON=$BENCH/venv-sim/bin/python
    export L10N_PL_KSEF_SCHEMAS=$BENCH/schemas
}

# odoo_run ARGUMENTS...: the bench's Odoo with the bench's programs first on PATH.
# LIMIT ends it after so many seconds. REPLACE=exec: in place of this shell, so that a signal to
# the command reaches Odoo.
odoo_run() {
    local base
    base=$(odoo_path)
    ${REPLACE:-} ${LIMIT:+timeout -k 10 "$LIMIT"} env PYTHONPATH="$base" ODOO_RC="$BENCH/odoo.conf" \
        PATH="$BENCH/bin:$BENCH/venv/bin:$PATH" "$BENCH/venv/bin/python" -m odoo "$@"
}

# set_address DATABASE PORT: wkhtmltopdf fetches its styles from there.
set_address() {
    sql "$1" -c "insert into ir_config_parameter (key, value) values
        ('web.base.url', 'http://127.0.0.1:$2'), ('report.url', 'http://127.0.0.1:$2')
        on conflict (key) do update set value = excluded.value"
}

ERROR_LINE='^[0-9-]+ [0-9:,]+ [0-9]+ (ERROR|CRITICAL) '
# error_lines LOG: how many. What a page still says after its test ended is no failure.
error_lines() { grep -E "$ERROR_LINE" "$1" | grep -vc 'Error received after termination' || true; }

make_template() {
    # built under another name and renamed when whole
    local new=build_$TEMPLATE
    db_drop "$new"
    db_drop "$TEMPLATE"
    logged template odoo_run server -d "$new" -i "$TEMPLATE_MODULES" --stop-after-init --no-http \
        || die "installing $TEMPLATE_MODULES failed"
    [ "$(error_lines "$LOGS/template.log")" = 0 ] || die "errors while installing, see $LOGS/template.log"
    # at creation --load-language would make Polish the only language
    logged template-language odoo_run i18n loadlang -d "$new" -l pl_PL || die "no Polish language"
    logged template-company odoo_shell "$new" "$ROOT/bin/lib/polish_company.py" \
        || die "the Polish company could not be set up"
    db_rename "$new" "$TEMPLATE"
}

# odoo_shell DATABASE SCRIPT...: one after another; an exception in them is a failure, unlike in
# Odoo's own shell.
odoo_shell() {
    local db=$1 marker="script ended whole"
    shift
    { cat "$@" && printf '\nprint(%s)\n' "'$marker'"; } \
        | odoo_run shell -d "$db" --no-http --log-level=warn | tee "$LOGS/shell.out"
    grep -qx "$marker" "$LOGS/shell.out"
}

prepare_template() {
    local base release key
    base=$(odoo_path)
    link_addon
    write_odoo_conf "$base"
    release=$(key_of "$base/odoo/release.py")
    key="$PGBIN $release $TEMPLATE_MODULES $(key_of "$ROOT/bin/lib/polish_company.py")"
    db_exists "$TEMPLATE" || rm -f "$STAMPS/$TEMPLATE"
    step "$TEMPLATE" "$key" "template database $TEMPLATE (about two minutes)" make_template
}

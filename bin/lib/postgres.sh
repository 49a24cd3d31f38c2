# shellcheck shell=bash
# A PostgreSQL cluster of our own: a unix socket only, throw-away data, no fsync.
# postgres refuses to run as root; then the system user postgres runs it.

as_postgres() {
    if [ "$(id -u)" = 0 ]; then (cd / && runuser -u postgres -- "$@"); else "$@"; fi
}

# Sets PG (folder of cluster and socket) and PGBIN; exports what psql and Odoo need.
pg_locate() {
    PG=$BENCH/pg
    mkdir -p "$PG"
    [ "$(id -u)" != 0 ] || chown postgres "$PG"
    # the user postgres must reach the folder; a socket's path has at most 107 bytes
    if ! as_postgres test -w "$PG" || [ ${#PG} -gt 85 ]; then
        PG=/var/tmp/$ADDON-pg-$(printf %s "$BENCH" | sha256sum | cut -c1-10)
        mkdir -p "$PG"
        [ "$(id -u)" != 0 ] || chown postgres "$PG"
    fi
    local major
    major=$(cat "$PG/data/PG_VERSION" 2>/dev/null || true)
    PGBIN=$(find /usr/lib/postgresql -path "*/${major:-*}/bin" -type d 2>/dev/null \
        | sort -V | tail -n 1)
    export PGHOST=$PG PGUSER=odoo
}

make_cluster() {
    local new=$PG/data.new
    as_postgres rm -rf "$new" "$PG/data"
    logged initdb as_postgres "$PGBIN/initdb" -D "$new" -U odoo -A trust -E UTF8 \
        --locale=C.UTF-8 -N || die "initdb failed"
    as_postgres tee -a "$new/postgresql.conf" >/dev/null <<CONF
listen_addresses = ''
unix_socket_directories = '$PG'
fsync = off
synchronous_commit = off
full_page_writes = off
shared_buffers = 256MB
max_wal_size = 2GB
max_connections = 80
CONF
    as_postgres mv "$new" "$PG/data"
}

prepare_postgres() {
    pg_locate
    if [ -z "$PGBIN" ] && [ -e "$PG/data/PG_VERSION" ]; then
        warn "the cluster's PostgreSQL is gone from this machine: making a new cluster"
        as_postgres rm -rf "$PG/data"
        pg_locate
    fi
    [ -n "$PGBIN" ] || die "no PostgreSQL server under /usr/lib/postgresql"
    if [ ! -s "$PG/data/PG_VERSION" ]; then
        QUIET='' say "PostgreSQL cluster in $PG"
        make_cluster
    fi
    pg_start
}

pg_answers() { "$PGBIN/pg_isready" -q -d postgres; }

pg_start() {
    pg_answers && return 0
    # 9 is the bench's lock: the server would keep it
    logged pg_ctl as_postgres "$PGBIN/pg_ctl" -D "$PG/data" -l "$PG/postgres.log" -w -t 60 start 9>&- \
        || die "PostgreSQL did not start, see $PG/postgres.log"
}

pg_stop() {
    ! pg_answers || as_postgres "$PGBIN/pg_ctl" -D "$PG/data" -m fast -w stop >/dev/null
}

# sql DATABASE PSQL-ARGUMENTS...
sql() { "$PGBIN/psql" -qAtX -v ON_ERROR_STOP=1 -d "$@"; }
db_exists() { [ "$(sql postgres -c "select 1 from pg_database where datname = '$1'")" = 1 ]; }

# A database and its filestore belong together: without the files every asset is missing.
db_drop() {
    "$PGBIN/dropdb" --if-exists --force "$1" 2>/dev/null || return 1
    rm -rf "$BENCH/data/filestore/$1"
}

# db_copy FROM TO: files by hard link, as Odoo only ever adds or removes names there.
db_copy() {
    db_drop "$2"
    "$PGBIN/createdb" -T "$1" "$2"
    mkdir -p "$BENCH/data/filestore"
    [ ! -d "$BENCH/data/filestore/$1" ] \
        || cp -al "$BENCH/data/filestore/$1" "$BENCH/data/filestore/$2"
}

db_rename() {
    rm -rf "$BENCH/data/filestore/$2"
    [ ! -d "$BENCH/data/filestore/$1" ] \
        || mv "$BENCH/data/filestore/$1" "$BENCH/data/filestore/$2"
    sql postgres -c "alter database \"$1\" rename to \"$2\""
}

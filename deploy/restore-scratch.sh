#!/bin/sh
# Restores the newest base backup, and the WAL after it, into a scratch server, and runs that server until it is told
# to end: for `stopwatch restore-drill`, which looks at what came back. It reads the backups, and changes nothing.
#
# BACKUPS: where deploy/base-backup.sh and deploy/wal-archive.sh write. SCRATCH: a directory for the restored server,
# emptied first; as much room as the database and a day's WAL. HOST and PORT: where it listens (127.0.0.1, 5432).
# EVERY: seconds between two restores, each served for SERVE seconds (3600); empty for one alone, served until the end.
# A program `postgres` of the version that made the backup is in PATH.
set -eu
umask 077
: "${BACKUPS:?the directory with the backups}" "${SCRATCH:?a directory for the restored server}"
: "${HOST:=127.0.0.1}" "${PORT:=5432}" "${EVERY:=}" "${SERVE:=3600}"
as=
# Postgres does not run as root: then as nobody.
[ "$(id -u)" != 0 ] || as="setpriv --reuid=$(id -u nobody) --regid=$(id -g nobody) --clear-groups"
server=
trap '[ -z "$server" ] || kill -INT "$server" 2>/dev/null; wait; rm -rf -- "$SCRATCH/data" "$SCRATCH/wal"; exit 0' INT TERM

# Of several in PATH the one of that version; where Debian has it as well.
postgres_of() {
    (
        IFS=:
        for directory in $PATH "/usr/lib/postgresql/$1/bin"; do
            case $("$directory/postgres" --version 2>/dev/null) in
            *" $1."* | *" $1 "*) echo "$directory/postgres" && exit 0 ;;
            esac
        done
        exit 1
    )
}

restore() {
    base=$(ls -1d "$BACKUPS"/base/base-*Z 2>/dev/null | sort | tail -n 1)
    if [ -z "$base" ]; then
        echo "restore FAILED: there is no base backup in $BACKUPS/base (docs/operations.md, BaseBackupOld)" >&2
        return 1
    fi
    made_by=$(cat "$base/PG_VERSION")
    if ! postgres=$(postgres_of "$made_by"); then
        echo "restore FAILED: $base is of Postgres $made_by, and no program \`postgres\` of that version is in $PATH" >&2
        return 1
    fi
    mkdir -p "$SCRATCH" && rm -rf -- "$SCRATCH/data" "$SCRATCH/wal" && mkdir "$SCRATCH/wal" || return 1
    cp -R "$base" "$SCRATCH/data" || return 1
    taken_at=$(date -u +%s)
    first=$(sed -n 's/^START WAL LOCATION: .*(file \([0-9A-F]*\)).*/\1/p' "$base/backup_label")
    # A file that is still written to loses its .partial when it is full, which may be now.
    ls -1 "$BACKUPS/wal" 2>/dev/null | awk -v first="$first" '/\.history$/ || ($0 "") >= (first "")' |
        while read -r file; do
            cp "$BACKUPS/wal/$file" "$SCRATCH/wal/" 2>/dev/null ||
                cp "$BACKUPS/wal/${file%.partial}" "$SCRATCH/wal/" || exit 1
        done || return 1
    # What was set on the server stays there: where it sends WAL to, what it preloads for others.
    rm -f "$SCRATCH/data/postgresql.auto.conf" "$SCRATCH/data/standby.signal" "$SCRATCH/data/postmaster.pid"
    : >"$SCRATCH/data/postgresql.auto.conf"
    : >"$SCRATCH/data/recovery.signal"
    echo "host all all all scram-sha-256" >"$SCRATCH/pg_hba.conf"
    [ -z "$as" ] || chown -R nobody "$SCRATCH" || return 1
    echo "restoring $base"
}

serve() {
    # Every WAL that is there, then a server of its own. It answers no client before.
    $as "$postgres" -D "$SCRATCH/data" \
        -c cluster_name=stopwatch-scratch -c stopwatch.backup="${base##*/}" -c stopwatch.taken_at="$taken_at" -c hba_file="$SCRATCH/pg_hba.conf" -c listen_addresses="$HOST" -c port="$PORT" \
        -c unix_socket_directories= -c hot_standby=off -c archive_mode=off -c archive_command= -c primary_conninfo= \
        -c recovery_target_timeline=latest -c ssl=off -c fsync=off -c log_checkpoints=off -c logging_collector=off -c shared_preload_libraries= \
        -c restore_command="cp '$SCRATCH/wal/%f' '%p' 2>/dev/null || cp '$SCRATCH/wal/%f.partial' '%p' 2>/dev/null" &
    server=$!
}

# A server that could not be restored ends by itself, with its reason in the lines above.
until_served() {
    served=0
    while kill -0 "$server" 2>/dev/null && [ "$served" -lt "$SERVE" ]; do
        sleep 5 &
        wait $! || true
        served=$((served + 5))
    done
    kill -INT "$server" 2>/dev/null || true
}

while true; do
    status=1
    if restore; then
        serve
        [ -z "$EVERY" ] || until_served
        status=0
        wait "$server" || status=$?
        server=
        rm -rf -- "$SCRATCH/data" "$SCRATCH/wal"
    fi
    [ -n "$EVERY" ] || exit "$status"
    sleep "$EVERY" &
    wait $! || true
done

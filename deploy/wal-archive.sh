#!/bin/sh
# Receives the server's WAL as it is written, for as long as it runs: what was committed a second ago is on this disk
# as well. How far it is, is noted in the table `wal_archive`: its age is a number, and an alert (docs/operations.md,
# WalNotArchived). Begin with a base backup (deploy/base-backup.sh), which also removes WAL that no backup needs.
#
# Where: as in deploy/base-backup.sh. The server keeps what was not received yet, by the slot stopwatch_archive: bound
# it there by max_slot_wal_keep_size, or an archive that is away for days fills the server's disk. EVERY: seconds
# between two marks (10). AGAIN: seconds until the server is tried again (10).
set -eu
umask 077
: "${BACKUPS:?the directory for the backups}" "${EVERY:=10}" "${AGAIN:=10}" "${SLOT:=stopwatch_archive}"
if [ -n "${PGPASSWORD_FILE:-}" ]; then
    PGPASSWORD=$(cat "$PGPASSWORD_FILE")
    export PGPASSWORD
fi
if ! { mkdir -p "$BACKUPS/wal" && [ -w "$BACKUPS/wal" ] && [ -x "$BACKUPS/wal" ]; }; then
    echo "WAL archive FAILED: uid $(id -u) cannot write to $BACKUPS/wal ($(ls -ldn "$BACKUPS" 2>&1)). Give the" \
        "directory to that user (docs/operations.md, WalNotArchived)" >&2
    exit 1
fi
receiver=
trap '[ -z "$receiver" ] || kill "$receiver" 2>/dev/null; exit 0' INT TERM

# A mark is an instant, and a place in the WAL that everything committed before it is before. It is reached once the
# server knows that our disk has that place; then the next one is set.
mark() {
    psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --set=slot="$SLOT" <<'SQL'
UPDATE wal_archive SET archived_until = marked_at FROM pg_replication_slots
WHERE slot_name = :'slot' AND active AND restart_lsn IS NOT NULL AND EXISTS (
    SELECT FROM pg_stat_replication WHERE pid = active_pid AND flush_lsn >= marked_lsn::pg_lsn);
UPDATE wal_archive SET marked_at = clock_timestamp(), marked_lsn = pg_current_wal_insert_lsn()::text
WHERE marked_at IS NULL OR archived_until = marked_at OR marked_lsn::pg_lsn > pg_current_wal_insert_lsn();
SQL
}

while true; do
    # Written to the disk, and told to the server, at once: at the end of a file would be 16 MB later.
    if pg_receivewal --directory="$BACKUPS/wal" --slot="$SLOT" --create-slot --if-not-exists --no-password; then
        pg_receivewal --directory="$BACKUPS/wal" --slot="$SLOT" --synchronous --no-loop --no-password &
        receiver=$!
        echo "WAL archive: receiving into $BACKUPS/wal"
        while kill -0 "$receiver" 2>/dev/null; do
            mark || echo "the archive's mark could not be written: is the schema older than it (\`stopwatch migrate\`)?" >&2
            sleep "$EVERY" &
            wait $! || true
        done
        wait "$receiver" || true
        receiver=
    fi
    echo "WAL archive FAILED: look at the lines above; trying again in $AGAIN s" >&2
    sleep "$AGAIN"
done

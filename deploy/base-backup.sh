#!/bin/sh
# One base backup of the whole Postgres server, verified; with the WAL archive (deploy/wal-archive.sh) it gives the
# server back as it was at its last second. Each that is good is a row of the table `backups`: its age is a number,
# and an alert (docs/operations.md, BaseBackupOld).
#
# Where: PGHOST, PGUSER, PGPASSWORD (or PGPASSWORD_FILE) and PGDATABASE, as every Postgres program reads them; the
# user may replicate. BACKUPS: the directory, which gets base/ and wal/. KEEP: how many stay (7), with the WAL from
# the oldest of them on. EVERY: seconds between two, empty for one alone. AGAIN: seconds until one that failed is
# tried again (600).
set -eu
umask 077
: "${BACKUPS:?the directory for the backups}" "${KEEP:=7}" "${EVERY:=}" "${AGAIN:=600}"
if [ -n "${PGPASSWORD_FILE:-}" ]; then
    PGPASSWORD=$(cat "$PGPASSWORD_FILE")
    export PGPASSWORD
fi
if ! { mkdir -p "$BACKUPS/base" "$BACKUPS/wal" && [ -w "$BACKUPS/base" ] && [ -x "$BACKUPS/base" ]; }; then
    echo "base backup FAILED: uid $(id -u) cannot write to $BACKUPS/base ($(ls -ldn "$BACKUPS" 2>&1)): none is made." \
        "Give the directory to that user (docs/operations.md, BaseBackupOld)" >&2
    exit 1
fi

base_backup() {
    name="base-$(date -u +%Y%m%dT%H%M%SZ)"
    made="$BACKUPS/base/$name"
    rm -rf -- "$BACKUPS"/base/*.part
    # The WAL that it needs comes with it, so it can be restored without the archive as well. The name comes last: a
    # backup that was cut short must never look like one. (`set -e` does not hold in here.)
    if ! { pg_basebackup --pgdata="$made.part" --format=plain --wal-method=stream --checkpoint=fast --no-password &&
        pg_verifybackup --quiet "$made.part"; }; then
        rm -rf -- "$made.part"
        return 1
    fi
    mv "$made.part" "$made" || return 1
    bytes=$(du -sk "$made" | awk '{ print $1 * 1024 }') || return 1
    echo "base backup written: $made ($bytes bytes)"
    record "$name" "$bytes" || return 1
    make_room
}

record() {
    echo "INSERT INTO backups (name, bytes, kind) VALUES (:'name', :'bytes', 'base');" |
        psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --set=name="$1" --set=bytes="$2" && return 0
    echo "the base backup is there, and could not be noted in the table backups: run \`stopwatch migrate\`" >&2
    return 1
}

make_room() {
    ls -1d "$BACKUPS"/base/base-*Z | sort -r | tail -n +"$((KEEP + 1))" | while read -r old; do
        rm -rf -- "$old"
        echo "base backup removed: $old"
    done
    oldest=$(ls -1d "$BACKUPS"/base/base-*Z | sort | head -n 1)
    # Its first line: START WAL LOCATION: 0/2000028 (file 000000010000000000000002)
    first=$(sed -n 's/^START WAL LOCATION: .*(file \([0-9A-F]*\)).*/\1/p' "$oldest/backup_label")
    [ -n "$first" ] && pg_archivecleanup "$BACKUPS/wal" "$first"
}

while true; do
    if base_backup; then
        [ -n "$EVERY" ] || exit 0
        sleep "$EVERY"
    else
        echo "base backup FAILED: look at the lines above; the last good one is the newest in $BACKUPS/base" >&2
        [ -n "$EVERY" ] || exit 1
        sleep "$AGAIN"
    fi
done

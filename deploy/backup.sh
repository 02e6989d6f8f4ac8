#!/bin/sh
# One backup of the database, checked, under a name with its time; older ones than KEEP are removed. Each that is
# good is a row of the table `backups`: its age is a number, and an alert (docs/operations.md, BackupOld).
#
# Where: PGHOST, PGUSER, PGPASSWORD (or PGPASSWORD_FILE) and PGDATABASE, as every Postgres program reads them.
# BACKUPS: the directory. KEEP: how many stay (14). EVERY: seconds between two, empty for one alone.
# AGAIN: seconds until one that failed is tried again (600).
set -eu
umask 077
: "${BACKUPS:?the directory for the backups}" "${KEEP:=14}" "${EVERY:=}" "${AGAIN:=600}"
if [ -n "${PGPASSWORD_FILE:-}" ]; then
    PGPASSWORD=$(cat "$PGPASSWORD_FILE")
    export PGPASSWORD
fi
if ! { [ -d "$BACKUPS" ] && [ -w "$BACKUPS" ] && [ -x "$BACKUPS" ]; }; then
    echo "backup FAILED: uid $(id -u) cannot write to $BACKUPS ($(ls -ldn "$BACKUPS" 2>&1)): no backup is made. Give" \
        "the directory to that user (docs/operations.md, BackupOld)" >&2
    exit 1
fi

backup() {
    name="stopwatch-$(date -u +%Y%m%dT%H%M%SZ).dump"
    file="$BACKUPS/$name"
    # The schema's owner sees every row by a policy; without the word, pg_dump refuses one who is no superuser.
    # A dump that was cut short must never look like one: the name comes last. (`set -e` does not hold in here.)
    if ! { pg_dump --format=custom --enable-row-security --file="$file.part" && pg_restore --list "$file.part" >/dev/null; }; then
        rm -f -- "$file.part"
        return 1
    fi
    mv "$file.part" "$file" || return 1
    bytes=$(wc -c <"$file") || return 1
    echo "backup written: $file ($bytes bytes)"
    record "$name" "$bytes" || return 1
    ls -1 "$BACKUPS"/stopwatch-*.dump | sort -r | tail -n +"$((KEEP + 1))" | while read -r old; do
        rm -- "$old"
        echo "backup removed: $old"
    done
}

record() {
    echo "INSERT INTO backups (name, bytes) VALUES (:'name', :'bytes');" |
        psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --set=name="$1" --set=bytes="$2" && return 0
    echo "the backup is there, and could not be noted in the table backups: run \`stopwatch migrate\`" >&2
    return 1
}

while true; do
    if backup; then
        [ -n "$EVERY" ] || exit 0
        sleep "$EVERY"
    else
        echo "backup FAILED: look at the lines above; the last good one is the newest file in $BACKUPS" >&2
        [ -n "$EVERY" ] || exit 1
        sleep "$AGAIN"
    fi
done

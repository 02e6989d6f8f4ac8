#!/bin/sh
# One backup of the database, checked, under a name with its time; older ones than KEEP are removed.
#
# Where: PGHOST, PGUSER, PGPASSWORD (or PGPASSWORD_FILE) and PGDATABASE, as every Postgres program reads them.
# BACKUPS: the directory. KEEP: how many stay (14). EVERY: seconds between two, empty for one alone.
set -eu
umask 077
: "${BACKUPS:?the directory for the backups}" "${KEEP:=14}" "${EVERY:=}"
if [ -n "${PGPASSWORD_FILE:-}" ]; then
    PGPASSWORD=$(cat "$PGPASSWORD_FILE")
    export PGPASSWORD
fi

backup() {
    name="$BACKUPS/stopwatch-$(date -u +%Y%m%dT%H%M%SZ).dump"
    # The schema's owner sees every row by a policy; without the word, pg_dump refuses one who is no superuser.
    # A dump that was cut short must never look like one: the name comes last. (`set -e` does not hold in here.)
    if ! { pg_dump --format=custom --enable-row-security --file="$name.part" && pg_restore --list "$name.part" >/dev/null; }; then
        rm -f -- "$name.part"
        return 1
    fi
    mv "$name.part" "$name" || return 1
    echo "backup written: $name ($(wc -c <"$name") bytes)"
    ls -1 "$BACKUPS"/stopwatch-*.dump | sort -r | tail -n +"$((KEEP + 1))" | while read -r old; do
        rm -- "$old"
        echo "backup removed: $old"
    done
}

while true; do
    if ! backup; then
        echo "backup FAILED: look at the lines above; the last good one is the newest file in $BACKUPS" >&2
        [ -n "$EVERY" ] || exit 1
    fi
    [ -n "$EVERY" ] || exit 0
    sleep "$EVERY"
done

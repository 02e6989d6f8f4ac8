#!/bin/sh
# Restore a backup into an EMPTY database, whole or not at all: deploy/restore.sh FILE.
#
# Before it: stop api, worker and listener. After it: `stopwatch migrate` (schema, roles, policies), then start the
# processes; the reconciler adopts what still runs. Orders sent after the backup are not in it: compare the broker's
# order book with `stopwatch positions` before anybody trades.
set -eu
if [ $# -ne 1 ]; then
    echo "usage: deploy/restore.sh FILE, with PGHOST, PGUSER, PGPASSWORD and PGDATABASE set" >&2
    exit 2
fi
if [ -n "${PGPASSWORD_FILE:-}" ]; then
    PGPASSWORD=$(cat "$PGPASSWORD_FILE")
    export PGPASSWORD
fi
tables=$(psql --no-psqlrc --tuples-only --no-align --command "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
if [ "$tables" != 0 ]; then
    echo "$PGDATABASE holds $tables tables already: restore into a new, empty database" >&2
    exit 1
fi
# Roles and what they may see are made by `stopwatch migrate`: their passwords are the new machine's.
pg_restore --exit-on-error --single-transaction --no-owner --no-privileges --dbname="$PGDATABASE" "$1"
echo "restored $1 into $PGDATABASE. Now: stopwatch migrate"

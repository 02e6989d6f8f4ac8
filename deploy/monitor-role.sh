#!/bin/sh
# A role that reads Postgres' own numbers and none of our rows, for the exporter: made, or given its password again.
#
# Where: PGHOST, PGUSER, PGPASSWORD (or PGPASSWORD_FILE) and PGDATABASE. MONITOR_PASSWORD_FILE: the role's password.
set -eu
: "${MONITOR_PASSWORD_FILE:?the file with the password of the role stopwatch_monitor}"
if [ -n "${PGPASSWORD_FILE:-}" ]; then
    PGPASSWORD=$(cat "$PGPASSWORD_FILE")
    export PGPASSWORD
fi
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --set=password="$(cat "$MONITOR_PASSWORD_FILE")" <<'SQL'
SELECT 'CREATE ROLE stopwatch_monitor'
    WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'stopwatch_monitor') \gexec
SET client_min_messages = warning;
ALTER ROLE stopwatch_monitor LOGIN CONNECTION LIMIT 5 PASSWORD :'password';
GRANT pg_monitor TO stopwatch_monitor;
SQL
echo "the role stopwatch_monitor may read numbers"

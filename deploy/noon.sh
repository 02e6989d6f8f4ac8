#!/bin/sh
# Another version while days are running: deploy/noon.sh OLD NEW, two versions as in STOPWATCH_BUILD_ID.
#
# The schema first. Then the new version's workers beside the old ones, which keep the days that they have begun; STARTs
# go to the new ones. Listeners and the API one by one, each new one ready before an old one ends. Last, when no day of
# the old version runs any more, its workers, one by one. It ends with the first step that fails, the rest untouched,
# and may be run again (docs/operations.md, A deploy at noon).
#
# START and STOP are yours, called with KIND VERSION NUMBER (worker 2026.12.1 1): START returns 0 once that process is
# ready (`/health/ready`, or its STOPWATCH_READY_FILE), STOP once it has ended after a SIGTERM; for one that is there
# already, or there no more, at once. MIGRATE: `stopwatch migrate` of the new version. COUNT: processes of each kind
# (2). PAUSE: seconds between two (10). Temporal's address is in TEMPORAL_ADDRESS, as for every `temporal` command.
set -eu
[ $# -eq 2 ] || { echo "usage: deploy/noon.sh OLD NEW, with START and STOP set" >&2; exit 2; }
: "${START:?a command that starts a process: KIND VERSION NUMBER}" "${STOP:?a command that ends it: KIND VERSION NUMBER}"
: "${MIGRATE:=stopwatch migrate}" "${COUNT:=2}" "${PAUSE:=10}"
old=$1 new=$2 numbers=$(seq 1 "$COUNT")

say() { echo "noon: $*"; }
tell() {
    say "$*"
    "$@" && return 0
    say "FAILED: $*. What comes after it was not touched; run this again when the cause is gone" >&2
    exit 1
}

current() {
    # Temporal knows a version once one of its workers has asked for work.
    for _ in $(seq 1 60); do
        temporal worker deployment set-current-version --deployment-name stopwatch --build-id "$new" --yes && return 0
        sleep 1
    done
    return 1
}

# Twice: Temporal's list may be a second behind.
left() {
    temporal workflow count --query \
        "WorkflowType='StrategyRun' AND ExecutionStatus='Running' AND TemporalWorkerDeploymentVersion='stopwatch:$old'" |
        sed -n 's/^Total: *//p'
}

drained() {
    none=0
    while [ "$none" -lt 2 ]; do
        days=$(left) && [ -n "$days" ] || return 1
        if [ "$days" = 0 ]; then
            none=$((none + 1))
        else
            none=0
            say "$days days of $old are running; its workers stay until they are over"
        fi
        sleep "$PAUSE"
    done
}

# shellcheck disable=SC2086 # each is a command with its words
{
    tell $MIGRATE
    for number in $numbers; do tell $START worker "$new" "$number"; done
    tell current
    for kind in listener api; do
        for number in $numbers; do
            tell $START "$kind" "$new" "$number"
            tell $STOP "$kind" "$old" "$number"
            sleep "$PAUSE"
        done
    done
    tell drained
    for number in $numbers; do
        tell $STOP worker "$old" "$number"
        sleep "$PAUSE"
    done
}
say "done: $new, and nothing of $old"

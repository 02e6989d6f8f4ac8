#!/bin/sh
# Another version, or other settings, without a moment without one: deploy/roll.sh [SERVICE …]
#
# Replaces one process after the other, and goes on only when the new one is healthy. Without names: the schema first,
# then the workers, the listeners, the API (docs/growing.md, Replacing a version). Ends with the first that fails, the
# others untouched. COMPOSE is the command with its files; PAUSE the seconds between two (10: the others have taken over
# what the ended one held).
set -eu
cd "$(dirname "$0")/.."
: "${COMPOSE:=docker compose -f docker-compose.yml -f deploy/production.yml}" "${PAUSE:=10}"

if [ $# -eq 0 ]; then
    echo "roll: the schema"
    $COMPOSE build
    $COMPOSE run --rm migrate
    set -- worker worker-2 listener listener-2 api api-2
fi
for service in "$@"; do
    echo "roll: $service"
    if ! $COMPOSE up --detach --no-deps --wait --wait-timeout 120 "$service"; then
        echo "roll: $service did not become healthy. What comes after it was not touched: $COMPOSE logs $service" >&2
        exit 1
    fi
    sleep "$PAUSE"
done
echo "roll: done"

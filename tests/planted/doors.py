"""Planted in what strangers reach: the queue of hit stops, runs and activities that nobody started."""

from tests.planted.bug import Bug

CLAIMS = "tests/attacks/test_claims.py"
QUEUE = "tests/attacks/test_redis_queue.py"
CLIENT = "tests/attacks/test_temporal_client.py"

DOOR_BUGS: tuple[Bug, ...] = (
    Bug(
        "an entry is claimed whatever its START says",
        "An activity that is scheduled past every run buys what it likes.",
        "adapters/postgres/claim_statement.py",
        "        WHEN NOT EXISTS ({written}) THEN 'unwritten'\n",
        "        WHEN false AND NOT EXISTS ({written}) THEN 'unwritten'\n",
        (CLAIMS,),
    ),
    Bug(
        "an entry's shares are not those of its START",
        "Another symbol is bought in the name of a START that was written down.",
        "adapters/postgres/claim_statement.py",
        "        AND starts.terms ->> 'symbol' = judged.symbol AND",
        "        AND",
        (CLAIMS,),
    ),
    Bug(
        "an entry may be larger than its START",
        "Ten shares were asked for, and five hundred are bought.",
        "adapters/postgres/claim_statement.py",
        "            ELSE CAST(starts.terms ->> 'quantity' AS int) >= leg.bought END\n",
        "            ELSE true END\n",
        (CLAIMS,),
    ),
    Bug(
        "an entry's account is not that of its START",
        "It is bought in whichever account is named.",
        "adapters/postgres/claim_statement.py",
        "        AND starts.account IN ('', judged.account)\n",
        "",
        (CLAIMS,),
    ),
    Bug(
        "an entry's user is not that of its START",
        "One user's START buys with another's money.",
        "adapters/postgres/claim_statement.py",
        "        AND running.user_id = judged.user_id AND starts.user_id = judged.user_id\n",
        "",
        (CLAIMS,),
    ),
    Bug(
        "an entry's round is not that of its START",
        "Under rounds that nobody started the same terms are bought again and again.",
        "adapters/postgres/claim_statement.py",
        " AND running.round = judged.round\n",
        "\n",
        (CLAIMS,),
    ),
    Bug(
        "a sale without a written START is refused too",
        "A database that was set back abandons the shares that its runs hold.",
        "adapters/postgres/claim_statement.py",
        "    CROSS JOIN LATERAL ({bars}) AS bar\n    WHERE judged.leg = 'entry'\n",
        "    CROSS JOIN LATERAL ({bars}) AS bar\n",
        (CLAIMS,),
    ),
    Bug(
        "a sale that the store has not heard of counts as ended",
        "A database that was set back abandons the shares of a strategy that had stopped once before.",
        "adapters/postgres/orders.py",
        "    if unit.strategy.status == Status.STOPPED and not _is_unheard_of(unit, key):\n",
        "    if unit.strategy.status == Status.STOPPED:\n",
        (CLAIMS,),
    ),
    Bug(
        "nobody is told of an entry that nobody started",
        "A stranger at Temporal's port may try for days.",
        "execution/entries.py",
        "            if isinstance(bar, Foreign):\n",
        "            if isinstance(bar, Foreign) and False:\n",
        (CLAIMS,),
    ),
    Bug(
        "a run may claim to adopt what an exit could not sell",
        "A stranger sells what its user has not asked to have sold.",
        "adapters/postgres/runs.py",
        "    if not (in_doubt or any(_filled_since(row, strategy) for row in entries)):\n",
        "    if not (in_doubt or held):\n",
        (CLIENT,),
    ),
    Bug(
        "an unsigned event sells",
        "Whoever writes to Redis has anybody's shares sold.",
        "adapters/redis/stop_events.py",
        '    if not signatures.is_signed(_signed(words, peak), event.get("mac", "")):\n',
        '    if event.get("mac") and not signatures.is_signed(_signed(words, peak), event.get("mac", "")):\n',
        (QUEUE,),
    ),
    Bug(
        "an old event sells",
        "One that was read in Redis is put again an hour later, when the price is back.",
        "execution/fast_exits.py",
        "        young = {stop.strategy_id: stop for stop in stops if is_in_time(stop, now)}\n",
        "        young = {stop.strategy_id: stop for stop in stops if is_in_time(stop, stop.at or now)}\n",
        (QUEUE,),
    ),
    Bug(
        "the price of an event is not judged",
        "A listener that was taken over sells at any price.",
        "domain/scheduled_order.py",
        "trigger.kind is hit.kind and trigger.is_hit(hit.price)",
        "trigger.kind is hit.kind",
        (QUEUE,),
    ),
    Bug(
        "bytes that are no text end the reading of the queue",
        "One entry, and no stop leaves by the fast path any more.",
        "adapters/redis/stop_queue.py",
        '            encoding_errors="replace",\n',
        "",
        (QUEUE,),
    ),
)

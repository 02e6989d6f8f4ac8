"""Planted in what is written down: claims, locks, keys, and what is found again afterwards."""

from tests.planted.bug import ARMED, LATE, ORDERS, REDIS, RUNS, Bug

HOUSE_BUGS: tuple[Bug, ...] = (
    Bug(
        "a claim that anybody may take",
        "The UPDATE and its lock without WHERE sent_at IS NULL.",
        "adapters/postgres/claim_statement.py",
        "    WHERE orders.sent_at IS NULL AND orders.status = 'planned'\n"
        "    ORDER BY orders.order_id FOR NO KEY UPDATE OF orders {skip_locked}",
        "    ORDER BY orders.order_id FOR NO KEY UPDATE OF orders {skip_locked}",
        (ORDERS,),
    ),
    Bug(
        "the claim's lateness is not judged",
        "Whoever is late buys late.",
        "adapters/postgres/claim_statement.py",
        "      AND (allowed.latest IS NULL OR allowed.now <= allowed.latest)\n",
        "",
        (ORDERS,),
    ),
    Bug(
        "fills that shrink",
        "An older row of the order book takes shares back.",
        "adapters/postgres/fills.py",
        "    if seen.filled_quantity < before.filled_quantity or not seen.filled_quantity:\n        return\n"
        "    grown = seen.filled_quantity > before.filled_quantity\n",
        "    if not seen.filled_quantity:\n        return\n"
        "    grown = seen.filled_quantity != before.filled_quantity\n",
        (ORDERS,),
    ),
    Bug(
        "bought when accepted",
        "An accepted order that fills nothing is a position.",
        "adapters/postgres/orders.py",
        '        row.message = ""\n        _unhindered(unit, row)\n        text = timeline.accepted_text',
        '        row.message = ""\n        _unhindered(unit, row)\n'
        '        unit.strategy.position = "bought"\n        text = timeline.accepted_text',
        (ORDERS,),
    ),
    Bug(
        "a lock that anybody releases",
        "A zombie frees the lock of whoever took over.",
        "adapters/redis/runtime_cache.py",
        "if state and string.match(state, '^(.*)|%d+$') == ARGV[1] then",
        "if state then",
        (REDIS,),
    ),
    Bug(
        "a claim is told before it is committed",
        "A crash of Postgres gives the right to send to a second worker.",
        "adapters/postgres/engine.py",
        "self._committing.connect() as connection:\n            yield connection",
        "self._engine.connect() as connection:\n            yield connection",
        (ORDERS,),
    ),
    Bug(
        "an old run ends a newer START",
        "A repeated finish stops a strategy that was started again.",
        "adapters/postgres/runs.py",
        "    if not _is_current(strategy, request.ref):\n"
        "        return strategy.start_id == request.ref.start_id\n    write_end",
        "    write_end",
        (RUNS,),
    ),
    Bug(
        "what a dead worker held stays its own",
        "Its orders wait for a worker that never comes back.",
        "adapters/postgres/scheduled_orders.py",
        "(dead | (OrderRow.due_at < now - UNSENT_AFTER))",
        "(OrderRow.due_at < now - UNSENT_AFTER)",
        (ARMED,),
    ),
    Bug(
        "an account sends as fast as it likes",
        "The broker answers 429, and the stop-loss waits behind purchases.",
        "adapters/postgres/claim_statement.py",
        "      AND allowed.in_budget\n",
        "",
        (ARMED,),
    ),
    Bug(
        "a stop sells while the entry is still open",
        "More shares turn up after they were sold.",
        "adapters/postgres/scheduled_orders.py",
        "            _ENTRY.status.in_(_LIVE),\n",
        "            _ENTRY.status.is_(None),\n",
        (ARMED,),
    ),
    Bug(
        "a late entry is taken over once or never",
        "Whoever finds it dies before he tells anybody: its shares are forgotten until tomorrow.",
        "adapters/postgres/reconciliation.py",
        "or_(OrderRow.status.in_(_IN_DOUBT), bought_since),",
        "OrderRow.status.in_(_IN_DOUBT),",
        ("tests/integration/test_operator.py",),
    ),
    Bug(
        "a sale that was given up is not looked for once its strategy has stopped",
        "It rests at the broker, and sells later what nobody holds.",
        "adapters/postgres/reconciliation.py",
        "or_(_doubtful_entry(), _doubtful_exit()),",
        "_doubtful_entry(),",
        (LATE,),
    ),
    Bug(
        "an old run takes the strategy back",
        "A worker that stood still writes after its run has ended: the living run buys nothing.",
        "adapters/postgres/runs.py",
        "    _refuse_an_old_run(strategy, ref)\n",
        "",
        (RUNS,),
    ),
    Bug(
        "a worker that connects anew is taken for dead",
        "Its orders are taken from it while it is about to send them.",
        "adapters/postgres/scheduled_orders.py",
        "        and_(WorkerRow.alive_at < now - GONE_AFTER, gone),\n",
        "        gone,\n",
        (ARMED,),
    ),
    Bug(
        "a worker whose connection ended is waited for like a silent one",
        "What is due in the next second is late by another.",
        "adapters/postgres/scheduled_orders.py",
        "        and_(WorkerRow.alive_at < now - GONE_AFTER, gone),\n",
        "",
        (ARMED,),
    ),
    Bug(
        "claims of one account do not wait for each other",
        "Two processes at one moment send more than the broker takes in a second: 429.",
        "migrations/versions/0025_limit_entries.py",
        "    PERFORM pg_advisory_xact_lock(hashtextextended(whose::text, 0));\n"
        "    SELECT count(*) FILTER (WHERE GREATEST(\n"
        "            sent_at, acknowledged_at, CASE WHEN status = 'sent' THEN send_before END\n"
        "        ) > clock_timestamp() - interval '1 second'), count(*)\n"
        "        INTO in_second, in_minute\n"
        "        FROM public.orders WHERE user_id = whose AND sent_at > statement_timestamp() - interval "
        "'1 minute';\n"
        "    SELECT in_second + ",
        "    SELECT count(*) FILTER (WHERE GREATEST(\n"
        "            sent_at, acknowledged_at, CASE WHEN status = 'sent' THEN send_before END\n"
        "        ) > clock_timestamp() - interval '1 second'), count(*)\n"
        "        INTO in_second, in_minute\n"
        "        FROM public.orders WHERE user_id = whose AND sent_at > statement_timestamp() - interval "
        "'1 minute';\n"
        "    SELECT in_second + ",
        (ARMED,),
    ),
    Bug(
        "a claim counts what had been sent when it began",
        "It waits for the other claims of the account, and then does not see them.",
        "migrations/versions/0025_limit_entries.py",
        'SENT_LATELY = """\nCREATE OR REPLACE FUNCTION sent_lately(whose uuid, OUT in_second bigint, '
        "OUT in_minute bigint)\nLANGUAGE plpgsql VOLATILE AS",
        'SENT_LATELY = """\nCREATE OR REPLACE FUNCTION sent_lately(whose uuid, OUT in_second bigint, '
        "OUT in_minute bigint)\nLANGUAGE plpgsql STABLE AS",
        (ARMED,),
    ),
)

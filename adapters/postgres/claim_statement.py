"""Holds the statement that claims orders and what bars it, for `adapters.postgres.claims`."""

from sqlalchemy import text

# A claim lasts `CLAIM_LASTS`: a worker that was frozen after it must not send later: checked at the call.
# One more than `EARLIEST` before its time comes from a worker whose clock is ahead: it must not buy early.
# One just before its time is sent at its time, and says so.
# What an account has sent lately limits what it may send now: exits come first, and entries leave them room.
# `sent_lately` waits for other claims of the account, whichever process makes them, and counts theirs too.
# It comes after the orders' own locks, and accounts in their order, so that claims never wait in a circle.
# Entries of one user that are due together have turns by their START (`domain.entry_turns` has the rule).
# They are computed at the claim, so that they hold over all processes, and after a takeover.
# The first array comes from a subquery, so that the planner does not know its length: else Postgres plans
# each claim anew (2.0 ms in all, in place of 0.85 from a kept plan).
_CLAIM = """
WITH asked AS (
    SELECT * FROM unnest(
        (SELECT CAST(:order_ids AS uuid[])), CAST(:quantities AS int[]), CAST(:reasons AS text[]),
        CAST(:dues AS timestamptz[]), CAST(:latests AS timestamptz[]), CAST(:prices AS numeric[]),
        CAST(:limits AS numeric[]), CAST(:ceilings AS numeric[]), CAST(:stops AS text[])
    ) AS asked (order_id, quantity, reason, due_at, latest, price, limit_price, ceiling, stop)
), locked AS MATERIALIZED (
    SELECT orders.order_id, orders.user_id, orders.leg, orders.strategy_id, orders.trading_day, orders.round,
        orders.symbol, orders.exchange, orders.product, orders.account, orders.most, orders.exit_aim
    FROM orders JOIN asked USING (order_id)
    WHERE orders.sent_at IS NULL AND orders.status = 'planned'
    ORDER BY orders.order_id FOR NO KEY UPDATE OF orders {skip_locked}
), judged AS MATERIALIZED (
    SELECT asked.*, locked.user_id, locked.leg, locked.strategy_id, locked.trading_day, locked.round,
        locked.symbol, locked.exchange, locked.product, locked.account, locked.most,
        clock_timestamp() AS now
    FROM asked JOIN locked USING (order_id)
    -- A stop is placed for nothing that is being sold, or is the user's own again.
    WHERE asked.stop IS NULL OR locked.exit_aim IS NULL
), days AS (
    SELECT * FROM unnest(
        (SELECT CAST(:day_users AS uuid[])), CAST(:days AS date[]), CAST(:days_known AS bool[])
    ) AS days (user_id, trading_day, known)
), gated AS MATERIALIZED (
    SELECT judged.order_id, bar.why, limits.order_quantity, limits.order_value,
        breach.value AS daily_loss, breach.value AS daily_profit,
        CASE WHEN breach.limit_name = 'trades_a_day' THEN CAST(breach.value AS int)
            ELSE limits.trades_a_day END AS trades_a_day
    FROM judged LEFT JOIN system_switch AS system ON true LEFT JOIN limits USING (user_id)
    LEFT JOIN operator_switches AS suspended USING (user_id)
    LEFT JOIN days ON days.user_id = judged.user_id AND days.trading_day = judged.trading_day
    LEFT JOIN LATERAL (
        SELECT limit_name, value FROM breaches
        WHERE breaches.user_id = judged.user_id AND breaches.trading_day = judged.trading_day
        ORDER BY limit_name = 'trades_a_day', at LIMIT 1
    ) AS breach ON true
    CROSS JOIN LATERAL ({slices}) AS leg
    CROSS JOIN LATERAL ({bars}) AS bar
    WHERE judged.leg = 'entry'
), accounts AS MATERIALIZED (
    SELECT DISTINCT user_id FROM judged ORDER BY user_id
), recent AS MATERIALIZED (
    SELECT accounts.user_id, lately.in_second, lately.in_minute
    FROM accounts CROSS JOIN LATERAL sent_lately(accounts.user_id) AS lately
), turns AS MATERIALIZED (
    SELECT crowds.user_id, crowds.due_at, queue.strategy_id, queue.nth,
        GREATEST(crowds.due_at, to_timestamp(floor(GREATEST(
            LEAST(
                max(queue.place - queue.counted) OVER line + queue.counted,
                queue.place + :backlog + queue.of_second
            ),
            queue.place + queue.of_second
        ) / :entries_a_second))) AS turn_at,
        queue.started_before, queue.due_together
    FROM (SELECT DISTINCT user_id, due_at FROM judged WHERE leg = 'entry') AS crowds
    CROSS JOIN LATERAL (
        SELECT due.*, extract(epoch FROM due.buy_at) * :entries_a_second AS place,
            row_number() OVER (ORDER BY due.buy_at, due.of_second) AS nth,
            count(*) FILTER (WHERE due.of_second < :in_time) OVER (ORDER BY due.buy_at, due.of_second) - 1
                AS counted
        FROM (
            SELECT strategies.strategy_id, strategies.buy_at, strategies.status,
                count(*) FILTER (WHERE strategies.status = 'running') OVER by_start - 1 AS of_second,
                row_number() OVER by_start - 1 AS started_before,
                count(*) OVER (PARTITION BY strategies.buy_at) AS due_together
            FROM strategies
            WHERE strategies.user_id = crowds.user_id AND strategies.buy_at <= crowds.due_at
                AND strategies.buy_at > crowds.due_at - CAST(:looked_back AS interval)
            WINDOW by_start AS (
                PARTITION BY strategies.buy_at ORDER BY strategies.started_at, strategies.strategy_id
            )
        ) AS due
        WHERE due.status = 'running'
    ) AS queue
    WINDOW line AS (PARTITION BY crowds.user_id, crowds.due_at ORDER BY queue.nth)
), ranked AS MATERIALIZED (
    SELECT judged.*, turns.turn_at, turns.started_before, turns.due_together,
        coalesce(turns.turn_at > judged.due_at AND judged.now < turns.turn_at, false) AS before_turn,
        recent.in_second + row_number() OVER turn AS nth_in_second,
        recent.in_minute + row_number() OVER turn AS nth_in_minute
    FROM judged JOIN recent USING (user_id)
    LEFT JOIN turns ON judged.leg = 'entry' AND turns.user_id = judged.user_id
        AND turns.due_at = judged.due_at AND turns.strategy_id = judged.strategy_id
    WINDOW turn AS (
        PARTITION BY judged.user_id,
            coalesce(turns.turn_at > judged.due_at AND judged.now < turns.turn_at, false)
        ORDER BY judged.leg = 'exit' DESC, judged.due_at, turns.nth, judged.order_id
    )
), allowed AS MATERIALIZED (
    SELECT ranked.*,
        CASE leg WHEN 'exit' THEN nth_in_second <= :exits_a_second AND nth_in_minute <= :exits_a_minute
            ELSE NOT before_turn
                AND nth_in_second <= :entries_a_second AND nth_in_minute <= :entries_a_minute
            END AS in_budget
    FROM ranked
), may AS MATERIALIZED (
    SELECT allowed.order_id, allowed.user_id, allowed.trading_day, allowed.strategy_id, allowed.round,
        allowed.due_at, gated.trades_a_day
    FROM allowed LEFT JOIN gated USING (order_id)
    WHERE gated.why IS NULL
      AND (allowed.latest IS NULL OR allowed.now <= allowed.latest)
      AND allowed.now >= allowed.due_at - CAST(:earliest AS interval)
      AND allowed.in_budget
), counted AS MATERIALIZED (
    SELECT accounts.user_id, accounts.trading_day, rounds.strategy_id, rounds.round
    FROM (
        SELECT DISTINCT user_id, trading_day FROM may WHERE trades_a_day IS NOT NULL
    ) AS accounts
    CROSS JOIN LATERAL rounds_claimed(accounts.user_id, accounts.trading_day) AS rounds
), traded AS MATERIALIZED (
    SELECT fresh.order_id, fresh.user_id, fresh.trading_day, fresh.trades_a_day,
        (SELECT count(*) FROM counted WHERE (counted.user_id, counted.trading_day)
            = (fresh.user_id, fresh.trading_day))
        + dense_rank() OVER (PARTITION BY fresh.user_id, fresh.trading_day
            ORDER BY fresh.due_at, fresh.strategy_id, fresh.round) > fresh.trades_a_day AS too_many
    FROM may AS fresh
    WHERE fresh.trades_a_day IS NOT NULL AND NOT EXISTS (
        SELECT FROM counted WHERE (counted.user_id, counted.strategy_id, counted.trading_day, counted.round)
            = (fresh.user_id, fresh.strategy_id, fresh.trading_day, fresh.round))
), used_up AS (
    INSERT INTO breaches (user_id, trading_day, limit_name, value, on_breach)
    SELECT DISTINCT user_id, trading_day, 'trades_a_day', trades_a_day, 'block' FROM traded WHERE too_many
    ON CONFLICT DO NOTHING
), claimed AS (
    UPDATE orders
    SET sent_at = GREATEST(allowed.now, allowed.due_at),
        send_before = allowed.now + CAST(:claim_lasts AS interval),
        status = 'sent', quantity = allowed.quantity, reason = allowed.reason, due_at = allowed.due_at,
        price = allowed.limit_price, ceiling = allowed.ceiling, stop = CAST(allowed.stop AS jsonb)
    FROM allowed
    WHERE orders.order_id = allowed.order_id AND orders.sent_at IS NULL AND orders.status = 'planned'
      AND allowed.order_id IN (SELECT order_id FROM may)
      AND allowed.order_id NOT IN (SELECT order_id FROM traded WHERE too_many)
    RETURNING orders.order_id
)
SELECT allowed.order_id, allowed.now, claimed.order_id IS NOT NULL AS won,
    allowed.latest IS NOT NULL AND allowed.now > allowed.latest AS too_late,
    NOT allowed.in_budget AS over_budget, allowed.turn_at, allowed.started_before, allowed.due_together,
    CASE WHEN traded.too_many THEN 'trades_a_day' ELSE gated.why END AS bar,
    gated.order_quantity, gated.order_value, gated.daily_loss, gated.daily_profit, gated.trades_a_day
FROM allowed LEFT JOIN claimed USING (order_id) LEFT JOIN gated USING (order_id)
LEFT JOIN traded USING (order_id)
"""
# A leg with a bound on one order goes out in slices. All of them together are what its START says, and the
# first one is judged by all that is wanted: `bought` counts this order and what is sent or filled before it.
_SLICES = """
    SELECT sliced.bought, GREATEST(sliced.bought, coalesce(CASE WHEN judged.most IS NOT NULL THEN (
        SELECT CAST(starts.terms ->> 'quantity' AS int)
        FROM strategies AS running JOIN starts USING (start_id)
        WHERE running.strategy_id = judged.strategy_id
    ) END, 0)) AS wanted
    FROM (
        SELECT judged.quantity + CASE WHEN judged.most IS NULL THEN 0 ELSE (
            SELECT coalesce(sum(
                CASE WHEN sent.status IN ('sent', 'open') THEN sent.quantity ELSE sent.filled_quantity END
            ), 0) FROM orders AS sent
            WHERE (sent.strategy_id, sent.trading_day, sent.round, sent.leg)
                = (judged.strategy_id, judged.trading_day, judged.round, 'entry')
                AND sent.sent_at IS NOT NULL
        ) END AS bought
    ) AS sliced
"""
# An entry is what its strategy's START says, as it was written down: of the same user, strategy, shares,
# account, day and round, no more of them (or of their money), not before its time, and not above its limit.
# One of an older build names no account.
_WRITTEN = """
    SELECT FROM strategies AS running JOIN starts USING (start_id)
    WHERE running.strategy_id = judged.strategy_id AND running.status = 'running'
        AND running.trading_day = judged.trading_day AND running.round = judged.round
        AND running.user_id = judged.user_id AND starts.user_id = judged.user_id
        AND starts.strategy_id = judged.strategy_id AND NOT starts.sell_only AND starts.release IS NULL
        AND starts.account IN ('', judged.account)
        AND starts.terms ->> 'symbol' = judged.symbol AND starts.terms ->> 'exchange' = judged.exchange
        AND starts.terms ->> 'product' = judged.product
        AND CASE starts.terms #>> '{{terms,size,by}}'
            WHEN 'amount' THEN leg.bought * judged.price
                <= CAST(starts.terms #>> '{{terms,size,rupees}}' AS numeric)
            WHEN 'risk' THEN coalesce(leg.bought
                * (judged.price - CAST(starts.terms ->> 'stop_loss' AS numeric))
                <= CAST(starts.terms #>> '{{terms,size,rupees}}' AS numeric), true)
            ELSE CAST(starts.terms ->> 'quantity' AS int) >= leg.bought END
        AND CAST(starts.plan ->> 'buy_at' AS timestamptz) <= judged.due_at
        AND CASE starts.terms #>> '{{terms,entry,kind}}'
            WHEN 'limit' THEN coalesce(judged.ceiling
                <= CAST(starts.terms #>> '{{terms,entry,price}}' AS numeric), false)
            WHEN 'chase' THEN judged.ceiling IS NOT NULL
            ELSE true END
"""
# What an entry is barred by, the first that holds. What a day has come to is judged before the claim, outside
# of this statement (`days`), and only for who has a limit on it: a day that was not judged yet is `unjudged`.
_BARS = """
    SELECT CASE
        WHEN NOT EXISTS ({written}) THEN 'unwritten'
        WHEN coalesce(system.halted, true) THEN 'system'
        WHEN suspended.exits IS NOT NULL THEN 'suspended'
        WHEN limits.kill_switch THEN 'kill_switch'
        WHEN EXISTS (
            SELECT FROM strategies AS running JOIN starts USING (start_id) JOIN series USING (series_id)
            WHERE running.strategy_id = judged.strategy_id AND series.ended_at IS NOT NULL
        ) THEN 'series_over'
        WHEN leg.wanted > limits.order_quantity THEN 'order_quantity'
        WHEN limits.order_value IS NOT NULL
            AND coalesce(leg.wanted * judged.price > limits.order_value, true) THEN 'order_value'
        WHEN limits.symbols IS NOT NULL
            AND NOT limits.symbols @> to_jsonb(judged.symbol) THEN 'symbol'
        WHEN breach.limit_name IS NOT NULL THEN breach.limit_name
        WHEN (limits.daily_loss IS NOT NULL OR limits.daily_profit IS NOT NULL) AND days.known IS NULL
            THEN 'unjudged'
        WHEN (limits.daily_loss IS NOT NULL OR limits.daily_profit IS NOT NULL) AND NOT days.known
            THEN 'loss_unknown'
        WHEN (SELECT count(*) FROM orders AS sent WHERE sent.strategy_id = judged.strategy_id
            AND sent.trading_day = judged.trading_day AND sent.sent_at IS NOT NULL) >= :orders_a_day
            THEN 'orders_a_day'
        END AS why
"""
_BARRED = _BARS.format(written=_WRITTEN)
CLAIM_FREE = text(_CLAIM.format(skip_locked="SKIP LOCKED", slices=_SLICES, bars=_BARRED))
CLAIM_WAITING = text(_CLAIM.format(skip_locked="", slices=_SLICES, bars=_BARRED))

"""Claims the right to send an order, once, by Postgres' clock. Concurrent claims share one statement."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres.account_days import AccountDayReader
from adapters.postgres.engine import Store
from adapters.postgres.order_rows import attempt_of
from adapters.postgres.tables import OrderRow
from adapters.postgres.write_batcher import Batcher, Later
from domain.account_day import DayState
from domain.budget import ENTRIES, EXITS
from domain.entry_turns import BACKLOG, IN_TIME, LOOKED_BACK
from domain.errors import StoreUnavailable
from domain.limits import MAY_PASS, ORDERS_A_DAY, Bar, why_barred
from domain.order import CLAIM_LASTS, EARLIEST, Attempt, Limit, OrderStatus, Reason
from domain.ports import Claimed, NotClaimed

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
        CAST(:limits AS numeric[]), CAST(:ceilings AS numeric[])
    ) AS asked (order_id, quantity, reason, due_at, latest, price, limit_price, ceiling)
), locked AS MATERIALIZED (
    SELECT orders.order_id, orders.user_id, orders.leg, orders.strategy_id, orders.trading_day, orders.round,
        orders.symbol, orders.exchange, orders.product, orders.account
    FROM orders JOIN asked USING (order_id)
    WHERE orders.sent_at IS NULL AND orders.status = 'planned'
    ORDER BY orders.order_id FOR NO KEY UPDATE OF orders {skip_locked}
), judged AS MATERIALIZED (
    SELECT asked.*, locked.user_id, locked.leg, locked.strategy_id, locked.trading_day, locked.round,
        locked.symbol, locked.exchange, locked.product, locked.account, clock_timestamp() AS now
    FROM asked JOIN locked USING (order_id)
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
        price = allowed.limit_price, ceiling = allowed.ceiling
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
            WHEN 'amount' THEN judged.quantity * judged.price
                <= CAST(starts.terms #>> '{{terms,size,rupees}}' AS numeric)
            WHEN 'risk' THEN coalesce(judged.quantity
                * (judged.price - CAST(starts.terms ->> 'stop_loss' AS numeric))
                <= CAST(starts.terms #>> '{{terms,size,rupees}}' AS numeric), true)
            ELSE CAST(starts.terms ->> 'quantity' AS int) >= judged.quantity END
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
        WHEN judged.quantity > limits.order_quantity THEN 'order_quantity'
        WHEN limits.order_value IS NOT NULL
            AND coalesce(judged.quantity * judged.price > limits.order_value, true) THEN 'order_value'
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
_BUDGET = {
    "exits_a_second": EXITS.a_second,
    "exits_a_minute": EXITS.a_minute,
    "entries_a_second": ENTRIES.a_second,
    "entries_a_minute": ENTRIES.a_minute,
}
_BARRED = _BARS.format(written=_WRITTEN)
_CLAIM_FREE = text(_CLAIM.format(skip_locked="SKIP LOCKED", bars=_BARRED))
_CLAIM_WAITING = text(_CLAIM.format(skip_locked="", bars=_BARRED))


@dataclass(frozen=True, slots=True)
class Claim:
    """An order to send, and the latest instant it may be sent."""

    attempt: Attempt
    quantity: int
    reason: Reason
    due_at: datetime
    latest: datetime | None
    price: Decimal | None = None
    """What an entry's value is judged by: its ceiling, or the last price known."""
    limit: Limit | None = None
    """None at the market."""
    day_known: bool | None = None
    """Whether it is known what the account's day has come to; None: it was not judged for this claim."""


class _Unjudged(NotClaimed):
    """The account's day is to be judged first."""


AccountDayKey = tuple[UUID, date]
_Answer = Claimed | NotClaimed | Exception | Later


class Claims:
    """Takes claims; each is committed when it is answered."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._days = AccountDayReader(store)
        self._together: Batcher[Claim, Claimed | NotClaimed] = Batcher(self._take)
        # On lanes of their own: no exit waits while the day of an account is judged.
        self._known: Batcher[AccountDayKey, bool] = Batcher(self._known_days)
        self._judged: Batcher[Claim, Claimed | NotClaimed] = Batcher(self._take)

    async def take(self, claim: Claim) -> Claimed | NotClaimed:
        """Return whether this caller now has the right to send.

        Where a day's money decides that, the day is judged first and the right is asked for again.
        """
        answer = await self._together.add(claim)
        if not isinstance(answer, _Unjudged):
            return answer
        key = claim.attempt.key
        known = await self._known.add((key.user_id, key.trading_day))
        return await self._judged.add(replace(claim, day_known=known))

    async def _take(self, claims: Sequence[Claim], wait: bool) -> list[_Answer]:
        first = {claim.attempt.order_id: claim for claim in reversed(claims)}
        async with self._store.statement() as connection:
            judged = await _judge(connection, list(first.values()), wait)
        answers: list[_Answer | None] = [
            _answer(claim, judged.get(claim.attempt.order_id))
            if first[claim.attempt.order_id] is claim
            else None
            for claim in claims
        ]
        lost = [claim for claim, answer in zip(claims, answers, strict=True) if answer is None]
        if not lost:
            return [answer for answer in answers if answer is not None]
        told = iter(await self._told(lost, wait))
        return [next(told) if answer is None else answer for answer in answers]

    async def _known_days(self, days: Sequence[AccountDayKey], _: bool) -> list[bool]:
        """Judge these days; tell of each whether it is known what it has come to."""
        users: defaultdict[date, set[UUID]] = defaultdict(set)
        for user_id, day in days:
            users[day].add(user_id)
        verdicts = {day: await self._days.judge(day, whose) for day, whose in users.items()}
        # A user who has no limit on the day any more has nothing that could be unknown.
        return [
            user_id not in verdicts[day] or verdicts[day][user_id].state is not DayState.UNKNOWN
            for user_id, day in days
        ]

    async def _told(self, lost: Sequence[Claim], wait: bool) -> list[_Answer]:
        """Read the state of intents claimed by another caller; the winners' answers do not depend on it."""
        try:
            rows, now = await self._read({claim.attempt.order_id for claim in lost})
        except StoreUnavailable as error:
            return [StoreUnavailable(*error.args) for _ in lost]
        return [_lost(rows.get(claim.attempt.order_id), now, wait) for claim in lost]

    async def _read(self, order_ids: set[UUID]) -> tuple[dict[UUID, Attempt], datetime]:
        async with self._store.read() as session:
            query = select(OrderRow, func.clock_timestamp()).where(OrderRow.order_id.in_(order_ids))
            found = (await session.execute(query)).all()
        rows = {row.order_id: attempt_of(row) for row, _ in found}
        return rows, found[-1][1] if found else datetime.min.replace(tzinfo=UTC)


async def _judge(connection: AsyncConnection, claims: Sequence[Claim], wait: bool) -> dict[UUID, Row[Any]]:
    days = {
        (claim.attempt.key.user_id, claim.attempt.key.trading_day): claim.day_known
        for claim in claims
        if claim.day_known is not None
    }
    result = await connection.execute(
        _CLAIM_WAITING if wait else _CLAIM_FREE,
        {
            "order_ids": [claim.attempt.order_id for claim in claims],
            "quantities": [claim.quantity for claim in claims],
            "reasons": [claim.reason.value for claim in claims],
            "dues": [claim.due_at for claim in claims],
            "latests": [claim.latest for claim in claims],
            "prices": [claim.price for claim in claims],
            "limits": [claim.limit.price if claim.limit else None for claim in claims],
            "ceilings": [claim.limit.ceiling if claim.limit else None for claim in claims],
            "day_users": [user_id for user_id, _ in days],
            "days": [day for _, day in days],
            "days_known": list(days.values()),
            "orders_a_day": ORDERS_A_DAY,
            "claim_lasts": CLAIM_LASTS,
            "earliest": EARLIEST,
            "looked_back": LOOKED_BACK,
            "backlog": BACKLOG,
            "in_time": IN_TIME,
            **_BUDGET,
        },
    )
    return {row.order_id: row for row in result}


def _answer(claim: Claim, judged: Row[Any] | None) -> _Answer | None:
    if judged is None:
        return None
    if not judged.won and judged.bar is not None and not judged.too_late:
        bar = Bar(judged.bar)
        kind = _Unjudged if bar is Bar.UNJUDGED else NotClaimed
        return kind(
            claim.attempt,
            judged.now,
            barred=_why(judged),
            may_pass=bar in MAY_PASS,
            foreign=bar is Bar.UNWRITTEN,
        )
    if not judged.won:
        early = claim.due_at - judged.now > EARLIEST
        over = judged.over_budget and not judged.too_late and not early
        early = early and not judged.too_late
        told = NotClaimed(claim.attempt, judged.now, judged.too_late, early, over, turn_at=judged.turn_at)
        if judged.due_together is None:  # an exit, or one that is not due with its strategy's day
            return told
        return replace(told, due_together=judged.due_together, started_before=judged.started_before)
    sent = replace(
        claim.attempt,
        status=OrderStatus.SENT,
        quantity=claim.quantity,
        reason=claim.reason,
        due_at=claim.due_at,
        sent_at=max(judged.now, claim.due_at),
        send_before=judged.now + CLAIM_LASTS,
        limit=claim.limit,
    )
    return Claimed(sent, judged.now)


def _why(judged: Row[Any]) -> str:
    bar = Bar(judged.bar)
    return why_barred(bar, getattr(judged, bar, None))


def _lost(attempt: Attempt | None, now: datetime, wait: bool) -> _Answer:
    if attempt is None:
        return LookupError("this intent is not in the order log")
    if attempt.status is OrderStatus.PLANNED and not wait:
        return Later.LATER  # its row is locked by a transaction that may yet roll back
    return NotClaimed(attempt, now)

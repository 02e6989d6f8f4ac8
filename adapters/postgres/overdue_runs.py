"""Reads which runs have not taken a step in time, from the rows alone, and says so once."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, bindparam, select, text

from adapters.postgres.engine import Store
from adapters.postgres.tables import StrategyRow
from adapters.postgres.terms_json import read_terms
from adapters.postgres.unit_of_work import StrategyWriter, UnitOfWork, Write
from domain.order import Leg, LegKey, OrderTerms, Reason
from domain.overdue import (
    AT_ONCE_WITHIN,
    END_STANDS_AFTER,
    IN_DOUBT_FOR,
    QUIET,
    SALE_TURN,
    STANDS_AFTER,
    STOP_TURN,
    UNHEARD_AFTER,
    OverdueRun,
    StandingRun,
    Step,
    standing_line,
)
from domain.run import EnterOrder, ExitOrder
from domain.scheduled_order import LEASE
from domain.session import EXCHANGE_ZONE
from domain.strategy import Product
from domain.terms import RESTS, When
from domain.timeline import EventKind

AT_ONCE = 200
"""Runs of one look: the longest overdue first."""

# Each branch in the words of an index, so that ten thousand sleeping strategies are not read every second.
# `stops_due` holds the newest word to stop of each running strategy: its user's or a kill switch's.
# `now()` and not `clock_timestamp()`: an index is used for nothing that may change within the statement.
# What came of the round's entry is asked for only where the instant of a step has passed. When an order was
# cancelled is not written: one that could rest had rested for as long as its terms say, or less.
_OVERDUE = text(
    """
WITH words AS MATERIALIZED (SELECT strategy_id, due_at, on_stop FROM stops_due), past AS (
    SELECT strategy_id, 'sale' AS step, sell_at AS due_at FROM strategies
    WHERE status = 'running' AND position = 'bought' AND sell_at < now() - CAST(:stands AS interval)
    UNION ALL
    SELECT strategy_id, 'buy', buy_at FROM strategies
    WHERE status = 'running' AND position = 'none' AND buy_at < now() - CAST(:stands AS interval)
    UNION ALL
    SELECT strategy_id, 'end', due_at FROM (
        SELECT strategy_id, CASE WHEN phase = 'waiting' AND terms -> 'reenter' ->> 'when' = :at_entry_price
            THEN LEAST(
                sell_at, (trading_day + CAST(terms -> 'reenter' ->> 'until' AS time)) AT TIME ZONE :zone)
            ELSE updated_at END AS due_at
        FROM strategies WHERE status = 'running' AND position = 'sold') AS sold
    WHERE due_at < now() - CAST(:ends AS interval)
    UNION ALL
    SELECT strategy_id, 'stop', due_at FROM words WHERE due_at < now() - CAST(:stands AS interval)
), due AS (
    SELECT strategy_id, CASE WHEN step = 'end' AND again THEN 'again' ELSE step END AS step, due_at, again,
        buying
    FROM past JOIN strategies AS s USING (strategy_id) CROSS JOIN LATERAL (
        SELECT s.position = 'sold' AND s.phase IN ('waiting', 'entering')
                AND NOT coalesce(bool_or(e.filled_quantity > 0), false) AS again,
            coalesce(bool_or(e.status IN ('sent', 'open')), false) AS buying,
            coalesce(bool_or(e.looked_up_at > now() - CAST(:stands AS interval)
                OR e.status = 'cancelled' AND s.terms -> 'entry' IS NOT NULL
                    AND e.sent_at > now() - CAST(:stands AS interval) - make_interval(
                        secs => coalesce(CAST(s.terms -> 'entry' ->> 'for_seconds' AS int), :rests))
                ), false) AS over_lately,
            coalesce(bool_or(CASE e.status
                WHEN 'sent' THEN e.sent_at > now() - CAST(:in_doubt AS interval)
                ELSE GREATEST(e.looked_up_at, e.acknowledged_at, e.filled_at)
                    > now() - CAST(:stands AS interval) END), false) AS sought_or_found
        FROM orders AS e WHERE e.strategy_id = s.strategy_id AND e.trading_day = s.trading_day
            AND e.round = s.round AND e.leg = 'entry') AS entry
    WHERE CASE WHEN step = 'stop' THEN NOT sought_or_found
        WHEN step = 'buy' OR (step = 'end' AND again) THEN NOT (buying OR over_lately) ELSE true END
)
SELECT DISTINCT ON (due.due_at, s.strategy_id) s.strategy_id, s.user_id, s.start_id, s.workflow_id,
    users.email, s.exchange, s.symbol, s.product, due.step, due.due_at,
    s.bought_quantity - s.sold_quantity AS held, s.phase = 'exiting' AS exiting, due.again, due.buying
FROM due JOIN strategies AS s USING (strategy_id) JOIN users USING (user_id)
WHERE s.start_id IS NOT NULL AND NOT EXISTS (
    SELECT FROM due AS earlier WHERE earlier.strategy_id = due.strategy_id
        AND (earlier.due_at, earlier.step) < (due.due_at, due.step))
ORDER BY due.due_at, s.strategy_id LIMIT :most
"""
)
_STANDING = text(
    """
WITH words AS MATERIALIZED (SELECT strategy_id, due_at, on_stop FROM stops_due), due AS (
    SELECT strategy_id, 'sale' AS step, sell_at AS due_at,
        CAST(:stands AS interval) AS after, CAST(:sale_turn AS interval) AS turn
    FROM strategies
    WHERE status = 'running' AND position = 'bought' AND sell_at < now() - CAST(:stands AS interval)
    UNION ALL
    SELECT strategy_id, 'stop', due_at, CAST(:unheard AS interval), CAST(:stop_turn AS interval)
    FROM words WHERE due_at < now() - CAST(:unheard AS interval)
)
SELECT DISTINCT ON (s.strategy_id) s.strategy_id, s.user_id, s.trading_day, s.round, s.exchange, s.symbol,
    s.product, s.quantity, s.stop_loss, s.terms, s.buy_at, s.closes_at,
    coalesce(starts.account, '') AS account, CAST(starts.plan ->> 'most' AS int) AS most,
    coalesce(s.terms ->> 'protect' = 'exchange', false) AS protected,
    due.step, due.due_at, due.step = 'stop' AND now() - due.due_at < CAST(:at_once AS interval) AS at_once,
    s.bought_quantity - s.sold_quantity AS held,
    (SELECT coalesce(sum(x.filled_quantity), 0) FROM orders AS x WHERE x.strategy_id = s.strategy_id
        AND x.trading_day = s.trading_day AND x.round = s.round AND x.leg = 'exit') AS sold_now,
    coalesce(words.on_stop = 'keep', false) AS keeps, coalesce(starts.sell_only, false) AS sell_only,
    NOT EXISTS (SELECT FROM orders AS e WHERE e.strategy_id = s.strategy_id
        AND e.trading_day = s.trading_day AND e.round = s.round AND e.leg = 'entry'
        AND e.verdict IS NOT NULL) AND s.position = 'none'
    OR EXISTS (SELECT FROM orders AS e WHERE e.strategy_id = s.strategy_id
        AND e.trading_day = s.trading_day AND e.round = s.round AND e.leg = 'entry'
        AND e.status IN ('sent', 'open')) AS entry_open
FROM due JOIN strategies AS s USING (strategy_id)
LEFT JOIN words USING (strategy_id) LEFT JOIN starts USING (start_id)
WHERE s.trading_day IS NOT NULL AND s.start_id IS NOT NULL AND s.closes_at > now()
    AND s.position <> 'sold' AND (s.phase <> 'exiting' OR NOT EXISTS (
        SELECT FROM orders AS x WHERE x.strategy_id = s.strategy_id AND x.trading_day = s.trading_day
            AND x.round = s.round AND x.leg = 'exit' AND x.status <> 'planned'
            AND GREATEST(x.created_at, x.sent_at, x.looked_up_at, x.acknowledged_at, x.filled_at)
                > now() - CAST(:quiet AS interval)))
    AND now() >= due.due_at + due.after + due.turn * (
        SELECT count(*) FROM workers AS w WHERE w.alive_at > now() - CAST(:lease AS interval)
            AND md5(w.name || s.strategy_id) < md5(CAST(:worker AS text) || s.strategy_id))
ORDER BY s.strategy_id, due.due_at LIMIT :most
"""
)
_RUNNING = select(StrategyRow.strategy_id).where(
    StrategyRow.status == "running", StrategyRow.strategy_id.in_(bindparam("ids", expanding=True))
)


class PostgresOverdueRuns:
    """Implements `domain.ports.OverdueRuns`. `in_doubt_for`: how long a run looks for its entry."""

    def __init__(self, store: Store, in_doubt_for: timedelta = IN_DOUBT_FOR) -> None:
        self._store = store
        self._in_doubt_for = in_doubt_for
        self._writer = StrategyWriter(store)

    async def overdue(self) -> Sequence[OverdueRun]:
        """Return the runs whose step is overdue, the longest first."""
        words = {
            "stands": STANDS_AFTER,
            "ends": END_STANDS_AFTER,
            "in_doubt": self._in_doubt_for,
            "rests": RESTS,
            "at_entry_price": When.AT_ENTRY_PRICE.value,
            "zone": EXCHANGE_ZONE.key,
            "most": AT_ONCE,
        }
        async with self._store.statement() as connection:
            rows = (await connection.execute(_OVERDUE, words)).all()
        return [_overdue(row) for row in rows]

    async def standing(self, worker: str) -> Sequence[StandingRun]:
        """Return the runs whose step it is now `worker`'s turn to take."""
        words = {
            "stands": STANDS_AFTER,
            "unheard": UNHEARD_AFTER,
            "at_once": AT_ONCE_WITHIN,
            "sale_turn": SALE_TURN,
            "stop_turn": STOP_TURN,
            "quiet": QUIET,
            "lease": LEASE,
            "worker": worker,
            "most": AT_ONCE,
        }
        async with self._store.statement() as connection:
            rows = (await connection.execute(_STANDING, words)).all()
        return [found for found in map(_standing, rows) if found.entry or found.sale]

    async def running(self, strategy_ids: Collection[UUID]) -> frozenset[UUID]:
        """Return those of these strategies that are still marked running."""
        async with self._store.statement() as connection:
            found = await connection.scalars(_RUNNING, {"ids": list(strategy_ids)})
            return frozenset(found)

    async def tell(self, run: OverdueRun, text: str) -> bool:
        """Write the line under the lock of the strategy's row; False where it stands there already."""

        def apply(unit: UnitOfWork) -> bool:
            if run.once in unit.written:
                return False
            unit.say(EventKind.ALERT, text, run.once, {"step": run.step.value})
            return True

        return await self._writer.write(Write(run.strategy_id, run.user_id, apply, once=run.once))


def _overdue(row: Row[Any]) -> OverdueRun:
    return OverdueRun(
        strategy_id=row.strategy_id,
        user_id=row.user_id,
        start_id=row.start_id,
        workflow_id=row.workflow_id or "",
        email=row.email,
        exchange=row.exchange,
        symbol=row.symbol,
        product=row.product,
        step=Step(row.step),
        due_at=row.due_at,
        held=row.held,
        exiting=bool(row.exiting),
        buying=row.buying,
        again=row.again,
    )


def _standing(row: Row[Any]) -> StandingRun:
    entry = LegKey(row.strategy_id, row.user_id, row.trading_day, row.round, Leg.ENTRY)
    where = row.exchange, row.symbol, Product(row.product)
    terms = OrderTerms(*where, row.account, row.most, row.protected)
    step = Step(row.step)
    buys = row.entry_open and not row.sell_only
    target = read_terms(row.terms).target
    purchase = EnterOrder(
        entry,
        terms,
        row.quantity,
        row.stop_loss,
        row.buy_at,
        row.closes_at,
        target=None if target is None else target.price,
    )
    return StandingRun(
        row.strategy_id,
        purchase if buys else None,
        _sale(row, terms, step) if row.held and not row.keeps else None,
        bool(row.at_once),
    )


def _sale(row: Row[Any], terms: OrderTerms, step: Step) -> ExitOrder:
    leg = LegKey(row.strategy_id, row.user_id, row.trading_day, row.round, Leg.EXIT)
    reason = Reason.SELL if step is Step.SALE else Reason.STOP
    why = standing_line(step, row.symbol, row.held, row.due_at)
    bought = row.held + int(row.sold_now)
    return ExitOrder(leg, terms, bought, reason, row.due_at, why=why)

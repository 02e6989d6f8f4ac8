"""Writes what is asked of orders that rest at the exchange, and reads whose stops a worker keeps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from adapters.postgres.engine import Store
from adapters.postgres.order_rows import attempt_of, planned
from adapters.postgres.sale_lines import say_sale
from adapters.postgres.stop_json import protection_json, read_protection
from adapters.postgres.tables import OrderRow
from adapters.postgres.terms_json import read_terms
from adapters.postgres.unit_of_work import StrategyWriter, UnitOfWork, Write
from adapters.postgres.write_batcher import Batcher, Later
from domain.budget import ENTRIES, EXITS, Budget
from domain.kept_stop import RELEASED, SELLING, ExitAim, KeptStop, Protection
from domain.order import Attempt, BrokerOrder, Leg, LegKey, OrderStatus, OrderTerms, Reason
from domain.resting_facts import Ended
from domain.run import SaleLine
from domain.scheduled_order import LEASE
from domain.standing import Fills, standing
from domain.stop_prices import OrderKind
from domain.strategy import Product
from domain.terms import Protect
from domain.timeline import EventKind

SMALLEST_TICK = Decimal("0.01")
"""Of a symbol whose price step is not known: its prices were given by the user, on the tick."""

# The orders' own locks come first, then the accounts' (`sent_lately`), each in their order, as in a claim.
_CHANGE = """
WITH asked AS (
    SELECT * FROM unnest(
        (SELECT CAST(:order_ids AS uuid[])), CAST(:knowns AS int[]), CAST(:prices AS text[]),
        CAST(:reasons AS text[]), CAST(:dues AS timestamptz[]), CAST(:seconds AS int[]),
        CAST(:minutes AS int[])
    ) AS asked (order_id, known, price, reason, due_at, a_second, a_minute)
), mine AS MATERIALIZED (
    SELECT orders.user_id, asked.* FROM orders JOIN asked USING (order_id)
    WHERE orders.status = 'open' AND orders.stop IS NOT NULL
        AND jsonb_array_length(orders.modifications) = asked.known
        AND CASE WHEN asked.price IS NULL THEN orders.exit_aim IS DISTINCT FROM 'release'
            ELSE orders.exit_aim IS NULL END
    ORDER BY orders.order_id FOR NO KEY UPDATE OF orders {skip_locked}
), accounts AS MATERIALIZED (
    SELECT DISTINCT user_id FROM mine ORDER BY user_id
), recent AS MATERIALIZED (
    SELECT accounts.user_id, lately.in_second, lately.in_minute, clock_timestamp() AS now
    FROM accounts CROSS JOIN LATERAL sent_lately(accounts.user_id) AS lately
), ranked AS MATERIALIZED (
    SELECT mine.*, recent.now, recent.in_second + row_number() OVER turn AS nth_in_second,
        recent.in_minute + row_number() OVER turn AS nth_in_minute
    FROM mine JOIN recent USING (user_id)
    WINDOW turn AS (PARTITION BY mine.user_id ORDER BY mine.price IS NULL DESC, mine.order_id)
)
UPDATE orders SET modified_at = ranked.now, reason = ranked.reason,
    exit_aim = CASE WHEN ranked.price IS NULL THEN 'sell' ELSE orders.exit_aim END,
    modifications = orders.modifications || jsonb_build_object(
        'price', ranked.price, 'reason', ranked.reason, 'due_at', ranked.due_at, 'sent_at', ranked.now,
        'confirmed_at', null
    )
FROM ranked WHERE orders.order_id = ranked.order_id
    AND ranked.nth_in_second <= ranked.a_second AND ranked.nth_in_minute <= ranked.a_minute
RETURNING orders.order_id
"""
_CHANGE_FREE = text(_CHANGE.format(skip_locked="SKIP LOCKED"))
_CHANGE_WAITING = text(_CHANGE.format(skip_locked=""))
_KEPT = """
SELECT s.strategy_id, s.user_id, s.trading_day, s.round, s.exchange, s.symbol, s.product, s.stop_loss,
    s.terms,
    coalesce(starts.account, '') AS account, CAST(starts.plan ->> 'most' AS int) AS most,
    s.bought_quantity, s.missing_quantity, s.entry_price, s.tick_size, s.bought_at, s.sell_at, s.closes_at,
    s.protection, peaks.price AS peak, reads.orders_at AS moved_at, reads.foreign_at,
    coalesce(CAST(starts.plan ->> 'tick' AS numeric), s.tick_size) AS tick,
    EXISTS (SELECT FROM orders AS e WHERE e.strategy_id = s.strategy_id AND e.trading_day = s.trading_day
        AND e.round = s.round AND e.leg = 'entry' AND e.status IN ('planned', 'sent', 'open')) AS entry_open
FROM strategies AS s JOIN starts USING (start_id)
LEFT JOIN peaks ON peaks.strategy_id = s.strategy_id AND peaks.run_id = s.run_id
LEFT JOIN account_reads AS reads ON reads.user_id = s.user_id AND reads.account = starts.account
WHERE s.status = 'running' AND s.position = 'bought' AND s.terms ->> 'protect' = 'exchange'
    AND s.trading_day IS NOT NULL AND s.bought_at IS NOT NULL AND s.sell_at IS NOT NULL
    AND s.closes_at > now() AND coalesce(s.resumes_at <= now(), true) AND s.phase IN ('entering', 'holding')
    AND NOT EXISTS (SELECT FROM orders AS x WHERE x.strategy_id = s.strategy_id
        AND x.trading_day = s.trading_day AND x.round = s.round AND x.leg = 'exit'
        AND x.exit_aim IS NOT NULL)
    AND {whose}
"""
_ITS_TURN = """
    NOT EXISTS (SELECT FROM workers AS w WHERE w.alive_at > now() - CAST(:lease AS interval)
        AND md5(w.name || s.strategy_id) < md5(CAST(:worker AS text) || s.strategy_id))
"""
_KEPT_BY = text(_KEPT.format(whose=_ITS_TURN))
_THESE_KEPT = text(_KEPT.format(whose="s.strategy_id = ANY(CAST(:ids AS uuid[]))"))


@dataclass(frozen=True, slots=True)
class _Change:
    order_id: UUID
    number: int
    trigger: Decimal | None
    reason: Reason
    due_at: datetime

    @property
    def budget(self) -> Budget:
        return EXITS if self.trigger is None else ENTRIES


def _answers(changes: Sequence[_Change], won: set[UUID], wait: bool) -> list[bool | Later]:
    """Return who has the right: of two that ask for the same change in one statement, the first."""
    answers: list[bool | Later] = []
    for one in changes:
        has = one.order_id in won
        won.discard(one.order_id)
        answers.append(has if has or wait else Later.LATER)
    return answers


class PostgresRestingStops:
    """Implements `domain.ports.RestingStops`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._writer = StrategyWriter(store)
        self._changes: Batcher[_Change, bool] = Batcher(self._claim)
        self._filled: Batcher[UUID, KeptStop | None] = Batcher(self._these)

    async def begin_exit(
        self,
        key: LegKey,
        aim: ExitAim,
        why: SaleLine | None = None,
        *,
        reason: Reason | None = None,
        over: bool = True,
    ) -> bool:
        """Write the aim into every row of the leg, under their locks; what is planned later takes it over."""

        def apply(unit: UnitOfWork) -> bool:
            rows = unit.leg(key)
            if any(row.exit_aim not in (None, aim.value) for row in rows) and not over:
                return False
            for row in rows:
                row.exit_aim = aim.value
                if row.stop is not None and row.status == OrderStatus.OPEN:
                    say_sale(unit, row, why)
                    if reason is not None:
                        row.stop = {**row.stop, "sale": reason.value}
            return True

        return await self._writer.write(Write(key.strategy_id, key.user_id, apply, day=key.trading_day))

    async def plan(self, key: LegKey, terms: OrderTerms, attempt: int, slice_: int) -> Attempt:
        """Write the intent of a slice unless the attempt exists; return the row that is there now."""

        def apply(unit: UnitOfWork) -> Attempt:
            rows = unit.leg(key)
            row = next((row for row in rows if row.attempt == attempt), None)
            if row is None:
                row = planned(key, terms, attempt, None, unit.now, slice_)
                row.exit_aim = next((one.exit_aim for one in rows if one.exit_aim), None)
                unit.add_order(row)
            return attempt_of(row)

        return await self._writer.write(Write(key.strategy_id, key.user_id, apply, day=key.trading_day))

    async def change(
        self, attempt: Attempt, number: int, trigger: Decimal | None, reason: Reason, due_at: datetime
    ) -> bool:
        """Tell whether this caller now asks for the change; a sale's share of the budget is larger."""
        return await self._changes.add(_Change(attempt.order_id, number, trigger, reason, due_at))

    async def refused(self, attempt: Attempt, number: int, *, used_up: bool) -> None:
        """Mark the change; one that is not the newest any more stays as it is."""

        def apply(unit: UnitOfWork, row: OrderRow) -> None:
            if len(row.modifications) == number:
                row.modifications = [*row.modifications[:-1], {**row.modifications[-1], "refused": True}]
            if used_up and row.stop is not None:
                row.stop = {**row.stop, "used_up": True}

        await self._change(attempt, apply)

    async def cancel_asked(self, attempt: Attempt) -> None:
        """Write when its cancellation was asked for last."""

        def apply(unit: UnitOfWork, row: OrderRow) -> None:
            if row.stop is not None:
                row.stop = {**row.stop, "cancel_asked_at": unit.now.isoformat()}

        await self._change(attempt, apply)

    async def ended(self, attempt: Attempt, why: Ended) -> None:
        """Write why it was cancelled; the first word stays."""

        def apply(unit: UnitOfWork, row: OrderRow) -> None:
            if row.stop is not None and not row.stop.get("ended"):
                row.stop = {**row.stop, "ended": why.value, "ended_at": unit.now.isoformat()}

        await self._change(attempt, apply)

    async def kept_by(self, worker: str) -> Sequence[KeptStop]:
        """Return the holdings of which this worker's name comes first among the living."""
        async with self._store.statement() as connection:
            rows = (await connection.execute(_KEPT_BY, {"worker": worker, "lease": LEASE})).all()
        return [_kept(row) for row in rows]

    async def kept(self, strategy_id: UUID) -> KeptStop | None:
        """Return one holding, whichever worker keeps it."""
        return await self._filled.add(strategy_id)

    async def show(
        self, key: LegKey, shown: Protection, line: str, once: str, *, urgent: bool = False
    ) -> None:
        """Write where the stop lies, for a round that is still the newest; and the line."""

        def apply(unit: UnitOfWork) -> None:
            if (unit.strategy.trading_day, unit.strategy.round) != (key.trading_day, key.round):
                return
            unit.strategy.protection = protection_json(shown)
            if line:
                unit.say(EventKind.EMERGENCY if urgent else EventKind.PROTECTION, line, once)

        await self._writer.write(Write(key.strategy_id, key.user_id, apply, day=key.trading_day, once=once))

    async def _these(self, strategy_ids: Sequence[UUID], _: bool) -> list[KeptStop | None]:
        async with self._store.statement() as connection:
            rows = (await connection.execute(_THESE_KEPT, {"ids": list(set(strategy_ids))})).all()
        found = {row.strategy_id: _kept(row) for row in rows}
        return [found.get(strategy_id) for strategy_id in strategy_ids]

    async def _claim(self, changes: Sequence["_Change"], wait: bool) -> list[bool | Later]:
        words = {
            "order_ids": [one.order_id for one in changes],
            "knowns": [one.number - 1 for one in changes],
            "prices": [None if one.trigger is None else str(one.trigger) for one in changes],
            "reasons": [one.reason.value for one in changes],
            "dues": [one.due_at for one in changes],
            "seconds": [one.budget.a_second for one in changes],
            "minutes": [one.budget.a_minute for one in changes],
        }
        async with self._store.statement() as connection:
            statement = _CHANGE_WAITING if wait else _CHANGE_FREE
            won = set(await connection.scalars(statement, words))
        return _answers(changes, won, wait)

    async def _change(self, attempt: Attempt, apply: Callable[[UnitOfWork, OrderRow], None]) -> None:
        def applied(unit: UnitOfWork) -> None:
            apply(unit, unit.order(attempt.order_id))

        key = attempt.key
        await self._writer.write(Write(key.strategy_id, key.user_id, applied, day=key.trading_day))


def stop_over(unit: UnitOfWork, row: OrderRow, seen: BrokerOrder) -> None:
    """Write what becomes of a stop whose exit has begun, once the book shows that it rests no more.

    Where it was changed without the store it sells for its exit's reason: a triggered one keeps its trigger.
    """
    if row.stop is None or row.exit_aim is None or seen.waiting:
        return
    sale = row.stop.get("sale")
    if sale is not None and seen.trigger is None and seen.filled_quantity and not row.filled_quantity:
        row.reason = sale
    shown = read_protection(unit.strategy.protection)
    if shown is not None and shown.order_id == row.broker_order_id:
        why = SELLING if row.exit_aim == ExitAim.SELL else RELEASED
        unit.strategy.protection = protection_json(Protection(Protect.SERVER, unit.now, why=why))


def stop_shown(row: OrderRow, seen: BrokerOrder, now: datetime) -> bool:
    """Write that the order book shows the newest change of a stop; tell whether that is news."""
    if row.stop is None or not row.modifications or row.modifications[-1]["confirmed_at"] is not None:
        return False
    wanted = row.modifications[-1]["price"]
    at_market = seen.order_type in (OrderKind.MARKET, OrderKind.LIMIT)
    made = at_market if wanted is None else seen.trigger == Decimal(wanted)
    if made:
        newest = {**row.modifications[-1], "confirmed_at": now.isoformat()}
        row.modifications = [*row.modifications[:-1], newest]
    return made


def _kept(row: Row[Any]) -> KeptStop:
    tick = row.tick or SMALLEST_TICK
    stands = standing(row.stop_loss, read_terms(row.terms), Fills(row.entry_price, row.peak, row.tick_size))
    return KeptStop(
        LegKey(row.strategy_id, row.user_id, row.trading_day, row.round, Leg.EXIT),
        OrderTerms(row.exchange, row.symbol, Product(row.product), row.account, row.most, protected=True),
        row.bought_quantity,
        row.missing_quantity,
        stands.stop,
        tick,
        row.entry_price,
        row.bought_at,
        row.sell_at,
        row.closes_at,
        row.entry_open,
        row.moved_at,
        row.foreign_at,
        read_protection(row.protection),
    )

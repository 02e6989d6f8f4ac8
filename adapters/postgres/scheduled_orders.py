"""Stores scheduled orders, worker heartbeats, and the takeover from dead workers."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Select, Uuid, and_, bindparam, column, func, or_, select, table, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from adapters.postgres.engine import Store
from adapters.postgres.operation_tables import WorkerRow
from adapters.postgres.order_rows import attempt_of, planned, terms_of
from adapters.postgres.strategies import OF_ITS_RUN
from adapters.postgres.tables import (
    OrderRow,
    StrategyRow,
)
from adapters.postgres.terms_json import how_json, read_how, read_terms
from adapters.postgres.unit_of_work import StrategyWriter, UnitOfWork, Write
from adapters.postgres.watch_tables import PeakRow
from domain.order import Leg, OrderStatus, Reason
from domain.run import EnterOrder, ExitOrder
from domain.scheduled_order import (
    EXIT_SENT_WITHIN,
    GONE_AFTER,
    LEASE,
    UNFOLLOWED,
    UNMISSED,
    UNSENT_AFTER,
    ScheduledOrder,
    StopSale,
)
from domain.standing import Fills
from domain.strategy import Phase, Position, Status

ADOPTED_AT_ONCE = 1000
_NAME_LENGTH = 63
"""Bytes, to which Postgres cuts a connection's name. Two that look alike then die later, never sooner."""
_CONNECTED: Select[Any] = select(column("application_name")).select_from(table("pg_stat_activity"))
_LIVE = ("planned", "sent", "open")
_ENTRY = aliased(OrderRow)
_STOPPABLE = (  # built once: building it takes longer than asking it
    select(
        OrderRow.__table__,
        StrategyRow.bought_quantity,
        StrategyRow.stop_loss.label("stop_price"),
        StrategyRow.terms,
        StrategyRow.entry_price,
        StrategyRow.bought_at,
        StrategyRow.tick_size,
        PeakRow.price.label("peak"),
    )
    .join(StrategyRow, StrategyRow.strategy_id == OrderRow.strategy_id)
    .outerjoin(PeakRow, OF_ITS_RUN)
    .where(
        StrategyRow.strategy_id == func.any(bindparam("ids", type_=ARRAY(Uuid))),
        StrategyRow.status == Status.RUNNING.value,
        StrategyRow.position == Position.BOUGHT.value,
        StrategyRow.phase.in_([Phase.ENTERING.value, Phase.HOLDING.value]),
        # A price that was read after the close, or before a slept-through day goes on, sells nothing.
        or_(StrategyRow.closes_at.is_(None), StrategyRow.closes_at > func.now()),
        or_(StrategyRow.resumes_at.is_(None), StrategyRow.resumes_at <= func.now()),
        OrderRow.trading_day == StrategyRow.trading_day,
        OrderRow.round == StrategyRow.round,
        OrderRow.leg == Leg.EXIT.value,
        OrderRow.attempt == 1,
        OrderRow.status == OrderStatus.PLANNED.value,
        ~select(_ENTRY.order_id)
        .where(
            _ENTRY.strategy_id == StrategyRow.strategy_id,
            _ENTRY.trading_day == StrategyRow.trading_day,
            _ENTRY.round == StrategyRow.round,
            _ENTRY.leg == Leg.ENTRY.value,
            _ENTRY.status.in_(_LIVE),
        )
        .exists(),
    )
)


class PostgresScheduledOrderLog:
    """Implements `domain.ports.ScheduledOrderLog`.

    `heartbeats` are connections that bear the worker's name: they end with its process, which Postgres
    sees at once, and they never wait for an order.
    """

    def __init__(self, store: Store, heartbeats: Store, build_id: str = "") -> None:
        self._store = store
        self._heartbeats = heartbeats
        self._build_id = build_id
        self._writer = StrategyWriter(store)

    async def arm(self, order: EnterOrder | ExitOrder, worker: str) -> ScheduledOrder | None:
        """Write the leg's first intent as scheduled by `worker`; None when it was sent or closed already."""
        key = order.key
        return await self._writer.write(
            Write(key.strategy_id, key.user_id, lambda unit: _arm(unit, order, worker), day=key.trading_day)
        )

    async def slot(self, due_at: datetime) -> int:
        """Return how many orders are scheduled for that instant."""
        query = (
            select(func.count())
            .select_from(OrderRow)
            .where(OrderRow.held_by.is_not(None), OrderRow.status == "planned", OrderRow.due_at == due_at)
        )
        async with self._store.read() as session:
            return await session.scalar(query) or 0

    async def beat(self, worker: str) -> None:
        """Write a heartbeat of `worker`. Losing the newest one in a crash of Postgres costs nothing."""
        now = func.clock_timestamp()
        row = insert(WorkerRow).values(name=worker, alive_at=now, build_id=self._build_id)
        async with self._heartbeats.work() as session:
            await session.execute(text("SET LOCAL synchronous_commit = off"))
            await session.execute(row.on_conflict_do_update(index_elements=["name"], set_={"alive_at": now}))

    async def leave(self, worker: str) -> None:
        """Delete the heartbeat row of a worker that shuts down."""
        async with self._store.work() as session:
            await session.execute(text("DELETE FROM workers WHERE name = :name"), {"name": worker})

    async def orphans(self, worker: str, ahead: timedelta) -> Sequence[ScheduledOrder]:
        """Take over dead workers' orders, and orders that a living worker has not sent in time."""
        async with self._store.work() as session:
            now = (await session.execute(select(func.clock_timestamp()))).scalar_one()
            chosen = _orphans(worker, now, ahead)
            found = await session.scalars(
                update(OrderRow)
                .where(OrderRow.order_id.in_(chosen))
                .values(held_by=worker)
                .returning(OrderRow)
                .execution_options(synchronize_session=False)
            )
            return [_scheduled(row) for row in found]

    async def at_their_stop(self, strategy_ids: Sequence[UUID], now: datetime) -> Sequence[StopSale]:
        """Return the sales that may be sent ahead of their runs, in the order asked."""
        async with self._store.statement() as connection:
            rows: Sequence[Any] = (await connection.execute(_STOPPABLE, {"ids": strategy_ids})).all()
        found = {row.strategy_id: row for row in rows}
        return [_at_its_stop(found[one], now) for one in strategy_ids if one in found]


def _arm(unit: UnitOfWork, order: EnterOrder | ExitOrder, worker: str) -> ScheduledOrder | None:
    leg = unit.leg(order.key)
    if not leg:
        leg = [planned(order.key, order.terms, 1, order.due_at, unit.now)]
        unit.add_order(leg[0])
    row = leg[-1]
    if row.status != OrderStatus.PLANNED or unit.strategy.status != Status.RUNNING:
        return None
    if order.terms.protected and len(leg) > 1 and order.key.leg is Leg.EXIT:
        return None  # it is not the whole sale: other attempts rest, or have sold
    row.held_by, row.due_at = worker, order.due_at
    if isinstance(order, EnterOrder):
        row.wanted, row.stop_loss, row.closes_at = order.quantity, order.stop_loss, order.closes_at
        row.target, row.sell_at, row.entry = order.target, order.sell_at, how_json(order.how)
    else:
        row.wanted, row.reason = order.bought, order.reason.value
    return ScheduledOrder(order, attempt_of(row))


def _orphans(worker: str, now: datetime, ahead: timedelta) -> Select[Any]:
    """Select dead workers' due or sent orders and any order not sent in time, oldest first."""
    gone = func.left(WorkerRow.name, _NAME_LENGTH).not_in(
        _CONNECTED.where(column("application_name").is_not(None))
    )
    dead = or_(
        WorkerRow.alive_at.is_(None),
        WorkerRow.alive_at < now - LEASE,
        and_(WorkerRow.alive_at < now - GONE_AFTER, gone),
    )
    unsent = OrderRow.status == "planned"
    # Before its time only from a dead worker, after it from any; an exit soon, or it is left to its run.
    due = unsent & (OrderRow.due_at < now + ahead) & (dead | (OrderRow.due_at < now - UNSENT_AFTER))
    in_time = or_(
        (OrderRow.leg == Leg.EXIT.value) & (OrderRow.due_at > now - EXIT_SENT_WITHIN),
        (OrderRow.leg == Leg.ENTRY.value) & (OrderRow.due_at > now - UNMISSED),
    )
    unfollowed = OrderRow.status.in_(("sent", "open")) & dead & (OrderRow.sent_at > now - UNFOLLOWED)
    return (
        select(OrderRow.order_id)
        .outerjoin(WorkerRow, WorkerRow.name == OrderRow.held_by)
        .where(OrderRow.held_by.is_not(None), OrderRow.held_by != worker, OrderRow.status.in_(_LIVE))
        .where((due & in_time) | unfollowed)
        .order_by(OrderRow.due_at)
        .limit(ADOPTED_AT_ONCE)
        .with_for_update(of=OrderRow, skip_locked=True)
    )


def _scheduled(row: OrderRow) -> ScheduledOrder:
    attempt, wanted = attempt_of(row), row.wanted or 0
    due_at = row.due_at
    if due_at is None:
        raise LookupError(f"order {row.order_id} is scheduled without an instant")
    if attempt.key.leg is Leg.EXIT:
        return ScheduledOrder(_sale(row, wanted, Reason(row.reason or Reason.SELL), due_at), attempt)
    order = EnterOrder(
        attempt.key,
        terms_of(row),
        row.wanted,
        row.stop_loss,
        due_at,
        row.closes_at,
        sell_at=row.sell_at,
        target=row.target,
        how=read_how(row.entry),
    )
    return ScheduledOrder(order, attempt)


def _at_its_stop(row: Any, now: datetime) -> StopSale:
    sale = _sale(row, row.bought_quantity, Reason.STOPLOSS, now)
    fills = Fills(row.entry_price, row.peak, row.tick_size)
    return StopSale(sale, attempt_of(row), row.stop_price, read_terms(row.terms), fills, row.bought_at)


def _sale(row: OrderRow, bought: int, reason: Reason, due_at: datetime) -> ExitOrder:
    return ExitOrder(attempt_of(row).key, terms_of(row), bought, reason, due_at)

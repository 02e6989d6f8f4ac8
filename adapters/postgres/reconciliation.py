"""Reads what the reconciler compares, of all users, in the worker's role."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, ScalarSelect, and_, bindparam, case, func, or_, select, text

from adapters.postgres.engine import Store
from adapters.postgres.limits import to_sell
from adapters.postgres.order_rows import attempt_of, terms_of
from adapters.postgres.starts import start_of, start_of_strategy
from adapters.postgres.tables import OrderRow, StartRow, StrategyRow
from domain.limits import ToSell
from domain.order import FINAL, Leg, OrderStatus
from domain.reconciler import (
    PRICE_SELDOM,
    PRICE_SOON,
    PRICE_SOON_FOR,
    PRICED_AFTER_CLOSE,
    DoubtfulOrder,
    Owned,
    RunningRow,
    Slice,
    SoldRow,
    UnpricedOrder,
)
from domain.run import StartRun
from domain.strategy import Phase, Position, Status

ONE_DAY = timedelta(hours=16)
"""The broker's order book is of one day: what was filled before has left it."""
_IN_DOUBT = (OrderStatus.SENT.value, OrderStatus.ABSENT.value, OrderStatus.OPEN.value)
"""Open as well: an operator may say that the broker has it, and no run is there to follow it."""


class PostgresReconciliation:
    """Implements `domain.ports.Reconciliation`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def owned(self, part: Slice, started_before: datetime) -> Sequence[Owned]:
        """Return a slice's strategies that are marked running and were started before that instant."""
        bounds = {"first": part.first, "last": part.last, "started_before": started_before}
        async with self._store.statement() as connection:
            rows = (await connection.execute(_OWNED, bounds)).all()
        return [Owned(row.strategy_id, row.workflow_id or "", Position(row.position)) for row in rows]

    async def running(self, strategy_ids: Collection[UUID]) -> Sequence[RunningRow]:
        """Return those of these strategies that are marked running, with the START they were started by."""
        if not strategy_ids:
            return []
        query = (
            select(StrategyRow, StartRow, _newest(Leg.ENTRY), _newest(Leg.EXIT))
            .outerjoin(StartRow, StartRow.start_id == StrategyRow.start_id)
            .where(StrategyRow.status == Status.RUNNING.value, StrategyRow.strategy_id.in_(strategy_ids))
        )
        async with self._store.read() as session:
            rows = (await session.execute(query)).all()
        return [
            RunningRow(start, row.workflow_id, row.run_id, Position(row.position), bought, sold)
            for row, written, bought, sold in rows
            if (start := _start(row, written)) is not None and row.workflow_id and row.run_id
        ]

    async def sold(self, before: datetime) -> Sequence[SoldRow]:
        """Return the running strategies that have held nothing since before that instant.

        Sold, or gone from the account by what `domain.account_watch` has settled.
        """
        async with self._store.statement() as connection:
            rows = (await connection.execute(_SOLD, {"before": before})).all()
        return [SoldRow(row.strategy_id, row.workflow_id or "", row.run_id or "") for row in rows]

    async def to_sell(self) -> Sequence[ToSell]:
        """Return the running strategies whose shares a kill switch orders to be sold."""
        async with self._store.read() as session:
            return await to_sell(session)

    async def doubtful_orders(self) -> Sequence[DoubtfulOrder]:
        """Return today's orders that no run follows and that may not be over, while the market is open.

        An exit that was given up, or an earlier START's, may still turn up and sell unexpectedly.
        """
        query = (
            select(OrderRow, StrategyRow, StartRow)
            .join(StrategyRow, StrategyRow.strategy_id == OrderRow.strategy_id)
            .outerjoin(StartRow, StartRow.start_id == StrategyRow.start_id)
            .where(
                OrderRow.trading_day == StrategyRow.trading_day,
                StrategyRow.closes_at > func.now(),
                or_(_doubtful_entry(), _doubtful_exit()),
            )
            .order_by(OrderRow.sent_at)
        )
        async with self._store.read() as session:
            rows = (await session.execute(query)).all()
        return [
            DoubtfulOrder(
                start, attempt_of(order), terms_of(order), strategy.bought_quantity, strategy.sold_quantity
            )
            for order, strategy, written in rows
            if (start := _start(strategy, written)) is not None
        ]

    async def unpriced_orders(self) -> Sequence[UnpricedOrder]:
        """Return the filled orders of today without a price that are due to be read again."""
        async with self._store.read() as session:
            rows = await session.scalars(_UNPRICED)
            return [UnpricedOrder(attempt_of(order), terms_of(order)) for order in rows]


def _doubtful_entry() -> ColumnElement[bool]:
    """Match entries of the newest round that are unanswered, or bought after their strategy had stopped.

    The run that found such a purchase may have died before it was taken over. A run that takes it over writes
    a later stop.
    """
    bought_since = and_(
        OrderRow.filled_at > StrategyRow.stopped_at,
        StrategyRow.bought_quantity > StrategyRow.sold_quantity,
        StrategyRow.kept.is_(False),
    )
    return and_(
        OrderRow.leg == Leg.ENTRY.value,
        or_(OrderRow.status.in_(_IN_DOUBT), bought_since),
        OrderRow.round == StrategyRow.round,
        StrategyRow.status == Status.STOPPED.value,
    )


def _doubtful_exit() -> ColumnElement[bool]:
    unfollowed = or_(StrategyRow.status == Status.STOPPED.value, OrderRow.round < StrategyRow.round)
    return and_(OrderRow.leg == Leg.EXIT.value, OrderRow.status.in_(_IN_DOUBT), unfollowed)


def _newest(leg: Leg) -> ScalarSelect[str | None]:
    """Return the broker's number of the newest order of a leg of the running round."""
    return (
        select(OrderRow.broker_order_id)
        .where(
            OrderRow.strategy_id == StrategyRow.strategy_id,
            OrderRow.trading_day == StrategyRow.trading_day,
            OrderRow.round == StrategyRow.round,
            OrderRow.leg == leg.value,
            OrderRow.broker_order_id.is_not(None),
        )
        .order_by(OrderRow.attempt.desc())
        .limit(1)
        .scalar_subquery()
    )


def _start(row: StrategyRow, written: StartRow | None) -> StartRun | None:
    """Return the START a row was started by, None where the row was never started."""
    return start_of(written) if written is not None else start_of_strategy(row)


_SOLD = (
    select(StrategyRow.strategy_id, StrategyRow.workflow_id, StrategyRow.run_id)
    .where(
        StrategyRow.status == "running",
        or_(
            and_(
                StrategyRow.position == Position.SOLD.value,
                StrategyRow.phase.in_([Phase.ENTERING.value, Phase.HOLDING.value]),
            ),
            # Gone at the broker, as the account showed twice: the run looks itself, and ends. Not where the
            # account cannot be read: it would look in vain, again and again.
            and_(
                StrategyRow.position == Position.BOUGHT.value,
                StrategyRow.phase == Phase.HOLDING.value,
                StrategyRow.unread_since.is_(None),
                StrategyRow.missing_quantity >= StrategyRow.bought_quantity - StrategyRow.sold_quantity,
            ),
        ),
        StrategyRow.updated_at < bindparam("before"),
        StrategyRow.workflow_id.is_not(None),
        StrategyRow.run_id.is_not(None),
    )
    .order_by(StrategyRow.updated_at)
    .limit(50)
)
_UNPRICED = (
    select(OrderRow)
    .join(StrategyRow, StrategyRow.strategy_id == OrderRow.strategy_id)
    .where(
        text("orders.filled_quantity > 0 AND orders.average_price IS NULL"),  # the index's own condition
        OrderRow.status.in_([status.value for status in FINAL]),
        OrderRow.filled_at > func.now() - ONE_DAY,
        or_(
            OrderRow.trading_day != StrategyRow.trading_day,  # a newer START has its own close
            StrategyRow.closes_at > func.now() - PRICED_AFTER_CLOSE,
        ),
        or_(
            OrderRow.looked_up_at.is_(None),
            OrderRow.looked_up_at < OrderRow.filled_at,
            OrderRow.looked_up_at
            < func.now()
            - case((OrderRow.filled_at > func.now() - PRICE_SOON_FOR, PRICE_SOON), else_=PRICE_SELDOM),
        ),
    )
    .order_by(OrderRow.filled_at)
    .limit(200)
)
_OWNED = select(StrategyRow.strategy_id, StrategyRow.workflow_id, StrategyRow.position).where(
    StrategyRow.status == "running",  # written out, as the index's own condition is
    StrategyRow.strategy_id.between(bindparam("first"), bindparam("last")),
    StrategyRow.started_at < bindparam("started_before"),
    StrategyRow.workflow_id.is_not(None),
)

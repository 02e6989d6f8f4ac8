"""Reads what an operator has to act on, of all users, in the worker's role."""

from datetime import date, datetime, timedelta

from sqlalchemy import (
    Boolean,
    ColumnElement,
    String,
    and_,
    case,
    cast,
    exists,
    func,
    literal_column,
    or_,
    select,
)

from adapters.postgres.engine import Store
from adapters.postgres.starts import start_of
from adapters.postgres.tables import LEFT, UNSETTLED, EventRow, OrderRow, StartRow, StrategyRow
from adapters.postgres.user_tables import BrokerKeys, User
from domain.operator_alerts import Differing, Due, InDoubt, LeftOver, LoginNeeded
from domain.order import Leg, OrderStatus
from domain.run import StartRun
from domain.session import exchange_time
from domain.strategy import Position, Status
from domain.timeline import EventKind

UNANSWERED_AFTER = timedelta(seconds=10)
"""A send is answered within milliseconds, or given up by its deadline: older ones are in doubt."""


class PostgresOperatorAlerts:
    """Implements `domain.ports.OperatorAlerts`; reads only."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def logins_needed(self, now: datetime) -> list[LoginNeeded]:
        """Return running strategies with an order due later today (exchange time) and no login for it.

        A login that was noted as dead, has ended, ends before the order, or was never made.
        """
        buys = StrategyRow.position == Position.NONE.value
        due_at = case((buys, StrategyRow.buy_at), else_=StrategyRow.sell_at)
        ends_at = BrokerKeys.token_expires_at
        dead = or_(BrokerKeys.login_dead.is_not(False), ends_at.is_(None), ends_at <= now)
        query = (
            select(StrategyRow, User.email, due_at, case((dead, None), else_=ends_at))
            .join(User, User.user_id == StrategyRow.user_id)
            .outerjoin(BrokerKeys, BrokerKeys.user_id == StrategyRow.user_id)
            .where(
                StrategyRow.status == Status.RUNNING.value,
                StrategyRow.trading_day == exchange_time(now).date(),
                due_at > now,
                or_(dead, ends_at <= due_at),
            )
            .order_by(due_at, StrategyRow.strategy_id)
        )
        async with self._store.read() as session:
            rows = (await session.execute(query)).all()
        return [_login_needed(row, email, due, ends) for row, email, due, ends in rows]

    async def entries_due(self, now: datetime) -> list[StartRun]:
        """Return the STARTs of today (exchange time) whose purchase is still ahead, soonest first."""
        query = (
            select(StartRow)
            .join(StrategyRow, StrategyRow.start_id == StartRow.start_id)
            .where(
                StrategyRow.status == Status.RUNNING.value,
                StrategyRow.position == Position.NONE.value,
                StrategyRow.trading_day == exchange_time(now).date(),
                StrategyRow.buy_at > now,
                ~StartRow.sell_only,
            )
            .order_by(StrategyRow.buy_at, StrategyRow.strategy_id)
        )
        async with self._store.read() as session:
            return [start_of(row) for row in await session.scalars(query)]

    async def left_over(self) -> list[LeftOver]:
        """Return the stopped strategies that hold shares without the user having chosen so, oldest first."""
        return await self._stopped(literal_column(f"({LEFT})", Boolean()))

    async def unanswered(self) -> int:
        """Return how many orders were sent and are unanswered now, the newest included."""
        query = select(func.count()).where(_unsettled(), OrderRow.status == OrderStatus.SENT.value)
        async with self._store.read() as session:
            return int((await session.execute(query)).scalar_one())

    async def sold_twice(self) -> list[LeftOver]:
        """Return the stopped strategies that have sold more today than they bought, oldest first."""
        short = StrategyRow.sold_quantity > StrategyRow.bought_quantity
        return await self._stopped(and_(short, StrategyRow.trading_day == _today()))

    async def differing(self) -> list[Differing]:
        """Return the strategies whose account shows something else than they hold, oldest first."""
        differs = or_(
            StrategyRow.missing_quantity > 0,
            StrategyRow.unread_since.is_not(None),
            and_(StrategyRow.oversold_quantity > 0, StrategyRow.trading_day == _today()),
        )
        query = (
            select(StrategyRow, User.email)
            .join(User, User.user_id == StrategyRow.user_id)
            .where(differs)
            .order_by(StrategyRow.updated_at, StrategyRow.strategy_id)
        )
        async with self._store.read() as session:
            rows = (await session.execute(query)).all()
        return [_differing(row, email) for row, email in rows]

    async def _stopped(self, condition: ColumnElement[bool]) -> list[LeftOver]:
        query = (
            select(StrategyRow, User.email)
            .join(User, User.user_id == StrategyRow.user_id)
            .where(StrategyRow.status == Status.STOPPED.value, condition)
            .order_by(StrategyRow.stopped_at, StrategyRow.strategy_id)
        )
        async with self._store.read() as session:
            rows = (await session.execute(query)).all()
        return [_left_over(row, email) for row, email in rows]

    async def in_doubt(self) -> list[InDoubt]:
        """Return the orders whose state is unknown, oldest first.

        Sent and unanswered on whatever day; entries of today given up as absent; orders at the broker whose
        strategy has stopped, so that no run follows them. Orders that an operator settled are left out.
        """
        query = (
            select(OrderRow, User.email, StrategyRow.status)
            .join(StrategyRow, StrategyRow.strategy_id == OrderRow.strategy_id)
            .join(User, User.user_id == OrderRow.user_id)
            .where(_unsettled(), _doubtful())
            .order_by(OrderRow.sent_at, OrderRow.order_id)
        )
        async with self._store.read() as session:
            rows = (await session.execute(query)).all()
        return [_in_doubt(row, email, Status(status)) for row, email, status in rows]


def _unsettled() -> ColumnElement[bool]:
    # In the words of the index, as constants: Postgres uses it for nothing it cannot prove to be in it.
    return literal_column(f"orders.{UNSETTLED}", Boolean())


def _doubtful() -> ColumnElement[bool]:
    stopped = StrategyRow.status == Status.STOPPED.value
    unanswered = and_(
        OrderRow.status == OrderStatus.SENT.value, OrderRow.sent_at < func.now() - UNANSWERED_AFTER
    )
    absent = and_(
        OrderRow.status == OrderStatus.ABSENT.value,
        OrderRow.leg == Leg.ENTRY.value,
        OrderRow.trading_day == _today(),
        ~_settled_by_hand(),
    )
    unfollowed = and_(OrderRow.status == OrderStatus.OPEN.value, stopped)
    return or_(unanswered, absent, unfollowed)


def _today() -> ColumnElement[date]:
    return func.date(func.timezone("Asia/Kolkata", func.now()))


def _settled_by_hand() -> ColumnElement[bool]:
    return exists().where(
        EventRow.strategy_id == OrderRow.strategy_id,
        EventRow.kind == EventKind.RESOLVED.value,
        EventRow.data["order_id"].astext == cast(OrderRow.order_id, String),
    )


def _login_needed(row: StrategyRow, email: str, due_at: datetime, ends_at: datetime | None) -> LoginNeeded:
    due = Due.BUY if row.position == Position.NONE else Due.SALE
    return LoginNeeded(row.user_id, email, row.strategy_id, row.symbol, due, due_at, ends_at)


def _left_over(row: StrategyRow, email: str) -> LeftOver:
    return LeftOver(
        strategy_id=row.strategy_id,
        user_id=row.user_id,
        email=email,
        exchange=row.exchange,
        symbol=row.symbol,
        product=row.product,
        quantity=row.bought_quantity - row.sold_quantity,
        since=row.stopped_at or row.updated_at,
        detail=row.outcome_detail or "its exit failed",
    )


def _differing(row: StrategyRow, email: str) -> Differing:
    oversold, missing = row.oversold_quantity, row.missing_quantity
    return Differing(
        kind="oversold" if oversold else "missing" if missing else "unread",
        strategy_id=row.strategy_id,
        user_id=row.user_id,
        email=email,
        exchange=row.exchange,
        symbol=row.symbol,
        product=row.product,
        quantity=oversold if oversold else missing if missing else row.bought_quantity - row.sold_quantity,
        since=next(
            at
            for at in (row.missing_since, row.unread_since, row.stopped_at, row.updated_at)
            if at is not None
        ),
        detail=row.missing_note or "The account could not be read at the broker.",
    )


def _in_doubt(row: OrderRow, email: str, strategy_status: Status) -> InDoubt:
    return InDoubt(
        order_id=row.order_id,
        strategy_id=row.strategy_id,
        user_id=row.user_id,
        email=email,
        exchange=row.exchange,
        symbol=row.symbol,
        product=row.product,
        leg=Leg(row.leg),
        quantity=row.quantity or 0,
        tag=row.tag,
        status=OrderStatus(row.status),
        strategy_status=strategy_status,
        since=row.sent_at or row.created_at,
        message=row.message,
    )

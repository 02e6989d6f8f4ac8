"""A strategy and its run as the store's tests need them: a user, his strategy, one START after another."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select, text, update

from adapters.postgres.engine import Store
from adapters.postgres.orders import PostgresOrderLog
from adapters.postgres.runs import PostgresRunStore
from adapters.postgres.starts import Starts
from adapters.postgres.tables import EventRow, OrderRow, StartRow, StrategyRow
from adapters.postgres.user_tables import BrokerKeys, User
from domain.order import Attempt, BrokerOrder, Leg, LegKey, OrderStatus, OrderTerms, Reason, Side
from domain.outcome import Accepted
from domain.ports import Claimed
from domain.run import ActivateRun, Activation, FinishRun, RunRef, StartRun, workflow_id
from domain.session import EXCHANGE_ZONE, DayPlan
from domain.strategy import Outcome, Position, Product, Strategy

TODAY = date(2026, 11, 23)
TERMS = OrderTerms("NSE", "TCS", Product.CNC, "zerodha:AB1234")
NOWHERE = "postgresql://owner@127.0.0.1:1/nothing"
"""A store that does not answer."""


def just_now() -> datetime:
    return datetime.now(UTC)


class AsTheApi(PostgresRunStore):
    """Writes each START down before its run, as the API does."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._api = store

    async def activate(self, request: ActivateRun) -> Activation:
        await write_start(self._api, request.start)
        return await super().activate(request)


async def write_start(store: Store, start: StartRun) -> None:
    """Write a START down, unless it is."""
    async with store.work(start.strategy.user_id) as session:
        await session.execute(
            text("SELECT pg_advisory_xact_lock(hashtext(:id))"), {"id": str(start.start_id)}
        )
        known = await session.get(StrategyRow, start.strategy.strategy_id)
        if known is not None and await session.get(StartRow, start.start_id) is None:
            await Starts(session, start.strategy.user_id).write(start)


@dataclass(frozen=True, slots=True)
class Desk:
    """One strategy of one user, and the two adapters that write its rows."""

    store: Store
    log: PostgresOrderLog
    runs: PostgresRunStore
    strategy: Strategy

    @classmethod
    async def made(cls, store: Store, symbol: str = "TCS", user_id: UUID | None = None) -> "Desk":
        """`user_id`: whose it is, made when it is new."""
        user_id, strategy_id = user_id or uuid4(), uuid4()
        strategy = Strategy(strategy_id, user_id, symbol, time(9, 30), time(15, 14), Decimal(3500), 10)
        async with store.work() as session:
            await session.merge(User(user_id=user_id, email=f"{user_id}@example.com", password_hash="-"))
            await session.flush()
            session.add(
                StrategyRow(
                    strategy_id=strategy_id,
                    user_id=user_id,
                    symbol=symbol,
                    exchange="NSE",
                    product="CNC",
                    buy_time=strategy.buy_time,
                    sell_time=strategy.sell_time,
                    stop_loss=strategy.stop_loss,
                    quantity=10,
                    on_stop="exit",
                )
            )
        return cls(store, PostgresOrderLog(store), AsTheApi(store), strategy)

    @classmethod
    async def started(cls, store: Store, symbol: str = "TCS", user_id: UUID | None = None) -> "Desk":
        """As `made`, and its START of today is written down and runs: without one nothing is bought."""
        desk = await cls.made(store, symbol, user_id)
        await desk.runs.activate(desk.start())
        return desk

    def start(self, day: date = TODAY, *, sell_only: bool = False) -> ActivateRun:
        """Return a new START, as pressed now: its entry is due at 09:30, or now where that is later."""
        start_id = uuid4()
        at = min(datetime.combine(day, time(9, 30), tzinfo=EXCHANGE_ZONE), just_now())
        plan = DayPlan(day, at, at + timedelta(hours=5), at, at + timedelta(hours=6))
        ref = RunRef(
            self.strategy.strategy_id,
            self.strategy.user_id,
            workflow_id(self.strategy.strategy_id, day),
            f"run-{start_id}",
            start_id,
        )
        return ActivateRun(ref, StartRun(start_id, self.strategy, plan, sell_only))

    def key(self, leg: Leg = Leg.ENTRY, round_: int = 1, day: date = TODAY) -> LegKey:
        return LegKey(self.strategy.strategy_id, self.strategy.user_id, day, round_, leg)

    async def in_round(self, round_: int) -> None:
        """Have the day be in its nth round, as after so many STARTs: an entry is of the round that runs."""
        await self._set(round=round_)

    async def _set(self, **values: object) -> None:
        async with self.store.work() as session:
            mine = update(StrategyRow).where(StrategyRow.strategy_id == self.strategy.strategy_id)
            await session.execute(mine.values(**values))

    async def sent(self, key: LegKey, attempt: int = 1, quantity: int = 10) -> Attempt:
        """Return an attempt of a leg, planned and claimed now."""
        mine = self.strategy
        terms = replace(TERMS, symbol=mine.symbol, exchange=mine.exchange, product=mine.product)
        planned = await self.log.plan(key, terms, attempt, just_now())
        reason = Reason.BUY if key.leg is Leg.ENTRY else Reason.SELL
        async with self._started_for(key):
            claim = await self.log.claim(planned, quantity, reason, just_now(), None)
        assert isinstance(claim, Claimed)
        return claim.attempt

    @asynccontextmanager
    async def _started_for(self, key: LegKey) -> AsyncIterator[None]:
        """Have a START of that leg run for a moment, where a test of something else has made none."""
        row = await self.row()
        if key.leg is Leg.EXIT or row.start_id is not None:
            yield
            return
        start = self.start(key.trading_day).start
        await write_start(self.store, start)
        await self._set(
            status="running", start_id=start.start_id, trading_day=key.trading_day, round=key.round
        )
        yield
        await self._set(status=row.status, start_id=None, trading_day=row.trading_day, round=row.round)
        async with self.store.work() as session:
            await session.delete(await session.get_one(StartRow, start.start_id))

    async def accepted(self, key: LegKey, broker_order_id: str = "1001", quantity: int = 10) -> Attempt:
        return await self.log.answer(await self.sent(key, quantity=quantity), Accepted(broker_order_id))

    async def bought(self, quantity: int = 10, price: str = "3501.25") -> Attempt:
        """Fill the first round's entry."""
        attempt = await self.accepted(self.key())
        return await self.log.saw(attempt, seen(attempt, quantity, price))

    def end(
        self, start: ActivateRun, outcome: Outcome = Outcome.SOLD, position: Position = Position.NONE
    ) -> FinishRun:
        return FinishRun(start.ref, self.strategy, outcome, "because", position)

    async def row(self) -> StrategyRow:
        async with self.store.read() as session:
            found = await session.get(StrategyRow, self.strategy.strategy_id)
        assert found is not None
        return found

    async def orders(self) -> list[OrderRow]:
        query = select(OrderRow).where(OrderRow.strategy_id == self.strategy.strategy_id)
        async with self.store.read() as session:
            return list(await session.scalars(query.order_by(OrderRow.leg, OrderRow.attempt)))

    async def lines(self) -> list[EventRow]:
        query = select(EventRow).where(EventRow.strategy_id == self.strategy.strategy_id)
        async with self.store.read() as session:
            return list(await session.scalars(query.order_by(EventRow.event_id)))

    async def kinds(self) -> list[str]:
        return [line.kind for line in await self.lines()]

    async def everything(self) -> list[Any]:
        """Return all that is stored of the strategy but the times of writing, to compare two moments."""
        rows: list[Any] = [await self.row(), *await self.orders(), *await self.lines()]
        return [
            {
                name: value
                for name, value in vars(row).items()
                if name not in ("_sa_instance_state", "updated_at")
            }
            for row in rows
        ]


def seen(
    attempt: Attempt,
    filled: int,
    price: str | None = "3501.25",
    status: OrderStatus | None = None,
    broker_order_id: str = "1001",
    message: str = "",
) -> BrokerOrder:
    """Return the order book's row of an attempt; COMPLETE when all of it is filled, else OPEN."""
    quantity = attempt.quantity or 10
    return BrokerOrder(
        broker_order_id,
        frozenset({attempt.tag}),
        "NSE",
        "TCS",
        "CNC",
        Side(attempt.key.leg.side),
        quantity,
        filled,
        Decimal(price) if price and filled else None,
        status or (OrderStatus.COMPLETE if filled == quantity else OrderStatus.OPEN),
        message,
    )


def broker_account(desk: Desk) -> BrokerKeys:
    """Return a connected account of the desk's user: zerodha:AB1234."""
    return BrokerKeys(
        user_id=desk.strategy.user_id,
        broker="zerodha",
        broker_user_id="AB1234",
        user_name="A B",
        api_key=b"key",
        api_secret=b"secret",
        access_token=b"token",
        login_key=b"login",
        connected_at=just_now(),
    )

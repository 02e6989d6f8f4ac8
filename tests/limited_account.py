"""An account whose owner limits its day: what it holds, what it asks to buy, what a listener says."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text

from adapters.postgres.engine import Store
from adapters.postgres.held_stops import PostgresHeldStops
from adapters.postgres.limits import UserLimits
from adapters.postgres.orders import PostgresOrderLog
from domain.held_stop import HeldPrice
from domain.limits import Limits
from domain.order import Leg, Reason
from domain.ports import Claimed, NotClaimed
from tests.store_rows import TERMS, TODAY, Desk, just_now, seen


@dataclass
class Account:
    """A user with two strategies: one that trades, one that asks whether it may buy."""

    store: Store
    trades: Desk
    asks: Desk
    listener: PostgresHeldStops

    @classmethod
    async def made(cls, store: Store, listener: PostgresHeldStops, **limits: Any) -> "Account":
        trades = await Desk.started(store)
        asks = await Desk.started(store, "INFY", trades.strategy.user_id)
        account = cls(store, trades, asks, listener)
        await account.limit(**limits)
        return account

    @property
    def user_id(self) -> UUID:
        return self.trades.strategy.user_id

    async def limit(self, **limits: Any) -> None:
        async with self.store.work() as session:
            await UserLimits(session, self.user_id).set_limits(Limits(**limits))

    async def holds(self, price: str = "3500", ago: float = 60) -> None:
        """Buy ten TCS at a price, in a market that is open."""
        await self.trades.bought(10, price)
        await self.sql("UPDATE strategies SET closes_at = NULL WHERE strategy_id = :id")
        await self.sql(
            "UPDATE orders SET filled_at = now() - make_interval(secs => :ago) WHERE strategy_id = :id",
            ago=ago,
        )

    async def sells(self, price: str) -> None:
        attempt = await self.trades.sent(self.trades.key(Leg.EXIT))
        row = seen(attempt, 10, price, broker_order_id="sold")
        await self.trades.log.saw(attempt, replace(row, average_price=Decimal(price)))

    async def priced(self, price: str, age: float = 0) -> None:
        """Have a listener say the price of TCS."""
        said = HeldPrice(Decimal(price), timedelta(seconds=age))
        await self.listener.say_prices({self.trades.strategy.strategy_id: said})

    async def may_buy(self, day: date = TODAY, desk: Desk | None = None) -> Claimed | NotClaimed:
        """Ask whether the other strategy may buy; where it may, the intent is called off again."""
        desk = desk or self.asks
        log = PostgresOrderLog(self.store)  # nothing is kept in a process
        row = await desk.row()
        key = desk.key(day=day, round_=row.round)
        attempts = await log.leg(key)
        planned = await log.plan(
            key, replace(TERMS, symbol=desk.strategy.symbol), len(attempts) + 1, just_now()
        )
        return await log.claim(planned, 10, Reason.BUY, just_now(), None, Decimal(1500))

    async def breaches(self) -> list[tuple[date, str, Decimal, str]]:
        async with self.store.read() as session:
            query = "SELECT trading_day, limit_name, value, on_breach FROM breaches ORDER BY at"
            return [tuple(row) for row in await session.execute(text(query))]

    async def sql(self, statement: str, **words: Any) -> None:
        async with self.store.work() as session:
            await session.execute(text(statement), {"id": self.trades.strategy.strategy_id, **words})


def barred(claim: Claimed | NotClaimed) -> str:
    assert isinstance(claim, NotClaimed)
    assert claim.barred is not None
    return claim.barred

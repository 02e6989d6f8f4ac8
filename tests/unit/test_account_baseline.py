"""The user's own shares are read before a purchase, and the purchase does not wait for it."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from domain.order import BrokerOrder, Leg, LegKey, OrderStatus, OrderTerms, Side
from domain.run import EnterOrder
from domain.sellable import OtherClaims
from domain.strategy import Product
from execution.account_baseline import AccountBaselines
from tests.fakes.broker import MemoryBroker, MemoryBrokers
from tests.fakes.house import MemoryOrderLog
from tests.fakes.manual_clock import ManualClock

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
KEY = LegKey(UUID(int=1), UUID(int=2), date(2026, 11, 23), 1, Leg.ENTRY)
ENTRY = EnterOrder(KEY, OrderTerms("NSE", "TCS", Product.MIS), 10, Decimal(3400), NOW + timedelta(seconds=20))


def own(quantity: int, side: Side = Side.BUY) -> BrokerOrder:
    """Return an order of the user's own, filled."""
    return BrokerOrder(
        *("1", frozenset(), "NSE", "TCS", "MIS", side, quantity, quantity),
        Decimal(3500),
        OrderStatus.COMPLETE,
    )


class World:
    """An account in which an entry waits for its instant."""

    def __init__(self, *book: BrokerOrder) -> None:
        self.clock = ManualClock(NOW)
        self.broker = MemoryBroker(self.clock, book=list(book))
        self.log = MemoryOrderLog(self.clock)
        self.baselines = AccountBaselines(self.log, MemoryBrokers(self.broker), self.clock)

    async def baseline(self, seconds: float = 0) -> int | None:
        """Return what is stored after so many seconds of waiting for the instant."""
        with self.baselines.being_read(ENTRY):
            await self.clock.advance(seconds)
        await asyncio.sleep(0)
        return self.log.claims.baseline


@pytest.mark.parametrize(
    ("book", "found"), [((), 0), ((own(10),), 10), ((own(10, Side.SELL),), -10)], ids=["none", "own", "short"]
)
async def test_what_the_account_shows_before_is_the_users_own(
    book: tuple[BrokerOrder, ...], found: int
) -> None:
    assert await World(*book).baseline() == found


async def test_what_other_strategies_hold_is_not_the_users_own() -> None:
    world = World(own(16))
    world.log.claims = OtherClaims(older=10)
    assert await world.baseline() == 6


async def test_an_account_that_an_order_is_about_to_change_is_read_again() -> None:
    world = World(own(10))
    world.log.claims = OtherClaims(in_flight=True)
    assert await world.baseline() is None
    world.log.claims = OtherClaims(older=10)
    assert await world.baseline() == 0


async def test_an_account_that_cannot_be_read_leaves_the_baseline_unknown_and_holds_nothing_up() -> None:
    world = World(own(10))
    world.broker.reads_fail = True
    assert await world.baseline(20) is None


async def test_it_is_read_once_and_stays() -> None:
    world = World(own(10))
    world.log.claims = replace(world.log.claims, baseline=3)
    assert await world.baseline() == 3

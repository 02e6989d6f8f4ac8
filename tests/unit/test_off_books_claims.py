"""A sale without Postgres sells nothing of another strategy, where Postgres says in time whose it is."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from domain.leg import Horizons
from domain.order import Leg, OrderRequest, Reason, Side, off_books_number
from domain.run import Exited, ExitOrder, OffBooksExit
from domain.sellable import OtherClaims
from domain.stop_prices import OrderKind, StopPrices
from execution.degraded_exit import DegradedExit
from tests.fakes.broker import MemoryBroker, MemoryBrokers
from tests.fakes.house import MemoryOrderLog
from tests.fakes.manual_clock import ManualClock
from tests.unit.test_executor import INTENT, KEY, NOW

EXIT = replace(KEY, leg=Leg.EXIT)
ORDER = ExitOrder(EXIT, INTENT.terms, 10, Reason.STOPLOSS, NOW)


class House:
    """A strategy that bought ten shares, of which a hand sold ten; another strategy bought ten since."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOW)
        self.broker = MemoryBroker(self.clock)
        self.log = MemoryOrderLog(self.clock)

        self.exits = DegradedExit(self.log, MemoryBrokers(self.broker), self.clock, Horizons())

    async def sold(self) -> Exited:
        for tag in (KEY.tag(1), "ANOTHERSTRATEGY12345"):
            await self.broker.place(OrderRequest(INTENT.terms, Side.BUY, 10, tag), 5, 1)
        self.broker.sell_by_hand(10)
        return await self.exit()

    async def exit(self) -> Exited:
        request = OffBooksExit(ORDER, off_books_number(0), None)
        work = asyncio.ensure_future(self.exits.exit(request, asyncio.Event(), lambda: None))
        await self.clock.advance(60)
        return await asyncio.wait_for(work, 10)


@pytest.fixture
def house() -> House:
    return House()


@pytest.mark.parametrize("claims", [OtherClaims(missing=10, later=10), OtherClaims(older=10)])
async def test_what_another_strategy_bought_is_not_sold(house: House, claims: OtherClaims) -> None:
    house.log.claims = claims
    exited = await house.sold()
    assert (exited.sold, exited.held, exited.outside) == (0, 0, 10)
    assert [order.side for order in house.broker.sent] == [Side.BUY, Side.BUY]


async def test_while_postgres_says_nothing_the_account_alone_counts(house: House) -> None:
    house.log.claims, house.log.down = OtherClaims(missing=10, later=10), True
    assert (await house.sold()).sold == 10


async def test_what_postgres_said_last_holds_while_it_says_nothing(house: House) -> None:
    house.log.claims = OtherClaims(baseline=10)
    assert (await house.sold()).outside == 10, "the ten that are left are the user's own"
    house.log.down = True
    exited = await house.exit()
    assert (exited.sold, exited.outside) == (0, 10)
    assert [order.side for order in house.broker.sent] == [Side.BUY, Side.BUY]


@pytest.mark.parametrize(("by_hand", "sold"), [(0, 10), (4, 6), (10, 0)])
async def test_what_rests_at_the_exchange_sells_no_share_that_is_gone(
    house: House, by_hand: int, sold: int
) -> None:
    """Postgres is away; what the user has sold is not sold again by the stop for all ten."""
    stop = StopPrices(OrderKind.SL_M, Decimal(3000), None)
    await house.broker.place(OrderRequest(INTENT.terms, Side.BUY, 10, KEY.tag(1)), 5, 1)
    await house.broker.place(OrderRequest(INTENT.terms, Side.SELL, 10, EXIT.tag(1), stop=stop), 5, 1)
    if by_hand:
        house.broker.sell_by_hand(by_hand)
    house.log.down = True
    exited = await house.exit()
    assert exited.sold == sold
    ours = [row for row in house.broker.book if row.tags & EXIT.numbers().keys()]
    assert sum(row.filled_quantity for row in ours) == sold

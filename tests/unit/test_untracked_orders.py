"""Sales that only the broker knows of, because the run that sent them without Postgres is no more."""

import asyncio
from dataclasses import replace

import pytest

from domain.listing import Listing
from domain.order import BrokerOrder, Leg, OrderRequest, OrderStatus, Reason, Side
from domain.run import Exited, ExitOrder
from execution.order_path import OrderPath
from tests.fakes.alerts import MemoryAlerts
from tests.fakes.broker import MemoryBroker, MemoryBrokers
from tests.fakes.house import MemoryCache, MemoryOrderLog
from tests.fakes.manual_clock import ManualClock
from tests.fakes.resting_stops import MemoryRestingStops
from tests.fakes.trading_days import MemoryTradingDays
from tests.unit.test_executor import INTENT, KEY, NOW

EXIT = replace(KEY, leg=Leg.EXIT)
ORDER = ExitOrder(EXIT, INTENT.terms, 10, Reason.STOP, NOW, adopted=True)


class House:
    """The exits over a book in which ten shares were bought and, under the tag 1000, sold."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOW)
        self.broker = MemoryBroker(self.clock)
        self.brokers = MemoryBrokers(self.broker)
        self.log = MemoryOrderLog(self.clock)
        days, alerts = MemoryTradingDays(), MemoryAlerts()
        self.exits = OrderPath.on(
            self.log, MemoryCache(), self.brokers, self.clock, days, alerts, MemoryRestingStops()
        ).exits

    async def sold_without_the_store(self, quantity: int = 10) -> None:
        for side, tag, shares in ((Side.BUY, KEY.tag(1), 10), (Side.SELL, EXIT.tag(1000), quantity)):
            await self.broker.place(OrderRequest(INTENT.terms, side, shares, tag), 5, 1)
        await self.log.plan(EXIT, INTENT.terms, 1, None)  # written with the entry's fill

    async def settled(self, order: ExitOrder = ORDER, seconds: float = 60) -> Exited:
        work = asyncio.ensure_future(self.exits.settle(order))
        for _ in range(int(seconds)):
            await self.clock.advance(1)
            if work.done():
                return work.result()
        work.cancel()
        raise AssertionError("not settled in time")

    @property
    def sales(self) -> int:
        return sum(order.side is Side.SELL for order in self.broker.sent)


@pytest.fixture
def house() -> House:
    return House()


async def test_whoever_takes_over_counts_what_was_sold_without_the_store(house: House) -> None:
    await house.sold_without_the_store()
    exited = await house.settled()
    assert (exited.sold, exited.held) == (10, 0)
    written = house.log.rows[EXIT, 1000]
    assert (written.status, written.filled_quantity) == (OrderStatus.COMPLETE, 10)
    assert house.sales == 1


async def test_what_is_left_is_sold_and_no_more(house: House) -> None:
    await house.sold_without_the_store(quantity=4)
    assert (await house.settled()).held == 6
    selling = asyncio.ensure_future(house.exits.exit(ORDER, asyncio.Event(), "the new run"))
    for _ in range(30):
        await house.clock.advance(1)
    assert (await selling).held == 0
    assert house.broker.filled(Side.SELL) == 10


async def test_a_row_whose_writer_died_before_he_had_seen_to_it_is_not_sent_again(house: House) -> None:
    await house.sold_without_the_store()
    await house.log.plan(EXIT, INTENT.terms, 1000, NOW)
    assert (await house.settled()).held == 0
    assert (await house.exits.exit(ORDER, asyncio.Event(), "the new run")).sold == 10
    assert house.sales == 1


async def test_a_sale_that_the_order_book_does_not_show_yet_is_waited_for(house: House) -> None:
    """The position book knows of it: something was sold that the order book does not explain."""
    await house.sold_without_the_store()
    house.broker.hidden = {Side.SELL}
    work = asyncio.ensure_future(house.exits.settle(ORDER))
    for _ in range(10):
        await house.clock.advance(1)
    assert not work.done()
    house.broker.hidden = set()
    for _ in range(5):
        await house.clock.advance(1)
    assert (await work).sold == 10


async def test_a_sale_of_the_users_own_holds_nobody_up_for_ever(house: House) -> None:
    await house.sold_without_the_store(quantity=4)
    hidden = replace(house.broker.book[-1], tags=frozenset(), broker_order_id="7")
    house.broker.book.append(hidden)

    async def books() -> Listing[BrokerOrder]:
        return Listing(tuple(row for row in house.broker.book if row.tags))

    house.broker.orders = books  # type: ignore[method-assign]
    exited = await house.settled(seconds=40)
    assert (exited.sold, exited.held) == (4, 6)


@pytest.mark.parametrize("symbol", ["TCS", None])
async def test_a_sale_that_may_be_in_an_unread_row_is_waited_for_without_end(
    house: House, symbol: str | None
) -> None:
    await house.sold_without_the_store()
    house.broker.hidden, house.broker.unread_orders = {Side.SELL}, frozenset({symbol})
    work = asyncio.ensure_future(house.exits.settle(ORDER))
    for _ in range(300):
        await house.clock.advance(1)
    assert not work.done()
    house.broker.hidden, house.broker.unread_orders = set(), frozenset()
    for _ in range(5):
        await house.clock.advance(1)
    assert (await work).sold == 10
    assert house.sales == 1


async def test_an_unread_row_of_another_symbol_holds_nobody_up(house: House) -> None:
    await house.sold_without_the_store()
    house.broker.unread_orders = house.broker.unread_positions = frozenset({"ITC"})
    assert (await house.settled(seconds=10)).sold == 10


async def test_a_run_that_is_not_adopted_asks_the_broker_nothing(house: House) -> None:
    await house.log.plan(EXIT, INTENT.terms, 1, None)
    house.broker.reads_fail = True
    assert (await house.exits.settle(replace(ORDER, adopted=False))).held == 10

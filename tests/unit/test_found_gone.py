"""A run that is told that its shares are gone looks itself, sends nothing, and never waits for long."""

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest

from domain.order import Leg, OrderRequest, OrderStatus, Reason, Side, off_books_number
from domain.run import Exited, ExitOrder
from domain.sellable import OtherClaims
from execution.order_intent import NotPlaced
from execution.order_path import OrderPath
from tests.fakes.alerts import MemoryAlerts
from tests.fakes.broker import MemoryBroker, MemoryBrokers
from tests.fakes.house import MemoryCache, MemoryOrderLog
from tests.fakes.manual_clock import ManualClock
from tests.fakes.resting_stops import MemoryRestingStops
from tests.fakes.trading_days import MemoryTradingDays
from tests.unit.test_executor import INTENT, KEY, NOW

EXIT = replace(KEY, leg=Leg.EXIT)
ORDER = ExitOrder(EXIT, INTENT.terms, 10, Reason.STOP, NOW)


class House:
    """The exits of a strategy that has bought ten shares, of which so many are written as missing."""

    def __init__(self) -> None:
        self.clock = ManualClock(NOW)
        self.broker = MemoryBroker(self.clock)
        self.brokers = MemoryBrokers(self.broker)
        self.log = MemoryOrderLog(self.clock, claims=OtherClaims(missing=10))
        days, alerts = MemoryTradingDays(), MemoryAlerts()
        self.exits = OrderPath.on(
            self.log, MemoryCache(), self.brokers, self.clock, days, alerts, MemoryRestingStops()
        ).exits

    async def settled(self, seconds: float = 5) -> Exited:
        await self.broker.place(OrderRequest(INTENT.terms, Side.BUY, 10, KEY.tag(1)), 5, 1)
        self.by_hand(self.broker)
        await self.log.plan(EXIT, INTENT.terms, 1, None)
        work = asyncio.ensure_future(self.exits.settle(ORDER))
        await self.clock.advance(seconds)
        return await asyncio.wait_for(work, 10)

    sold_by_hand = 10

    def by_hand(self, broker: MemoryBroker) -> None:
        if self.sold_by_hand:
            broker.sell_by_hand(self.sold_by_hand)


@pytest.fixture
def house() -> House:
    return House()


async def test_shares_that_are_gone_are_outside_and_nothing_is_sent(house: House) -> None:
    exited = await house.settled()
    assert (exited.sold, exited.held, exited.outside) == (0, 0, 10)
    assert [order.side for order in house.broker.sent] == [Side.BUY]


@pytest.mark.parametrize("by_hand", [0, 4])
async def test_what_the_account_shows_after_all_is_held_on(house: House, by_hand: int) -> None:
    house.sold_by_hand = by_hand
    exited = await house.settled()
    assert (exited.held, exited.outside) == (10, 0)


async def test_shares_that_were_converted_are_gone_however_the_books_disagree(house: House) -> None:
    house.broker.hidden = {Side.SELL}
    assert (await house.settled()).outside == 10


async def test_nothing_is_gone_while_another_order_is_on_its_way(house: House) -> None:
    house.log.claims = OtherClaims(missing=10, in_flight=True)
    assert (await house.settled()).held == 10


@pytest.mark.parametrize("missing", [0, 4])
async def test_a_run_of_which_something_is_left_does_not_look(house: House, missing: int) -> None:
    house.log.claims = OtherClaims(missing=missing)
    exited = await house.settled()
    assert (exited.held, exited.outside) == (10, 0)


async def test_a_look_that_tells_nothing_ends_soon(house: House) -> None:
    house.broker.reads_fail = True
    assert (await house.settled()).held == 10


async def test_a_login_that_is_needed_is_not_waited_for(house: House) -> None:
    house.brokers.logged_in = False
    assert (await house.settled()).held == 10


async def test_an_exit_that_was_sent_is_brought_to_its_end_first(house: House) -> None:
    planned = await house.log.plan(EXIT, INTENT.terms, 1, NOW)
    await house.log.claim(planned, 10, Reason.STOPLOSS, NOW, None)
    await house.broker.place(OrderRequest(INTENT.terms, Side.BUY, 10, KEY.tag(1)), 5, 1)
    await house.broker.place(OrderRequest(INTENT.terms, Side.SELL, 10, EXIT.tag(1)), 5, 1)
    work = asyncio.ensure_future(house.exits.settle(ORDER))
    await house.clock.advance(30)
    exited = await work
    assert (exited.sold, exited.held, exited.outside) == (10, 0, 0), "it was sold here, not by hand"
    assert house.log.rows[EXIT, 1].status is OrderStatus.COMPLETE


async def test_a_sale_ends_though_an_intent_was_left_behind_one_sent_without_postgres(house: House) -> None:
    await house.broker.place(OrderRequest(INTENT.terms, Side.BUY, 10, KEY.tag(1)), 5, 1)
    house.broker.sell_by_hand(6)
    left_behind = await house.log.plan(EXIT, INTENT.terms, 1, NOW)
    number = off_books_number(0)
    await house.broker.place(OrderRequest(INTENT.terms, Side.SELL, 4, EXIT.tag(number)), 5, 1)
    recorded = await house.log.plan(EXIT, INTENT.terms, number, NOW)
    await house.log.claim(recorded, 10, Reason.STOP, NOW, None)
    work = asyncio.ensure_future(house.exits.exit(ORDER, asyncio.Event(), "worker"))
    while not work.done():
        await house.clock.advance(1)
    with suppress(NotPlaced):
        await work
    again = asyncio.ensure_future(house.exits.exit(ORDER, asyncio.Event(), "worker"))
    while not again.done():
        await house.clock.advance(1)
    exited = await again
    assert (exited.sold, exited.held, exited.outside) == (4, 0, 6)
    assert house.log.rows[EXIT, left_behind.attempt].status is OrderStatus.NOT_PLACED

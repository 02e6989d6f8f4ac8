"""A leg above the freeze quantity: slices one after the other, bought and sold as one."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from domain.entry_size import Buying
from domain.leg import Done, Plan, next_step
from domain.order import Attempt, Leg, LegKey, OrderRequest, OrderStatus, OrderTerms, Reason, Side
from domain.run import Entered, EnterOrder, ExitOrder
from domain.strategy import Product
from domain.terms import Size, SizeBy
from execution.order_intent import NotPlaced
from execution.order_path import OrderPath
from tests.fakes.alerts import MemoryAlerts
from tests.fakes.broker import Answer, MemoryBroker, MemoryBrokers
from tests.fakes.house import MemoryCache, MemoryOrderLog
from tests.fakes.manual_clock import ManualClock
from tests.fakes.resting_stops import MemoryRestingStops
from tests.fakes.trading_days import MemoryTradingDays

NOW = datetime(2026, 11, 30, 4, 0, tzinfo=UTC)
ENTRY = LegKey(UUID(int=1), UUID(int=2), date(2026, 11, 30), 1, Leg.ENTRY)
EXIT = replace(ENTRY, leg=Leg.EXIT)
MOST = 4
TERMS = OrderTerms("NFO", "NIFTY26DECFUT", Product.NRML, most=MOST)
STOP = Decimal(80)


def attempt(number: int, status: OrderStatus, filled: int, key: LegKey = ENTRY) -> Attempt:
    return Attempt(UUID(int=number), key, number, key.tag(number), status, None, MOST, filled)


FULL = [attempt(1, OrderStatus.COMPLETE, 4)]


def test_a_full_slice_is_followed_by_the_next() -> None:
    assert next_step(Leg.ENTRY, FULL, 10, MOST) == Plan(2, FULL[-1])


@pytest.mark.parametrize(
    ("attempts", "wanted", "most"),
    [
        (FULL, 4, MOST),
        (FULL, 10, None),
        ([attempt(1, OrderStatus.CANCELLED, 3)], 10, MOST),
        ([*FULL, attempt(2, OrderStatus.CANCELLED, 1)], 10, MOST),
        ([*FULL, attempt(2, OrderStatus.ABSENT, 0)], 10, MOST),
        ([*FULL, attempt(2, OrderStatus.REJECTED, 0)], 10, MOST),
    ],
)
def test_a_purchase_ends_with_what_is_no_full_slice(
    attempts: list[Attempt], wanted: int, most: int | None
) -> None:
    assert next_step(Leg.ENTRY, attempts, wanted, most) == Done(attempts[-1])


def test_each_slice_has_the_tries_of_an_order_and_no_more() -> None:
    refused = [attempt(number, OrderStatus.NOT_PLACED, 0) for number in (2, 3)]
    assert next_step(Leg.ENTRY, [*FULL, *refused], 10, MOST) == Plan(4, refused[-1])
    last = attempt(4, OrderStatus.NOT_PLACED, 0)
    assert next_step(Leg.ENTRY, [*FULL, *refused, last], 10, MOST) == Done(last)


class Desk:
    """A worker's order path on fakes."""

    def __init__(self, log: type[MemoryOrderLog] = MemoryOrderLog) -> None:
        self.clock = ManualClock(NOW)
        self.log = log(self.clock)
        self.broker = MemoryBroker(self.clock, price=Decimal(100))
        self.path = OrderPath.on(
            *(self.log, MemoryCache(), MemoryBrokers(self.broker), self.clock, MemoryTradingDays()),
            MemoryAlerts(),
            MemoryRestingStops(),
        )
        self.halt = asyncio.Event()

    async def buy(self, quantity: int | None = 10, size: Size | None = None, lot: int = 1) -> Entered:
        how = Buying(None, size, tick=Decimal("0.05"), lot=lot)
        order = EnterOrder(ENTRY, TERMS, quantity, STOP, NOW, how=how)
        task = asyncio.ensure_future(self.path.entries.enter(order, self.halt, "worker"))
        return await self._ended(task)

    async def _ended(self, task: "asyncio.Task[Entered]") -> Entered:
        while not task.done():
            await self.clock.advance(0.25)
        return await task

    def sent(self, side: Side) -> list[int]:
        return [order.quantity for order in self.broker.sent if order.side is side]


async def test_slices_are_bought_and_sold_as_one() -> None:
    desk = Desk()
    assert (await desk.buy()).filled == 10
    assert desk.sent(Side.BUY) == [4, 4, 2]
    tags = {order.tag for order in desk.broker.sent}
    assert len(tags) == 3
    sale = asyncio.ensure_future(
        desk.path.exits.exit(ExitOrder(EXIT, TERMS, 10, Reason.SELL, NOW), desk.halt, "worker")
    )
    while not sale.done():
        await desk.clock.advance(0.25)
    exited = await sale
    assert (exited.sold, exited.held) == (10, 0)
    assert desk.sent(Side.SELL) == [4, 4, 2]


async def test_slices_of_a_stop_leave_one_right_after_the_other() -> None:
    """Each looks at the account for what is still to be sold, and not for all that was bought."""
    desk = Desk()
    await desk.buy()
    planned = await desk.log.plan(EXIT, TERMS, 1, desk.clock.now())
    order = ExitOrder(EXIT, TERMS, 10, Reason.STOPLOSS, desk.clock.now(), STOP)
    began = desk.clock.now()
    sale = asyncio.ensure_future(desk.path.exits.sell_scheduled(order, planned))
    while not sale.done():
        await desk.clock.advance(0.05)
    assert desk.sent(Side.SELL) == [4, 4, 2]
    assert desk.clock.now() - began < timedelta(seconds=1)


async def test_a_slice_that_is_filled_in_part_ends_the_purchase() -> None:
    desk = Desk()
    desk.broker.script.extend([Answer.FILL, Answer.HALF])
    assert (await desk.buy()).filled == 6
    assert desk.sent(Side.BUY) == [4, 4]


async def test_an_amount_is_spent_over_slices_and_not_twice() -> None:
    desk = Desk()  # at 105 a share, which is the most that a market order may come to
    entered = await desk.buy(None, Size(SizeBy.AMOUNT, Decimal(1000)))
    assert (entered.filled, entered.outcome) == (9, None)
    assert desk.sent(Side.BUY) == [4, 4, 1]


async def test_an_amount_of_full_slices_ends_without_another_order() -> None:
    desk = Desk()
    entered = await desk.buy(None, Size(SizeBy.AMOUNT, Decimal(850)), lot=4)
    assert (entered.filled, desk.sent(Side.BUY)) == (8, [4, 4])


class StoppedAt(MemoryOrderLog):
    """Has the run settle the entry in the moment in which its worker is about to plan the next slice."""

    stop: Callable[[], Awaitable[Entered]] | None = None
    settled: Entered | None = None

    async def supersede(self, attempt: Attempt, *words: Any, **more: Any) -> Attempt:
        if self.stop is not None:
            stop, self.stop = self.stop, None
            self.settled = await stop()
        return await super().supersede(attempt, *words, **more)


async def test_a_stop_between_two_slices_ends_the_purchase_for_every_worker() -> None:
    desk = Desk(StoppedAt)
    log = desk.log
    assert isinstance(log, StoppedAt)
    order = EnterOrder(ENTRY, TERMS, 10, STOP, NOW, how=Buying(tick=Decimal("0.05")))
    log.stop = lambda: desk.path.entries.settle(order)
    assert (await desk.buy()).filled == 4
    assert log.settled is not None
    assert log.settled.filled == 4
    assert desk.sent(Side.BUY) == [4]


class Over(MemoryOrderLog):
    """A store that says, once a slice is filled, that the strategy has stopped."""

    async def supersede(self, attempt: Attempt, *words: Any, **more: Any) -> Attempt:
        self.table.close("the strategy has stopped")
        return await super().supersede(attempt, *words, **more)


async def test_a_sale_of_a_day_that_is_over_plans_no_slice_after_slice() -> None:
    desk = Desk(Over)
    await desk.broker.place(OrderRequest(TERMS, Side.BUY, 10, ENTRY.tag(1)), 5, 1)
    order = ExitOrder(EXIT, TERMS, 10, Reason.SELL, NOW)
    sale = asyncio.ensure_future(desk.path.exits.exit(order, desk.halt, "worker"))
    for _ in range(20):
        await desk.clock.advance(0.25)
    with pytest.raises(NotPlaced):
        await sale
    assert desk.sent(Side.SELL) == [4]
    assert len(await desk.log.leg(EXIT)) == 2

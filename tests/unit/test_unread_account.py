"""A sale whose position cannot be read: it sells what is known to be left, and opens no short."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeVar

import pytest

from domain.errors import BrokerUnavailable
from domain.listing import Listing
from domain.order import BrokerOrder, BrokerPosition, Leg, OrderRequest, OrderTerms, Reason, Side
from domain.sellable import STOP_WAITS, OtherClaims
from domain.strategy import Product
from execution.account_snapshot import AccountSnapshots, NotCovered
from tests.fakes.broker import MemoryBroker, MemoryBrokers
from tests.fakes.house import MemoryOrderLog
from tests.fakes.manual_clock import ManualClock
from tests.unit.test_executor import INTENT, KEY, NOW

TERMS = OrderTerms("NSE", "TCS", Product.MIS)
STOP = replace(
    INTENT, key=replace(KEY, leg=Leg.EXIT), terms=TERMS, reason=Reason.STOPLOSS, patience=STOP_WAITS
)
Found = TypeVar("Found")


class Unread(MemoryBroker):
    """An account whose position book does not answer; its order book may not either."""

    with_orders = True

    async def positions(self) -> Listing[BrokerPosition]:
        raise BrokerUnavailable("503")

    async def orders(self) -> Listing[BrokerOrder]:
        if not self.with_orders:
            raise BrokerUnavailable("503")
        return await super().orders()


class House:
    """Ten shares were bought, of which a hand sold some."""

    def __init__(self, sold_by_hand: int = 0, missing: int = 0) -> None:
        self.clock = ManualClock(NOW)
        self.broker = Unread(self.clock)
        self.log = MemoryOrderLog(self.clock, claims=OtherClaims(missing=missing, since=NOW))
        self.snapshots = AccountSnapshots(self.log, MemoryBrokers(self.broker), self.clock)
        self.sold_by_hand = sold_by_hand

    async def trade(self) -> None:
        await self.broker.place(OrderRequest(TERMS, Side.BUY, 10, KEY.tag(1)), 5, 1)
        if self.sold_by_hand:
            await self.broker.place(OrderRequest(TERMS, Side.SELL, self.sold_by_hand, "by hand"), 5, 1)

    async def answer(self, asked: Coroutine[Any, Any, Found]) -> Found:
        task = asyncio.ensure_future(asked)
        for _ in range(3):
            await self.clock.advance(10)
            await asyncio.wait({task}, timeout=0.4)  # a book that does not come is waited for in real time
        task.cancel()
        return await task

    async def sellable(self) -> int | None:
        await self.trade()
        return await self.answer(self.snapshots.sellable(STOP, 10, self.broker, asyncio.Event()))


@pytest.mark.parametrize(("sold_by_hand", "missing", "left"), [(0, 0, 10), (4, 0, 6), (0, 4, 6), (4, 4, 6)])
async def test_a_stop_sells_what_is_left_as_far_as_is_known(
    sold_by_hand: int, missing: int, left: int
) -> None:
    house = House(sold_by_hand, missing)
    assert await house.sellable() == left
    (line,) = house.log.lines.values()
    assert (f"{left} of 10 are sold" if left < 10 else "10 are sold, as far as is known") in line


@pytest.mark.parametrize(("sold_by_hand", "missing"), [(10, 0), (0, 10)])
async def test_where_nothing_is_known_to_be_left_it_waits_to_be_read(sold_by_hand: int, missing: int) -> None:
    with pytest.raises(asyncio.CancelledError):
        await House(sold_by_hand, missing).sellable()


async def test_with_neither_book_what_the_account_was_found_to_miss_is_not_sold() -> None:
    house = House(sold_by_hand=4, missing=4)
    house.broker.with_orders = False
    assert await house.sellable() == 6


async def test_a_fast_stop_is_left_to_its_run_where_others_have_sold() -> None:
    house = House(sold_by_hand=4)
    await house.trade()
    with pytest.raises(NotCovered, match="6 of the 10 are left, as far as is known"):
        await house.answer(house.snapshots.ensure_covered(STOP, house.broker))
    assert house.log.lines == {}, "nothing was sold"


async def test_a_fast_stop_leaves_before_its_claim_ends_where_nothing_is_known_to_be_gone() -> None:
    house = House()
    await house.trade()
    await house.answer(house.snapshots.ensure_covered(STOP, house.broker))
    assert house.clock.now() - NOW >= timedelta(seconds=1)

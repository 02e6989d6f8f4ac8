"""Nothing is bought again in an account that is short of the shares."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from domain.order import Leg, LegKey, OrderRequest, OrderTerms, Side
from domain.run import EnterOrder
from domain.strategy import Product
from execution.flat_check import FlatCheck
from tests.fakes.broker import MemoryBroker, MemoryBrokers
from tests.fakes.manual_clock import ManualClock

LATEST = timedelta(seconds=5)


class House:
    """An account in which ten shares were bought and sold again by a strategy."""

    def __init__(self, product: Product = Product.MIS) -> None:
        self.clock = ManualClock()
        self.broker = MemoryBroker(self.clock)
        self.terms = OrderTerms("NSE", "TCS", product)

    async def traded(self, by_hand: int = 0) -> None:
        """Buy and sell ten, and more by hand at that moment."""
        for side in (Side.BUY, Side.SELL):
            await self.broker.place(OrderRequest(self.terms, side, 10, f"{side}"), 1, 1)
        if by_hand:
            self.broker.sell_by_hand(by_hand)

    async def refusal(self, *, again: bool = True) -> str | None:
        key = LegKey(uuid4(), uuid4(), self.clock.now().date(), 2, Leg.ENTRY)
        order = EnterOrder(key, self.terms, 10, Decimal(3400), self.clock.now(), again=again)
        check, latest = FlatCheck(MemoryBrokers(self.broker), self.clock), self.clock.now() + LATEST
        asked = asyncio.ensure_future(check.refusal(order, self.broker, latest, asyncio.Event()))
        await self.clock.advance(LATEST.total_seconds() + 1)
        return await asked


@pytest.mark.parametrize("product", [Product.MIS, Product.CNC])
async def test_a_flat_account_buys_again(product: Product) -> None:
    house = House(product)
    await house.traded()
    assert await house.refusal() is None


@pytest.mark.parametrize("product", [Product.MIS, Product.CNC])
async def test_an_account_that_is_short_buys_nothing_again_and_says_of_how_many(product: Product) -> None:
    house = House(product)
    await house.traded(by_hand=4)
    said = await house.refusal()
    assert said is not None
    assert f"short of 4 TCS ({product.value})" in said
    assert await house.refusal(again=False) is None, "a first purchase is the user's own word"


async def test_own_shares_from_before_today_that_were_sold_by_hand_are_no_short() -> None:
    house = House(Product.CNC)
    house.broker.held_before = 4
    await house.traded(by_hand=4)
    assert await house.refusal() is None


@pytest.mark.parametrize("trouble", ["reads", "row", "login"])
async def test_an_account_that_cannot_be_read_buys_nothing_again(trouble: str) -> None:
    house = House()
    await house.traded()
    house.broker.reads_fail = trouble == "reads"
    house.broker.unread_positions = frozenset({"TCS"}) if trouble == "row" else frozenset()
    house.broker.login_is_dead = trouble == "login"
    assert "could not be read" in (await house.refusal() or "")


async def test_an_account_that_can_be_read_in_time_buys_again() -> None:
    house = House()
    await house.traded()
    house.broker.reads_fail = True
    key = LegKey(uuid4(), uuid4(), house.clock.now().date(), 2, Leg.ENTRY)
    order = EnterOrder(key, house.terms, 10, Decimal(3400), house.clock.now(), again=True)
    check, latest = FlatCheck(MemoryBrokers(house.broker), house.clock), house.clock.now() + LATEST
    asked = asyncio.ensure_future(check.refusal(order, house.broker, latest, asyncio.Event()))
    await house.clock.advance(1)
    house.broker.reads_fail = False
    await house.clock.advance(1)
    assert await asked is None

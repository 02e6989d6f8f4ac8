"""Waiting for a price: which quotes count, and when it ends."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from domain.quote import Quote
from domain.reentry import AwaitedPrice
from domain.run import AwaitPrice
from execution.price_wait import PriceWait
from tests.fakes.broker import MemoryBroker, MemoryBrokers
from tests.fakes.manual_clock import ManualClock
from tests.unit.test_executor import INTENT, KEY

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)


class SharedQuotes(MemoryBroker):
    """A broker whose quotes are, for a while, those that another process asked for before."""

    stale: Decimal | None = None
    until = NOW

    async def quotes(self, instruments: Sequence[str]) -> Mapping[str, Quote]:
        found = await super().quotes(instruments)
        if self.stale is None or self.clock.now() >= self.until:
            return found
        before = NOW - timedelta(seconds=0.5)
        return {name: replace(one, last_price=self.stale, seen_at=before) for name, one in found.items()}


def waiting(broker: MemoryBroker, clock: ManualClock, *, above: bool) -> "asyncio.Task[bool]":
    price = AwaitedPrice(Decimal(3500), above, NOW + timedelta(minutes=5))
    wait = PriceWait(MemoryBrokers(broker), clock)
    return asyncio.ensure_future(wait.reached(AwaitPrice(KEY, INTENT.terms, price), asyncio.Event()))


async def after(clock: ManualClock, seconds: int) -> None:
    for _ in range(seconds * 2):
        await clock.advance(0.5)


async def test_a_quote_of_before_the_sale_buys_nothing() -> None:
    clock = ManualClock(NOW)
    broker = SharedQuotes(clock, price=Decimal(3520))
    broker.stale, broker.until = Decimal(3500), NOW + timedelta(seconds=5)
    waits = waiting(broker, clock, above=False)
    await after(clock, 10)
    assert not waits.done()
    broker.price = Decimal(3500)
    await after(clock, 2)
    assert await waits


async def test_a_price_that_never_comes_ends_the_wait() -> None:
    clock = ManualClock(NOW)
    waits = waiting(MemoryBroker(clock, price=Decimal(3400)), clock, above=True)
    await after(clock, 5 * 60 + 2)
    assert not await waits


async def test_a_broker_that_says_no_price_is_asked_again() -> None:
    clock = ManualClock(NOW)
    broker = MemoryBroker(clock, price=Decimal(3600))
    brokers = MemoryBrokers(broker, logged_in=False)
    price = AwaitedPrice(Decimal(3500), True, NOW + timedelta(minutes=5))
    wait = PriceWait(brokers, clock)
    waits = asyncio.ensure_future(wait.reached(AwaitPrice(KEY, INTENT.terms, price), asyncio.Event()))
    await after(clock, 10)
    assert not waits.done()
    brokers.logged_in = True
    await after(clock, 2)
    assert await waits

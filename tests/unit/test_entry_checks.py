"""The entry's checks say why nothing was bought."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from domain.errors import StoreUnavailable
from domain.order import Leg, LegKey, OrderRequest, OrderTerms, Side
from domain.quote import Quote
from domain.run import Entered, EnterOrder
from domain.strategy import Outcome, Product
from execution.due_orders import DueOrders
from execution.entry_checks import EntryChecks
from execution.runtime_lock import RuntimeLock
from tests.fakes.broker import MemoryBroker, MemoryBrokers
from tests.fakes.house import MemoryCache
from tests.fakes.manual_clock import ManualClock
from tests.fakes.trading_days import MemoryTradingDays


class NoStore(MemoryBroker):
    """An account whose turns to ask are in a store that does not answer."""

    async def quotes(self, instruments: Sequence[str]) -> Mapping[str, Quote]:
        raise StoreUnavailable("Postgres did not answer")


LATEST = timedelta(seconds=5)


def checks_on(brokers: MemoryBrokers, clock: ManualClock) -> EntryChecks:
    """Return the checks on fakes."""
    lock, due = RuntimeLock(MemoryCache(), clock), DueOrders(clock)
    return EntryChecks(brokers, lock, due, clock, MemoryTradingDays())


@pytest.mark.parametrize("late", [5.5, 3600])
async def test_missed_and_not_without_a_price_when_nobody_got_to_it_in_time(late: float) -> None:
    clock = ManualClock()
    due_at = clock.now() - timedelta(seconds=late)
    key = LegKey(uuid4(), uuid4(), due_at.date(), 1, Leg.ENTRY)
    order = EnterOrder(key, OrderTerms("NSE", "TCS", Product.CNC), 10, Decimal(3400), due_at)
    checks = checks_on(MemoryBrokers(MemoryBroker(clock)), clock)
    refusal = await checks.check(order, due_at + LATEST, asyncio.Event(), "a worker")
    assert isinstance(refusal, Entered)
    assert refusal.outcome is Outcome.MISSED
    assert f"{late:.1f} s after" in refusal.detail


async def test_an_entry_of_another_account_than_the_connected_one_is_not_sent_and_says_which() -> None:
    clock = ManualClock()
    due_at = clock.now()
    key = LegKey(uuid4(), uuid4(), due_at.date(), 1, Leg.ENTRY)
    terms = OrderTerms("NSE", "TCS", Product.CNC, "zerodha:AB1234")
    brokers = MemoryBrokers(MemoryBroker(clock), connected="zerodha:XY9999")
    checks = checks_on(brokers, clock)
    asked = asyncio.ensure_future(
        checks.check(
            EnterOrder(key, terms, 10, Decimal(3400), due_at), due_at + LATEST, asyncio.Event(), "a worker"
        )
    )
    for _ in range(30):
        await clock.advance(0.2)
    refusal = await asked
    assert isinstance(refusal, Entered)
    assert refusal.outcome is Outcome.MISSED
    assert "zerodha:AB1234, and zerodha:XY9999 is connected now" in refusal.detail


async def test_an_entry_waits_for_the_store_where_its_turn_to_ask_is_written() -> None:
    clock = ManualClock()
    key = LegKey(uuid4(), uuid4(), clock.now().date(), 1, Leg.ENTRY)
    order = EnterOrder(key, OrderTerms("NSE", "TCS", Product.CNC), 10, Decimal(3400), clock.now())
    checks = checks_on(MemoryBrokers(NoStore(clock)), clock)
    with pytest.raises(
        StoreUnavailable
    ):  # the caller tries again until it is too late: no word of "no price"
        await checks.check(order, clock.now() + LATEST, asyncio.Event(), "a worker")


async def test_a_purchase_that_follows_a_round_needs_an_account_that_is_not_short() -> None:
    clock = ManualClock()
    broker = MemoryBroker(clock)
    terms = OrderTerms("NSE", "TCS", Product.MIS)
    await broker.place(OrderRequest(terms, Side.SELL, 4, "a hand"), 1, 1)
    key = LegKey(uuid4(), uuid4(), clock.now().date(), 2, Leg.ENTRY)
    order = EnterOrder(key, terms, 10, Decimal(3400), clock.now(), again=True)
    refusal = await checks_on(MemoryBrokers(broker), clock).check(
        order, clock.now() + LATEST, asyncio.Event(), "a worker"
    )
    assert isinstance(refusal, Entered)
    assert refusal.outcome is Outcome.SKIPPED
    assert "short of 4 TCS" in refusal.detail


@pytest.mark.parametrize(
    ("again", "when"), [(False, "at buy time"), (True, "when it was to be bought again")]
)
async def test_a_refused_purchase_says_when_it_was_due(again: bool, when: str) -> None:
    clock = ManualClock()
    broker = MemoryBroker(clock)
    key = LegKey(uuid4(), uuid4(), clock.now().date(), 2, Leg.ENTRY)
    terms = OrderTerms("NSE", "TCS", Product.CNC)
    order = EnterOrder(key, terms, 10, broker.price, clock.now(), again=again)
    refusal = await checks_on(MemoryBrokers(broker), clock).check(
        order, clock.now() + LATEST, asyncio.Event(), "a worker"
    )
    assert isinstance(refusal, Entered)
    assert f"{when}, at or below the stop" in refusal.detail

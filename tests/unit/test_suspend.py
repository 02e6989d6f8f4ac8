"""A host that is suspended, or paused as a whole, sends nothing hours late that it may send only now."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from adapters.process.clock import UPTIME, SystemClock
from domain.deadline import Deadline
from domain.listing import Listing
from domain.order import Attempt, BrokerPosition, Leg, LegKey, OrderStatus, OrderTerms, Reason, Side
from domain.ports import Claimed, NotClaimed
from domain.run import EnterOrder, ExitOrder
from domain.strategy import Product
from execution.order_intent import NotPlaced
from tests.fakes.broker import MemoryBroker
from tests.fakes.house import MemoryOrderLog
from tests.fakes.manual_clock import ManualClock
from tests.unit.test_executor import path_to

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
DAY = date(2026, 11, 23)
TERMS = OrderTerms("NSE", "TCS", Product.MIS)
ENTRY = LegKey(UUID(int=1), UUID(int=2), DAY, 1, Leg.ENTRY)
EXIT = LegKey(UUID(int=1), UUID(int=2), DAY, 1, Leg.EXIT)
BUY = EnterOrder(ENTRY, TERMS, 10, Decimal(900), NOW)


class TwoClocks(ManualClock):
    """The host's uptime and the time of day, that a test moves apart; no timer fires meanwhile."""

    def __init__(self) -> None:
        super().__init__(NOW)
        self.suspended = 0.0
        self.set_forward = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.set_forward

    def monotonic(self) -> float:
        return super().monotonic() + self.suspended


def suspend(clock: TwoClocks) -> None:
    """What Linux shows after a suspend: both clocks went on."""
    clock.suspended += 3 * 3600
    clock.set_forward += timedelta(hours=3)


def pause_the_machine(clock: TwoClocks) -> None:
    """What a virtual machine shows that stood still as a whole: only the time of day is set right."""
    clock.set_forward += timedelta(hours=3)


def suspend_with_a_lost_clock(clock: TwoClocks) -> None:
    """The time of day came back as it was: only the uptime tells."""
    clock.suspended += 3 * 3600


Sleep = Callable[[TwoClocks], None]
ALL = pytest.mark.parametrize("sleep", [suspend, pause_the_machine, suspend_with_a_lost_clock])


class SleepyLog(MemoryOrderLog):
    """The host is suspended just after it was given the right to send."""

    sleep: Sleep | None = None

    async def claim(self, attempt: Attempt, *words: Any) -> Claimed | NotClaimed:
        claimed = await super().claim(attempt, *words)
        if self.sleep is not None and isinstance(self.clock, TwoClocks):
            self.sleep(self.clock)
            self.sleep = None
        return claimed


@dataclass
class SleepyBroker(MemoryBroker):
    """The host is suspended while the answer about its positions is read."""

    sleeps: list[Sleep] = field(default_factory=list)

    async def positions(self) -> Listing[BrokerPosition]:
        found = await super().positions()
        if self.sleeps and isinstance(self.clock, TwoClocks):
            self.sleeps.pop()(self.clock)
            self.sell_by_hand(10)  # hours have passed
        return found


@ALL
async def test_a_right_taken_before_a_suspend_is_not_used_after_it(sleep: Sleep) -> None:
    clock = TwoClocks()
    broker, log = MemoryBroker(clock), SleepyLog(clock)
    log.sleep = sleep
    buying = asyncio.ensure_future(path_to(broker, log, clock).entries.enter(BUY, asyncio.Event(), "worker"))
    await clock.settle()
    await clock.advance(30)
    buying.cancel()
    first = (await log.leg(ENTRY))[0]
    assert (first.status, first.message) == (
        OrderStatus.NOT_PLACED,
        "the right to send it had expired before it left",
    )
    late = [order for order in broker.sent if order.tag == first.tag]
    assert late == []


@ALL
async def test_an_account_read_before_a_suspend_says_nothing_after_it(sleep: Sleep) -> None:
    clock = TwoClocks()
    broker, log = SleepyBroker(clock), MemoryOrderLog(clock)
    path = path_to(broker, log, clock)
    bought = asyncio.ensure_future(path.entries.enter(BUY, asyncio.Event(), "worker"))
    await clock.settle()
    await clock.advance(1)
    assert (await bought).filled == 10
    broker.sleeps.append(sleep)
    order = ExitOrder(EXIT, TERMS, 10, Reason.STOP, clock.now())
    selling = asyncio.ensure_future(path.exits.exit(order, asyncio.Event(), "worker"))
    await clock.settle()
    await clock.advance(60)
    assert [sent.side for sent in broker.sent] == [Side.BUY]
    assert (await selling).outside == 10


@ALL
async def test_a_permit_from_before_a_suspend_sends_nothing_after_it(sleep: Sleep) -> None:
    clock = TwoClocks()
    broker, log = MemoryBroker(clock), MemoryOrderLog(clock)
    path = path_to(broker, log, clock)
    bought = asyncio.ensure_future(path.entries.enter(BUY, asyncio.Event(), "worker"))
    await clock.settle()
    await clock.advance(1)
    await bought

    class Waits(SleepyLog):
        """The account has had its orders of this second: the claim is asked for again a moment later."""

        asked = 0

        async def claim(self, attempt: Attempt, *words: Any) -> Claimed | NotClaimed:
            self.asked += 1
            if self.asked == 1:
                sleep(clock)
                return NotClaimed(attempt, clock.now(), over_budget=True)
            return await super().claim(attempt, *words)

    waiting = Waits(clock, table=log.table)
    path = path_to(broker, waiting, clock)
    order = ExitOrder(EXIT, TERMS, 10, Reason.STOP, clock.now())
    selling = asyncio.ensure_future(path.exits.exit(order, asyncio.Event(), "worker"))
    await clock.settle()
    await clock.advance(5)
    with pytest.raises(NotPlaced):
        await selling
    assert [sent.side for sent in broker.sent] == [Side.BUY]
    assert waiting.asked == 1, "the account is read again before the right is asked for again"


def test_a_clock_that_is_set_back_prolongs_nothing() -> None:
    clock = TwoClocks()
    ends = Deadline.of(clock, timedelta(seconds=2))
    clock.set_forward -= timedelta(hours=1)
    assert ends.left() == 2
    clock.suspended += 2
    assert ends.left() == 0


def test_the_hosts_uptime_counts_what_it_slept_through() -> None:
    import time

    assert getattr(time, "CLOCK_BOOTTIME", UPTIME) == UPTIME
    assert abs(SystemClock().monotonic() - time.clock_gettime(UPTIME)) < 1

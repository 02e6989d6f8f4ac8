"""The executor's send, where a test can reach between its steps."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from domain.order import Attempt, Leg, LegKey, OrderStatus, OrderTerms, Reason, Side
from domain.ports import Claimed, NotClaimed
from domain.quote import Quote
from domain.run import EnterOrder
from domain.strategy import Outcome, Product
from execution.order_intent import OrderIntent
from execution.order_path import OrderPath
from tests.fakes.alerts import MemoryAlerts
from tests.fakes.broker import Answer, MemoryBroker, MemoryBrokers
from tests.fakes.house import MemoryCache, MemoryOrderLog
from tests.fakes.manual_clock import ManualClock
from tests.fakes.resting_stops import MemoryRestingStops
from tests.fakes.trading_days import MemoryTradingDays

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
KEY = LegKey(UUID(int=1), UUID(int=2), date(2026, 11, 23), 1, Leg.ENTRY)
INTENT = OrderIntent(KEY, OrderTerms("NSE", "TCS", Product.CNC), 10, Reason.BUY, NOW)


ORDER = EnterOrder(KEY, INTENT.terms, 10, Decimal(900), NOW)


def path_to(broker: MemoryBroker, log: MemoryOrderLog, clock: ManualClock) -> OrderPath:
    """Return the path of an order to one account, on fakes."""
    return OrderPath.on(
        log,
        MemoryCache(),
        MemoryBrokers(broker),
        clock,
        MemoryTradingDays(),
        MemoryAlerts(),
        MemoryRestingStops(),
    )


async def test_the_brokers_answer_is_written_when_the_sender_is_cancelled_while_it_waits() -> None:
    clock = ManualClock(NOW)
    broker = MemoryBroker(clock)
    broker.script.append(Answer.REFUSE)
    answer = broker.holds[Side.BUY] = asyncio.Event()
    log = MemoryOrderLog(clock)
    path = path_to(broker, log, clock)
    sending = asyncio.ensure_future(path.entries.enter(ORDER, asyncio.Event(), "worker"))
    await clock.settle()
    assert broker.sent
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    finished = asyncio.ensure_future(path.sender.finished())
    await clock.settle()
    assert not finished.done(), "who ends this process waits for it"
    answer.set()
    await finished
    assert (await log.leg(KEY))[0].status is OrderStatus.NOT_PLACED


class DoubtfulDay(MemoryOrderLog):
    """A log whose claim waits for the answer to a sale of the user."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.doubt = True

    async def claim(self, attempt: Attempt, *words: Any) -> Claimed | NotClaimed:
        asked = replace(attempt, status=OrderStatus.PLANNED)
        latest: datetime | None = words[3]
        if self.doubt and (latest is None or self.clock.now() <= latest):
            return NotClaimed(asked, self.clock.now(), barred="not known", may_pass=True)
        return await super().claim(attempt, *words)


@pytest.mark.parametrize("answered", [True, False])
async def test_an_entry_waits_for_what_is_not_known_and_says_so_when_it_is_too_late(answered: bool) -> None:
    clock = ManualClock(NOW)
    broker, log = MemoryBroker(clock), DoubtfulDay(clock)
    path = path_to(broker, log, clock)
    sending = asyncio.ensure_future(path.entries.enter(ORDER, asyncio.Event(), "worker"))
    await clock.settle()
    assert not sending.done()
    log.doubt = not answered
    await clock.advance(6 if not answered else 1)
    entered = await sending
    assert (entered.outcome, entered.detail) == ((None, "") if answered else (Outcome.SKIPPED, "not known"))
    assert len(broker.sent) == answered


@pytest.mark.parametrize(("late", "sent"), [(1.5, 1), (2.5, 0)])
async def test_an_entry_that_is_late_is_not_sent_after_the_close(late: float, sent: int) -> None:
    clock = ManualClock(NOW)
    broker = MemoryBroker(clock)
    path = path_to(broker, MemoryOrderLog(clock), clock)
    due_at = NOW - timedelta(seconds=late)
    order = EnterOrder(KEY, INTENT.terms, 10, Decimal(900), due_at, closes_at=due_at + timedelta(seconds=2))
    buying = asyncio.ensure_future(path.entries.enter(order, asyncio.Event(), "worker"))
    await clock.settle()
    await clock.advance(30)
    entered = await buying
    assert len(broker.sent) == sent
    assert entered.outcome is (None if sent else Outcome.MISSED)


class CrowdedSecond(MemoryOrderLog):
    """A log in which an entry is due with fifty; `before` of them were started before it."""

    before = 3

    async def claim(self, attempt: Attempt, *asked: Any) -> Claimed | NotClaimed:
        now, turn_at = self.clock.now(), NOW + timedelta(seconds=5)
        if now <= NOW + timedelta(seconds=5):
            return NotClaimed(attempt, now, over_budget=True, turn_at=turn_at, due_together=50)
        return NotClaimed(attempt, now, too_late=True, due_together=50, started_before=self.before)


async def test_an_entry_that_waited_in_a_line_for_too_long_says_how_long_the_line_was() -> None:
    clock = ManualClock(NOW)
    broker = MemoryBroker(clock)
    path = path_to(broker, CrowdedSecond(clock), clock)
    buying = asyncio.ensure_future(path.entries.enter(ORDER, asyncio.Event(), "worker"))
    for _ in range(80):
        await clock.advance(0.1)
    entered = await buying
    assert entered.outcome is Outcome.MISSED
    assert "50 of your orders are due at 09:30; the broker takes 10 orders a second" in entered.detail
    assert broker.sent == []


class SlowQuotes(MemoryBroker):
    """A broker whose prices take half a second."""

    async def quotes(self, instruments: Sequence[str]) -> Mapping[str, Quote]:
        await self.clock.sleep(0.5)
        return await super().quotes(instruments)


@pytest.mark.parametrize(("before", "says"), [(3, False), (39, False), (40, True)])
async def test_an_entry_that_is_late_by_itself_blames_no_other(before: int, says: bool) -> None:
    clock = ManualClock(NOW + timedelta(seconds=4.8))
    log = CrowdedSecond(clock)
    log.before = before
    broker = SlowQuotes(clock)
    path = path_to(broker, log, clock)
    buying = asyncio.ensure_future(path.entries.enter(ORDER, asyncio.Event(), "worker"))
    for _ in range(8):
        await clock.advance(0.1)
    entered = await buying
    assert entered.outcome is Outcome.MISSED
    assert ("50 of your orders are due" in entered.detail) == says

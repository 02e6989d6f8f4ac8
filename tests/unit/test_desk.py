"""The desk's send, where a test can reach between its steps."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from activities.desk import DeskRules, OrderDesk
from activities.intent import Intent
from domain.order import Leg, LegKey, OrderStatus, OrderTerms, Reason, Side
from domain.strategy import Product
from tests.fakes.broker import Answer, MemoryBroker, MemoryBrokers
from tests.fakes.house import MemoryCache, MemoryOrderLog
from tests.fakes.manual_clock import ManualClock

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
KEY = LegKey(UUID(int=1), UUID(int=2), date(2026, 11, 23), 1, Leg.ENTRY)
INTENT = Intent(KEY, OrderTerms("NSE", "TCS", Product.CNC), 10, Reason.BUY, NOW)


async def test_the_brokers_answer_is_written_when_the_sender_is_cancelled_while_it_waits() -> None:
    clock = ManualClock(NOW)
    broker = MemoryBroker(clock)
    broker.script.append(Answer.REFUSE)
    answer = broker.holds[Side.BUY] = asyncio.Event()
    log = MemoryOrderLog(clock)
    desk = OrderDesk(log, MemoryCache(), MemoryBrokers(broker), clock, DeskRules())
    sending = asyncio.ensure_future(desk.place_once(replace(INTENT, due_at=clock.now()), broker))
    await clock.settle()
    assert broker.sent
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    answer.set()
    await clock.settle()
    assert (await log.leg(KEY))[0].status is OrderStatus.NOT_PLACED

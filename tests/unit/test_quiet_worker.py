"""A worker that holds orders is quiet only while none of them is near."""

import asyncio
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import pytest

from domain.order import Attempt, Leg, LegKey, OrderStatus, OrderTerms, Reason
from domain.run import ExitOrder
from domain.scheduled_order import ScheduledOrder
from domain.strategy import Product
from execution.scheduled_orders import QUIET, ScheduledOrders
from tests.fakes.armed import MemoryScheduledOrderLog
from tests.fakes.house import MemoryOrderLog
from tests.fakes.manual_clock import ManualClock


@pytest.mark.parametrize(
    ("due_in", "quiet"),
    [(QUIET + timedelta(seconds=1), True), (timedelta(seconds=4), False), (timedelta(seconds=-4), False)],
)
async def test_worker_is_quiet_while_no_order_it_holds_is_near(due_in: timedelta, quiet: bool) -> None:
    clock, sent = ManualClock(), asyncio.Event()

    async def sell_scheduled(order: ExitOrder, attempt: Attempt) -> None:
        await sent.wait()

    exits = cast("Any", SimpleNamespace(sell_scheduled=sell_scheduled))
    unused = cast("Any", None)
    log = MemoryScheduledOrderLog(MemoryOrderLog(clock))
    orders = ScheduledOrders(log, unused, exits, unused, clock, "one")
    assert orders.is_quiet()
    key = LegKey(uuid4(), uuid4(), date(2026, 11, 20), 1, Leg.EXIT)
    order = ExitOrder(key, OrderTerms("NSE", "TCS", Product.CNC), 10, Reason.SELL, clock.now() + due_in)
    orders.take(ScheduledOrder(order, Attempt(uuid4(), key, 1, key.tag(1), OrderStatus.PLANNED)))
    assert orders.is_quiet() is quiet
    sent.set()
    while len(orders):  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0)
    assert orders.is_quiet()

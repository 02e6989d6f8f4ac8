"""A run settles its entry in the moment in which another worker, which holds it, tries once more."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from domain.order import Attempt, OrderStatus, Side
from domain.run import Entered, EnterOrder
from domain.strategy import Outcome
from execution.order_intent import NotPlaced
from tests.fakes.broker import Answer
from tests.fakes.house import MemoryOrderLog
from tests.unit.test_slices import ENTRY, NOW, STOP, TERMS, Desk

ORDER = EnterOrder(ENTRY, replace(TERMS, most=None), 10, STOP, NOW)


class TriedAgainBeside(MemoryOrderLog):
    """Has the other worker do something in the moment before the last attempt is called off."""

    beside: Callable[[], Awaitable[object]] | None = None

    async def deny(self, attempt: Attempt, *words: Any, **more: Any) -> Attempt:
        if self.beside is not None:
            beside, self.beside = self.beside, None
            await beside()
        return await super().deny(attempt, *words, **more)


async def refused_once() -> tuple[Desk, TriedAgainBeside]:
    """Return a desk whose first attempt the broker has refused; the next one may pass."""
    desk = Desk(TriedAgainBeside)
    desk.broker.script.append(Answer.REFUSE)
    with pytest.raises(NotPlaced):
        await bought(desk)
    assert isinstance(desk.log, TriedAgainBeside)
    return desk, desk.log


async def bought(desk: Desk) -> Entered:
    task = asyncio.ensure_future(desk.path.entries.enter(ORDER, asyncio.Event(), "another worker"))
    while not task.done():
        await desk.clock.advance(0.25)
    return await task


async def settled(desk: Desk) -> Entered:
    task = asyncio.ensure_future(desk.path.entries.settle(ORDER))
    while not task.done():
        await desk.clock.advance(0.25)
    return await task


async def test_what_another_worker_bought_beside_it_is_counted() -> None:
    desk, log = await refused_once()
    log.beside = lambda: bought(desk)
    entered = await settled(desk)
    assert (entered.filled, entered.average_price) == (10, Decimal(100))


async def test_what_another_worker_has_only_planned_is_called_off() -> None:
    desk, log = await refused_once()
    [last] = await log.leg(ENTRY)
    log.beside = lambda: log.supersede(last, ORDER.terms, absent=False, message="", due_at=NOW)
    entered = await settled(desk)
    assert (entered.filled, entered.outcome) == (0, Outcome.ORDER_FAILED)
    first, second = await log.leg(ENTRY)
    assert {first.status, second.status} == {OrderStatus.NOT_PLACED}
    assert second.verdict is Outcome.ORDER_FAILED, "nothing follows it"
    assert len([order for order in desk.broker.sent if order.side is Side.BUY]) == 1


async def test_an_entry_without_another_try_stays_as_it_was() -> None:
    desk, log = await refused_once()
    assert (await settled(desk)).filled == 0
    [only] = await log.leg(ENTRY)
    assert only.verdict is Outcome.ORDER_FAILED

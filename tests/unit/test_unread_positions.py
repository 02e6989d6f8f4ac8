"""A STOP with a position book that cannot be read in full: other rows never hold it up, its own one does."""

import asyncio
from dataclasses import replace

import pytest

from domain.listing import Listing
from domain.order import BrokerPosition, Leg, OrderRequest, Reason, Side
from execution.account_snapshot import AccountSnapshots
from tests.fakes.broker import MemoryBroker, MemoryBrokers
from tests.fakes.house import MemoryOrderLog
from tests.fakes.manual_clock import ManualClock
from tests.unit.test_executor import INTENT, KEY, NOW

STOP = replace(INTENT, key=replace(KEY, leg=Leg.EXIT), reason=Reason.STOP)


class OddBook(MemoryBroker):
    """An account whose position book has rows that cannot be read."""

    unread: frozenset[str | None] = frozenset()

    async def positions(self) -> Listing[BrokerPosition]:
        return replace(await super().positions(), unreadable=self.unread)


async def sellable(unread: set[str | None], *, bought_today: bool = True) -> int | None:
    """Return what a STOP may sell of ten shares; None where it waits for a minute and more."""
    clock = ManualClock(NOW)
    broker = OddBook(clock)
    broker.unread = frozenset(unread)
    if bought_today:
        await broker.place(OrderRequest(INTENT.terms, Side.BUY, 10, KEY.tag(1)), 5, 1)
    snapshots = AccountSnapshots(MemoryOrderLog(clock), MemoryBrokers(broker), clock)
    halt = asyncio.Event()
    looking = asyncio.ensure_future(snapshots.sellable(STOP, 10, broker, halt))
    await clock.advance(90)
    halt.set()
    await clock.advance(1)
    return await looking


@pytest.mark.parametrize("unread", [{"INFY"}, {None}, {None, "INFY"}])
async def test_rows_that_cannot_be_its_own_do_not_hold_up_a_stop(unread: set[str | None]) -> None:
    assert await sellable(unread) == 10


@pytest.mark.parametrize("unread", [{"TCS"}, {None, "TCS"}])
async def test_a_stop_waits_for_the_row_of_its_own_symbol(unread: set[str | None]) -> None:
    assert await sellable(unread) is None


async def test_a_stop_waits_where_its_own_row_may_be_the_one_without_a_name() -> None:
    assert await sellable({None}, bought_today=False) is None

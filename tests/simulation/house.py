"""Our own house in a simulated day: the fakes in memory, with a point at every call and commit."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from domain.errors import StoreUnavailable
from domain.leg import filled
from domain.order import (
    Attempt,
    Leg,
    LegKey,
    OrderStatus,
    OrderTerms,
    Reason,
)
from domain.run import EnterOrder, ExitOrder
from domain.scheduled_order import EXIT_SENT_WITHIN, UNSENT_AFTER, ScheduledOrder
from tests.fakes.house import MemoryCache, MemoryOrderLog, MemoryRunStore
from tests.fakes.manual_clock import ManualClock
from tests.fakes.order_rows import OrderRows
from tests.simulation.server import Worker


class Stage(Protocol):
    """What the house asks of the day it is part of."""

    async def storing(self, point: str) -> bool:
        """Pass a write or read of the store; True when its answer is to be lost after the commit."""
        ...

    async def caching(self, point: str) -> None: ...

    def stopped(self) -> None: ...

    def store_now(self) -> datetime:
        """Return the store's own clock."""
        ...


_LOST = "the connection was lost at the commit"
_READS = ("leg", "other_claims")


class _NumberedRows(OrderRows):
    """Ids by number: a day that is played again is the same."""

    def new_id(self) -> UUID:
        return UUID(int=len(self.rows) + 1)


class _StoreClock(ManualClock):
    """The store's own clock, which the day moves."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self._stage = stage

    def now(self) -> datetime:
        return self._stage.store_now()


class Orders(MemoryOrderLog):
    """The order log in memory, with a point of the day at each call and at each commit."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(_StoreClock(stage), table=_NumberedRows())
        self.stage = stage
        self.held: dict[str, tuple[Worker, EnterOrder | ExitOrder]] = {}

    @asynccontextmanager
    async def _transaction(self, call: str, key: LegKey) -> AsyncIterator[OrderRows]:
        lost = await self.stage.storing(
            "log.other_claims" if call == "other_claims" else f"log.{call}.{key.leg}"
        )
        yield self.table
        if lost and call not in _READS:
            raise StoreUnavailable(_LOST)

    async def arm(self, order: EnterOrder | ExitOrder, worker: Worker) -> ScheduledOrder | None:
        """Write the leg's first intent as held by a worker process."""
        lost = await self.stage.storing(f"log.arm.{order.key.leg}")
        leg = self.table.of(order.key)
        row = leg[-1] if leg else self.table.planned(order.key, 1, order.due_at)
        if self.table.closed or row.status is not OrderStatus.PLANNED:
            return None
        row = self.table.put(replace(row, armed=True, due_at=order.due_at))
        self.held[row.tag] = worker, order
        if lost:
            raise StoreUnavailable(_LOST)
        return ScheduledOrder(order, row)

    def orphans(self, mine: Worker, dead: Callable[[Worker], bool], now: datetime) -> list[ScheduledOrder]:
        """Take over what is a dead worker's, or what a living one has not sent in time."""
        found = []
        for row in list(self.rows.values()):
            if row.tag not in self.held or row.over:
                continue
            holder, order = self.held[row.tag]
            waits = row.status is OrderStatus.PLANNED
            patience = EXIT_SENT_WITHIN if row.key.leg is Leg.EXIT else timedelta(seconds=30)
            late = order.due_at < now - UNSENT_AFTER
            in_time = order.due_at > now - patience
            if holder is not mine and (
                (waits and in_time and (late or dead(holder))) or (not waits and dead(holder))
            ):
                self.held[row.tag] = mine, order
                found.append(ScheduledOrder(order, row))
        return found

    def at_their_price(
        self, now: datetime, leaving: bool, terms: OrderTerms, reason: Reason
    ) -> list[ScheduledOrder]:
        """Return the sale that may leave ahead of its run, by the terms of its START."""
        newest = max((row.key.round for row in self.rows.values()), default=1)
        mine = [row for row in self.rows.values() if row.key.round == newest]
        entries = [row for row in mine if row.key.leg is Leg.ENTRY]
        sales = [row for row in mine if row.key.leg is Leg.EXIT and row.attempt == 1]
        bought = filled(entries)
        if self.table.closed or leaving or not bought or not all(row.over for row in entries):
            return []
        return [
            ScheduledOrder(ExitOrder(row.key, terms, bought, reason, now), row)
            for row in sales
            if row.status is OrderStatus.PLANNED
        ]


class Runs(MemoryRunStore):
    """The run store in memory; a run's end takes the right to send away from its orders."""

    def __init__(self, stage: Stage, orders: Orders) -> None:
        super().__init__()
        self.stage = stage
        self.orders = orders

    @asynccontextmanager
    async def _transaction(self, call: str) -> AsyncIterator[None]:
        lost = await self.stage.storing(f"runs.{call}")
        before = len(self.finished)
        yield
        if len(self.finished) > before:
            self.stage.stopped()
            self.orders.table.close(self.finished[-1].detail)
        if lost:
            raise StoreUnavailable(_LOST)


class Cache(MemoryCache):
    """The runtime cache in memory, with a point of the day at each call."""

    def __init__(self, stage: Stage, now: Callable[[], float]) -> None:
        super().__init__(now=now)
        self.stage = stage

    async def _reach(self, call: str) -> None:
        await self.stage.caching(f"cache.{call}")


def shares(rows: Sequence[Attempt], leg: Leg) -> int:
    """Return what the log says is filled of a leg."""
    return filled([row for row in rows if row.key.leg is leg])

"""The workers' own hands in virtual time: orders they hold, stops they hear of, what the dead left."""

import contextvars
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from domain.order import OrderTerms, Reason
from domain.ports import Clock
from domain.run import Armed, EnterOrder, ExitOrder
from domain.scheduled_order import GONE_AFTER, LEASE, ScheduledOrder, StopSale
from execution.order_path import OrderPath
from execution.scheduled_orders import ScheduledOrders
from tests.simulation.house import Orders
from tests.simulation.loop import VirtualLoop
from tests.simulation.server import Attempt, Server, Worker, attempt_now


class Stage(Protocol):
    """What the hands ask of the day they are part of."""

    server: Server
    loop: VirtualLoop
    outside: contextvars.Context

    def store_is_down(self) -> bool: ...

    def store_now(self) -> datetime: ...

    def is_leaving(self) -> bool:
        """Tell whether the strategy's row says that its run is selling."""
        ...

    def terms(self) -> OrderTerms:
        """Return what the strategy's row says of its orders."""
        ...


@dataclass(eq=False)
class _Log:
    """Implements `domain.ports.ScheduledOrderLog` for one worker process."""

    orders: Orders
    worker: Worker

    async def arm(self, order: EnterOrder | ExitOrder, worker: str) -> ScheduledOrder | None:
        return await self.orders.arm(order, self.worker)

    async def slot(self, due_at: datetime) -> int:
        return 0

    async def beat(self, worker: str) -> None:
        return

    async def leave(self, worker: str) -> None:
        return

    async def orphans(self, worker: str, ahead: timedelta) -> Sequence[ScheduledOrder]:
        return []

    async def at_their_stop(self, strategy_ids: Sequence[UUID], now: datetime) -> Sequence[StopSale]:
        return []


@dataclass(eq=False)
class Hands:
    """The armed orders of every worker process of a day; each process has its own memory."""

    stage: Stage
    orders: Orders
    path: OrderPath
    clock: Clock
    of: dict[Worker, ScheduledOrders] = field(default_factory=dict)

    async def arm(self, order: EnterOrder | ExitOrder) -> Armed:
        """Stand in for `ScheduledOrders.arm` of the process that carries the activity out."""
        attempt = attempt_now.get()
        return await self._of(attempt.worker if attempt else self.stage.server.worker).arm(order)

    def patrol(self) -> None:
        """Let the worker that is alive take over what others hold and do not send."""
        worker = self.stage.server.worker
        if not self.stage.store_is_down() and not self._is_dead(worker):
            for held in self.orders.orphans(worker, self._is_dead, self.stage.store_now()):
                self._take(worker, held)

    def sell_at_once(self, reason: Reason) -> None:
        """Let the worker that is alive hear of a stop or a target ahead of the run."""
        worker = self.stage.server.worker
        if not self.stage.store_is_down() and not self._is_dead(worker):
            leaving, terms = self.stage.is_leaving(), self.stage.terms()
            for held in self.orders.at_their_price(self.clock.now(), leaving, terms, reason):
                self._take(worker, held)

    def _take(self, worker: Worker, held: ScheduledOrder) -> None:
        context = self.stage.outside.copy()
        context.run(attempt_now.set, Attempt(worker))
        context.run(self._of(worker).take, held)

    def _of(self, worker: Worker) -> ScheduledOrders:
        if worker not in self.of:
            log = _Log(self.orders, worker)
            path, name = self.path, f"worker {len(self.of) + 1}"
            self.of[worker] = ScheduledOrders(log, path.entries, path.exits, path.sender, self.clock, name)
        return self.of[worker]

    def _is_dead(self, worker: Worker) -> bool:
        """Tell whether it is gone with its connection, or its signs of life have stopped for a lease."""
        now = self.stage.loop.time()
        frozen = worker.frozen_since + LEASE.total_seconds() <= now < worker.frozen_until
        return (worker.dead and worker.dead_since + GONE_AFTER.total_seconds() <= now) or frozen

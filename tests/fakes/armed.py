"""Held orders in memory, on the order log in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from domain.order import OrderStatus
from domain.run import EnterOrder, ExitOrder
from domain.scheduled_order import ScheduledOrder
from execution.scheduled_orders import ScheduledOrders
from tests.fakes.house import MemoryOrderLog


@dataclass
class MemoryScheduledOrderLog:
    """Implements `domain.ports.ScheduledOrderLog` for one worker that never dies."""

    log: MemoryOrderLog
    armed: list[ScheduledOrder] = field(default_factory=list)

    async def arm(self, order: EnterOrder | ExitOrder, worker: str) -> ScheduledOrder | None:
        attempts = await self.log.leg(order.key)
        last = attempts[-1] if attempts else await self.log.plan(order.key, order.terms, 1, order.due_at)
        if last.status is not OrderStatus.PLANNED:
            return None
        held = ScheduledOrder(order, replace(last, armed=True, due_at=order.due_at))
        self.log.rows[order.key, last.attempt] = held.attempt
        self.armed.append(held)
        return held

    async def slot(self, due_at: datetime) -> int:
        return sum(held.order.due_at == due_at for held in self.armed)

    async def beat(self, worker: str) -> None:
        return

    async def leave(self, worker: str) -> None:
        return

    async def orphans(self, worker: str, ahead: timedelta) -> Sequence[ScheduledOrder]:
        return []

    async def at_their_stop(self, strategy_ids: Sequence[UUID], now: datetime) -> Sequence[ScheduledOrder]:
        return []


class ForgetfulOrders(ScheduledOrders):
    """Holds nothing of what it is given: the run must do it all by itself."""

    def take(self, held: ScheduledOrder) -> None:
        return

"""Held orders in memory, on the order log in memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from domain.leg import filled
from domain.order import Attempt, Leg, OrderStatus, OrderTerms, Reason
from domain.run import EnterOrder, ExitOrder
from domain.scheduled_order import (
    EXIT_SENT_WITHIN,
    LEASE,
    UNFOLLOWED,
    UNMISSED,
    UNSENT_AFTER,
    ScheduledOrder,
    StopSale,
)
from domain.standing import Fills
from domain.terms import PLAIN, Terms
from execution.scheduled_orders import ScheduledOrders
from tests.fakes.house import MemoryOrderLog


@dataclass
class MemoryScheduledOrderLog:
    """Implements `domain.ports.ScheduledOrderLog`. There are no connections: a heartbeat alone shows life."""

    log: MemoryOrderLog
    held: dict[str, tuple[str, EnterOrder | ExitOrder]] = field(default_factory=dict)
    """Who holds which order, by the intent's tag."""
    beats: dict[str, datetime] = field(default_factory=dict)
    terms: dict[UUID, OrderTerms] = field(default_factory=dict)
    stops: dict[UUID, Decimal | None] = field(default_factory=dict)
    """The stop of each strategy, as its entry was armed with it."""
    sentences: dict[UUID, Terms] = field(default_factory=dict)
    """The terms of version 2, where a test says some."""
    fills: dict[UUID, Fills] = field(default_factory=dict)

    async def arm(self, order: EnterOrder | ExitOrder, worker: str) -> ScheduledOrder | None:
        attempts = await self.log.leg(order.key)
        last = attempts[-1] if attempts else await self.log.plan(order.key, order.terms, 1, order.due_at)
        if last.status is not OrderStatus.PLANNED or self.log.table.closed:
            return None
        row = self.log.table.put(replace(last, armed=True, due_at=order.due_at))
        self.held[row.tag] = worker, order
        self.terms[order.key.strategy_id] = order.terms
        if isinstance(order, EnterOrder):
            self.stops[order.key.strategy_id] = order.stop_loss
        return ScheduledOrder(order, row)

    async def slot(self, due_at: datetime) -> int:
        return sum(
            row.status is OrderStatus.PLANNED and order.due_at == due_at for row, _, order in self._held()
        )

    async def beat(self, worker: str) -> None:
        self.beats[worker] = self.log.clock.now()

    async def leave(self, worker: str) -> None:
        self.beats.pop(worker, None)

    async def orphans(self, worker: str, ahead: timedelta) -> Sequence[ScheduledOrder]:
        now = self.log.clock.now()
        found = []
        for row, holder, order in list(self._held()):
            if holder != worker and self._is_free(row, order, now, ahead, self._is_dead(holder, now)):
                self.held[row.tag] = worker, order
                found.append(ScheduledOrder(order, row))
        return sorted(found, key=lambda one: one.order.due_at)

    async def at_their_stop(self, strategy_ids: Sequence[UUID], now: datetime) -> Sequence[StopSale]:
        sales = (self._sale(strategy_id, now) for strategy_id in strategy_ids)
        return [sale for sale in sales if sale is not None and not self.log.table.closed]

    def _held(self) -> Iterator[tuple[Attempt, str, EnterOrder | ExitOrder]]:
        for row in self.log.rows.values():
            if row.tag in self.held:
                yield row, *self.held[row.tag]

    def _is_dead(self, worker: str, now: datetime) -> bool:
        return worker not in self.beats or self.beats[worker] < now - LEASE

    def _is_free(
        self, row: Attempt, order: EnterOrder | ExitOrder, now: datetime, ahead: timedelta, dead: bool
    ) -> bool:
        """Tell whether another worker than its holder may take an order over."""
        if row.over:
            return False
        if row.status is not OrderStatus.PLANNED:
            return dead and (row.sent_at is None or row.sent_at > now - UNFOLLOWED)
        patience = EXIT_SENT_WITHIN if row.key.leg is Leg.EXIT else UNMISSED
        soon, late = order.due_at < now + ahead, order.due_at < now - UNSENT_AFTER
        return soon and (dead or late) and order.due_at > now - patience

    def _sale(self, strategy_id: UUID, now: datetime) -> StopSale | None:
        mine = [row for row in self.log.rows.values() if row.key.strategy_id == strategy_id]
        entries = [row for row in mine if row.key.leg is Leg.ENTRY]
        bought = filled(entries)
        if not bought or not all(row.over for row in entries):
            return None
        for row in mine:
            if (row.key.leg, row.attempt, row.status) == (Leg.EXIT, 1, OrderStatus.PLANNED):
                order = ExitOrder(row.key, self.terms[strategy_id], bought, Reason.STOPLOSS, now)
                terms, fills = self.sentences.get(strategy_id, PLAIN), self.fills.get(strategy_id, Fills())
                return StopSale(order, row, self.stops[strategy_id], terms, fills)
        return None


class ForgetfulOrders(ScheduledOrders):
    """Holds nothing of what it is given: the run must do it all by itself."""

    def take(self, held: ScheduledOrder) -> None:
        return

"""Our own house in memory, with the semantics of Postgres and Redis and a point at every write."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from domain.errors import StoreUnavailable
from domain.leg import filled
from domain.order import (
    Attempt,
    BrokerOrder,
    Leg,
    LegKey,
    OrderEvent,
    OrderStatus,
    OrderTerms,
    Reason,
    next_status,
)
from domain.outcome import Accepted, Cause, Denied, PlaceOutcome, Rejected
from domain.ports import Claimed, NotClaimed, RuntimeUpdate
from domain.run import ActivateRun, Activation, EnterOrder, ExitOrder, FinishRun, PhaseChange, RunRef
from domain.scheduled_order import EXIT_SENT_WITHIN, UNSENT_AFTER, ScheduledOrder
from domain.sellable import OtherClaims
from domain.strategy import Outcome, Position, Product, Status, Strategy
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


TERMS = OrderTerms("NSE", "TCS", Product.CNC)
_LOST = "the connection was lost at the commit"


@dataclass(eq=False)
class Orders:
    """Implements `domain.ports.OrderLog` as the Postgres log does it; each call is one transaction."""

    stage: Stage
    rows: dict[tuple[LegKey, int], Attempt] = field(default_factory=dict)
    held: dict[str, tuple[Worker, EnterOrder | ExitOrder]] = field(default_factory=dict)
    closed: bool = False

    async def leg(self, key: LegKey) -> Sequence[Attempt]:
        await self.stage.storing(f"log.leg.{key.leg}")
        return self.of(key)

    def of(self, key: LegKey) -> list[Attempt]:
        return sorted((row for (of, _), row in self.rows.items() if of == key), key=lambda row: row.attempt)

    async def plan(self, key: LegKey, terms: OrderTerms, attempt: int, due_at: datetime | None) -> Attempt:
        return await self._write("plan", key, lambda: self._plan(key, attempt, due_at))

    async def supersede(
        self, attempt: Attempt, terms: OrderTerms, *, absent: bool, message: str, due_at: datetime
    ) -> Attempt:
        def apply() -> Attempt:
            row, key = self._row(attempt), attempt.key
            if row.status is OrderStatus.SENT:
                event = OrderEvent.GIVE_UP_LOOKING if absent else OrderEvent.PROVE_NOT_PLACED
                self._move(row, event, message=message)
            elif (key, attempt.attempt + 1) in self.rows:
                return self.rows[key, attempt.attempt + 1]
            elif not row.over or _told(row) != _told(attempt):
                return row
            return self._plan(key, attempt.attempt + 1, due_at)

        return await self._write("supersede", attempt.key, apply)

    async def claim(
        self,
        attempt: Attempt,
        quantity: int,
        reason: Reason,
        due_at: datetime,
        latest: datetime | None,
        price: Decimal | None = None,
    ) -> Claimed | NotClaimed:
        lost = await self.stage.storing(f"log.claim.{attempt.key.leg}")
        answer = self._claim(attempt, quantity, reason, due_at, latest)
        if lost:
            raise StoreUnavailable(_LOST)
        return answer

    def _claim(
        self, attempt: Attempt, quantity: int, reason: Reason, due_at: datetime, latest: datetime | None
    ) -> Claimed | NotClaimed:
        row, now = self._row(attempt), self.stage.store_now()
        if row.status is not OrderStatus.PLANNED or row.sent_at is not None:
            return NotClaimed(row, now)
        if latest is not None and now > latest:
            return NotClaimed(row, now, too_late=True)
        if now < due_at - timedelta(seconds=2):
            return NotClaimed(row, now, too_early=True)
        claimed = self._move(
            row,
            OrderEvent.CLAIM,
            quantity=quantity,
            reason=reason,
            due_at=due_at,
            sent_at=max(now, due_at),
            send_before=now + timedelta(seconds=2),
        )
        return Claimed(claimed, now)

    async def answer(self, attempt: Attempt, outcome: PlaceOutcome) -> Attempt:
        def apply() -> Attempt:
            row = self._row(attempt)
            if isinstance(outcome, Accepted):
                if row.broker_order_id is not None:
                    return row
                return self._move(row, OrderEvent.SEE_OPEN, broker_order_id=outcome.broker_order_id)
            if row.status is not OrderStatus.SENT:
                return row
            if isinstance(outcome, Rejected) and outcome.cause is Cause.FINAL:
                return self._move(row, OrderEvent.SEE_REJECTED, message=outcome.message)
            if isinstance(outcome, Rejected | Denied):
                return self._move(row, OrderEvent.PROVE_NOT_PLACED, message=outcome.message)
            return self._put(replace(row, message=outcome.message))

        return await self._write("answer", attempt.key, apply)

    async def deny(self, attempt: Attempt, message: str, verdict: Outcome | None = None) -> Attempt:
        def apply() -> Attempt:
            row = self._row(attempt)
            if row.status is OrderStatus.NOT_PLACED and row.verdict is None:
                return self._put(replace(row, verdict=verdict))
            if row.status is not OrderStatus.PLANNED:
                return row
            return self._move(row, OrderEvent.PROVE_NOT_PLACED, message=message, verdict=verdict)

        return await self._write("deny", attempt.key, apply)

    async def give_up(self, attempt: Attempt, message: str) -> Attempt:
        def apply() -> Attempt:
            row = self._row(attempt)
            if row.status is not OrderStatus.SENT:
                return row
            return self._move(row, OrderEvent.GIVE_UP_LOOKING, message=message)

        return await self._write("give_up", attempt.key, apply)

    async def saw(self, attempt: Attempt, row: BrokerOrder) -> Attempt:
        return await self._write("saw", attempt.key, lambda: self._saw(self._row(attempt), row))

    async def looked_up(self, attempt: Attempt, message: str) -> None:
        await self._write(
            "looked_up", attempt.key, lambda: self._put(replace(self._row(attempt), message=message))
        )

    async def other_claims(self, key: LegKey) -> OtherClaims:
        await self.stage.storing("log.other_claims")
        return OtherClaims()

    async def say(self, key: LegKey, kind: str, text: str, once: str) -> None:
        if await self.stage.storing(f"log.say.{key.leg}"):
            raise StoreUnavailable(_LOST)

    def close(self, message: str) -> None:
        """Take the right to send away from what nobody has claimed: part of the run's last transaction."""
        self.closed = True
        for row in list(self.rows.values()):
            if row.status is OrderStatus.NOT_PLACED and row.verdict is None:
                self._put(replace(row, verdict=Outcome.STOPPED))
            if row.status is OrderStatus.PLANNED:
                self._move(row, OrderEvent.PROVE_NOT_PLACED, message=message, verdict=Outcome.STOPPED)

    async def arm(self, order: EnterOrder | ExitOrder, worker: Worker) -> ScheduledOrder | None:
        """Write the leg's first intent as held by a worker process."""
        lost = await self.stage.storing(f"log.arm.{order.key.leg}")
        leg = self.of(order.key)
        row = leg[-1] if leg else self._plan(order.key, 1, order.due_at)
        if self.closed or row.status is not OrderStatus.PLANNED:
            return None
        row = self._put(replace(row, armed=True, due_at=order.due_at))
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

    def at_their_stop(self, now: datetime, leaving: bool) -> list[ScheduledOrder]:
        """Return the sale that may leave ahead of its run."""
        entries = [row for row in self.rows.values() if row.key.leg is Leg.ENTRY]
        sales = [row for row in self.rows.values() if row.key.leg is Leg.EXIT and row.attempt == 1]
        bought = filled(entries)
        if self.closed or leaving or not bought or not all(row.over for row in entries):
            return []
        return [
            ScheduledOrder(ExitOrder(row.key, TERMS, bought, Reason.STOPLOSS, now), row)
            for row in sales
            if row.status is OrderStatus.PLANNED
        ]

    def _saw(self, mine: Attempt, seen: BrokerOrder) -> Attempt:
        if mine.broker_order_id not in (None, seen.broker_order_id):
            return mine  # another order under our tag
        if mine.status is OrderStatus.PLANNED:
            mine = self._move(mine, OrderEvent.CLAIM)
        mine = self._move(
            mine,
            seen.event,
            broker_order_id=seen.broker_order_id,
            quantity=mine.quantity or seen.quantity,
            filled_quantity=max(mine.filled_quantity, seen.filled_quantity),
            average_price=seen.average_price or mine.average_price,
            message=seen.message,
        )
        if mine.key.leg is Leg.ENTRY and mine.filled_quantity:
            self._plan(replace(mine.key, leg=Leg.EXIT), 1, None)
        return mine

    async def _write(self, name: str, key: LegKey, apply: Callable[[], Attempt]) -> Attempt:
        lost = await self.stage.storing(f"log.{name}.{key.leg}")
        row = apply()
        if lost:
            raise StoreUnavailable(_LOST)
        return row

    def _plan(self, key: LegKey, attempt: int, due_at: datetime | None) -> Attempt:
        if (key, attempt) not in self.rows:
            order_id = UUID(int=len(self.rows) + 1)
            row = Attempt(order_id, key, attempt, key.tag(attempt), OrderStatus.PLANNED, due_at=due_at)
            if self.closed:
                row = replace(row, status=OrderStatus.NOT_PLACED, verdict=Outcome.STOPPED)
            self._put(row)
        return self.rows[key, attempt]

    def _row(self, attempt: Attempt) -> Attempt:
        return self.rows[attempt.key, attempt.attempt]

    def _move(self, row: Attempt, event: OrderEvent, **changes: object) -> Attempt:
        return self._put(replace(row, status=next_status(row.status, event), **changes))  # type: ignore[arg-type]

    def _put(self, row: Attempt) -> Attempt:
        self.rows[row.key, row.attempt] = row
        return row


def _told(row: Attempt) -> tuple[OrderStatus, int, Outcome | None]:
    return row.status, row.filled_quantity, row.verdict


@dataclass(eq=False)
class Runs:
    """Implements `domain.ports.RunStore`."""

    stage: Stage
    orders: Orders
    phases: list[str] = field(default_factory=list)
    finished: list[FinishRun] = field(default_factory=list)

    async def activate(self, request: ActivateRun) -> Activation:
        await self._write("activate")
        return Activation(round=1)

    async def owns(self, ref: RunRef) -> bool:
        await self._write("owns")
        return not self.finished

    async def change_phase(self, change: PhaseChange) -> None:
        lost = await self.stage.storing("runs.change_phase")
        if change.phase not in self.phases:
            self.phases.append(change.phase)
        if lost:
            raise StoreUnavailable(_LOST)

    async def finish(self, request: FinishRun) -> None:
        lost = await self.stage.storing("runs.finish")
        if not self.finished:
            self.finished.append(request)
            self.stage.stopped()
            self.orders.close(request.detail)
        if lost:
            raise StoreUnavailable(_LOST)

    async def note(self, ref: RunRef, kind: str, text: str, data: Mapping[str, str], once: str) -> None:
        await self._write("note")

    async def _write(self, name: str) -> None:
        if await self.stage.storing(f"runs.{name}"):
            raise StoreUnavailable(_LOST)


@dataclass(eq=False)
class Cache:
    """Implements `domain.ports.RuntimeCache`."""

    stage: Stage
    loaded: set[UUID] = field(default_factory=set)
    owner: str | None = None

    async def load(self, strategy: Strategy, status: Status, position: Position) -> None:
        await self.stage.caching("cache.load")
        self.loaded.add(strategy.strategy_id)

    async def update(self, strategy_id: UUID, update: RuntimeUpdate) -> None:
        await self.stage.caching("cache.update")

    async def drop(self, strategy: Strategy) -> None:
        await self.stage.caching("cache.drop")
        self.loaded.discard(strategy.strategy_id)

    async def missing(self, strategy_ids: Sequence[UUID]) -> frozenset[UUID]:
        await self.stage.caching("cache.missing")
        return frozenset(strategy_ids) - self.loaded

    async def lock(self, strategy_id: UUID, owner: str, seconds: float) -> bool:
        await self.stage.caching("cache.lock")
        self.owner = self.owner or owner
        return self.owner == owner

    async def unlock(self, strategy_id: UUID, owner: str) -> None:
        await self.stage.caching("cache.unlock")
        if self.owner == owner:
            self.owner = None


def shares(rows: Sequence[Attempt], leg: Leg) -> int:
    """Return what the log says is filled of a leg."""
    return filled([row for row in rows if row.key.leg is leg])

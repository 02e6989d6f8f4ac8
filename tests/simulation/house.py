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
    OrderStatus,
    OrderTerms,
    Reason,
)
from domain.outcome import PlaceOutcome
from domain.ports import Claimed, NotClaimed, RuntimeUpdate
from domain.run import ActivateRun, Activation, EnterOrder, ExitOrder, FinishRun, PhaseChange, RunRef
from domain.scheduled_order import EXIT_SENT_WITHIN, UNSENT_AFTER, ScheduledOrder
from domain.sellable import OtherClaims
from domain.strategy import Outcome, Position, Product, Status, Strategy
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


TERMS = OrderTerms("NSE", "TCS", Product.CNC)
_LOST = "the connection was lost at the commit"


class _NumberedRows(OrderRows):
    """Ids by number: a day that is played again is the same."""

    def new_id(self) -> UUID:
        return UUID(int=len(self.rows) + 1)


@dataclass(eq=False)
class Orders:
    """Implements `domain.ports.OrderLog` as the Postgres log does it; each call is one transaction."""

    stage: Stage
    held: dict[str, tuple[Worker, EnterOrder | ExitOrder]] = field(default_factory=dict)
    table: OrderRows = field(default_factory=_NumberedRows)
    baseline: int | None = None

    @property
    def rows(self) -> dict[tuple[LegKey, int], Attempt]:
        return self.table.rows

    async def leg(self, key: LegKey) -> Sequence[Attempt]:
        await self.stage.storing(f"log.leg.{key.leg}")
        return self.table.of(key)

    async def plan(self, key: LegKey, terms: OrderTerms, attempt: int, due_at: datetime | None) -> Attempt:
        return await self._write("plan", key, lambda: self.table.planned(key, attempt, due_at))

    async def supersede(
        self, attempt: Attempt, terms: OrderTerms, *, absent: bool, message: str, due_at: datetime
    ) -> Attempt:
        return await self._write(
            "supersede", attempt.key, lambda: self.table.superseded(attempt, absent, message, due_at)
        )

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
        answer = self.table.claimed(attempt, quantity, reason, due_at, latest, self.stage.store_now())
        if lost:
            raise StoreUnavailable(_LOST)
        return answer

    async def answer(self, attempt: Attempt, outcome: PlaceOutcome) -> Attempt:
        return await self._write("answer", attempt.key, lambda: self.table.answered(attempt, outcome))

    async def deny(self, attempt: Attempt, message: str, verdict: Outcome | None = None) -> Attempt:
        return await self._write("deny", attempt.key, lambda: self.table.denied(attempt, message, verdict))

    async def give_up(self, attempt: Attempt, message: str) -> Attempt:
        return await self._write("give_up", attempt.key, lambda: self.table.given_up(attempt, message))

    async def saw(self, attempt: Attempt, row: BrokerOrder) -> Attempt:
        return await self._write("saw", attempt.key, lambda: self.table.saw(attempt, row))

    async def looked_up(self, attempt: Attempt, message: str) -> None:
        await self._write("looked_up", attempt.key, lambda: self.table.looked_up(attempt, message))

    async def other_claims(self, key: LegKey) -> OtherClaims:
        await self.stage.storing("log.other_claims")
        return OtherClaims(baseline=self.baseline)

    async def note_baseline(self, key: LegKey, shares: int) -> None:
        lost = await self.stage.storing("log.note_baseline")
        if all(attempt.status is OrderStatus.PLANNED for attempt in self.table.of(key)):
            self.baseline = shares
        if lost:
            raise StoreUnavailable(_LOST)

    async def say(self, key: LegKey, kind: str, text: str, once: str) -> None:
        if await self.stage.storing(f"log.say.{key.leg}"):
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

    def at_their_stop(self, now: datetime, leaving: bool) -> list[ScheduledOrder]:
        """Return the sale that may leave ahead of its run."""
        entries = [row for row in self.rows.values() if row.key.leg is Leg.ENTRY]
        sales = [row for row in self.rows.values() if row.key.leg is Leg.EXIT and row.attempt == 1]
        bought = filled(entries)
        if self.table.closed or leaving or not bought or not all(row.over for row in entries):
            return []
        return [
            ScheduledOrder(ExitOrder(row.key, TERMS, bought, Reason.STOPLOSS, now), row)
            for row in sales
            if row.status is OrderStatus.PLANNED
        ]

    async def _write(self, name: str, key: LegKey, apply: Callable[[], Attempt]) -> Attempt:
        lost = await self.stage.storing(f"log.{name}.{key.leg}")
        row = apply()
        if lost:
            raise StoreUnavailable(_LOST)
        return row


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
            self.orders.table.close(request.detail)
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

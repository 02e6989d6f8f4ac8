"""Order log, run store and cache in memory, by the same ports as Postgres and Redis."""

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID, uuid5

from domain.errors import AnotherRun, CacheUnavailable, StoreUnavailable
from domain.order import (
    Attempt,
    BrokerOrder,
    Leg,
    LegKey,
    Limit,
    OrderTerms,
    Reason,
)
from domain.outcome import PlaceOutcome
from domain.ports import Claimed, Clock, NotClaimed, RuntimeUpdate
from domain.run import ActivateRun, Activation, FinishRun, GoesOn, PhaseChange, RunRef, SaleLine
from domain.sellable import OtherClaims
from domain.stop_prices import StopPrices
from domain.strategy import Outcome, Position, Status, Strategy
from domain.timeline import EventKind
from tests.fakes.order_rows import OrderRows


@dataclass
class MemoryOrderLog:
    """Implements `domain.ports.OrderLog`."""

    clock: Clock
    lines: dict[str, str] = field(default_factory=dict)
    down: bool = False
    claims: OtherClaims = field(default_factory=OtherClaims)
    table: OrderRows = field(default_factory=OrderRows)

    @property
    def rows(self) -> dict[tuple[LegKey, int], Attempt]:
        return self.table.rows

    async def leg(self, key: LegKey) -> Sequence[Attempt]:
        async with self._transaction("leg", key) as rows:
            return rows.of(key)

    async def plan(self, key: LegKey, terms: OrderTerms, attempt: int, due_at: datetime | None) -> Attempt:
        async with self._transaction("plan", key) as rows:
            return rows.planned(key, attempt, due_at)

    async def supersede(
        self, attempt: Attempt, terms: OrderTerms, *, absent: bool, message: str, due_at: datetime
    ) -> Attempt:
        async with self._transaction("supersede", attempt.key) as rows:
            return rows.superseded(attempt, absent, message, due_at)

    async def claim(
        self,
        attempt: Attempt,
        quantity: int,
        reason: Reason,
        due_at: datetime,
        latest: datetime | None,
        price: Decimal | None = None,
        limit: Limit | None = None,
        stop: StopPrices | None = None,
    ) -> Claimed | NotClaimed:
        async with self._transaction("claim", attempt.key) as rows:
            return rows.claimed(attempt, quantity, reason, due_at, latest, self.clock.now(), limit, stop)

    async def move(self, attempt: Attempt, price: Decimal) -> bool:
        async with self._transaction("move", attempt.key) as rows:
            return rows.asked_to_move(attempt, price, self.clock.now())

    async def answer(self, attempt: Attempt, outcome: PlaceOutcome, why: SaleLine | None = None) -> Attempt:
        async with self._transaction("answer", attempt.key) as rows:
            if why is not None and attempt.key.leg is Leg.EXIT:
                self.lines.setdefault(f"selling:{why.kind}", why.text)
            return rows.answered(attempt, outcome)

    async def deny(self, attempt: Attempt, message: str, verdict: Outcome | None = None) -> Attempt:
        async with self._transaction("deny", attempt.key) as rows:
            return rows.denied(attempt, message, verdict)

    async def close(self, key: LegKey, message: str, verdict: Outcome) -> Sequence[Attempt]:
        async with self._transaction("close", key) as rows:
            return rows.leg_closed(key, message, verdict)

    async def give_up(self, attempt: Attempt, message: str) -> Attempt:
        async with self._transaction("give_up", attempt.key) as rows:
            return rows.given_up(attempt, message)

    async def saw(self, attempt: Attempt, row: BrokerOrder) -> Attempt:
        async with self._transaction("saw", attempt.key) as rows:
            return rows.saw(attempt, row)

    async def looked_up(self, attempt: Attempt, message: str) -> None:
        async with self._transaction("looked_up", attempt.key) as rows:
            rows.looked_up(attempt, message)

    async def other_claims(self, key: LegKey) -> OtherClaims:
        async with self._transaction("other_claims", key):
            return self.claims

    async def held_up(self, key: LegKey, kind: str, text: str, once: str) -> bool:
        async with self._transaction("held_up", key):
            new = once not in self.lines
            self.lines.setdefault(once, text)
            return new

    async def say(self, key: LegKey, kind: str, text: str, once: str) -> bool:
        async with self._transaction("say", key):
            new = once not in self.lines
            self.lines.setdefault(once, text)
            return new

    @asynccontextmanager
    async def _transaction(self, call: str, key: LegKey) -> AsyncIterator[OrderRows]:
        """Give the rows for one call; the simulation lets things go wrong before it and at its commit."""
        if self.down:
            raise StoreUnavailable("Postgres did not answer")
        yield self.table


@dataclass
class MemoryRunStore:
    """Implements `domain.ports.RunStore`. Every START counts as written down."""

    activations: list[ActivateRun] = field(default_factory=list)
    phases: list[str] = field(default_factory=list)
    finished: list[FinishRun] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    held: int = 0
    gone: bool = False
    down: bool = False
    written: set[str] = field(default_factory=set)
    running: dict[UUID, RunRef] = field(default_factory=dict)
    rounds: dict[tuple[UUID, date], list[UUID]] = field(default_factory=dict)
    """The STARTs of each strategy and day, in their order: a round each."""

    async def activate(self, request: ActivateRun) -> Activation:
        async with self._transaction("activate"):
            return self._activated(request)

    def _activated(self, request: ActivateRun) -> Activation:
        if self.gone:
            raise LookupError("the strategy was deleted")
        ref, day = request.ref, request.start.plan.trading_day
        current = self.running.get(ref.strategy_id)
        if current and current.start_id != ref.start_id and current.workflow_id != ref.workflow_id:
            raise AnotherRun(f"strategy {ref.strategy_id} is running already, as {current.workflow_id}")
        self.activations.append(request)
        if not any(end.ref.run_id == ref.run_id for end in self.finished):  # it stood still, and has ended
            self.running[ref.strategy_id] = ref
        starts = self.rounds.setdefault((ref.strategy_id, day), [])
        again = request.start.again
        started = ref.start_id if again is None else uuid5(ref.start_id, str(again.number))
        if started not in starts:
            starts.append(started)
        return Activation(round=starts.index(started) + 1, held=self.held)

    async def owns(self, ref: RunRef) -> bool:
        async with self._transaction("owns"):
            return self._is_current(ref)

    async def change_phase(self, change: PhaseChange) -> None:
        once = f"{change.ref.run_id}:phase:{change.phase}"
        async with self._transaction("change_phase"):
            if self._is_current(change.ref) and self._is_new(once):
                self.phases.append(change.phase)

    async def finish(self, request: FinishRun) -> bool:
        async with self._transaction("finish"):
            if self._is_current(request.ref):
                del self.running[request.ref.strategy_id]
                self.finished.append(request)
        return True

    async def go_on(self, ref: RunRef, session: GoesOn) -> None:
        async with self._transaction("go_on"):
            if self._is_current(ref) and self._is_new(f"{ref.run_id}:goes_on:{session.opens_at}"):
                self.notes.append((EventKind.LATE, session.words))

    async def note(self, ref: RunRef, kind: str, text: str, data: Mapping[str, str], once: str) -> None:
        async with self._transaction("note"):
            if self._is_new(f"{ref.start_id}:{once}"):
                self.notes.append((kind, text))

    @asynccontextmanager
    async def _transaction(self, call: str) -> AsyncIterator[None]:
        """Stand around one call; the simulation lets things go wrong before it and at its commit."""
        if self.down:
            raise StoreUnavailable("Postgres did not answer")
        yield

    def _is_current(self, ref: RunRef) -> bool:
        current = self.running.get(ref.strategy_id)
        return current is not None and current.start_id == ref.start_id

    def _is_new(self, once: str) -> bool:
        new = once not in self.written
        self.written.add(once)
        return new


@dataclass
class MemoryCache:
    """Implements `domain.ports.RuntimeCache`; `down` makes every call fail as a lost Redis does."""

    down: bool = False
    loaded: set[UUID] = field(default_factory=set)
    positions: dict[UUID, Position] = field(default_factory=dict)
    locks: dict[UUID, tuple[str, float]] = field(default_factory=dict)
    """Owner and expiry of each lock, by `now`."""
    now: Callable[[], float] = time.monotonic

    async def load(self, strategy: Strategy, status: Status, position: Position) -> None:
        await self._reach("load")
        self.loaded.add(strategy.strategy_id)
        self.positions[strategy.strategy_id] = position
        if position is Position.NONE:
            self.locks.pop(strategy.strategy_id, None)

    async def update(self, strategy_id: UUID, update: RuntimeUpdate) -> None:
        await self._reach("update")
        if strategy_id in self.loaded and update.position is not None:
            self.positions[strategy_id] = update.position

    async def drop(self, strategy: Strategy) -> None:
        await self._reach("drop")
        self.loaded.discard(strategy.strategy_id)
        self.locks.pop(strategy.strategy_id, None)

    async def differing(self, positions: Mapping[UUID, Position]) -> frozenset[UUID]:
        await self._reach("differing")
        return frozenset(
            one
            for one, position in positions.items()
            if one not in self.loaded or self.positions[one] is not position
        )

    async def lock(self, strategy_id: UUID, owner: str, seconds: float) -> bool:
        await self._reach("lock")
        if strategy_id not in self.loaded:
            return True  # without a state nothing is locked: the lock only spares work
        holder, expires = self.locks.get(strategy_id, (owner, 0.0))
        if holder != owner and expires > self.now():
            return False
        self.locks[strategy_id] = owner, self.now() + seconds
        return True

    async def unlock(self, strategy_id: UUID, owner: str) -> None:
        await self._reach("unlock")
        if self.locks.get(strategy_id, ("", 0.0))[0] == owner:
            del self.locks[strategy_id]

    async def _reach(self, call: str) -> None:
        """Come to the cache for one call; the simulation takes it away for a while."""
        if self.down:
            raise CacheUnavailable("Redis did not answer")

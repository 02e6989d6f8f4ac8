"""Store, cache and alerts in memory, by the same ports as Postgres, Redis and the log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

from domain.errors import CacheUnavailable, StoreUnavailable
from domain.leg import filled
from domain.order import (
    Attempt,
    BrokerOrder,
    LegKey,
    OrderEvent,
    OrderStatus,
    OrderTerms,
    Reason,
    next_status,
)
from domain.outcome import Accepted, Cause, PlaceOutcome, Rejected, Unknown
from domain.ports import Claimed, Clock, NotClaimed, RuntimeUpdate
from domain.run import ActivateRun, Activation, Alarm, FinishRun, PhaseChange, RunRef
from domain.sellable import OtherClaims
from domain.strategy import Outcome, Position, Status, Strategy


@dataclass
class MemoryOrderLog:
    """Implements `domain.ports.OrderLog`."""

    clock: Clock
    rows: dict[tuple[LegKey, int], Attempt] = field(default_factory=dict)
    lines: dict[str, str] = field(default_factory=dict)
    down: bool = False
    claims: OtherClaims = field(default_factory=OtherClaims)

    async def leg(self, key: LegKey) -> Sequence[Attempt]:
        self._check()
        return sorted((row for (of, _), row in self.rows.items() if of == key), key=lambda row: row.attempt)

    async def plan(self, key: LegKey, terms: OrderTerms, attempt: int, due_at: datetime | None) -> Attempt:
        self._check()
        fresh = Attempt(uuid4(), key, attempt, key.tag(attempt), OrderStatus.PLANNED, due_at=due_at)
        return self.rows.setdefault((key, attempt), fresh)

    async def supersede(
        self, attempt: Attempt, terms: OrderTerms, *, absent: bool, message: str, due_at: datetime
    ) -> Attempt:
        row = self._row(attempt)
        if row.status is OrderStatus.SENT:
            event = OrderEvent.GIVE_UP_LOOKING if absent else OrderEvent.PROVE_NOT_PLACED
            self._move(row, event, message=message)
        return await self.plan(attempt.key, terms, attempt.attempt + 1, due_at)

    async def claim(
        self,
        attempt: Attempt,
        quantity: int,
        reason: Reason,
        due_at: datetime,
        latest: datetime | None,
        price: Decimal | None = None,
    ) -> Claimed | NotClaimed:
        row, now = self._row(attempt), self.clock.now()
        if row.status is not OrderStatus.PLANNED:
            return NotClaimed(row, now)
        if latest is not None and now > latest:
            return NotClaimed(row, now, too_late=True)
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
        row = self._row(attempt)
        if row.status is not OrderStatus.SENT:
            return row
        if isinstance(outcome, Accepted):
            return self._move(row, OrderEvent.SEE_OPEN, broker_order_id=outcome.broker_order_id)
        if isinstance(outcome, Unknown):
            return self._put(replace(row, message=outcome.message))
        final = isinstance(outcome, Rejected) and outcome.cause is Cause.FINAL
        event = OrderEvent.SEE_REJECTED if final else OrderEvent.PROVE_NOT_PLACED
        return self._move(row, event, message=outcome.message)

    async def deny(self, attempt: Attempt, message: str, verdict: Outcome | None = None) -> Attempt:
        row = self._row(attempt)
        if row.status is OrderStatus.NOT_PLACED and row.verdict is None:
            return self._put(replace(row, verdict=verdict))
        if row.status is not OrderStatus.PLANNED:
            return row
        return self._move(row, OrderEvent.PROVE_NOT_PLACED, message=message, verdict=verdict)

    async def give_up(self, attempt: Attempt, message: str) -> Attempt:
        return self._move(self._row(attempt), OrderEvent.GIVE_UP_LOOKING, message=message)

    async def saw(self, attempt: Attempt, row: BrokerOrder) -> Attempt:
        mine = self._row(attempt)
        if mine.status is OrderStatus.PLANNED:  # sent without a claim: the store was away
            mine = self._move(mine, OrderEvent.CLAIM, quantity=row.quantity)
        seen = self._move(
            mine,
            row.event,
            broker_order_id=mine.broker_order_id or row.broker_order_id,
            filled_quantity=max(mine.filled_quantity, row.filled_quantity),
            average_price=row.average_price or mine.average_price,
            message=row.message,
        )
        if attempt.key.leg == "entry" and filled([seen]):
            exit_key = replace(attempt.key, leg=type(attempt.key.leg).EXIT)
            fresh = Attempt(uuid4(), exit_key, 1, exit_key.tag(1), OrderStatus.PLANNED)
            self.rows.setdefault((exit_key, 1), fresh)
        return seen

    async def looked_up(self, attempt: Attempt, message: str) -> None:
        self._put(replace(self._row(attempt), message=message))

    async def other_claims(self, key: LegKey) -> OtherClaims:
        self._check()
        return self.claims

    async def say(self, key: LegKey, kind: str, text: str, once: str) -> None:
        self._check()
        self.lines.setdefault(once, text)

    def _check(self) -> None:
        if self.down:
            raise StoreUnavailable("Postgres did not answer")

    def _row(self, attempt: Attempt) -> Attempt:
        self._check()
        return self.rows[attempt.key, attempt.attempt]

    def _move(self, row: Attempt, event: OrderEvent, **changes: object) -> Attempt:
        return self._put(replace(row, status=next_status(row.status, event), **changes))  # type: ignore[arg-type]

    def _put(self, row: Attempt) -> Attempt:
        self.rows[row.key, row.attempt] = row
        return row


@dataclass
class MemoryRunStore:
    """Implements `domain.ports.RunStore`."""

    activations: list[ActivateRun] = field(default_factory=list)
    phases: list[str] = field(default_factory=list)
    finished: list[FinishRun] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)
    held: int = 0
    gone: bool = False
    down: bool = False

    async def activate(self, request: ActivateRun) -> Activation:
        if self.gone:
            raise LookupError("the strategy was deleted")
        self.activations.append(request)
        return Activation(round=1, held=self.held)

    async def owns(self, ref: RunRef) -> bool:
        return not any(end.ref.start_id == ref.start_id for end in self.finished)

    async def change_phase(self, change: PhaseChange) -> None:
        self._check()
        self.phases.append(change.phase)

    async def finish(self, request: FinishRun) -> None:
        self._check()
        self.finished.append(request)

    async def note(self, ref: RunRef, kind: str, text: str, data: Mapping[str, str], once: str) -> None:
        self._check()
        self.notes.append((kind, text))

    def _check(self) -> None:
        if self.down:
            raise StoreUnavailable("Postgres did not answer")


@dataclass
class MemoryCache:
    """Implements `domain.ports.RuntimeCache`; `down` makes every call fail as a lost Redis does."""

    down: bool = False
    loaded: set[UUID] = field(default_factory=set)
    locks: dict[UUID, str] = field(default_factory=dict)

    async def load(self, strategy: Strategy, status: Status, position: Position) -> None:
        self._check()
        self.loaded.add(strategy.strategy_id)

    async def update(self, strategy_id: UUID, update: RuntimeUpdate) -> None:
        self._check()

    async def drop(self, strategy: Strategy) -> None:
        self._check()
        self.loaded.discard(strategy.strategy_id)

    async def missing(self, strategy_ids: Sequence[UUID]) -> frozenset[UUID]:
        self._check()
        return frozenset(strategy_ids) - self.loaded

    async def lock(self, strategy_id: UUID, owner: str, seconds: float) -> bool:
        self._check()
        return self.locks.setdefault(strategy_id, owner) == owner

    async def unlock(self, strategy_id: UUID, owner: str) -> None:
        self._check()
        if self.locks.get(strategy_id) == owner:
            del self.locks[strategy_id]

    def _check(self) -> None:
        if self.down:
            raise CacheUnavailable("Redis did not answer")


@dataclass
class MemoryAlerts:
    """Implements `domain.ports.Alerts`."""

    raised: list[Alarm] = field(default_factory=list)

    async def raise_(self, alarm: Alarm) -> None:
        self.raised.append(alarm)

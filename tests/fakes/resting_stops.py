"""What is written of orders that rest at the exchange, in memory, by the rules of the Postgres store."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from domain.kept_stop import ExitAim, KeptStop, Protection
from domain.order import Attempt, LegKey, OrderStatus, OrderTerms, Reason
from domain.ports import Clock
from domain.resting_facts import Change, Ended, RestingFacts
from domain.run import SaleLine
from tests.fakes.manual_clock import ManualClock
from tests.fakes.order_rows import OrderRows


@dataclass
class MemoryRestingStops:
    """Implements `domain.ports.RestingStops` on the rows of a log. `holdings`: what there is to keep."""

    table: OrderRows = field(default_factory=OrderRows)
    clock: Clock = field(default_factory=ManualClock)
    holdings: dict[UUID, KeptStop] = field(default_factory=dict)
    shown: list[Protection] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    async def begin_exit(
        self,
        key: LegKey,
        aim: ExitAim,
        why: SaleLine | None = None,
        *,
        reason: Reason | None = None,
        over: bool = True,
    ) -> bool:
        if self.table.aims.get(key, aim) is not aim and not over:
            return False
        if self.table.of(key):
            self.table.aims[key] = aim
        if reason is not None:
            self.table.sale_reasons[key] = reason
        return True

    async def plan(self, key: LegKey, terms: OrderTerms, attempt: int, slice_: int) -> Attempt:
        is_new = (key, attempt) not in self.table.rows
        row = self.table.planned(key, attempt, None)
        return self.table.put(replace(row, slice=slice_, protected=True)) if is_new else row

    async def change(
        self, attempt: Attempt, number: int, trigger: Decimal | None, reason: Reason, due_at: datetime
    ) -> bool:
        row, aim = self.table.row(attempt), self.table.aims.get(attempt.key)
        facts = row.resting
        if row.status is not OrderStatus.OPEN or facts is None:
            return False
        known = facts.change.number if facts.change else 0
        barred = aim is not None if trigger is not None else aim is ExitAim.RELEASE
        if known != number - 1 or barred:
            return False
        change = Change(number, trigger, self.clock.now())
        triggers = facts.triggers if trigger is None else (*facts.triggers, trigger)
        tries = facts.market_tries + (trigger is None)
        self._put(row, replace(facts, triggers=triggers, change=change, market_tries=tries), reason)
        return True

    async def refused(self, attempt: Attempt, number: int, *, used_up: bool) -> None:
        row = self.table.row(attempt)
        if row.resting is not None:
            change = row.resting.change
            if change is not None and change.number == number:
                change = replace(change, refused=True)
            self._put(row, replace(row.resting, change=change, used_up=row.resting.used_up or used_up))

    async def cancel_asked(self, attempt: Attempt) -> None:
        row = self.table.row(attempt)
        if row.resting is not None:
            self._put(row, replace(row.resting, cancel_asked_at=self.clock.now()))

    async def ended(self, attempt: Attempt, why: Ended) -> None:
        row = self.table.row(attempt)
        if row.resting is not None and row.resting.ended is None:
            self._put(row, replace(row.resting, ended=why, ended_at=self.clock.now()))

    async def kept_by(self, worker: str) -> Sequence[KeptStop]:
        return [held for held in self.holdings.values() if held.key not in self.table.aims]

    async def kept(self, strategy_id: UUID) -> KeptStop | None:
        held = self.holdings.get(strategy_id)
        return None if held is None or held.key in self.table.aims else held

    async def show(
        self, key: LegKey, shown: Protection, line: str, once: str, *, urgent: bool = False
    ) -> None:
        self.shown.append(shown)
        if line:
            self.lines.append(line)
        if urgent:
            self.told.append(line)

    def _put(self, row: Attempt, facts: RestingFacts, reason: Reason | None = None) -> None:
        self.table.put(replace(row, resting=facts, reason=reason or row.reason))

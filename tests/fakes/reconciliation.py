"""The rows that the reconciler compares, in memory."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from domain.errors import StoreUnavailable
from domain.limits import ToSell
from domain.ports import Clock
from domain.reconciler import DoubtfulOrder, Owned, RunningRow, Slice, SoldRow, UnpricedOrder
from domain.run import StartRun
from domain.strategy import Phase, Position
from tests.fakes.starts import id_of


@dataclass
class Row:
    """A strategy that is marked running. `changed_at`: when its row was written last."""

    start: StartRun
    run_id: str
    started_at: datetime
    changed_at: datetime
    phase: Phase = Phase.WAITING
    position: Position = Position.NONE


@dataclass
class MemoryReconciliation:
    """Implements `domain.ports.Reconciliation`; orders are what a test says. `away` answers nothing."""

    clock: Clock
    rows: dict[UUID, Row] = field(default_factory=dict)
    killed: set[UUID] = field(default_factory=set)
    """Users whose kill switch sells."""
    doubtful: list[DoubtfulOrder] = field(default_factory=list)
    unpriced: list[UnpricedOrder] = field(default_factory=list)
    away: bool = False

    def run(self, start: StartRun, run_id: str) -> Row:
        """Mark a strategy running."""
        now = self.clock.now()
        row = self.rows[start.strategy.strategy_id] = Row(start, run_id, now, now)
        return row

    def sell(self, strategy_id: UUID, phase: Phase = Phase.HOLDING) -> None:
        """Sell what a strategy holds, behind the back of its run."""
        row = self.rows[strategy_id]
        row.phase, row.position, row.changed_at = phase, Position.SOLD, self.clock.now()

    def stop(self, strategy_id: UUID) -> None:
        del self.rows[strategy_id]

    async def owned(self, part: Slice, started_before: datetime) -> Sequence[Owned]:
        self._reach()
        return [
            Owned(one, id_of(row.start))
            for one, row in self.rows.items()
            if part.first <= one <= part.last and row.started_at < started_before
        ]

    async def running(self, strategy_ids: Collection[UUID]) -> Sequence[RunningRow]:
        self._reach()
        found = (self.rows[one] for one in strategy_ids if one in self.rows)
        return [RunningRow(row.start, id_of(row.start), row.run_id, row.position) for row in found]

    async def doubtful_orders(self) -> Sequence[DoubtfulOrder]:
        self._reach()
        return self.doubtful

    async def unpriced_orders(self) -> Sequence[UnpricedOrder]:
        self._reach()
        return self.unpriced

    async def sold(self, before: datetime) -> Sequence[SoldRow]:
        self._reach()
        return [
            SoldRow(one, id_of(row.start), row.run_id)
            for one, row in self.rows.items()
            if row.position is Position.SOLD
            and row.phase in (Phase.ENTERING, Phase.HOLDING)
            and row.changed_at < before
        ]

    async def to_sell(self) -> Sequence[ToSell]:
        self._reach()
        return [
            ToSell(one, id_of(row.start), row.run_id)
            for one, row in self.rows.items()
            if row.start.strategy.user_id in self.killed
        ]

    def _reach(self) -> None:
        if self.away:
            raise StoreUnavailable("Postgres does not answer")

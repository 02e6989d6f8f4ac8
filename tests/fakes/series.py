"""Series of days, in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from uuid import UUID

from domain.errors import PlanIsOld
from domain.ports import Bound, SeriesState, WaitingDay
from domain.run import (
    StartRun,
    workflow_id,
)
from domain.series import (
    DayEnd,
    EndDay,
    PlanAnew,
    SeriesEnd,
    why_it_ends,
)
from domain.strategy import Strategy
from tests.fakes.house import MemoryRunStore
from tests.fakes.noted_closes import MemoryNotedCloses


@dataclass
class SeriesOf:
    """A strategy's row and its series, as far as a series needs them."""

    start: StartRun
    strategy: Strategy
    run_id: str | None = None
    waits: bool = True
    running: bool = True
    left_out: set[date] = field(default_factory=set)
    last_day: date | None = None
    ended_by: SeriesEnd | None = None
    held: int = 0
    in_doubt: bool = False
    days: list[date] = field(default_factory=list)
    """Those that are over."""

    @property
    def workflow_id(self) -> str:
        return workflow_id(self.strategy.strategy_id, self.start.plan.trading_day)


@dataclass
class MemorySeries:
    """Implements `domain.ports.SeriesStore`. `runs`: the store that its runs write to, where any run.

    `closes`: what is noted of its series, where anything is.
    """

    rows: dict[UUID, SeriesOf] = field(default_factory=dict)
    runs: MemoryRunStore | None = None
    closes: MemoryNotedCloses | None = None

    def started(self, start: StartRun) -> SeriesOf:
        """Have a START of a series be written down, and its run not begun."""
        row = self.rows[start.strategy.strategy_id] = SeriesOf(start, start.strategy)
        return row

    async def state(self, start: StartRun) -> SeriesState | None:
        row = self.rows[start.strategy.strategy_id]
        if row.ended_by is not None or row.start.series_id != start.series_id:
            return None
        return SeriesState(row.strategy, frozenset(row.left_out), row.last_day, self._asked_on(row))

    async def end_day(self, request: EndDay, following: StartRun | None) -> StartRun | None:
        row = self.rows[request.start.strategy.strategy_id]
        if self.runs is not None:
            await self.runs.finish(request.finish)
        if row.start.start_id == request.finish.ref.start_id and row.running:
            why = row.ended_by or why_it_ends(
                DayEnd(
                    request.finish.outcome,
                    row.held,
                    row.in_doubt,
                    request.asked or request.start.adopted is not None,
                    request.limited,
                )
            )
            if why is None and following is not None:
                self._refuse_old(row, following)
                self._goes_over(row, following, over=request.start)
            else:
                row.running, row.ended_by = False, why or SeriesEnd.COMPLETED
                row.last_day = request.start.plan.trading_day
                row.days.append(row.last_day)
        return await self.pending(request.start.strategy.strategy_id)

    async def plan_anew(self, request: PlanAnew, following: StartRun) -> StartRun | None:
        row = self.rows[request.start.strategy.strategy_id]
        if row.ended_by is None and self._is_current(row, request) and row.waits:
            self._refuse_old(row, following)
            self._goes_over(row, following, over=None)
        return await self.pending(request.start.strategy.strategy_id)

    async def bind(self, request: PlanAnew) -> Bound:
        row = self.rows[request.start.strategy.strategy_id]
        if row.ended_by is not None or not self._is_current(row, request):
            return Bound.OVER
        if row.strategy != request.start.strategy or request.start.plan.trading_day in row.left_out:
            return Bound.EDITED
        if self._asked_on(row) is not None:
            return Bound.IN_QUESTION
        row.waits = False
        return Bound.BOUND

    async def pending(self, strategy_id: UUID) -> StartRun | None:
        row = self.rows[strategy_id]
        if self.runs is not None:
            ref = self.runs.running.get(strategy_id)
            row.run_id = ref.run_id if ref is not None and ref.start_id == row.start.start_id else None
        return row.start if row.running and row.run_id is None else None

    async def all_pending(self, since: timedelta) -> Sequence[StartRun]:
        return [row.start for row in self.rows.values() if row.running and row.run_id is None]

    async def all_over(self) -> Sequence[WaitingDay]:
        return [day for day in await self.waiting(UUID(int=0), UUID(int=2**128 - 1)) if day.state is None]

    async def waiting(self, first: UUID, last: UUID) -> Sequence[WaitingDay]:
        return [
            WaitingDay(row.start, row.workflow_id, row.run_id, await self.state(row.start))
            for strategy_id, row in self.rows.items()
            if first <= strategy_id <= last and row.running and row.waits and row.run_id is not None
        ]

    def _asked_on(self, row: SeriesOf) -> date | None:
        series_id = row.start.series_id
        if self.closes is None or series_id is None or series_id not in self.closes.rows:
            return None
        return self.closes.rows[series_id].asked_on

    def _is_current(self, row: SeriesOf, request: PlanAnew) -> bool:
        return row.running and row.start.start_id == request.ref.start_id

    def _refuse_old(self, row: SeriesOf, following: StartRun) -> None:
        if row.strategy != following.strategy or following.plan.trading_day in row.left_out:
            raise PlanIsOld

    def _goes_over(self, row: SeriesOf, following: StartRun, over: StartRun | None) -> None:
        if over is not None:
            row.last_day = over.plan.trading_day
            row.days.append(row.last_day)
        elif self.runs is not None:
            self.runs.running.pop(following.strategy.strategy_id, None)
        row.start, row.run_id, row.waits = following, None, True

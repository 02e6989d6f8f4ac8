"""Repairs of series that no run can make: days whose run was never begun, and runs that are not told."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from domain.errors import CalendarUnknown
from domain.ports import Clock, OpenRuns, SeriesStore, WaitingDay
from domain.reconciler import ENDED_WITHIN, Slice
from domain.run import Adoption
from execution.series_days import SeriesDays

UNBEGUN = timedelta(seconds=2)
"""How long a day waits for its run before it is begun from here: who ended the day before does it at once."""


class SeriesRounds:
    """One look of the reconciler. Raises `Unavailable` where Temporal does not answer."""

    def __init__(self, store: SeriesStore, days: SeriesDays, runs: OpenRuns, clock: Clock) -> None:
        self._store = store
        self._days = days
        self._runs = runs
        self._clock = clock

    async def begin_unbegun(self) -> Sequence[UUID]:
        """Begin the runs that were lost between two days; one that was ended from outside ends its series."""
        unbegun = await self._store.all_pending(UNBEGUN)
        if not unbegun:
            return ()
        cut_short = await self._runs.ended_since(self._clock.now() - ENDED_WITHIN)
        for start in unbegun:
            if start.strategy.strategy_id in cut_short:
                await self._runs.adopt(replace(start, adopted=Adoption.TERMINATED))
            else:
                await self._runs.begin(start)
        return [start.strategy.strategy_id for start in unbegun]

    async def tell(self, part: Slice) -> None:
        """Tell the runs that wait although their series has ended, and those whose plan is old."""
        for day in await self._store.all_over():
            await self._runs.sell(day.workflow_id, day.run_id)
        try:
            for day in await self._store.waiting(part.first, part.last):
                if not await self._stands(day):
                    await self._runs.tell_plan_anew(day.workflow_id, day.run_id)
        except CalendarUnknown:
            return  # what cannot be read changes no plan

    async def _stands(self, day: WaitingDay) -> bool:
        return day.state is None or await self._days.stands(day.start, day.state)

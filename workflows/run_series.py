"""A day of a series within its run: it waits, is planned anew, ends, and has the next one begin."""

from dataclasses import replace
from typing import cast

from temporalio import workflow
from temporalio.exceptions import FailureError

from activities.runs import RunActivities
from activities.series import SeriesActivities
from domain.day import Day
from domain.run import (
    Adoption,
    Entered,
    FinishRun,
    StartRun,
    workflow_id,
)
from domain.run_texts import clock
from domain.series import (
    DayEnded,
    EndDay,
    PlanAnew,
    Planned,
)
from domain.strategy import Outcome
from workflows import policies
from workflows.run_schedule import wait
from workflows.run_writes import RunWrites


class RunSeries:
    """Asks for the plan of now when it is told to, and shortly before it buys: then that is fixed."""

    def __init__(self, start: StartRun, day: Day, writes: RunWrites) -> None:
        self._start = start
        self._day = day
        self._writes = writes
        self._told = False
        self._skipped = False
        self._begun: StartRun | None = None
        self.moved_to: StartRun | None = None
        """The START by which the series goes on in place of this one; None while it is this one."""

    def plan_anew(self) -> None:
        """Take that terms or calendar have changed."""
        self._told = True

    async def wait_to_buy(self) -> bool:
        """Wait until shortly before buy_time; False where this START buys nothing."""
        buy_at = self._start.plan.buy_at
        wake = policies.wake_at(buy_at, self._start.strategy.strategy_id)
        if self._day.series_over and workflow.now() < buy_at:
            self._day.asked_to_stop(None)
        while not self._day.leaving:
            told = await wait(self._is_disturbed, wake, f"until shortly before {clock(buy_at)}")
            if self._day.leaving:
                break
            self._told = False
            await self._ask(binding=not told)
            if self.moved_to is not None or self._skipped:
                return False
            if not told:
                return not self._day.leaving
        return False

    def _is_disturbed(self) -> bool:
        return self._day.leaving or self._told

    async def _ask(self, *, binding: bool) -> None:
        request = PlanAnew(self._writes.ref(), self._start, binding)
        planned = cast(
            Planned,
            await self._writes.write(SeriesActivities.plan_anew, request, "plan the day by what is so now"),
        )
        self.moved_to = planned.start
        if planned.over:
            self._day.asked_to_stop(None)
        if planned.skipped:
            self._skipped = True
            self._day.entered(Entered(0, outcome=Outcome.SKIPPED, detail=planned.skipped))

    async def write_end(self, request: FinishRun) -> DayEnded:
        """Write the end of the run: of a day of a series with the START that follows it."""
        if self._start.series_id is None:
            words = f"stop: {request.outcome}"
            return DayEnded(await self._writes.write(RunActivities.finish, request, words))
        asked, limited = self._asked(), self._day.limited
        ended = EndDay(request, self._start, asked, limited)
        return cast(
            DayEnded,
            await self._writes.write(SeriesActivities.end_day, ended, f"end the day: {request.outcome}"),
        )

    async def begin(self, following: StartRun) -> None:
        """Have the run of the next day begin. A stop that came too late for the end of this one ends it."""
        following = self._begun = self._heard(following)
        await self._writes.write(
            SeriesActivities.begin_next, following, f"begin {following.plan.trading_day}"
        )

    async def go_on(self, following: StartRun) -> None:
        """Go on by another START of the day, or of another day. One that was to stop ends with it."""
        await workflow.wait_condition(workflow.all_handlers_finished)
        following = self._heard(following)
        id_ = workflow_id(following.strategy.strategy_id, following.plan.trading_day)
        if id_ == workflow.info().workflow_id:
            workflow.continue_as_new(replace(following, version=self._start.version))
        await self.begin(following)

    async def pass_on_cancellation(self) -> None:
        """Cancel the run of the next day too, where this one was cancelled once that was being begun.

        A cancellation ends the series, and the day that was over could no longer say so in the store.
        """
        if self._begun is None or self._begun.adopted is not None:
            return
        id_ = workflow_id(self._begun.strategy.strategy_id, self._begun.plan.trading_day)
        try:
            await workflow.get_external_workflow_handle(id_).cancel()
        except FailureError as gone:
            workflow.logger.warning("the run of the next day could not be cancelled: %s", gone)

    def _heard(self, following: StartRun) -> StartRun:
        # A stop by the API ends the row of the series first; a cancellation, or a stop by another client of
        # Temporal, is known to this run alone.
        return replace(following, adopted=Adoption.TERMINATED) if self._asked() else following

    def _asked(self) -> bool:
        return self._day.stop_asked and not self._day.limited

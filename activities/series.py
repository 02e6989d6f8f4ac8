"""The activities of a series: its days end, the next one begins, and one that waits is planned anew."""

from temporalio import activity

from activities.heartbeat import alive
from activities.runs import drop_keys
from domain.failpoint import failpoint
from domain.operator_alerts import outcome_alarm
from domain.ports import Alerts, OpenRuns, RuntimeCache
from domain.run import StartRun
from domain.series import (
    DayEnded,
    EndDay,
    PlanAnew,
    Planned,
)
from execution.series_days import SeriesDays


class SeriesActivities:
    """What fails is repeated: each of them finds what was done before."""

    def __init__(self, days: SeriesDays, runs: OpenRuns, cache: RuntimeCache, alerts: Alerts) -> None:
        self._days = days
        self._runs = runs
        self._cache = cache
        self._alerts = alerts

    @activity.defn
    async def end_day(self, request: EndDay) -> DayEnded:
        """Delete the Redis keys, and write the end of the day with the START that follows it."""
        async with alive():
            strategy = request.finish.strategy
            await drop_keys(self._cache, strategy)
            await failpoint("end_day.begun")
            following = await self._end(request)
            await failpoint("end_day.written")
            clean = await drop_keys(self._cache, strategy)
            alarm = outcome_alarm(request.finish)
            if alarm is not None:
                await self._alerts.raise_(alarm)
            return DayEnded(clean, following)

    async def _end(self, request: EndDay) -> StartRun | None:
        try:
            return await self._days.end_day(request)
        except LookupError:
            # Only what has stopped can be deleted: this end was written, and its answer got lost.
            return None

    @activity.defn
    async def begin_next(self, start: StartRun) -> None:
        """Start the run of the day that follows, unless it is open."""
        async with alive():
            await failpoint("begin_next.begun")
            await self._runs.begin(start)
            await failpoint("begin_next.begun_it")

    @activity.defn
    async def plan_anew(self, request: PlanAnew) -> Planned:
        """Say by which START the series goes on in place of the one that waits, if by another."""
        async with alive():
            await failpoint("plan_anew.begun")
            planned = await self._days.plan_anew(request)
            await failpoint("plan_anew.written")
            return planned

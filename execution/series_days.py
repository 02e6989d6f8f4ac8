"""Carries a series on from one day to the next, and plans a day that waits anew."""

from dataclasses import replace
from datetime import date
from uuid import uuid4

from domain.adjusted_price import asked_words
from domain.errors import PlanIsOld
from domain.freeze import largest_order
from domain.instrument import Segment
from domain.listed_day import (
    NOT_KNOWN,
    ListedSymbol,
    has_expired,
    is_contract,
    same_sizes,
    why_not_bought,
    with_sizes,
)
from domain.ports import Bound, Clock, SeriesState, SeriesStore, TradingDays
from domain.run import StartRun
from domain.series import (
    EndDay,
    PlanAnew,
    Planned,
    next_plan,
    same_day,
    shut_last_day,
)
from domain.session import DayPlan, TradingCalendar, exchange_time
from execution.closing_prices import ClosingPrices
from execution.listed_today import ListedToday


class SeriesDays:
    """Plans the days of series. What the store says is old is planned again, by what is so now."""

    def __init__(
        self,
        store: SeriesStore,
        days: TradingDays,
        clock: Clock,
        closes: ClosingPrices,
        listed: ListedToday,
    ) -> None:
        self._store = store
        self._days = days
        self._clock = clock
        self._closes = closes
        self._listed = listed

    async def end_day(self, request: EndDay) -> StartRun | None:
        """Write the end of a day down, and the day that follows; return the START that is to begin.

        Raises `CalendarUnknown` while the calendar cannot be read: then nothing is written.
        """
        while True:
            state = None if request.asked else await self._store.state(request.start)
            following = None
            if state is not None and not await self._has_expired(state):
                day = request.start.plan.trading_day
                following = await self._following(request.start, state, day)
                if following is None:
                    request = replace(request, shut=await self._shut_last_day(state, day))
            try:
                return await self._store.end_day(request, following)
            except PlanIsOld:
                continue

    async def plan_anew(self, request: PlanAnew) -> Planned:
        """Plan a day that waits by what is so now; one that is to be bought is bound to it.

        Raises `CalendarUnknown` while the calendar cannot be read.
        """
        if request.binding and request.start.series_id is not None:
            await self._closes.compare_one(request.start.series_id)
        while True:
            state = await self._store.state(request.start)
            if state is None:
                return Planned(over=True)
            listed = await self._listed_now(request, state)
            if why_not := why_not_bought(state.strategy, listed):
                return Planned(skipped=why_not)
            due = self._clock.now() >= request.start.plan.buy_at
            if due or await self.stands(request.start, state, listed):
                bound = await self._store.bind(request) if request.binding else Bound.BOUND
                if bound is Bound.IN_QUESTION:
                    return Planned(skipped=await self._in_question(request.start))
                if bound is not Bound.EDITED:
                    return Planned(over=bound is Bound.OVER)
                if not due:
                    continue
            following = await self._following(request.start, state, state.last_day, listed)
            if following is None:
                return Planned(over=True)
            try:
                return Planned(await self._store.plan_anew(request, following))
            except PlanIsOld:
                continue

    async def _in_question(self, start: StartRun) -> str:
        state = await self._store.state(start)
        since = state.asked_on if state is not None else None
        return asked_words(start.strategy.symbol, since or start.plan.trading_day)

    async def _listed_now(self, request: PlanAnew, state: SeriesState) -> ListedSymbol:
        """Return what the list of the day has, for a day that is to be bought; it is asked once for a START.

        Two workers may have two lists, one of them of the day before: a START that one has planned stays.
        """
        start = request.start
        if not request.binding or (start.plan.listed and state.strategy == start.strategy):
            return NOT_KNOWN
        return await self._listed.of(state.strategy)

    async def _has_expired(self, state: SeriesState) -> bool:
        strategy = state.strategy
        return is_contract(strategy) and has_expired(strategy, await self._listed.of(strategy))

    async def stands(self, start: StartRun, state: SeriesState, listed: ListedSymbol = NOT_KNOWN) -> bool:
        """Tell whether a day that waits would be planned the same way now.

        One that no day takes the place of stays as it is: a closed day is skipped when it comes.
        """
        if state.strategy != start.strategy:
            return False
        plan = self._plan(start, state, state.last_day, await self._days.calendar(), listed)
        if plan is None:
            return True
        return same_day(plan, start.plan) and (not listed.known or same_sizes(plan, start.plan))

    async def _following(
        self, start: StartRun, state: SeriesState, after: date | None, listed: ListedSymbol = NOT_KNOWN
    ) -> StartRun | None:
        plan = self._plan(start, state, after, await self._days.calendar(), listed)
        if plan is None:
            return None
        return StartRun(
            uuid4(),
            state.strategy,
            plan,
            version=start.version,
            account=start.account,
            series_id=start.series_id,
        )

    async def _shut_last_day(self, state: SeriesState, after: date) -> date | None:
        calendar = await self._days.calendar()
        return shut_last_day(state.strategy, calendar, after, state.left_out, self._clock.now())

    def _plan(
        self,
        start: StartRun,
        state: SeriesState,
        after: date | None,
        calendar: TradingCalendar,
        listed: ListedSymbol,
    ) -> DayPlan | None:
        before, strategy, found = start.plan, state.strategy, listed.instrument
        segment = (before.segment or Segment.CASH) if found is None else found.segment
        now = self._clock.now()
        plan = next_plan(strategy, calendar, segment, after, state.left_out, now)
        if plan is None:
            return None
        if found is not None:
            return replace(with_sizes(plan, found), listed=plan.trading_day == exchange_time(now).date())
        most = largest_order(strategy.exchange, strategy.symbol, before.lot, plan.trading_day)
        return replace(plan, tick=before.tick, lot=before.lot, most=most)

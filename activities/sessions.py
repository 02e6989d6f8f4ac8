"""The activity that finds the session in which a day goes on that was slept through."""

from contextlib import suppress
from datetime import timedelta

from temporalio import activity

from activities.heartbeat import alive
from activities.runs import final
from domain.errors import CalendarUnknown
from domain.instrument import Segment
from domain.outage import away_text, goes_on
from domain.ports import Alerts, Clock, Outages, RunStore, TradingDays
from domain.run import Alarm, GoesOn, SleptThrough
from domain.session import LOOK_AHEAD, Session, assumed_session, exchange_time


class SessionActivities:
    """Reads the calendar as it is known now; what it finds is written before it is answered."""

    def __init__(
        self, days: TradingDays, outages: Outages, store: RunStore, alerts: Alerts, clock: Clock
    ) -> None:
        self._days = days
        self._outages = outages
        self._store = store
        self._alerts = alerts
        self._clock = clock

    @activity.defn
    async def next_session(self, slept: SleptThrough) -> GoesOn:
        """Find and write down how the day goes on; tell the user since when until when nothing was done."""
        async with alive():
            outages = await self._outages.since(slept.due_at)
            why = away_text(outages, slept.due_at, slept.closed_at)
            session = await self._session(slept)
            found = goes_on(slept.start, session, slept.held, why, self._clock.now())
            with final():
                await self._store.go_on(slept.ref, found)
            strategy = slept.start.strategy
            await self._alerts.raise_(
                Alarm("sale_missed", found.words, strategy.user_id, strategy.strategy_id)
            )
        return found

    async def _session(self, slept: SleptThrough) -> Session:
        """Return the session that is on, or the next one; where the calendar ends, a weekday's hours."""
        now = self._clock.now()
        segment = slept.start.plan.segment or Segment.CASH
        today = exchange_time(now).date()
        with suppress(CalendarUnknown):
            for ahead in range(LOOK_AHEAD):
                found = await self._days.look_up(today + timedelta(days=ahead), segment)
                if isinstance(found, Session) and found.closes_at > now:
                    return found
        return assumed_session(now)

"""Tells people on the morning of a trading day what they have to see to before it begins."""

from collections.abc import Sequence
from datetime import datetime

from temporalio import activity

from activities.heartbeat import alive
from domain.errors import CalendarUnknown
from domain.instrument import Segment
from domain.operator_alerts import FundsShort, calendar_alarm, funds_alarm, left_over_alarm, login_alarm
from domain.ports import Alerts, Clock, OperatorAlerts, TradingDays
from domain.session import Session, exchange_time
from execution.morning_funds import MorningFunds


class MorningActivities:
    """At 08:30 and 09:00: the calendar, logins, funds, and shares that are left over."""

    def __init__(
        self,
        attention: OperatorAlerts,
        days: TradingDays,
        funds: MorningFunds,
        alerts: Alerts,
        clock: Clock,
    ) -> None:
        self._attention = attention
        self._days = days
        self._funds = funds
        self._alerts = alerts
        self._clock = clock

    @activity.defn
    async def tell_people(self) -> int:
        """On a trading day, alert for logins and funds that are missing, and for shares left over.

        Funds first: a login that turns out dead there is among those that are told.
        """
        async with alive():
            now = self._clock.now()
            if not await self._trades(now):
                return 0
            alarms = [funds_alarm(short) for short in await self._short_of_funds(now)]
            alarms += [login_alarm(needed) for needed in await self._attention.logins_needed(now)]
            alarms += [left_over_alarm(left) for left in await self._attention.left_over()]
            for alarm in alarms:
                await self._alerts.raise_(alarm)
            return len(alarms)

    async def _short_of_funds(self, now: datetime) -> Sequence[FundsShort]:
        due = await self._attention.entries_due(now)
        try:
            return await self._funds.short(due)
        except Exception:  # whatever is wrong with one answer of a broker, logins are told all the same
            activity.logger.exception("the funds of this morning could not be looked at")
            return ()

    async def _trades(self, now: datetime) -> bool:
        try:
            return isinstance(await self._days.look_up(exchange_time(now).date(), Segment.CASH), Session)
        except CalendarUnknown as unknown:
            await self._alerts.raise_(calendar_alarm(unknown))
            return True  # better told on a holiday than not told at all

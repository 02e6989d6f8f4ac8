"""Exits that take long: a person is told what they wait for, while there is still time to act."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from domain.errors import AccountNotConnected, LoginNeeded, StoreUnavailable
from domain.exit_obstacle import Obstacle
from domain.operator_alerts import (
    exit_needs_account_alarm,
    exit_needs_login_alarm,
    exit_overdue_alarm,
    exit_refused_alarm,
)
from domain.ports import Alerts, OrderLog
from domain.run import Alarm, ExitOrder
from domain.session import exchange_time
from domain.timeline import EventKind

OVERDUE = 30.0
"""Seconds an exit may take before an alert (design section 4, rule 3); on a good day it takes one."""


class ExitAlerts:
    """Alerts once for each reason and attempt of the activity; the exit itself does not wait for them."""

    def __init__(self, log: OrderLog, alerts: Alerts, overdue: float = OVERDUE) -> None:
        self._log = log
        self._alerts = alerts
        self._overdue_after = overdue

    @asynccontextmanager
    async def over(self, order: ExitOrder) -> AsyncIterator[None]:
        """Watch an exit from the moment it may be sent."""
        waiting = asyncio.ensure_future(self._overdue(order))
        try:
            yield
        finally:
            waiting.cancel()

    async def needs_login(self, order: ExitOrder, why: LoginNeeded | None = None) -> None:
        """Say that nothing can be sold before the user logs in, or connects the order's account again."""
        if isinstance(why, AccountNotConnected):
            await self._tell(order, exit_needs_account_alarm(order, why))
        else:
            await self._tell(order, exit_needs_login_alarm(order))

    async def held_up(self, order: ExitOrder, found: Obstacle) -> None:
        """Say once what keeps the sale from being sent: for each reason, and each order in its way."""
        alarm = exit_refused_alarm(order, found)
        once = f"{alarm.kind}:{order.key.trading_day}:{order.key.round}:{found.name}"
        if await self._log.held_up(order.key, EventKind.WAITING, alarm.text, once):
            await self._alerts.raise_(alarm)

    async def _overdue(self, order: ExitOrder) -> None:
        """Tell of it once for each round, reason and day: several workers may be at one sale."""
        await asyncio.sleep(self._overdue_after)
        alarm, key = exit_overdue_alarm(order, self._overdue_after), order.key
        day = exchange_time(order.due_at).date()
        once = f"{alarm.kind}:{key.trading_day}:{key.round}:{order.reason}:{day}"
        try:
            new = await self._log.say(key, EventKind.WAITING, alarm.text, once)
        except StoreUnavailable:
            new = True  # it is told twice rather than not at all
        if new:
            await self._alerts.raise_(alarm)

    async def _tell(self, order: ExitOrder, alarm: Alarm) -> None:
        await self._alerts.raise_(alarm)
        try:
            await self._log.say(order.key, EventKind.WAITING, alarm.text, f"{alarm.kind}:{order.due_at}")
        except StoreUnavailable:
            return  # the alarm has gone out; the line is only for the timeline

"""Alarms that are its user's business too: he is told over his channels, whoever else hears of them."""

import asyncio
from datetime import datetime
from uuid import UUID

import structlog

from domain.errors import StoreUnavailable
from domain.notification import AlarmNotification, Outbox, notice_of_alarm
from domain.ports import Alerts, Clock
from domain.run import Alarm


class NotificationAlerts:
    """Implements `domain.ports.Alerts` around another. Whoever raises an alarm does not wait for a notice."""

    def __init__(self, alerts: Alerts, outbox: Outbox, clock: Clock) -> None:
        self._alerts = alerts
        self._outbox = outbox
        self._clock = clock
        self._telling: set[asyncio.Task[None]] = set()

    async def raise_(self, alarm: Alarm) -> None:
        await self._alerts.raise_(alarm)
        now = self._clock.now()
        notice = notice_of_alarm(alarm, now)
        if notice is not None and alarm.user_id is not None:
            telling = asyncio.create_task(self._tell(alarm.user_id, notice, alarm.text, now))
            self._telling.add(telling)
            telling.add_done_callback(self._telling.discard)

    async def _tell(self, user_id: UUID, notice: AlarmNotification, text: str, at: datetime) -> None:
        try:
            await self._outbox.tell(user_id, notice, text, at)
        except StoreUnavailable:
            structlog.get_logger().warning(
                "a user was not told of an alarm", user_id=str(user_id), source=notice.source
            )

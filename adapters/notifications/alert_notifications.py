"""Notifies users over their channels of the alerts that concern them."""

import asyncio
from datetime import datetime
from uuid import UUID

import structlog

from domain.errors import StoreUnavailable
from domain.notification import AlarmNotification, notification_of_alarm
from domain.ports import Alerts, Clock, Outbox
from domain.run import Alarm


class NotificationAlerts:
    """Implements `domain.ports.Alerts` around another. Raising an alarm never waits for the notification."""

    def __init__(self, alerts: Alerts, outbox: Outbox, clock: Clock) -> None:
        self._alerts = alerts
        self._outbox = outbox
        self._clock = clock
        self._telling: set[asyncio.Task[None]] = set()

    async def raise_(self, alarm: Alarm) -> None:
        await self._alerts.raise_(alarm)
        now = self._clock.now()
        notification = notification_of_alarm(alarm, now)
        if notification is not None and alarm.user_id is not None:
            telling = asyncio.create_task(self._tell(alarm.user_id, notification, alarm.text, now))
            self._telling.add(telling)
            telling.add_done_callback(self._telling.discard)

    async def _tell(self, user_id: UUID, notification: AlarmNotification, text: str, at: datetime) -> None:
        try:
            await self._outbox.tell(user_id, notification, text, at)
        except StoreUnavailable:
            structlog.get_logger().warning(
                "a user was not told of an alarm", user_id=str(user_id), source=notification.source
            )

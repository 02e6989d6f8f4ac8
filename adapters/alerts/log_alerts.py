"""Raises alarms to operators: always in the log, and in CloudWatch where its namespace is set."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from domain.ports import Alerts
from domain.run import Alarm


class CloudWatchUnset(Exception):
    """CloudWatch is asked for, but AWS's own settings do not say where it is; the message says which."""


class LogAlerts:
    """Writes each alarm as one line at level ERROR. Implements `domain.ports.Alerts`."""

    def __init__(self) -> None:
        self._log = structlog.stdlib.get_logger("alert")

    async def raise_(self, alarm: Alarm) -> None:
        self._log.error(alarm.text, alarm=alarm.kind, **alarm_ids(alarm), **_data(alarm))


@asynccontextmanager
async def open_alerts(namespace: str, process: str) -> AsyncIterator[Alerts]:
    """Open the alerts of this process ("worker", "listener"); queued ones are delivered at the end.

    An empty namespace is the log alone. Raises `CloudWatchUnset` where AWS's own settings are missing.
    """
    if not namespace:
        yield LogAlerts()
        return
    # A fifth of a second and 30 MB, only where it is used.
    from adapters.alerts.cloudwatch import CloudWatchAlerts

    alerts = CloudWatchAlerts(namespace, process, LogAlerts())
    try:
        yield alerts
    finally:
        await alerts.close()


def alarm_ids(alarm: Alarm) -> dict[str, str]:
    """Return the user and strategy ids of an alarm by name; empty where it concerns none."""
    ids = {"user_id": alarm.user_id, "strategy_id": alarm.strategy_id}
    return {name: str(value) for name, value in ids.items() if value is not None}


def _data(alarm: Alarm) -> dict[str, dict[str, str]]:
    return {"data": alarm.data} if alarm.data else {}

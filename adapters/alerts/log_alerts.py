"""Writes alarms to the log."""

import structlog

from domain.run import Alarm


class LogAlerts:
    """Writes each alarm as one line at level ERROR. Implements `domain.ports.Alerts`."""

    def __init__(self) -> None:
        self._log = structlog.stdlib.get_logger("alert")

    async def raise_(self, alarm: Alarm) -> None:
        self._log.error(alarm.text, alarm=alarm.kind, **alarm_ids(alarm), **_data(alarm))


def alarm_ids(alarm: Alarm) -> dict[str, str]:
    """Return the user and strategy ids of an alarm by name; empty where it concerns none."""
    ids = {"user_id": alarm.user_id, "strategy_id": alarm.strategy_id}
    return {name: str(value) for name, value in ids.items() if value is not None}


def _data(alarm: Alarm) -> dict[str, dict[str, str]]:
    return {"data": alarm.data} if alarm.data else {}

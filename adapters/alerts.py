"""Where a person is told."""

import structlog

from domain.run import Alarm


class LogAlerts:
    """Writes each alarm as one line at level ERROR. Implements `domain.ports.Alerts`."""

    def __init__(self) -> None:
        self._log = structlog.stdlib.get_logger("alert")

    async def raise_(self, alarm: Alarm) -> None:
        self._log.error(
            alarm.text,
            alarm=alarm.kind,
            user_id=str(alarm.user_id),
            strategy_id=str(alarm.strategy_id),
            **({"data": alarm.data} if alarm.data else {}),
        )

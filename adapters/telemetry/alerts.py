"""Alarms as a number, by kind: the words and the ids are in the log."""

from prometheus_client import CollectorRegistry, Counter

from domain.ports import Alerts
from domain.run import Alarm


class CountedAlerts:
    """Counts each alarm and passes it on. Implements `domain.ports.Alerts`."""

    def __init__(self, alerts: Alerts, registry: CollectorRegistry) -> None:
        self._alerts = alerts
        self._raised = Counter(
            "stopwatch_alerts_total", "Alarms raised, by kind", ("kind",), registry=registry
        )

    async def raise_(self, alarm: Alarm) -> None:
        self._raised.labels(alarm.kind).inc()
        await self._alerts.raise_(alarm)

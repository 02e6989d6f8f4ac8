"""Counts alarms by kind; text and ids are in the log."""

from prometheus_client import CollectorRegistry, Counter

from domain.ports import Alerts
from domain.run import Alarm

KINDS = (
    *("redis_down", "postgres_down", "temporal_down", "redis_back", "postgres_back", "temporal_back"),
    *(
        "feed_lost",
        "stop_unwatched",
        "unwatched",
        "missed",
        "order_failed",
        "order_rejected",
        "emergency_exit",
    ),
    "exit_needs_login",
    *("disk_low", "disk_back"),
    *("exit_needs_account", "foreign_start"),
    *(
        "exit_overdue",
        "exit_refused",
        "position_left",
        "sale_missed",
        "closed_outside",
        "account_differs",
        "account_unread",
        "limit_reached",
        "limits_unpriced",
        "oversold",
        "login_needed",
        "funds_short",
        "prices_adjusted",
        "run_terminated",
        "late_entry",
        "late_exit",
        "run_fault",
        "run_overdue",
        "calendar_unknown",
        "charges_differ",
    ),
)
"""Every kind, as docs/operations.md lists them: there from the first scrape on, so that the first alarm of a
kind is an increase."""


class CountedAlerts:
    """Counts each alarm and passes it on. Implements `domain.ports.Alerts`."""

    def __init__(self, alerts: Alerts, registry: CollectorRegistry) -> None:
        self._alerts = alerts
        self._raised = Counter(
            "stopwatch_alerts_total", "Alarms raised, by kind", ("kind",), registry=registry
        )
        for kind in KINDS:
            self._raised.labels(kind)

    async def raise_(self, alarm: Alarm) -> None:
        self._raised.labels(alarm.kind).inc()
        await self._alerts.raise_(alarm)

"""Opens a process's alerts: always the log, and CloudWatch where its namespace is set."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.alerts.log_alerts import LogAlerts
from domain.ports import Alerts


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

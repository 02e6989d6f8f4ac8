"""A worker's metrics, in a registry of their own."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector

from adapters.postgres.engine import Store
from adapters.telemetry.alert_counter import CountedAlerts
from adapters.telemetry.dependency_watch import DependencyWatch
from adapters.telemetry.disk import Disk
from adapters.telemetry.metrics_server import serving
from adapters.telemetry.operations_metrics import OperationsMetrics, OperationsWatch
from adapters.telemetry.order_metrics import MeteredOrderLog, OrderNumbers
from domain.hit_stop import Dropped
from domain.ports import Alerts

DEPENDENCIES = ("postgres", "redis", "temporal")


class ScheduledOrderCount(Protocol):
    """Knows how many orders this worker has scheduled."""

    def __len__(self) -> int: ...


class WorkerMetrics:
    """The metrics that `docs/metrics.md` lists for a worker; `registry` is served."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._orders = OrderNumbers(self.registry)
        self.operations = OperationsMetrics(self.registry)
        self._scheduled = Gauge(
            "stopwatch_orders_held", "Orders this worker holds for their instant", registry=self.registry
        )
        self._disk_free = Gauge(
            "stopwatch_disk_free_bytes", "Bytes left on the disk of the data", registry=self.registry
        )
        self._disk_size = Gauge(
            "stopwatch_disk_bytes", "Size of the disk of the data", registry=self.registry
        )
        self._dropped = Counter(
            "stopwatch_stop_events_dropped_total",
            "Events of hit stops that sold nothing ahead of their run, by reason",
            ("reason",),
            registry=self.registry,
        )
        for why in Dropped:
            self._dropped.labels(why)
        self._up = Gauge(
            "stopwatch_part_up", "1 while the part answers this worker", ("part",), registry=self.registry
        )

    def order_log(self, store: Store) -> MeteredOrderLog:
        """Return the order log that counts what is sent."""
        return MeteredOrderLog(store, self._orders)

    def alerts(self, alerts: Alerts) -> CountedAlerts:
        """Return these alerts, counted; call it once a process."""
        return CountedAlerts(alerts, self.registry)

    def count_dropped_stops(self, why: Dropped, count: int) -> None:
        """Count events of hit stops that sold nothing."""
        self._dropped.labels(why).inc(count)

    def show(self, scheduled: ScheduledOrderCount, down: Collection[str], disk: Disk) -> None:
        """Have each scrape read how many orders are scheduled, what is `down`, and how full the disk is."""
        self._disk_free.set_function(disk.free)
        self._disk_size.set_function(disk.size)
        self._scheduled.set_function(lambda: len(scheduled))
        for dependency in DEPENDENCIES:
            self._up.labels(dependency).set_function(_up(dependency, down))

    @asynccontextmanager
    async def served(
        self,
        host: str,
        port: int | None,
        watch: DependencyWatch,
        operations: OperationsWatch,
        unwatched: Callable[[], str | None],
    ) -> AsyncIterator[None]:
        """Serve the metrics while the context is open; without a port, nothing is read or served.

        `unwatched` says why held stops count as unwatched, None while they do not. Raises `MetricsPortTaken`.
        """
        if port is None:
            yield
            return

        async def ill() -> dict[str, str]:
            standing = {"reconciler": operations.still, "stops": unwatched()}
            return watch.ill() | {part: why for part, why in standing.items() if why is not None}

        reading = asyncio.create_task(operations.run())
        try:
            async with serving(host, port, self.registry, ill):
                yield
        finally:
            reading.cancel()


def _up(dependency: str, down: Collection[str]) -> Callable[[], float]:
    return lambda: dependency not in down

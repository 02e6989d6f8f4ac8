"""A worker's numbers, in a registry of their own."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from typing import Protocol

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector

from adapters.postgres.engine import Store
from adapters.telemetry.alerts import CountedAlerts
from adapters.telemetry.dependency_watch import DependencyWatch
from adapters.telemetry.operations import DeskNumbers, OperationsWatch
from adapters.telemetry.orders import MeteredOrderLog, OrderNumbers
from adapters.telemetry.server import serving
from domain.ports import Alerts

PARTS = ("postgres", "redis", "temporal")


class Held(Protocol):
    """What knows how many orders this worker holds for their instant."""

    def __len__(self) -> int: ...


class WorkerMetrics:
    """What `docs/metrics.md` lists for a worker; `registry` is what is served."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._orders = OrderNumbers(self.registry)
        self.desk = DeskNumbers(self.registry)
        self._held = Gauge(
            "stopwatch_orders_held", "Orders this worker holds for their instant", registry=self.registry
        )
        self._up = Gauge(
            "stopwatch_part_up", "1 while the part answers this worker", ("part",), registry=self.registry
        )

    def order_log(self, store: Store) -> MeteredOrderLog:
        """Return the order log that counts what is sent."""
        return MeteredOrderLog(store, self._orders)

    def alerts(self, alerts: Alerts) -> CountedAlerts:
        """Return these alerts, counted; once a process."""
        return CountedAlerts(alerts, self.registry)

    def show(self, held: Held, down: Collection[str]) -> None:
        """Have each scrape ask how many orders are held, and which parts are `down` at that moment."""
        self._held.set_function(lambda: len(held))
        for part in PARTS:
            self._up.labels(part).set_function(_up(part, down))

    @asynccontextmanager
    async def served(
        self, host: str, port: int | None, watch: DependencyWatch, desk: OperationsWatch
    ) -> AsyncIterator[None]:
        """Serve the numbers meanwhile, where there is a port; nobody reads the desk's books for nothing.

        Raises `MetricsPortTaken`.
        """
        if port is None:
            yield
            return

        async def ill() -> dict[str, str]:
            parts = {kind: f"no answer since {since.isoformat()}" for kind, since in watch.down.items()}
            return parts | ({"reconciler": desk.still} if desk.still else {})

        reading = asyncio.create_task(desk.run())
        try:
            async with serving(host, port, self.registry, ill):
                yield
        finally:
            reading.cancel()


def _up(part: str, down: Collection[str]) -> Callable[[], float]:
    return lambda: part not in down

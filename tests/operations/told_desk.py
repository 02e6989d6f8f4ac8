"""The three processes' own metrics pages, with values of the test's; each may be healthy, ill, or gone."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field

from aiohttp import web
from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest

from adapters.telemetry.alert_counter import CountedAlerts
from adapters.telemetry.disk import Disk
from adapters.telemetry.worker_metrics import WorkerMetrics
from api.http.metrics import Metrics
from listener.metrics import ListenerMetrics, MarketNumbers
from tests.e2e.product import free_port
from tests.fakes.alerts import MemoryAlerts

TARGETS = {
    "api": ["api"],
    "worker": ["worker-1", "worker-2"],
    "listener": ["listener"],
    "temporal-sdk": ["temporal-sdk"],
    "proxy": ["proxy"],
}
"""Jobs, and the page of each of their processes."""
HEALTHY = MarketNumbers(strategies=3, stops=3, unsignalled=0, feeds=2, stale=0, feed_age=0.4)


class RoomyDisk(Disk):
    """A disk of 100 GB, of which the test says how much is free."""

    def __init__(self) -> None:
        self.left = 50e9

    def free(self) -> float:
        return self.left

    def size(self) -> float:
        return 100e9


@dataclass
class ToldDesk:
    """What the pages say. `gone` are those that do not answer."""

    port: int = field(default_factory=free_port)
    gone: set[str] = field(default_factory=set)
    down: set[str] = field(default_factory=set)
    disk: RoomyDisk = field(default_factory=RoomyDisk)
    market: MarketNumbers = HEALTHY
    read_ago: float = 0

    def __post_init__(self) -> None:
        self.worker, self.listener, self.api = WorkerMetrics(), ListenerMetrics(), Metrics()
        self.alerts: CountedAlerts = self.worker.alerts(MemoryAlerts())
        self.worker.show((), self.down, self.disk)
        self.listener.show(lambda: self.market)
        self.others = CollectorRegistry()
        self.waits = Histogram(
            "temporal_workflow_task_schedule_to_start_latency_seconds",
            "Temporal's SDK",
            registry=self.others,
            buckets=(0.1, 0.5, 1, 2, 5, 10),
        )
        self.certificate = Gauge("traefik_tls_certs_not_after", "Traefik", registry=self.others)
        self.certificate.set_function(lambda: time.time() + self.certificate_days * 86400)
        self.certificate_days = 80.0
        self.at_rest()

    def at_rest(self) -> None:
        """Have every number of the operations be that of a quiet day."""
        operations = self.worker.operations
        for gauge in vars(operations).values():
            gauge.set(0)
        operations.read_at.set_function(lambda: time.time() - self.read_ago)

    def tell(self, **numbers: float) -> None:
        """Set operations' numbers, by their names in the code."""
        for name, value in numbers.items():
            getattr(self.worker.operations, name).set(value)

    def market_is(self, **numbers: int) -> None:
        """Have the listener count so many, and the rest as on a quiet day."""
        self.market = MarketNumbers(**{**asdict(HEALTHY), **numbers})

    def text(self, page: str) -> bytes:
        pages: dict[str, Callable[[], bytes]] = {
            "api": self.api.text,
            "worker-1": lambda: generate_latest(self.worker.registry),
            "worker-2": lambda: generate_latest(CollectorRegistry()),
            "listener": lambda: generate_latest(self.listener.registry),
            "temporal-sdk": lambda: generate_latest(self.others),
            "proxy": lambda: b"",
        }
        return pages[page]()

    async def _answered(self, request: web.Request) -> web.Response:
        page = request.match_info["page"]
        if page in self.gone:
            return web.Response(status=503)
        return web.Response(body=self.text(page), headers={"Content-Type": "text/plain; version=0.0.4"})

    @asynccontextmanager
    async def served(self) -> AsyncIterator[None]:
        """Answer scrapes while the context lasts."""
        app = web.Application()
        app.router.add_get("/{page}", self._answered)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        try:
            yield
        finally:
            await runner.cleanup()

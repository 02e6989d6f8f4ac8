"""Numbers for Prometheus. No label names a user or a strategy."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25)


class Metrics:
    """One app's numbers, in a registry of their own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "stopwatch_api_requests_total",
            "Answers, by route and status",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "stopwatch_api_request_seconds",
            "Time to the answer's headers, by route",
            ("method", "route"),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._streams = Gauge("stopwatch_api_event_streams", "Open event streams", registry=self._registry)

        self._dropped = Gauge(
            "stopwatch_notifications_dropped",
            "Postgres notifications that were no ids, since the start",
            registry=self._registry,
        )

    def show_dropped(self, dropped: Callable[[], int]) -> None:
        """Have each scrape read how many notifications were dropped."""
        self._dropped.set_function(dropped)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    @contextmanager
    def stream(self) -> Iterator[None]:
        """Count an event stream while it is open."""
        with self._streams.track_inprogress():
            yield

    def text(self) -> bytes:
        return generate_latest(self._registry)

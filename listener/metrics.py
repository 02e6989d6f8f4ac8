"""Gives Prometheus a listener's numbers at each scrape. None names a user or a strategy."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector


@dataclass(frozen=True, slots=True)
class MarketNumbers:
    """How a listener stands now.

    A feed without stops may be silent, as that of a user who has not logged in yet is all night: `stale` and
    `feed_age` (seconds since the quietest was heard, None without one) are of feeds that guard stops.
    """

    strategies: int
    stops: int
    unsignalled: int
    feeds: int
    stale: int
    feed_age: float | None


_GAUGES = {
    "strategies": ("strategies_followed", "Running strategies this listener follows"),
    "stops": ("stops_watched", "Armed stops in this listener's book"),
    "unsignalled": ("stops_unsignalled", "Hit stops whose signal has not arrived"),
    "feeds": ("feeds", "Price feeds this listener keeps open"),
    "stale": ("feeds_stale", "Feeds that guard stops and do not bring prices now"),
    "feed_age": ("feed_age_seconds", "Seconds since the quietest feed that guards stops was heard"),
}
"""Each number's metric and what it says."""


class ListenerMetrics(Collector):
    """The metrics that `docs/metrics.md` lists for a listener; `registry` is what is served."""

    def __init__(self, numbers: Callable[[], MarketNumbers] | None = None) -> None:
        self.registry = CollectorRegistry()
        self._numbers = numbers
        ProcessCollector(registry=self.registry)
        self._dropped = Gauge(
            "stopwatch_notifications_dropped",
            "Postgres notifications that were no ids, since the start",
            registry=self.registry,
        )
        self.registry.register(self)

    def show(self, numbers: Callable[[], MarketNumbers]) -> None:
        """Have each scrape ask for these."""
        self._numbers = numbers

    def show_dropped(self, dropped: Callable[[], int]) -> None:
        """Have each scrape read how many notifications were dropped."""
        self._dropped.set_function(dropped)

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Name the gauges, so that registering them reads no numbers."""
        yield from _families(None)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield each gauge; without a value where there is none."""
        yield from _families(self._numbers() if self._numbers else None)


def _families(now: MarketNumbers | None) -> Iterator[GaugeMetricFamily]:
    for field, (name, text) in _GAUGES.items():
        family = GaugeMetricFamily(f"stopwatch_{name}", text)
        value = getattr(now, field) if now is not None else None
        if value is not None:
            family.add_metric([], value)
        yield family

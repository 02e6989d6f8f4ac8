"""Writes last prices, and where stops stand, to Redis for scripts and the app: the newest, once a second."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Protocol
from uuid import UUID

import structlog

from domain.errors import CacheUnavailable
from domain.ports import Alerts, Clock
from domain.run import Alarm

EVERY = 1.0
ALL_STOPS_EVERY = 60.0

log = structlog.stdlib.get_logger("cache")


class PriceCache(Protocol):
    """Where last prices go."""

    async def set_last_prices(self, prices: Mapping[UUID, Decimal]) -> None:
        """Write them where the strategy's keys exist. Raises `CacheUnavailable`."""
        ...

    async def set_stops(self, stops: Mapping[UUID, Decimal]) -> None:
        """Write the same of stops that are not the price that was given. Raises `CacheUnavailable`."""
        ...


class CacheWriter:
    """Takes what `changed` and `stops` return once a second. Redis away costs only what a screen shows.

    `stops` is asked for all of them once a minute: a Redis that was flushed is given the terms alone.
    """

    def __init__(
        self,
        cache: PriceCache,
        changed: Callable[[], Mapping[UUID, Decimal]],
        stops: Callable[[bool], Mapping[UUID, Decimal]],
        alerts: Alerts,
        clock: Clock,
    ) -> None:
        self._cache = cache
        self._changed = changed
        self._stops = stops
        self._alerts = alerts
        self._clock = clock
        self._unwritten: dict[UUID, Decimal] = {}
        self._unwritten_stops: dict[UUID, Decimal] = {}
        self._all_stops_at = clock.monotonic() + ALL_STOPS_EVERY
        self._alerted = False
        self.failures = 0

    async def run(self) -> None:
        while True:
            await self._write()
            await self._clock.sleep(EVERY)

    async def _write(self) -> None:
        self._unwritten.update(self._changed())
        self._unwritten_stops.update(self._stops(self._all_are_due()))
        if not self._unwritten and not self._unwritten_stops:
            return
        try:
            await self._cache.set_last_prices(self._unwritten)
            await self._cache.set_stops(self._unwritten_stops)
        except CacheUnavailable as error:
            self.failures += 1
            await self._alert_once(error)
        else:
            if self._alerted:
                log.info("Redis answers again")
            self._unwritten, self._unwritten_stops = {}, {}
            self._alerted = False

    def _all_are_due(self) -> bool:
        due = self._clock.monotonic() >= self._all_stops_at
        if due:
            self._all_stops_at = self._clock.monotonic() + ALL_STOPS_EVERY
        return due

    async def _alert_once(self, error: CacheUnavailable) -> None:
        if self._alerted:
            return
        self._alerted = True
        await self._alerts.raise_(
            Alarm(
                "redis_down",
                f"{error}: last prices are not shown, new entries wait; stops are watched and exits go on.",
            )
        )

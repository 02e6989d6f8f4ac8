"""Writes last prices to Redis, for scripts and the app: the newest of each strategy, twice a second."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Protocol
from uuid import UUID

import structlog

from domain.errors import CacheUnavailable
from domain.ports import Alerts, Clock
from domain.run import Alarm

EVERY = 0.5
"""Seconds. The API looks once a second: a price is on the screen within a second and a half."""

log = structlog.stdlib.get_logger("cache")


class PriceCache(Protocol):
    """Where last prices go, and stops that have moved."""

    async def set_last_prices(self, prices: Mapping[UUID, Decimal]) -> None:
        """Write them where the strategy's keys exist. Raises `CacheUnavailable`."""
        ...

    async def set_stops(self, stops: Mapping[UUID, Decimal]) -> None:
        """Write where stops stand, where the strategy's keys exist. Raises `CacheUnavailable`."""
        ...


class CacheWriter:
    """Takes what `changed` returns twice a second. Redis away costs nothing but the prices on a screen."""

    def __init__(
        self,
        cache: PriceCache,
        changed: Callable[[], Mapping[UUID, Decimal]],
        alerts: Alerts,
        clock: Clock,
    ) -> None:
        self._cache = cache
        self._changed = changed
        self._alerts = alerts
        self._clock = clock
        self._unwritten: dict[UUID, Decimal] = {}
        self._alerted = False
        self.failures = 0

    async def run(self) -> None:
        while True:
            await self._write()
            await self._clock.sleep(EVERY)

    async def _write(self) -> None:
        self._unwritten.update(self._changed())
        if not self._unwritten:
            return
        try:
            await self._cache.set_last_prices(self._unwritten)
        except CacheUnavailable as error:
            self.failures += 1
            await self._alert_once(error)
        else:
            if self._alerted:
                log.info("Redis answers again")
            self._unwritten = {}
            self._alerted = False

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

"""Writes where stops stand now to Redis, for scripts: no order is decided by it.

A stop that follows the price, or is measured from the fill, moves; the others stay as START wrote them. What
has moved is written twice a second. All of them are written again now and then: Redis may have been emptied,
and is filled again from Postgres, with the stops as they were given.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from uuid import UUID

from domain.errors import CacheUnavailable
from domain.ports import Clock
from listener.cache_writer import PriceCache

EVERY = 0.5
AGAIN = 15.0
"""Seconds."""


class StopWriter:
    """`moved` returns the stops that have moved since it was asked last; with True all that ever have."""

    def __init__(
        self, cache: PriceCache, moved: Callable[[bool], Mapping[UUID, Decimal]], clock: Clock
    ) -> None:
        self._cache = cache
        self._moved = moved
        self._clock = clock
        self._again_at = 0.0

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._write()
            await self._clock.sleep(EVERY)

    async def _write(self) -> None:
        """Write what has moved; what Redis does not take is written with the rest, later.

        Nothing is said about it: the writer of last prices, which has the same Redis, does.
        """
        now = self._clock.monotonic()
        again = now >= self._again_at
        stops = self._moved(again)
        if again:
            self._again_at = now + AGAIN
        try:
            await self._cache.set_stops(stops)
        except CacheUnavailable:
            self._again_at = now

"""Says every few seconds which held stops this listener watches."""

from collections.abc import Callable, Collection
from uuid import UUID

import structlog

from domain.errors import StoreUnavailable
from domain.held_stop import NAMED_EVERY
from domain.ports import Clock, HeldStops

log = structlog.stdlib.get_logger("watch")


class WatchReport:
    """`watching` returns the strategies whose armed stops are being judged."""

    def __init__(self, stops: HeldStops, watching: Callable[[], Collection[UUID]], clock: Clock) -> None:
        self._stops = stops
        self._watching = watching
        self._clock = clock
        self._failing = False

    async def run(self) -> None:
        """Report until cancelled; what Postgres did not hear is said again with the next word."""
        while True:
            await self._report()
            await self._clock.sleep(NAMED_EVERY.total_seconds())

    async def _report(self) -> None:
        try:
            if watched := self._watching():
                await self._stops.name(watched)
            self._failing = False
        except StoreUnavailable as error:
            if not self._failing:
                log.warning("Postgres does not hear which stops are watched", error=str(error))
            self._failing = True

"""Writes the peaks that stops follow to Postgres once a second: no more is lost with a listener."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from uuid import UUID

import structlog

from domain.errors import StoreUnavailable
from domain.ports import Clock, HeldStops

EVERY = 1.0

log = structlog.stdlib.get_logger("watch")


class PeakWriter:
    """`risen` returns, once, the peaks that have risen since it was asked last."""

    def __init__(self, stops: HeldStops, risen: Callable[[], Mapping[UUID, Decimal]], clock: Clock) -> None:
        self._stops = stops
        self._risen = risen
        self._clock = clock
        self._unwritten: dict[UUID, Decimal] = {}
        self._failing = False

    async def run(self) -> None:
        """Write until cancelled; what Postgres did not take is written with what comes next."""
        while True:
            await self._write()
            await self._clock.sleep(EVERY)

    async def _write(self) -> None:
        self._unwritten.update(self._risen())
        if not self._unwritten:
            return
        writing, self._unwritten = self._unwritten, {}
        try:
            await self._stops.raise_peaks(writing)
        except StoreUnavailable as error:
            self._unwritten = {**writing, **self._unwritten}
            if not self._failing:
                log.warning("peaks are not written; stops follow them all the same", error=str(error))
            self._failing = True
        else:
            self._failing = False

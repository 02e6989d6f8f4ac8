"""Puts events of hit stops on the workers' queue, before anything else is done.

It may fail: what could not be put is signalled at once, and what was put is signalled all the same.
"""

import asyncio
from collections.abc import Callable, Sequence
from uuid import UUID

import structlog

from domain.errors import CacheUnavailable
from domain.hit_stop import HitStop
from domain.ports import Clock, FastStops

Put = Callable[[Sequence[UUID], bool], None]
"""Told which events were put together, and whether the queue took them."""
PAUSE = 0.01
"""Seconds after a put that failed: what is hit in this time is put together, or signalled."""

log = structlog.stdlib.get_logger("stops")


class SignalsAlone:
    """Implements `domain.ports.FastStops` where the fast path is switched off."""

    async def put(self, stops: Sequence[HitStop]) -> None:
        raise CacheUnavailable("the fast path is switched off")


class FastPath:
    """Puts what was hit in one write, in the order given; one write at a time."""

    def __init__(self, stops: FastStops, done: Put, clock: Clock) -> None:
        self._stops = stops
        self._done = done
        self._clock = clock
        self._waiting: dict[UUID, HitStop] = {}
        self._wake = asyncio.Event()
        self.away = False

    def put(self, stops: Sequence[HitStop]) -> None:
        """Have these put as soon as the one write before them has ended."""
        if stops:
            self._waiting.update((stop.strategy_id, stop) for stop in stops)
            self._wake.set()

    async def run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            batch, self._waiting = self._waiting, {}
            arrived = await self._try(list(batch.values()))
            self._done(list(batch), arrived)
            if not arrived:
                await self._clock.sleep(PAUSE)

    async def _try(self, batch: Sequence[HitStop]) -> bool:
        try:
            await self._stops.put(batch)
        except CacheUnavailable as error:
            self._failed(str(error))
        except Exception as error:  # a stop is signalled whatever happens to its event
            self._failed(type(error).__name__)
        else:
            if self.away:
                log.info("the workers' queue takes stop-losses again")
            self.away = False
        return not self.away

    def _failed(self, reason: str) -> None:
        if not self.away:
            log.warning("stop-losses cannot be put on the workers' queue; signalling at once", reason=reason)
        self.away = True

"""A worker's beginning: finds out for how long no worker lived, and says whose stops nothing watched."""

import logging

from domain.errors import StoreUnavailable
from domain.outage import day_and_time
from domain.ports import Clock, Outages

AGAIN = 0.5
"""Seconds between two tries while the store is away."""

log = logging.getLogger("waking")


class WorkerWaking:
    """Runs before the worker's first sign of life, which would hide how long there was none."""

    def __init__(self, outages: Outages, clock: Clock, worker: str) -> None:
        self._outages = outages
        self._clock = clock
        self._worker = worker

    async def wake(self) -> None:
        """Note the outage that this worker ends, if it ends one, and tell of it; waits for the store."""
        while True:
            try:
                outage = await self._outages.woke(self._worker)
                break
            except StoreUnavailable:
                await self._clock.sleep(AGAIN)
        if outage is None:
            return
        began, ended = day_and_time(outage.began_at), day_and_time(outage.ended_at)
        log.warning("no worker lived from %s to %s", began, ended)
        try:
            await self._outages.tell_unwatched(outage)
        except StoreUnavailable as away:
            log.warning("whose stops were not watched could not be told: %s", away)

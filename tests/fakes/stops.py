"""The queue of hit stops in memory: what the listener puts, and what workers take."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from domain.errors import CacheUnavailable
from domain.hit_stop import HitStop, TakenStops
from domain.ports import Clock

WAIT = 0.05


class MemoryFastStops:
    """Implements `domain.ports.FastStops`. `away` takes nothing; `put_together` is each write."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.stops: list[list[HitStop]] = []
        self.put_at: list[datetime] = []
        self.away = False
        self.tried = 0

    async def put(self, stops: Sequence[HitStop]) -> None:
        self.tried += 1
        if self.away:
            raise CacheUnavailable("Redis did not answer (ConnectionError)")
        self.stops.append(list(stops))
        self.put_at.append(self._clock.now())

    @property
    def put_together(self) -> list[list[UUID]]:
        return [[stop.strategy_id for stop in together] for together in self.stops]

    def times(self, strategy_id: UUID) -> list[datetime]:
        """Return when this strategy was put."""
        writes = zip(self.put_together, self.put_at, strict=True)
        return [at for together, at in writes if strategy_id in together]


@dataclass
class MemoryStopQueue:
    """Implements `domain.ports.StopQueue` on what was put; all its takers share `taken`."""

    stops: MemoryFastStops
    taken: list[int] = field(default_factory=lambda: [0])
    """How many writes were taken."""

    async def take(self) -> TakenStops:
        if self.stops.away:
            raise CacheUnavailable("Redis did not answer (ConnectionError)")
        new = self.stops.stops[self.taken[0] :]
        self.taken[0] += len(new)
        if not new:
            await asyncio.sleep(WAIT)
        return TakenStops(list({stop.strategy_id: stop for together in new for stop in together}.values()))

    def another(self) -> "MemoryStopQueue":
        """Return the queue as another worker sees it."""
        return MemoryStopQueue(self.stops, self.taken)

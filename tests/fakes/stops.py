"""The queue of hit stops in memory: what the listener puts, and what workers take."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from domain.errors import CacheUnavailable
from domain.ports import Clock

WAIT = 0.05


class MemoryFastStops:
    """Implements `domain.ports.FastStops`. `away` takes nothing; `put_together` is each write."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.put_together: list[list[UUID]] = []
        self.put_at: list[datetime] = []
        self.away = False
        self.tried = 0

    async def put(self, strategy_ids: Sequence[UUID]) -> None:
        self.tried += 1
        if self.away:
            raise CacheUnavailable("Redis did not answer (ConnectionError)")
        self.put_together.append(list(strategy_ids))
        self.put_at.append(self._clock.now())

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

    async def take(self) -> Sequence[UUID]:
        if self.stops.away:
            raise CacheUnavailable("Redis did not answer (ConnectionError)")
        new = self.stops.put_together[self.taken[0] :]
        self.taken[0] += len(new)
        if not new:
            await asyncio.sleep(WAIT)
        return list(dict.fromkeys(one for together in new for one in together))

    def another(self) -> "MemoryStopQueue":
        """Return the queue as another worker sees it."""
        return MemoryStopQueue(self.stops, self.taken)

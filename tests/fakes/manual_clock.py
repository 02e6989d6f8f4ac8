"""A clock that stands still until a test moves it."""

import asyncio
import heapq
from datetime import UTC, datetime, timedelta
from itertools import count

SETTLE = 40
"""Turns of the event loop in which whatever can go on without time does so."""


class ManualClock:
    """Implements `domain.ports.Clock`. Sleepers wake in order while `advance` moves time."""

    def __init__(self, start: datetime | None = None) -> None:
        self._start = start or datetime(2026, 11, 20, 5, 0, tzinfo=UTC)
        self._elapsed = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = count()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        done = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + seconds, next(self._order), done))
        await done

    async def sleep_until(self, instant: datetime) -> None:
        await self.sleep((instant - self.now()).total_seconds())

    async def settle(self) -> None:
        """Let everything run that does not wait for time."""
        for _ in range(SETTLE):
            await asyncio.sleep(0)

    async def advance(self, seconds: float) -> None:
        """Move time, waking each sleeper at its own instant."""
        until = self._elapsed + seconds
        await self.settle()
        while self._sleepers and self._sleepers[0][0] <= until:
            self._elapsed, _, done = heapq.heappop(self._sleepers)
            if not done.done():
                done.set_result(None)
            await self.settle()
        self._elapsed = until
        await self.settle()

"""The runtime lock of a strategy, in Redis: it spares needless work, the claim decides."""

import asyncio
from datetime import datetime
from uuid import UUID

from domain.errors import CacheUnavailable
from domain.ports import Clock, RuntimeCache
from execution.execution_rules import RETRY_EVERY

LOCK_SECONDS = 10.0
LOCK_WAIT = 0.5
"""A frozen Redis holds an exit up no longer than this."""


class RuntimeLock:
    """Takes and releases a strategy's lock for an `owner`."""

    def __init__(self, cache: RuntimeCache, clock: Clock) -> None:
        self._cache = cache
        self._clock = clock

    async def take(self, strategy_id: UUID, owner: str, latest: datetime | None = None) -> bool:
        """Take the lock; False when Redis was down until `latest`, without one at the first failure.

        A caller that finds it taken goes on after a moment.
        """
        while True:
            try:
                async with asyncio.timeout(LOCK_WAIT):
                    mine = await self._cache.lock(strategy_id, owner, LOCK_SECONDS)
                if not mine:
                    await self._clock.sleep(RETRY_EVERY)
                return True
            except (CacheUnavailable, TimeoutError):
                if latest is None or self._clock.now() >= latest:
                    return False
                await self._clock.sleep(RETRY_EVERY)

    async def release(self, strategy_id: UUID, owner: str) -> None:
        """Release the lock if it is the owner's."""
        try:
            await self._cache.unlock(strategy_id, owner)
        except CacheUnavailable:
            return  # it expires by itself

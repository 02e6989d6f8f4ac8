"""Keeps a mark in Redis that tells whether the runtime keys are still those that were loaded.

stopwatch:whole `whole|run id of the server`, or `filling|run id|token` while the keys are being loaded

A flush removes the mark; a restart, which may have lost the last second, and a failover change the run id of
the server. So one read per reconciler round replaces one per strategy.
"""

from uuid import uuid4

from redis.asyncio import Redis

from adapters.redis.connection import ANSWER_SECONDS, connect, translated_errors
from adapters.redis.keys import WHOLE

_DONE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2]) end
"""


class RedisMark:
    """Implements `domain.ports.CacheMark`."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._done = redis.register_script(_DONE)

    @classmethod
    def connect(cls, url: str) -> "RedisMark":
        """Return the mark in `redis://host:port/db`; connects when first used."""
        return cls(connect(url, ANSWER_SECONDS))

    async def close(self) -> None:
        await self._redis.aclose()

    async def stands(self) -> bool:
        """Tell whether this is still the cache that was filled last."""
        async with translated_errors():
            mark = await self._redis.get(WHOLE)
            return mark is not None and mark == f"whole|{await self._run_id()}"

    async def begin(self) -> str:
        """Mark the cache as being filled; return the token that `done` needs."""
        async with translated_errors():
            filling = f"filling|{await self._run_id()}|{uuid4().hex}"
            await self._redis.set(WHOLE, filling)
        return filling

    async def done(self, filling: str) -> None:
        """Set the mark, unless the cache was flushed, or filled by another process, since `begin`."""
        run_id = filling.split("|")[1]
        async with translated_errors():
            await self._done(keys=[WHOLE], args=[filling, f"whole|{run_id}"])

    async def lose(self) -> None:
        """Take the mark away: something that was to be written was not, so all of it is looked at again."""
        async with translated_errors():
            await self._redis.delete(WHOLE)

    async def _run_id(self) -> str:
        about = await self._redis.info("server")
        return str(about["run_id"])

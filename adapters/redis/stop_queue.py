"""Reads `queue:orders`: each event goes to one worker, once."""

from collections.abc import Sequence
from typing import Any, Self
from uuid import UUID

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from adapters.redis.connection import translated_errors
from adapters.redis.keys import QUEUE, STOPLOSS, WORKERS

AT_ONCE = 256
"""Sales that are read, claimed and sent together."""
WAIT_MS = 1000
"""Well below the client's socket timeout: a longer blocking read would end in its error."""
FRESH_MS = 1000
"""An older event is its run's alone: see `domain.scheduled_order.EXIT_SENT_WITHIN`."""


class RedisStopQueue:
    """Implements `domain.ports.StopQueue` for one worker.

    Nothing is acknowledged: the signal is durable.
    """

    def __init__(self, redis: Redis, worker: str) -> None:
        self._redis = redis
        self._worker = worker

    @classmethod
    def connect(cls, url: str, worker: str) -> Self:
        """Prepare a connection of its own, because its reads block."""
        redis = Redis.from_url(url, decode_responses=True, socket_connect_timeout=2, socket_timeout=4)
        return cls(redis, worker)

    async def take(self) -> Sequence[UUID]:
        """Wait up to a second for events; return the strategies of the fresh ones, in order."""
        async with translated_errors():
            found = await self._read()
            return await self._fresh(found) if found else ()

    async def waiting(self) -> int:
        """Return how many events no worker has taken. Raises `CacheUnavailable`."""
        async with translated_errors():
            return int(await self._redis.xlen(QUEUE))

    async def close(self) -> None:
        await self._redis.aclose()

    async def _read(self) -> list[tuple[str, dict[str, str]]]:
        try:
            streams: Any = await self._redis.xreadgroup(
                WORKERS, self._worker, {QUEUE: ">"}, count=AT_ONCE, block=WAIT_MS, noack=True
            )
        except ResponseError as missing:
            if "NOGROUP" not in str(missing):
                raise
            await self._make_group()
            return []
        return [entry for _, entries in _pairs(streams) for entry in entries]

    async def _make_group(self) -> None:
        """Create the consumer group and the stream: at the start, and after Redis was flushed."""
        try:
            await self._redis.xgroup_create(QUEUE, WORKERS, id="0", mkstream=True)
        except ResponseError as exists:
            if "BUSYGROUP" not in str(exists):
                raise

    async def _fresh(self, found: list[tuple[str, dict[str, str]]]) -> Sequence[UUID]:
        """Remove the events from the stream; drop those that are old by Redis' clock or malformed."""
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.time()
            pipe.xdel(QUEUE, *(entry_id for entry_id, _ in found))
            (seconds, microseconds), _ = await pipe.execute()
        now = seconds * 1000 + microseconds // 1000
        hit = (_strategy(event) for entry_id, event in found if now - int(entry_id.split("-")[0]) <= FRESH_MS)
        return list(dict.fromkeys(strategy_id for strategy_id in hit if strategy_id is not None))


def _pairs(streams: Any) -> Any:
    return streams.items() if isinstance(streams, dict) else streams or ()


def _strategy(event: dict[str, str]) -> UUID | None:
    try:
        return UUID(event["strategy_id"]) if event.get("event") == STOPLOSS else None
    except (KeyError, ValueError):
        return None

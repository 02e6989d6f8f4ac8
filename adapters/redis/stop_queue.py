"""Reads `queue:orders`: each event goes to one worker, once; what is not signed goes nowhere."""

from typing import Any, Self

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from adapters.redis.connection import translated_errors
from adapters.redis.keys import QUEUE, WORKERS
from adapters.redis.stop_events import Signatures, read_event
from domain.hit_stop import Dropped, TakenStops

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

    def __init__(self, redis: Redis, worker: str, signatures: Signatures) -> None:
        self._redis = redis
        self._worker = worker
        self._signatures = signatures

    @classmethod
    def connect(cls, url: str, worker: str, signatures: Signatures) -> Self:
        """Prepare a connection of its own, because its reads block."""
        # Bytes that are no text are a stranger's: they must not end the reading.
        redis = Redis.from_url(
            url,
            decode_responses=True,
            encoding_errors="replace",
            socket_connect_timeout=2,
            socket_timeout=4,
        )
        return cls(redis, worker, signatures)

    async def take(self) -> TakenStops:
        """Wait up to a second for events; return the fresh and signed ones, in order."""
        async with translated_errors():
            found = await self._read()
            return await self._fresh(found) if found else TakenStops()

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

    async def _fresh(self, found: list[tuple[str, dict[str, str]]]) -> TakenStops:
        """Remove the events from the stream; drop those that are old by Redis' clock or not signed."""
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.time()
            pipe.xdel(QUEUE, *(entry_id for entry_id, _ in found))
            (seconds, microseconds), _ = await pipe.execute()
        now = seconds * 1000 + microseconds // 1000
        fresh = [event for entry_id, event in found if now - int(entry_id.split("-")[0]) <= FRESH_MS]
        stops = [stop for event in fresh if (stop := read_event(event, self._signatures)) is not None]
        dropped = {Dropped.OLD: len(found) - len(fresh), Dropped.UNSIGNED: len(fresh) - len(stops)}
        once = {stop.strategy_id: stop for stop in stops}
        return TakenStops(list(once.values()), {why: count for why, count in dropped.items() if count})


def _pairs(streams: Any) -> Any:
    return streams.items() if isinstance(streams, dict) else streams or ()

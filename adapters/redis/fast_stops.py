"""Adds hit stops to the workers' queue in Redis: the stream `queue:orders` of contract section 4."""

from collections.abc import Sequence
from uuid import UUID

from redis.asyncio import Redis

from adapters.redis.connection import once_more_when_closed, translated_errors
from adapters.redis.keys import QUEUE, STOPLOSS

LONGEST = 100_000
"""Entries that are kept, about; one that was trimmed before it was read is put again, and signalled."""
TOGETHER = 256
"""Entries per call: as many as a worker reads at once, which so begins while the next are written."""
ANSWER_SECONDS = 0.25
"""A put takes 5 ms for a thousand. One that takes longer is given up, and the stops are signalled at once."""

# One call instead of a pipeline of XADD: the client takes 20 ms to pack and read a thousand of those, this 5.
_PUT = """
for i = 3, #ARGV do
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'strategy_id', ARGV[i], 'event', ARGV[2])
end
"""


class RedisFastStops:
    """Implements `domain.ports.FastStops` on its own connection, so that a stop never queues."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._put = redis.register_script(_PUT)

    @classmethod
    def connect(cls, url: str) -> "RedisFastStops":
        """Return a queue on `redis://host:port/db`; connects when first used."""
        return cls(
            Redis.from_url(
                url,
                max_connections=2,
                socket_timeout=ANSWER_SECONDS,
                socket_connect_timeout=ANSWER_SECONDS,
                retry=once_more_when_closed(),
            )
        )

    async def close(self) -> None:
        await self._redis.aclose()

    async def warm(self) -> None:
        """Connect and load the script in advance. Raises `CacheUnavailable`."""
        await self._call([])

    async def put(self, strategy_ids: Sequence[UUID]) -> None:
        """Add one STOPLOSS each, in this order. Raises `CacheUnavailable`: some may be added then."""
        for start in range(0, len(strategy_ids), TOGETHER):
            await self._call([str(one) for one in strategy_ids[start : start + TOGETHER]])

    async def _call(self, ids: list[str]) -> None:
        async with translated_errors():
            await self._put(keys=[QUEUE], args=[LONGEST, STOPLOSS, *ids])

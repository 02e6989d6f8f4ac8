"""Adds hit stops to the workers' queue in Redis: the stream `queue:orders` of contract section 4."""

from collections.abc import Sequence

from redis.asyncio import Redis

from adapters.redis.connection import once_more_when_closed, translated_errors
from adapters.redis.keys import QUEUE
from adapters.redis.stop_events import Signatures, event_of
from domain.hit_stop import HitStop

LONGEST = 100_000
"""Entries that are kept, about; one that was trimmed before it was read is put again, and signalled."""
TOGETHER = 256
"""Entries per call: as many as a worker reads at once, which so begins while the next are written."""
ANSWER_SECONDS = 0.25
"""A put takes 5 ms for a thousand. One that takes longer is given up, and the stops are signalled at once."""

# One call instead of a pipeline of XADD: the client takes 20 ms to pack and read a thousand of those, this 5.
_PUT = """
for i = 2, #ARGV do
  local id, event, price, at, peak, mac =
    string.match(ARGV[i], '^([^|]+)|([^|]+)|([^|]+)|([^|]+)|([^|]+)|([^|]+)$')
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*',
    'strategy_id', id, 'event', event, 'price', price, 'at', at, 'peak', peak, 'mac', mac)
end
"""


class RedisFastStops:
    """Implements `domain.ports.FastStops` on its own connection, so that a stop never queues."""

    def __init__(self, redis: Redis, signatures: Signatures) -> None:
        self._redis = redis
        self._signatures = signatures
        self._put = redis.register_script(_PUT)

    @classmethod
    def connect(cls, url: str, signatures: Signatures) -> "RedisFastStops":
        """Return a queue on `redis://host:port/db`; connects when first used."""
        return cls(
            Redis.from_url(
                url,
                max_connections=2,
                socket_timeout=ANSWER_SECONDS,
                socket_connect_timeout=ANSWER_SECONDS,
                retry=once_more_when_closed(),
            ),
            signatures,
        )

    async def close(self) -> None:
        await self._redis.aclose()

    async def warm(self) -> None:
        """Connect and load the script in advance. Raises `CacheUnavailable`."""
        await self._call([])

    async def put(self, stops: Sequence[HitStop]) -> None:
        """Add one event each, in this order. Raises `CacheUnavailable`: some may be added then."""
        for start in range(0, len(stops), TOGETHER):
            await self._call([event_of(one, self._signatures) for one in stops[start : start + TOGETHER]])

    async def _call(self, events: list[str]) -> None:
        async with translated_errors():
            await self._put(keys=[QUEUE], args=[LONGEST, *events])

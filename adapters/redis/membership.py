"""Keeps the listeners' leases in one Redis hash, by its server's clock."""

from collections.abc import Mapping

from redis.asyncio import Redis

from adapters.redis.connection import connect, once_more_when_closed, translated_errors
from adapters.redis.keys import LISTENERS
from domain.ports import ListenerState

ANSWER_SECONDS = 0.4
_FORGOTTEN_MS = 60_000

_RENEW = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. '|' .. string.format('%.0f', now + ARGV[3]))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
local living, rows = {}, redis.call('HGETALL', KEYS[1])
for i = 1, #rows, 2 do
  local state, expires = string.match(rows[i + 1], '^(.*)|(%d+)$')
  if expires and tonumber(expires) > now then
    living[#living + 1] = rows[i]
    living[#living + 1] = state
  else
    redis.call('HDEL', KEYS[1], rows[i])
  end
end
return living
"""


class RedisMembers:
    """Implements `domain.ports.Membership`."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._renew = redis.register_script(_RENEW)

    @classmethod
    def connect(cls, url: str) -> "RedisMembers":
        """Return leases on `redis://host:port/db`; connects when first used."""
        return cls(connect(url, ANSWER_SECONDS, once_more_when_closed()))

    async def close(self) -> None:
        await self._redis.aclose()

    async def renew(self, member: str, state: ListenerState, seconds: float) -> Mapping[str, ListenerState]:
        """Hold a lease for `seconds` and return all current holders. Raises `CacheUnavailable`."""
        async with translated_errors():
            words = [member, state.value, int(seconds * 1000), _FORGOTTEN_MS]
            rows = await self._renew(keys=[LISTENERS], args=words)
        return {one: ListenerState(found) for one, found in zip(rows[::2], rows[1::2], strict=True)}

    async def leave(self, member: str) -> None:
        """End a lease. Raises `CacheUnavailable`."""
        async with translated_errors():
            await self._redis.hdel(LISTENERS, member)

"""Counts allowances in Redis for all processes together; without Redis per process, and halved.

Without Redis no user is locked out, yet guessing stays limited: a user must be able to log in and stop a
strategy while Redis is down, since no exit depends on it. The window slides: there are never more than
`amount` within `seconds`. The counting is the `limits` library's.
"""

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from limits import RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import StorageError
from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from adapters.redis.connection import ANSWER_SECONDS
from adapters.redis.keys import THROTTLE

CONNECTIONS = 10
AWAY_SECONDS = 5.0
"""After Redis did not answer it is left alone for so long, so that not every call waits for it."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Allowance:
    """A number of times within a number of seconds, for the subject that `key` names."""

    name: str
    key: str
    amount: int
    seconds: int


class Limiter:
    """Counts against allowances."""

    def __init__(self, redis_url: str) -> None:
        """Count in `redis://host:port/db`; connects when first used."""
        self._connections = ConnectionPool.from_url(
            redis_url,
            max_connections=CONNECTIONS,
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=ANSWER_SECONDS,
            retry=Retry(NoBackoff(), 1),
        )
        self._shared = MovingWindowRateLimiter(
            RedisStorage(
                "async+redis://",  # its connections are those of the pool
                implementation="redispy",
                wrap_exceptions=True,
                key_prefix=THROTTLE,
                connection_pool=self._connections,  # type: ignore[arg-type]
            )
        )
        self._own = MovingWindowRateLimiter(MemoryStorage())
        # First come, first served: the pool's own waiting lets newcomers pass until a waiter times out, and
        # a burst that is taken for an outage would be given the other allowance as well.
        self._turns = asyncio.Semaphore(CONNECTIONS)
        self._away_until = 0.0

    async def take(self, allowances: Sequence[Allowance]) -> int | None:
        """Count once against each; return None, or the seconds until an exhausted one allows more.

        The first exhausted one stops the counting: those after it are not counted.
        """
        async with self._turns:
            if time.monotonic() >= self._away_until:
                try:
                    return await _taken(self._shared, allowances, share=1)
                except (StorageError, OSError) as error:
                    self._left_alone(error)
        return await _taken(self._own, allowances, share=2)

    async def give_back(self, allowance: Allowance) -> None:
        """Undo what was counted against an allowance."""
        async with self._turns:
            if time.monotonic() >= self._away_until:
                try:
                    await self._shared.clear(_item(allowance, 1), allowance.key)
                except (StorageError, OSError) as error:
                    self._left_alone(error)
        await self._own.clear(_item(allowance, 2), allowance.key)

    async def close(self) -> None:
        """Give the connections back."""
        await self._connections.disconnect()

    def _left_alone(self, error: Exception) -> None:
        self._away_until = time.monotonic() + AWAY_SECONDS
        cause = error.__cause__ or error
        _log.warning("limits are counted in this process alone, and halved", kind=type(cause).__name__)


async def _taken(limiter: MovingWindowRateLimiter, allowances: Sequence[Allowance], share: int) -> int | None:
    for allowance in allowances:
        item = _item(allowance, share)
        if not await limiter.hit(item, allowance.key):
            window = await limiter.get_window_stats(item, allowance.key)
            return max(1, math.ceil(window.reset_time - time.time()))
    return None


def _item(allowance: Allowance, share: int) -> RateLimitItemPerSecond:
    return RateLimitItemPerSecond(
        max(1, allowance.amount // share), allowance.seconds, namespace=allowance.name
    )

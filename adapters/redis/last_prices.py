"""Reads the last prices that the listener wrote to Redis: for display only, never for a decision."""

from collections.abc import Iterable
from decimal import Decimal
from uuid import UUID

from redis.asyncio import Redis

from adapters.redis.connection import ANSWER_SECONDS, connect, translated_errors
from adapters.redis.keys import symbol_key
from adapters.redis.minute_prices import RedisMinutePrices
from adapters.redis.runtime_cache import RedisRuntimeCache
from domain.minute_price import MinutePrice

LOOKED_AT = 5
"""Strategies of one symbol that are asked for its price: any of them has it."""


class RedisLastPrices:
    """Raises `CacheUnavailable` when Redis does not answer; an unknown price is absent."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._cache = RedisRuntimeCache(redis)
        self._minutes = RedisMinutePrices(redis)

    @classmethod
    def connect(cls, url: str) -> "RedisLastPrices":
        """Return prices from `redis://host:port/db`; connects when first used."""
        return cls(connect(url, ANSWER_SECONDS))

    async def ping(self) -> None:
        """Return when Redis answers and takes what is written."""
        await self._cache.ping()

    async def close(self) -> None:
        await self._redis.aclose()

    async def last_prices(self, strategy_ids: Iterable[UUID]) -> dict[UUID, Decimal]:
        """Return the last prices of running strategies."""
        return await self._cache.last_prices(strategy_ids)

    async def minutes_of(self, strategy_id: UUID) -> list[MinutePrice]:
        """Return a strategy's minutes of the day, oldest first."""
        return await self._minutes.of_strategy(strategy_id)

    async def of_symbol(self, exchange: str, symbol: str) -> Decimal | None:
        """Return the last price of a symbol that a running strategy watches."""
        async with translated_errors():
            members = await self._redis.srandmember(symbol_key(exchange, symbol), LOOKED_AT)
        prices = await self.last_prices([UUID(str(member)) for member in members or []])
        return next(iter(prices.values()), None)

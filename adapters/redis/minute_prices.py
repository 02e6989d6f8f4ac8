"""Keeps each strategy's price and stop of every minute in Redis, for its chart; nothing is decided by them.

`minutes:…` is a hash from the minute (epoch seconds) to "price" or "price|stop". It outlives the other
keys of the strategy, so that the chart of a day that is over can be seen until its evening; then it expires.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import islice
from uuid import UUID

from redis.asyncio import Redis

from adapters.redis.connection import ANSWER_SECONDS, connect, translated_errors
from adapters.redis.keys import minutes_key
from domain.minute_price import MinutePrice
from domain.money import price_of

KEPT_SECONDS = 20 * 3600
"""From the last minute: past midnight, and gone before the next day's first one."""
BATCH = 500


class RedisMinutePrices:
    """Raises `CacheUnavailable` when Redis does not answer."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    @classmethod
    def connect(cls, url: str) -> "RedisMinutePrices":
        """Return minutes of `redis://host:port/db`; connects when first used."""
        return cls(connect(url, ANSWER_SECONDS))

    async def close(self) -> None:
        await self._redis.aclose()

    async def add(self, minutes: Mapping[UUID, MinutePrice]) -> None:
        """Write one minute of many strategies. Written again, it is the same minute."""
        rows = iter(minutes.items())
        async with translated_errors():
            while batch := list(islice(rows, BATCH)):
                async with self._redis.pipeline(transaction=False) as pipe:
                    for strategy_id, minute in batch:
                        key = minutes_key(strategy_id)
                        pipe.hset(key, str(int(minute.at.timestamp())), _text(minute))
                        pipe.expire(key, KEPT_SECONDS)
                    await pipe.execute()

    async def of_strategy(self, strategy_id: UUID) -> list[MinutePrice]:
        """Return its minutes, oldest first; what cannot be read is left out."""
        async with translated_errors():
            found = await self._redis.hgetall(minutes_key(strategy_id))
        minutes = (_minute(str(at), str(text)) for at, text in found.items())
        return sorted((one for one in minutes if one is not None), key=lambda one: one.at)


def _text(minute: MinutePrice) -> str:
    price = format(minute.price, "f")
    return price if minute.stop is None else f"{price}|{minute.stop:f}"


def _minute(at: str, text: str) -> MinutePrice | None:
    price_text, _, stop = text.partition("|")
    price = price_of(price_text)
    if price is None or not at.isdecimal():
        return None
    return MinutePrice(datetime.fromtimestamp(int(at), UTC), price, price_of(stop))

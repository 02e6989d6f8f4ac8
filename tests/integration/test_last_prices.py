"""Last prices for people to look at, from a real Valkey."""

import asyncio
from dataclasses import replace
from datetime import time
from decimal import Decimal
from random import Random
from uuid import uuid4

import pytest

from adapters.redis.last_prices import RedisLastPrices
from adapters.redis.runtime_cache import RedisRuntimeCache
from domain.errors import CacheUnavailable
from domain.ports import RuntimeUpdate
from domain.strategy import Position, Status, Strategy
from tests.valkey_process import ValkeyProcess


def strategy(exchange: str = "NSE") -> Strategy:
    return Strategy(uuid4(), uuid4(), "TCS", time(9, 30), time(15), Decimal(3500), 10, exchange)


async def test_price_of_a_symbol_is_that_of_any_strategy_watching_it(own_valkey: ValkeyProcess) -> None:
    cache, prices = RedisRuntimeCache.connect(own_valkey.url), RedisLastPrices.connect(own_valkey.url)
    watched, silent = strategy(), strategy()
    for one in (watched, silent):
        await cache.load(one, Status.RUNNING, Position.NONE)
    assert await prices.of_symbol("NSE", "TCS") is None
    await cache.update(watched.strategy_id, RuntimeUpdate(last_price=Decimal("3500.05")))
    assert await prices.of_symbol("NSE", "TCS") == Decimal("3500.05")
    assert await prices.of_symbol("BSE", "TCS") is None
    found = await prices.last_prices([watched.strategy_id, silent.strategy_id])
    assert found == {watched.strategy_id: Decimal("3500.05")}
    await cache.drop(watched)
    assert await prices.of_symbol("NSE", "TCS") is None
    await cache.close()
    await prices.close()


async def test_nobody_gets_anothers_reply_whoever_hangs_up(own_valkey: ValkeyProcess) -> None:
    """Ten thousand reads on few connections, many left in the middle: redis-py has mixed those up before."""
    cache, prices = RedisRuntimeCache.connect(own_valkey.url), RedisLastPrices.connect(own_valkey.url)
    priced = {strategy().strategy_id: Decimal(1000 + number) for number in range(100)}
    for strategy_id in priced:
        await cache.load(replace(strategy(), strategy_id=strategy_id), Status.RUNNING, Position.NONE)
    await cache.set_last_prices(priced)
    ids, dice, left, mixed = list(priced), Random(7), 0, []  # noqa: S311 - a test that comes back
    for number in range(200):
        asked = [[ids[(number + step) % 100]] for step in range(50)]
        reads = [asyncio.ensure_future(prices.last_prices(one)) for one in asked]
        for _ in range(dice.randrange(1, 12)):
            await asyncio.sleep(0)
        for read in dice.sample(reads, 25):
            read.cancel()
        for one, found in zip(asked, await asyncio.gather(*reads, return_exceptions=True), strict=True):
            if isinstance(found, asyncio.CancelledError):
                left += 1
            elif found != {one[0]: priced[one[0]]}:
                mixed.append((one, found))
    assert mixed == []
    assert left > 1000  # or nothing was in the middle of anything
    await cache.close()
    await prices.close()


async def test_price_is_unavailable_and_not_absent_when_redis_is_down(own_valkey: ValkeyProcess) -> None:
    prices = RedisLastPrices.connect(own_valkey.url)
    own_valkey.kill()
    with pytest.raises(CacheUnavailable):
        await prices.of_symbol("NSE", "TCS")
    with pytest.raises(CacheUnavailable):
        await prices.last_prices([uuid4()])
    await prices.close()

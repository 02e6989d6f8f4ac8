"""What every runtime cache promises: the one in Valkey and the one in memory."""

import asyncio
from collections.abc import AsyncIterator
from datetime import time
from decimal import Decimal
from uuid import uuid4

import pytest

from adapters.redis.runtime_cache import RedisRuntimeCache
from domain.errors import CacheUnavailable
from domain.ports import RuntimeCache, RuntimeUpdate
from domain.strategy import Position, Status, Strategy
from tests.fakes.house import MemoryCache
from tests.valkey_process import NOWHERE, ValkeyProcess


@pytest.fixture
async def in_valkey(valkey: ValkeyProcess) -> AsyncIterator[RedisRuntimeCache]:
    made = RedisRuntimeCache.connect(valkey.url)
    yield made
    await made.close()


@pytest.fixture
def in_memory() -> MemoryCache:
    return MemoryCache()


@pytest.fixture(params=["in_memory", "in_valkey"])
def cache(request: pytest.FixtureRequest) -> RuntimeCache:
    found: RuntimeCache = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def strategy() -> Strategy:
    return Strategy(uuid4(), uuid4(), "TCS", time(9, 30), time(15, 15), Decimal(3500), 10)


async def test_what_was_loaded_is_there_until_it_is_dropped(cache: RuntimeCache, strategy: Strategy) -> None:
    other = uuid4()
    both = {strategy.strategy_id: Position.NONE, other: Position.NONE}
    assert await cache.differing({}) == frozenset()
    assert await cache.differing(both) == {strategy.strategy_id, other}
    await cache.load(strategy, Status.RUNNING, Position.NONE)
    assert await cache.differing(both) == {other}
    await cache.drop(strategy)
    await cache.drop(strategy)
    assert await cache.differing(both) == {strategy.strategy_id, other}


async def test_what_was_not_written_is_seen_to_differ(cache: RuntimeCache, strategy: Strategy) -> None:
    """The cache refused an update: its key is there, and says what was so before."""
    held = {strategy.strategy_id: Position.BOUGHT}
    await cache.load(strategy, Status.RUNNING, Position.NONE)
    assert await cache.differing(held) == {strategy.strategy_id}
    await cache.update(strategy.strategy_id, RuntimeUpdate(position=Position.BOUGHT))
    assert await cache.differing(held) == frozenset()


async def test_a_stopped_strategy_is_not_brought_back(cache: RuntimeCache, strategy: Strategy) -> None:
    await cache.update(strategy.strategy_id, RuntimeUpdate(position=Position.SOLD))
    assert await cache.lock(strategy.strategy_id, "one", 30)
    assert await cache.differing({strategy.strategy_id: Position.SOLD}) == {strategy.strategy_id}


async def test_a_lock_has_one_owner_who_alone_frees_it(cache: RuntimeCache, strategy: Strategy) -> None:
    await cache.load(strategy, Status.RUNNING, Position.NONE)
    taken = await asyncio.gather(*(cache.lock(strategy.strategy_id, f"w{n}", 30) for n in range(20)))
    assert taken.count(True) == 1
    owner = f"w{taken.index(True)}"
    assert await cache.lock(strategy.strategy_id, owner, 30)
    await cache.unlock(strategy.strategy_id, "somebody else")
    assert not await cache.lock(strategy.strategy_id, "somebody else", 30)
    await cache.unlock(strategy.strategy_id, owner)
    assert await cache.lock(strategy.strategy_id, "somebody else", 30)


async def test_the_lock_of_a_dead_owner_ends(cache: RuntimeCache, strategy: Strategy) -> None:
    await cache.load(strategy, Status.RUNNING, Position.NONE)
    assert await cache.lock(strategy.strategy_id, "dead", 0.05)
    async with asyncio.timeout(10):
        while not await cache.lock(strategy.strategy_id, "heir", 30):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_where_nothing_is_loaded_nothing_is_locked(cache: RuntimeCache, strategy: Strategy) -> None:
    assert await cache.lock(strategy.strategy_id, "one", 30)
    assert await cache.lock(strategy.strategy_id, "two", 30)
    await cache.unlock(strategy.strategy_id, "one")


@pytest.mark.parametrize(("position", "free"), [(Position.NONE, True), (Position.BOUGHT, False)])
async def test_a_fresh_start_frees_the_lock_and_a_held_position_keeps_it(
    cache: RuntimeCache, strategy: Strategy, position: Position, free: bool
) -> None:
    await cache.load(strategy, Status.RUNNING, position)
    assert await cache.lock(strategy.strategy_id, "one", 30)
    await cache.load(strategy, Status.RUNNING, position)
    assert await cache.lock(strategy.strategy_id, "two", 30) is free


async def test_a_cache_that_is_away_says_so(in_memory: MemoryCache, strategy: Strategy) -> None:
    away = RedisRuntimeCache.connect(NOWHERE)
    in_memory.down = True
    for cache in (in_memory, away):
        with pytest.raises(CacheUnavailable):
            await cache.load(strategy, Status.RUNNING, Position.NONE)
        with pytest.raises(CacheUnavailable):
            await cache.lock(strategy.strategy_id, "one", 30)
    await away.close()

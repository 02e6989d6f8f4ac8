"""The runtime state on a real Valkey: the seed's keys, the lock, and a server that goes away."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import time
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis

from adapters.redis.runtime_cache import RedisRuntimeCache
from domain.errors import CacheUnavailable
from domain.ports import RuntimeUpdate
from domain.strategy import Position, Status, Strategy
from tests.valkey_process import ValkeyProcess


@pytest.fixture
async def cache(own_valkey: ValkeyProcess) -> AsyncIterator[RedisRuntimeCache]:
    cache = RedisRuntimeCache.connect(own_valkey.url)
    yield cache
    await cache.close()


def strategy(symbol: str = "TCS", exchange: str = "NSE") -> Strategy:
    return Strategy(
        strategy_id=uuid4(),
        user_id=uuid4(),
        symbol=symbol,
        buy_time=time(9, 30),
        sell_time=time(15, 15, 5),
        stop_loss=Decimal("3500.50"),
        quantity=10,
        exchange=exchange,
    )


async def test_load_makes_the_seeds_keys(cache: RedisRuntimeCache, redis: Redis) -> None:
    tcs = strategy()
    await cache.load(tcs, Status.RUNNING, Position.NONE)

    assert await redis.hgetall(f"strategy:{tcs.strategy_id}") == {
        "symbol": "TCS",
        "buy_time": "09:30",
        "sell_time": "15:15:05",
        "stop_loss": "3500.50",
        "quantity": "10",
        "status": "running",
        "user_id": str(tcs.user_id),
    }
    assert await redis.hgetall(f"runtime:{tcs.strategy_id}") == {
        "position": "none",
        "last_price": "",
        "lock_state": "false",
        "last_buy_order": "",
        "last_sell_order": "",
    }
    assert await redis.smembers("symbol:TCS:strategies") == {str(tcs.strategy_id)}


async def test_symbol_of_another_exchange_has_a_set_of_its_own(
    cache: RedisRuntimeCache, redis: Redis
) -> None:
    nse, bse = strategy(), strategy(exchange="BSE")
    await cache.load(nse, Status.RUNNING, Position.NONE)
    await cache.load(bse, Status.RUNNING, Position.NONE)
    assert await redis.smembers("symbol:TCS:strategies") == {str(nse.strategy_id)}
    assert await redis.smembers("symbol:BSE:TCS:strategies") == {str(bse.strategy_id)}


async def test_drop_leaves_no_key(cache: RedisRuntimeCache, redis: Redis) -> None:
    tcs = strategy()
    await cache.load(tcs, Status.RUNNING, Position.NONE)
    await cache.drop(tcs)
    assert await redis.keys("*") == []


async def test_update_sets_only_what_it_names(cache: RedisRuntimeCache, redis: Redis) -> None:
    tcs = strategy()
    await cache.load(tcs, Status.RUNNING, Position.NONE)
    await cache.update(
        tcs.strategy_id, RuntimeUpdate(position=Position.BOUGHT, last_buy_order="2042130686722629633")
    )
    await cache.update(tcs.strategy_id, RuntimeUpdate(last_price=Decimal("3512.40")))
    await cache.update(tcs.strategy_id, RuntimeUpdate())
    assert await redis.hgetall(f"runtime:{tcs.strategy_id}") == {
        "position": "bought",
        "last_price": "3512.40",
        "lock_state": "false",
        "last_buy_order": "2042130686722629633",
        "last_sell_order": "",
    }


async def test_stopped_strategy_is_not_brought_back_by_a_late_write(
    cache: RedisRuntimeCache, redis: Redis
) -> None:
    tcs = strategy()
    await cache.update(tcs.strategy_id, RuntimeUpdate(position=Position.SOLD))
    await cache.set_last_prices({tcs.strategy_id: Decimal(3500)})
    assert await cache.lock(tcs.strategy_id, "worker-1", 5)
    assert await redis.keys("*") == []


async def test_load_after_a_flush_keeps_nothing_but_the_position(
    cache: RedisRuntimeCache, redis: Redis
) -> None:
    tcs = strategy()
    await cache.load(tcs, Status.RUNNING, Position.BOUGHT)
    assert await redis.hget(f"runtime:{tcs.strategy_id}", "position") == "bought"
    await cache.update(tcs.strategy_id, RuntimeUpdate(last_buy_order="1"))
    await cache.load(tcs, Status.RUNNING, Position.BOUGHT)
    assert await redis.hget(f"runtime:{tcs.strategy_id}", "last_buy_order") == "1"


async def test_next_start_forgets_the_orders_of_the_day_before(
    cache: RedisRuntimeCache, redis: Redis
) -> None:
    tcs = strategy()
    await cache.load(tcs, Status.RUNNING, Position.NONE)
    await cache.update(tcs.strategy_id, RuntimeUpdate(last_sell_order="1"))
    await cache.load(tcs, Status.RUNNING, Position.NONE)
    assert await redis.hget(f"runtime:{tcs.strategy_id}", "last_sell_order") == ""


async def test_last_prices_come_back_as_they_went_in(cache: RedisRuntimeCache) -> None:
    known, unknown, stopped = strategy(), strategy(), uuid4()
    await cache.load(known, Status.RUNNING, Position.NONE)
    await cache.load(unknown, Status.RUNNING, Position.NONE)
    await cache.set_last_prices({known.strategy_id: Decimal("0.05"), stopped: Decimal(1)})
    assert await cache.last_prices([known.strategy_id, unknown.strategy_id, stopped]) == {
        known.strategy_id: Decimal("0.05")
    }
    assert await cache.last_prices([]) == {}


async def test_stop_that_moved_is_shown_where_it_stands_and_brings_nothing_back(
    cache: RedisRuntimeCache, redis: Redis
) -> None:
    tcs, stopped = strategy(), uuid4()
    await cache.load(tcs, Status.RUNNING, Position.NONE)
    await cache.set_stops({tcs.strategy_id: Decimal("3512.50"), stopped: Decimal(1)})
    assert await redis.hget(f"strategy:{tcs.strategy_id}", "stop_loss") == "3512.50"
    assert await redis.keys("strategy:*") == [f"strategy:{tcs.strategy_id}"]
    await cache.set_stops({})


async def test_more_prices_than_one_script_call_takes_are_all_written(cache: RedisRuntimeCache) -> None:
    many = [strategy() for _ in range(600)]
    await asyncio.gather(*(cache.load(one, Status.RUNNING, Position.NONE) for one in many))
    prices = {one.strategy_id: Decimal(number + 1) for number, one in enumerate(many)}
    await cache.set_last_prices(prices)
    assert await cache.last_prices(prices) == prices


async def test_lock_has_one_owner_among_many_takers(cache: RedisRuntimeCache) -> None:
    tcs = strategy()
    await cache.load(tcs, Status.RUNNING, Position.NONE)
    taken = await asyncio.gather(*(cache.lock(tcs.strategy_id, f"worker-{n}", 30) for n in range(20)))
    assert sum(taken) == 1


async def test_lock_is_kept_by_its_owner_and_freed_only_by_it(cache: RedisRuntimeCache, redis: Redis) -> None:
    tcs = strategy()
    await cache.load(tcs, Status.RUNNING, Position.NONE)
    assert await cache.lock(tcs.strategy_id, "worker|1", 30)
    assert await cache.lock(tcs.strategy_id, "worker|1", 30)
    await cache.unlock(tcs.strategy_id, "worker-2")
    assert not await cache.lock(tcs.strategy_id, "worker-2", 30)
    owner, _, expires = str(await redis.hget(f"runtime:{tcs.strategy_id}", "lock_state")).rpartition("|")
    now_seconds, _ = await redis.time()
    assert owner == "worker|1"
    assert 0 < int(expires) - now_seconds * 1000 <= 31_000

    await cache.unlock(tcs.strategy_id, "worker|1")
    assert await redis.hget(f"runtime:{tcs.strategy_id}", "lock_state") == "false"
    assert await cache.lock(tcs.strategy_id, "worker-2", 30)


async def test_lock_of_a_dead_owner_is_taken_over_after_its_expiry(cache: RedisRuntimeCache) -> None:
    tcs = strategy()
    await cache.load(tcs, Status.RUNNING, Position.NONE)
    assert await cache.lock(tcs.strategy_id, "dead", 0.05)
    async with asyncio.timeout(10):
        while not await cache.lock(tcs.strategy_id, "heir", 30):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_every_call_says_unavailable_when_the_server_is_gone_and_works_when_it_is_back(
    cache: RedisRuntimeCache, own_valkey: ValkeyProcess
) -> None:
    tcs = strategy()
    await cache.load(tcs, Status.RUNNING, Position.NONE)
    own_valkey.kill()
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: cache.ping(),
        lambda: cache.load(tcs, Status.RUNNING, Position.NONE),
        lambda: cache.update(tcs.strategy_id, RuntimeUpdate(last_buy_order="1")),
        lambda: cache.lock(tcs.strategy_id, "worker-1", 5),
        lambda: cache.unlock(tcs.strategy_id, "worker-1"),
        lambda: cache.last_prices([tcs.strategy_id]),
        lambda: cache.set_last_prices({tcs.strategy_id: Decimal(1)}),
        lambda: cache.drop(tcs),
    ]
    for call in calls:
        with pytest.raises(CacheUnavailable):
            await call()

    await own_valkey.start()
    await cache.load(tcs, Status.RUNNING, Position.NONE)
    await cache.ping()


async def test_stalled_server_is_unavailable_not_waited_for(
    cache: RedisRuntimeCache, own_valkey: ValkeyProcess
) -> None:
    await cache.ping()
    os.kill(own_valkey.pid, signal.SIGSTOP)
    try:
        with pytest.raises(CacheUnavailable):
            await cache.ping()
    finally:
        os.kill(own_valkey.pid, signal.SIGCONT)


async def test_cancelled_call_never_gives_its_answer_to_another(cache: RedisRuntimeCache) -> None:
    many: dict[UUID, Decimal] = {}
    for number in range(50):
        one = strategy()
        await cache.load(one, Status.RUNNING, Position.NONE)
        many[one.strategy_id] = Decimal(number + 1)
    await cache.set_last_prices(many)
    for strategy_id, price in many.items():
        call = asyncio.ensure_future(cache.last_prices(many))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        call.cancel()
        assert await cache.last_prices([strategy_id]) == {strategy_id: price}

"""A user of Redis for each process: what each may do is what its adapters do, and nothing else.

The adapters run here as the user of their process, each method of each, so that a command that a user lacks
is named by the failure. A taken-over process has its user: what it is refused stands in `REFUSED`.
"""

import inspect
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

import adapters.redis
from adapters.redis import (
    cache_mark,
    fast_stops,
    keys,
    last_prices,
    minute_prices,
    rate_limiter,
    runtime_cache,
    stop_queue,
)
from adapters.redis.cache_mark import RedisMark
from adapters.redis.fast_stops import RedisFastStops
from adapters.redis.last_prices import RedisLastPrices
from adapters.redis.minute_prices import RedisMinutePrices
from adapters.redis.rate_limiter import Allowance, Limiter
from adapters.redis.runtime_cache import RedisRuntimeCache
from adapters.redis.stop_queue import RedisStopQueue
from adapters.secrets.stop_signatures import StopSignatures
from domain.errors import CacheUnavailable
from domain.hit_stop import HitStop
from domain.minute_price import MinutePrice
from domain.ports import RuntimeUpdate
from domain.strategy import Position, Status
from local.redis_users import USERS, WITH_PASSWORD
from tests.integration.test_redis_cache import strategy
from tests.valkey_process import ValkeyProcess

PASSWORDS = {user: secrets.token_hex(24) for user in WITH_PASSWORD}
SIGNATURES = StopSignatures("-" * 43)
SOMEBODY = UUID("0198a7c2-3f5e-7d44-8c61-5b1f2a9e4c10")
MINUTE = MinutePrice(datetime(2026, 11, 23, 4, 0, tzinfo=UTC), Decimal("3600.5"), Decimal(3500))


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[ValkeyProcess]:
    async with ValkeyProcess(PASSWORDS) as server:
        yield server


@pytest.fixture
async def operator(server: ValkeyProcess) -> AsyncIterator[Redis]:
    """The operator's client, on a server that holds nothing."""
    async with Redis.from_url(server.url_of("operator"), decode_responses=True) as client:
        await client.flushall()
        await client.script_flush()
        yield client


async def as_api(url: str) -> Sequence[str]:
    """Do all that the API does."""
    prices, limiter = RedisLastPrices.connect(url), Limiter(url)
    await prices.ping()
    assert await prices.last_prices([SOMEBODY]) == {SOMEBODY: Decimal("3600.5")}
    assert await prices.of_symbol("NSE", "TCS") == Decimal("3600.5")
    assert await prices.minutes_of(SOMEBODY) == [MINUTE]
    one = Allowance("login", "asha@example.com", 2, 60)
    found = [await limiter.take([one]) for _ in range(3)]
    assert found[:2] == [None, None]
    assert found[2], "it was not counted in Redis"
    await limiter.give_back(one)
    assert await limiter.take([one]) is None
    assert limiter._away_until == 0, "Redis refused the limiter, which then counts for itself"
    await prices.close()
    await limiter.close()
    return ["RedisLastPrices.*", "RedisMinutePrices.of_strategy", "Limiter.*"]


async def as_worker(url: str) -> Sequence[str]:
    """Do all that a worker does."""
    cache, queue, mark = (
        RedisRuntimeCache.connect(url),
        RedisStopQueue.connect(url, "w1", SIGNATURES),
        RedisMark.connect(url),
    )
    one = strategy()
    await cache.ping()
    await cache.load(one, Status.RUNNING, Position.NONE)
    await cache.update(one.strategy_id, RuntimeUpdate(position=Position.BOUGHT, last_buy_order="1"))
    assert await cache.differing({one.strategy_id: Position.NONE}) == {one.strategy_id}
    assert await cache.lock(one.strategy_id, "w1", 5)
    await cache.unlock(one.strategy_id, "w1")
    await cache.drop(one)
    await queue.take()  # makes the group
    assert [stop.strategy_id for stop in (await queue.take()).stops] == [SOMEBODY]
    assert await queue.waiting() == 0
    assert not await mark.stands()
    await mark.done(await mark.begin())
    assert await mark.stands()
    await mark.lose()
    for part in (cache, queue, mark):
        await part.close()
    return [
        *("RedisRuntimeCache.ping", "RedisRuntimeCache.load", "RedisRuntimeCache.update"),
        *("RedisRuntimeCache.differing", "RedisRuntimeCache.lock", "RedisRuntimeCache.unlock"),
        *("RedisRuntimeCache.drop", "RedisStopQueue.*", "RedisMark.*"),
    ]


async def as_listener(url: str) -> Sequence[str]:
    """Do all that a listener does."""
    cache, stops = RedisRuntimeCache.connect(url), RedisFastStops.connect(url, SIGNATURES)
    await cache.ping()
    await cache.set_last_prices({SOMEBODY: Decimal("3600.5")})
    await cache.set_stops({SOMEBODY: Decimal("3550.5")})
    minutes = RedisMinutePrices.connect(url)
    await minutes.add({SOMEBODY: MINUTE})
    await minutes.close()
    await stops.warm()
    await stops.put([HitStop(SOMEBODY, Decimal(3490), datetime.now(UTC))])
    await cache.close()
    await stops.close()
    return [
        *("RedisRuntimeCache.set_last_prices", "RedisRuntimeCache.set_stops"),
        *("RedisMinutePrices.add", "RedisFastStops.*"),
    ]


WORK: dict[str, Callable[[str], Awaitable[Sequence[str]]]] = {
    "listener": as_listener,
    "worker": as_worker,
    "api": as_api,
}
"""In this order: a listener adds the event that a worker takes."""
BY_OTHERS = {"RedisRuntimeCache.last_prices"}
"""Called by another adapter's method, of the same process."""


async def test_each_user_may_do_what_its_process_does(server: ValkeyProcess, operator: Redis) -> None:
    await operator.hset(keys.runtime_key(SOMEBODY), "last_price", "0")
    await operator.hset(keys.strategy_key(SOMEBODY), "stop_loss", "0")
    await operator.sadd(keys.symbol_key("NSE", "TCS"), str(SOMEBODY))
    done = [name for user, work in WORK.items() for name in await work(server.url_of(user))]
    assert list(WORK.keys() - USERS.keys()) == []
    assert methods() - BY_OTHERS == {full for name in done for full in methods() if _names(name, full)}


def _names(name: str, full: str) -> bool:
    return full.startswith(name[:-1]) if name.endswith("*") else full == name


def methods() -> set[str]:
    """Return the calls of every adapter of Redis."""
    modules = (
        *(cache_mark, fast_stops, last_prices, minute_prices),
        *(rate_limiter, runtime_cache, stop_queue),
    )
    files = {Path(str(module.__file__)).stem for module in modules}
    room = Path(str(adapters.redis.__file__)).parent
    assert {path.stem for path in room.glob("*.py")} - files == {
        "__init__",
        "connection",
        "keys",
        "stop_events",
    }
    return {
        f"{name}.{method}"
        for module in modules
        for name, found in vars(module).items()
        if inspect.isclass(found) and found.__module__ == module.__name__
        for method, call in vars(found).items()
        if inspect.iscoroutinefunction(call) and not method.startswith("_") and method != "close"
    }


ANYBODY = (
    ["FLUSHALL"],
    ["FLUSHDB"],
    ["KEYS", "*"],
    ["SCAN", "0"],
    ["CONFIG", "SET", "maxmemory", "1"],
    ["CONFIG", "GET", "*"],
    ["ACL", "LIST"],
    ["ACL", "SETUSER", "api", "+@all"],
    ["MONITOR"],
    ["SHUTDOWN", "NOSAVE"],
    ["DEBUG", "SLEEP", "1"],
    ["REPLICAOF", "10.0.0.1", "6379"],
    ["CLIENT", "LIST"],
    ["CLIENT", "KILL", "TYPE", "normal"],
    ["CLIENT", "PAUSE", "1000"],
    ["SCRIPT", "FLUSH"],
    ["FUNCTION", "LIST"],
    ["SUBSCRIBE", "anything"],
    ["PUBLISH", "anything", "x"],
    ["HSET", "listeners", "0000000000000-ffffffff", "ready|9999999999999"],
    ["RENAME", keys.runtime_key(SOMEBODY), "elsewhere"],
    ["RESTORE", keys.QUEUE, "0", "x"],
    ["MIGRATE", "10.0.0.1", "6379", keys.QUEUE, "0", "1000"],
)
"""No process does these."""
REFUSED: dict[str, tuple[list[str], ...]] = {
    "api": (
        *ANYBODY,
        ["XADD", keys.QUEUE, "*", "strategy_id", str(SOMEBODY), "event", "STOPLOSS"],
        ["EVAL", "return redis.call('XADD', KEYS[1], '*', 'a', 'b')", "1", keys.QUEUE],
        ["EVAL", "return redis.call('SET', 'runtime:x', 'y')", "0"],
        ["XREADGROUP", "GROUP", "workers", "me", "STREAMS", keys.QUEUE, ">"],
        ["DEL", keys.QUEUE],
        ["DEL", keys.runtime_key(SOMEBODY)],
        ["HSET", keys.runtime_key(SOMEBODY), "position", "sold"],
        ["HGET", keys.strategy_key(SOMEBODY), "user_id"],
        ["SET", keys.WHOLE, "whole|x"],
        ["GET", keys.WHOLE],
        ["SADD", keys.symbol_key("NSE", "TCS"), "x"],
        ["INFO"],
    ),
    "worker": (
        *ANYBODY,
        ["XADD", keys.QUEUE, "*", "strategy_id", str(SOMEBODY), "event", "STOPLOSS"],
        ["EVAL", "return redis.call('XADD', KEYS[1], '*', 'a', 'b')", "1", keys.QUEUE],
        ["XGROUP", "DESTROY", keys.QUEUE, keys.WORKERS],
        ["DEL", "throttle/x"],
        ["SET", "throttle/x", "1"],
        ["LPUSH", "throttle/x", "1"],
        ["SET", "elsewhere", "1"],
    ),
    "listener": (
        *ANYBODY,
        ["XREADGROUP", "GROUP", "workers", "me", "STREAMS", keys.QUEUE, ">"],
        ["XDEL", keys.QUEUE, "1-1"],
        ["XTRIM", keys.QUEUE, "MAXLEN", "0"],
        ["DEL", keys.QUEUE],
        ["DEL", keys.runtime_key(SOMEBODY)],
        ["HGETALL", keys.runtime_key(SOMEBODY)],
        ["DEL", keys.strategy_key(SOMEBODY)],
        ["HGETALL", keys.strategy_key(SOMEBODY)],
        ["SREM", keys.symbol_key("NSE", "TCS"), str(SOMEBODY)],
        ["SET", keys.WHOLE, "whole|x"],
        ["LPUSH", "throttle/x", "1"],
        ["INFO"],
    ),
}
"""What each process' user is refused, as a taken-over process would try it."""


@pytest.mark.parametrize(
    ("user", "command"),
    [(user, command) for user, commands in REFUSED.items() for command in commands],
    ids=lambda part: part if isinstance(part, str) else " ".join(part)[:50],
)
async def test_a_taken_over_process_is_refused(
    server: ValkeyProcess, operator: Redis, user: str, command: list[str]
) -> None:
    await operator.hset(keys.runtime_key(SOMEBODY), "last_price", "1")
    async with Redis.from_url(server.url_of(user)) as client:
        with pytest.raises(RedisError, match=r"permission|ACL failure|can't access|allowed"):
            await client.execute_command(*command)  # type: ignore[no-untyped-call]
    assert await operator.hgetall(keys.runtime_key(SOMEBODY)) == {"last_price": "1"}
    assert await operator.keys("*") == [keys.runtime_key(SOMEBODY)]


async def test_a_trader_of_the_worker_cannot_add_and_be_believed_by_another_key(
    server: ValkeyProcess, operator: Redis
) -> None:
    """The pattern of a symbol's set matches no key of another kind, whatever the symbol is called."""
    async with Redis.from_url(server.url_of("api"), decode_responses=True) as client:
        assert await client.srandmember("symbol:BSE:TCS:strategies", 5) == []
        for name in ("symbol:TCS", "symbol:TCS:strategies:x", "symbols:TCS:strategies"):
            with pytest.raises(NoPermissionError):
                await client.srandmember(name, 5)


@pytest.mark.parametrize(
    "login",
    ["", "default:anything@", "health:anything@", "operator:guessed@", "worker:@", "api:wrong@"],
)
async def test_without_a_user_of_a_process_nothing_is_read_or_written(
    server: ValkeyProcess, login: str
) -> None:
    url = f"redis://{login}127.0.0.1:{server.port}/0"
    async with Redis.from_url(url) as client:
        for command in (
            ["GET", "x"],
            ["SET", "x", "1"],
            ["XADD", keys.QUEUE, "*", "a", "b"],
            ["INFO"],
            ["ACL", "LIST"],
        ):
            with pytest.raises((AuthenticationError, NoPermissionError)):
                await client.execute_command(*command)  # type: ignore[no-untyped-call]


async def test_the_operator_does_what_the_contract_promises_of_the_address(operator: Redis) -> None:
    await operator.hset(keys.strategy_key(SOMEBODY), "symbol", "TCS")
    assert await operator.hgetall(keys.strategy_key(SOMEBODY)) == {"symbol": "TCS"}
    await operator.xadd(keys.QUEUE, {"strategy_id": str(SOMEBODY), "event": "STOPLOSS"})
    assert await operator.xlen(keys.QUEUE) == 1
    assert [key async for key in operator.scan_iter("*")]
    await operator.flushall()
    assert await operator.keys("*") == []


async def test_a_lock_that_would_never_end_binds_nobody(server: ValkeyProcess, operator: Redis) -> None:
    """Whoever may write `runtime:*` names any expiry; what is further ahead than a lock lasts is none."""
    cache, one = RedisRuntimeCache.connect(server.url_of("worker")), strategy()
    await cache.load(one, Status.RUNNING, Position.NONE)
    seconds, _ = await operator.time()
    now = seconds * 1000
    for expires, binds in ((9_999_999_999_999, False), (now + 600_000, False), (now + 30_000, True)):
        await operator.hset(keys.runtime_key(one.strategy_id), "lock_state", f"a stranger|{expires}")
        assert await cache.lock(one.strategy_id, "worker-1", 5) is not binds
    await cache.close()


async def test_a_process_whose_user_is_refused_says_unavailable_and_not_that_there_is_nothing(
    server: ValkeyProcess,
) -> None:
    cache = RedisRuntimeCache.connect(server.url_of("listener"))
    with pytest.raises(CacheUnavailable):
        await cache.last_prices([uuid4()])
    await cache.close()

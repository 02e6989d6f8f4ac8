"""A part that answers and refuses what is to be written is down, says why, and what it missed comes back."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import time
from decimal import Decimal
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError
from sqlalchemy import text
from sqlalchemy.engine import make_url

from activities.reconciler import ReconcileActivities
from adapters.postgres.engine import Store
from adapters.process.clock import SystemClock
from adapters.redis.cache_mark import RedisMark
from adapters.redis.runtime_cache import RedisRuntimeCache
from adapters.telemetry.dependency_watch import (
    Dependency,
    DependencyWatch,
    disk_dependency,
    postgres_dependency,
    redis_dependency,
)
from adapters.telemetry.disk import Disk
from domain.errors import CacheUnavailable, StandsStill, StoreUnavailable
from domain.part_refusal import PartRefusal
from domain.reconciler import EVERYTHING, Owned, RunningRow
from domain.run import StartRun
from domain.strategy import Position, Status, Strategy
from migrations.roles import Role, make_roles
from services.auth.passwords import Passwords
from tests.api_world import new_world
from tests.fakes.alerts import MemoryAlerts
from tests.valkey_process import ValkeyProcess

Break = Callable[[Redis, Path], Awaitable[None]]


@pytest.fixture
async def valkey() -> AsyncIterator[ValkeyProcess]:
    server = ValkeyProcess()
    await server.start()
    yield server
    server.remove()


@pytest.fixture
async def redis(valkey: ValkeyProcess) -> AsyncIterator[Redis]:
    client = Redis.from_url(valkey.url, decode_responses=True)
    yield client
    await client.aclose()


@pytest.fixture
async def cache(valkey: ValkeyProcess) -> AsyncIterator[RedisRuntimeCache]:
    made = RedisRuntimeCache.connect(valkey.url)
    yield made
    await made.close()


async def its_disk_is_full(redis: Redis, where: Path) -> None:
    """What a server says whose snapshot could not be written."""
    shutil.rmtree(str((await redis.config_get("dir"))["dir"]))
    await redis.config_set("save", "900 1")
    with suppress(ResponseError):
        await redis.bgsave()
    async with asyncio.timeout(20):
        while (await redis.info("persistence"))["rdb_last_bgsave_status"] != "err":
            with suppress(ResponseError):
                await redis.bgsave()
            await asyncio.sleep(0.05)


async def its_memory_is_full(redis: Redis, where: Path) -> None:
    await redis.config_set("maxmemory", "1")


async def it_is_a_replica(redis: Redis, where: Path) -> None:
    await redis.execute_command("REPLICAOF", "127.0.0.1", "1")  # type: ignore[no-untyped-call]


async def it_is_well_again(redis: Redis) -> None:
    await redis.config_set("save", "")
    await redis.config_set("maxmemory", "0")
    await redis.execute_command("REPLICAOF", "NO", "ONE")  # type: ignore[no-untyped-call]


REFUSALS = pytest.mark.parametrize(
    ("broken", "refusal", "words"),
    [
        (its_disk_is_full, PartRefusal.DISK, "cannot write to its disk"),
        (its_memory_is_full, PartRefusal.MEMORY, "its memory is full"),
        (it_is_a_replica, PartRefusal.READ_ONLY, "it is read-only"),
    ],
)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - what is waited for is another task's
            await asyncio.sleep(0.05)


async def told_of(part: Dependency) -> tuple[MemoryAlerts, DependencyWatch, asyncio.Task[None]]:
    """Watch a part until it is said to be down."""
    alerts = MemoryAlerts()
    watch = DependencyWatch([part], alerts, SystemClock())
    watching = asyncio.create_task(watch.run())
    await until(lambda: bool(alerts.raised))
    return alerts, watch, watching


@REFUSALS
async def test_a_redis_that_refuses_is_down_and_its_alarm_says_why(
    redis: Redis, cache: RedisRuntimeCache, tmp_path: Path, broken: Break, refusal: PartRefusal, words: str
) -> None:
    await broken(redis, tmp_path)
    with pytest.raises(CacheUnavailable) as refused:
        await cache.ping()
    assert refused.value.refusal is refusal
    alerts, watch, watching = await told_of(redis_dependency(cache.ping))
    (alarm,) = alerts.raised
    assert (alarm.kind, words in alarm.text) == ("redis_down", True)
    assert "does not answer" not in alarm.text
    assert "Start it again" not in alarm.text
    assert words in watch.ill()["redis"]
    await it_is_well_again(redis)
    await until(lambda: len(alerts.raised) > 1)
    assert alerts.raised[1].kind == "redis_back"
    watching.cancel()


@REFUSALS
async def test_readiness_says_why_redis_refuses(
    redis: Redis,
    cache: RedisRuntimeCache,
    store: Store,
    passwords: Passwords,
    tmp_path: Path,
    broken: Break,
    refusal: PartRefusal,
    words: str,
) -> None:
    await broken(redis, tmp_path)
    world = new_world(store, passwords, checks={"redis": cache.ping})
    answer = await world.http.get("/health/ready")
    (error,) = answer.json()["errors"]
    assert (answer.status_code, error["code"]) == (503, "refuses")
    assert words in answer.json()["detail"]


@pytest.fixture
async def worker(database: str) -> AsyncIterator[Store]:
    """The database as a worker's role sees it, with a row of its own."""
    url = make_url(database).set(username=f"worker_{uuid4().hex[:8]}", password="worker's")
    address = url.render_as_string(hide_password=False)
    await make_roles(database, [Role.of("worker", address)])
    opened = Store.open(address)
    async with opened.work() as session:
        await session.execute(text("INSERT INTO workers (name) VALUES ('probed') ON CONFLICT DO NOTHING"))
    yield opened
    await opened.close()


async def owner_does(store: Store, statement: str) -> None:
    async with store.work() as session:
        await session.execute(text(statement))


async def test_a_postgres_whose_disk_is_full_is_down_and_its_alarm_names_the_disk(
    store: Store, worker: Store
) -> None:
    await worker.probe("probed")
    await owner_does(
        store,
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "RAISE EXCEPTION 'could not extend file: no space left' USING ERRCODE = 'disk_full'; END $$",
    )
    await owner_does(
        store,
        "CREATE TRIGGER full_disk BEFORE UPDATE ON workers FOR EACH ROW EXECUTE FUNCTION full_disk()",
    )
    alerts, _, watching = await told_of(postgres_dependency(lambda: worker.probe("probed")))
    (alarm,) = alerts.raised
    assert (alarm.kind, "cannot write to its disk" in alarm.text) == ("postgres_down", True)
    assert "free space" in alarm.text
    watching.cancel()


async def test_a_postgres_that_is_read_only_is_down_for_worker_and_api(
    store: Store, worker: Store, database: str
) -> None:
    name = make_url(database).database
    await worker.probe("probed")
    await store.probe_write()
    await owner_does(store, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    for kind in ("worker", "api"):
        fresh = Store.open(database if kind == "api" else str(worker._engine.url.render_as_string(False)))
        try:
            with pytest.raises(StoreUnavailable) as refused:
                await (fresh.probe("probed") if kind == "worker" else fresh.probe_write())
            assert refused.value.refusal is PartRefusal.READ_ONLY
        finally:
            await fresh.close()


class Rows:
    """One running strategy whose entry was filled while Redis refused."""

    def __init__(self, strategy: Strategy) -> None:
        start = cast("StartRun", Start(strategy))
        self._row = RunningRow(start, "strategy-1", "run-1", Position.BOUGHT, "1001")

    async def owned(self, *_: object) -> list[Owned]:
        return [Owned(self._row.start.strategy.strategy_id, "strategy-1", self._row.position)]

    async def running(self, ids: Any) -> list[RunningRow]:
        return [self._row] if ids else []


class Start:
    def __init__(self, strategy: Strategy) -> None:
        self.strategy = strategy


async def test_what_redis_refused_is_written_when_it_is_back(
    redis: Redis, cache: RedisRuntimeCache, valkey: ValkeyProcess, tmp_path: Path
) -> None:
    strategy = Strategy(uuid4(), uuid4(), "TCS", time(9, 30), time(15, 15), Decimal(3500), 10)
    key = f"runtime:{strategy.strategy_id}"
    mark = RedisMark.connect(valkey.url)
    await cache.load(strategy, Status.RUNNING, Position.NONE)
    await mark.done(await mark.begin())
    await its_memory_is_full(redis, tmp_path)
    with pytest.raises(CacheUnavailable):
        await cache.load(strategy, Status.RUNNING, Position.BOUGHT)
    alerts, _, watching = await told_of(redis_dependency(cache.ping, mark.lose))
    await it_is_well_again(redis)
    await until(lambda: len(alerts.raised) > 1)
    watching.cancel()
    assert await redis.hget(key, "position") == "none"
    assert not await mark.stands(), "all of it is looked at again, not a sixteenth"
    rows = cast("Any", Rows(strategy))
    nothing = cast("Any", None)
    others = (nothing, cache, nothing, alerts, SystemClock(), mark, nothing, nothing)
    restored = await ReconcileActivities(rows, nothing, *others)._restore(EVERYTHING, [])
    assert restored == [strategy.strategy_id]
    assert await redis.hmget(key, "position", "last_buy_order") == ["bought", "1001"]
    assert await mark.stands()
    await mark.close()


async def test_a_disk_that_is_nearly_full_is_an_alarm_before_it_is(tmp_path: Path) -> None:
    disk = Disk(tmp_path, least=10**18)
    with pytest.raises(StandsStill, match="nearly full"):
        await disk.check()
    alerts, watch, watching = await told_of(disk_dependency(disk.check))
    assert [alarm.kind for alarm in alerts.raised] == ["disk_low"]
    assert alerts.raised[0].text.startswith(f"The disk under {tmp_path} is nearly full")
    assert "Free space now" in watch.ill()["disk"]
    watching.cancel()


async def test_a_disk_that_cannot_be_looked_at_is_not_called_full(tmp_path: Path) -> None:
    await Disk(tmp_path / "nowhere").check()
    await Disk(tmp_path, least=1).check()


def test_an_error_of_the_client_is_no_refusal() -> None:
    from adapters.redis.connection import unavailable

    assert unavailable(RedisError("MISCONFigured client")).refusal is None
    assert unavailable(TimeoutError()).refusal is None

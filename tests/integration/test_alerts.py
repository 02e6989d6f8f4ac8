"""Alarms on a real CloudWatch server: they arrive, and nobody waits for them while it is away."""

import asyncio
import io
import json
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from temporalio.testing import WorkflowEnvironment

from activities.runs import RunActivities
from adapters.alerts.cloudwatch import MOST_WAITING
from adapters.alerts.cloudwatch_unset import CloudWatchUnset
from adapters.alerts.process_alerts import open_alerts
from adapters.postgres.engine import Store
from adapters.process.clock import SystemClock
from adapters.redis.runtime_cache import RedisRuntimeCache
from adapters.telemetry.dependency_watch import (
    DependencyWatch,
    postgres_dependency,
    redis_dependency,
    temporal_dependency,
)
from domain.ports import Alerts
from domain.run import Alarm
from domain.strategy import Outcome, Position
from listener.feed_alerts import Outage
from tests.fakes.house import MemoryCache, MemoryRunStore
from tests.fakes.manual_clock import ManualClock
from tests.fakes.watch_list import watched
from tests.moto_process import MotoProcess
from tests.postgres import PostgresServer
from tests.store_rows import Desk
from tests.valkey_process import ValkeyProcess

ALARM = Alarm(
    "redis_down", "Redis does not answer since 10:00:00.", data={"since": "2026-11-23T04:30:00+00:00"}
)


@pytest.fixture(scope="module")
async def moto() -> AsyncIterator[MotoProcess]:
    process = MotoProcess()
    await process.start()
    yield process
    process.kill()


@pytest.fixture
def namespace(moto: MotoProcess, monkeypatch: pytest.MonkeyPatch) -> str:
    """A namespace that nothing was sent to, and boto3's environment for it."""
    set_aws(monkeypatch, moto)
    return f"Stopwatch/{uuid4().hex}"


def set_aws(monkeypatch: pytest.MonkeyPatch, moto: MotoProcess) -> None:
    for name, value in moto.environment.items():
        monkeypatch.setenv(name, value)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(40):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - another process is no event
            await asyncio.sleep(0.05)


def kinds(moto: MotoProcess, namespace: str) -> list[str]:
    return [event["kind"] for event in moto.events(f"{namespace}/alerts")]


async def test_an_alarm_is_a_metric_and_a_log_event(moto: MotoProcess, namespace: str) -> None:
    user_id, strategy_id = uuid4(), uuid4()
    async with open_alerts(namespace, "worker") as alerts:
        await alerts.raise_(ALARM)
        await alerts.raise_(Alarm("missed", "TCS ×10 was stopped: too late.", user_id, strategy_id))
        await until(lambda: len(kinds(moto, namespace)) == 2)
    redis, missed = moto.events(f"{namespace}/alerts")
    assert (redis["kind"], redis["text"], redis["data"]) == (ALARM.kind, ALARM.text, ALARM.data)
    assert redis["stream"].startswith("worker/")
    assert "user_id" not in redis
    assert (missed["user_id"], missed["strategy_id"]) == (str(user_id), str(strategy_id))
    assert missed["at"] >= redis["at"]
    assert moto.metrics(namespace) == {"": 2, "redis_down": 1, "missed": 1}


async def test_what_waits_is_delivered_when_the_process_ends(moto: MotoProcess, namespace: str) -> None:
    for process in ("worker", "listener"):
        async with open_alerts(namespace, process) as alerts:
            await alerts.raise_(ALARM)
    assert [event["stream"].split("/")[0] for event in moto.events(f"{namespace}/alerts")] == [
        "worker",
        "listener",
    ]


async def test_no_secret_leaves_with_an_alarm(moto: MotoProcess, namespace: str) -> None:
    async with open_alerts(namespace, "worker") as alerts:
        await alerts.raise_(Alarm("run_fault", "broke at wss://ws/?access_token=s3cr3tValue9"))
    assert "s3cr3tValue9" not in json.dumps(moto.events(f"{namespace}/alerts"))


async def test_alarms_of_an_outage_arrive_when_cloudwatch_is_back(
    monkeypatch: pytest.MonkeyPatch, lines: io.StringIO
) -> None:
    away = MotoProcess()
    set_aws(monkeypatch, away)
    try:
        async with open_alerts("Stopwatch", "worker") as alerts:
            for number in range(3):
                await alerts.raise_(replace(ALARM, text=f"number {number}"))
            assert [json.loads(line)["event"] for line in lines.getvalue().splitlines()][:3] == [
                f"number {number}" for number in range(3)
            ]
            await until(lambda: "CloudWatch does not take alarms" in lines.getvalue())
            await away.start()
            await until(lambda: len(kinds(away, "Stopwatch")) == 3)
        assert away.metrics("Stopwatch") == {"": 3, "redis_down": 3}
    finally:
        away.kill()


@pytest.mark.parametrize("answers", [False, True])
async def test_nobody_waits_for_a_cloudwatch_that_is_dead_or_silent(
    monkeypatch: pytest.MonkeyPatch, lines: io.StringIO, answers: bool
) -> None:
    dead = MotoProcess()
    set_aws(monkeypatch, dead)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", dead.port))
        if answers:
            silent.listen(100)  # connections are taken, and nothing is ever said
        async with asyncio.timeout(20), open_alerts("Stopwatch", "worker") as alerts:
            for number in range(MOST_WAITING + 5):
                await alerts.raise_(replace(ALARM, text=f"number {number}"))
    told = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert sum(line["event"].startswith("number ") for line in told) == MOST_WAITING + 5
    assert told[-1]["event"] == "alarms did not reach CloudWatch; each is in this log"
    assert told[-1]["lost"] == MOST_WAITING + 5


async def test_a_region_that_is_missing_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(CloudWatchUnset, match="AWS_DEFAULT_REGION"):
        async with open_alerts("Stopwatch", "worker"):
            pass


async def redis_goes_away(alerts: Alerts, _desk: Desk, _postgres: PostgresServer) -> None:
    server = ValkeyProcess()
    await server.start()
    cache = RedisRuntimeCache.connect(server.url)
    try:
        await watch_until_told(
            DependencyWatch([redis_dependency(cache.ping)], alerts, SystemClock()), server.kill
        )
    finally:
        await cache.close()
        server.remove()


async def postgres_freezes(alerts: Alerts, _desk: Desk, postgres: PostgresServer) -> None:
    store = Store.open(postgres.url(), pool_size=1)
    await store.ping()  # a connection that was good: its driver lets go of it slowly
    try:
        await watch_until_told(
            DependencyWatch([postgres_dependency(store.ping)], alerts, SystemClock()), postgres.freeze
        )
    finally:
        postgres.thaw()
        await store.close()


async def temporal_goes_away(alerts: Alerts, _desk: Desk, _postgres: PostgresServer) -> None:
    binary = shutil.which("temporal", path=str(Path(sys.executable).parent))
    server = await WorkflowEnvironment.start_local(dev_server_existing_path=binary)
    part = temporal_dependency(server.client.service_client.check_health)
    await part.ask()
    await server.shutdown()
    await watch_until_told(DependencyWatch([part], alerts, SystemClock()), lambda: None)


async def watch_until_told(watch: DependencyWatch, break_it: Callable[[], None]) -> None:
    running = asyncio.create_task(watch.run())
    break_it()
    await until(lambda: bool(watch.down))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def redis_is_away_at_a_start(alerts: Alerts, desk: Desk, _postgres: PostgresServer) -> None:
    await RunActivities(MemoryRunStore(), MemoryCache(down=True), alerts).activate(desk.start())


async def the_feed_is_lost(alerts: Alerts, _desk: Desk, _postgres: PostgresServer) -> None:
    clock = ManualClock()
    outage = Outage(alerts, clock)
    for _ in range(10):
        await outage.look("the feed is silent", False, [watched()])
        await clock.advance(1)


def ends_as(outcome: Outcome) -> Callable[[Alerts, Desk, PostgresServer], Awaitable[None]]:
    async def end(alerts: Alerts, desk: Desk, _postgres: PostgresServer) -> None:
        runs = RunActivities(MemoryRunStore(), MemoryCache(), alerts)
        await runs.finish(desk.end(desk.start(), outcome, Position.NONE))

    return end


@pytest.mark.parametrize(
    ("condition", "kind"),
    [
        (redis_goes_away, "redis_down"),
        (redis_is_away_at_a_start, "redis_down"),
        (postgres_freezes, "postgres_down"),
        (temporal_goes_away, "temporal_down"),
        (the_feed_is_lost, "feed_lost"),
        (ends_as(Outcome.MISSED), "missed"),
        (ends_as(Outcome.ORDER_FAILED), "order_failed"),
        (ends_as(Outcome.REJECTED), "order_rejected"),
    ],
)
async def test_each_condition_that_needs_a_person_is_one_alarm(
    moto: MotoProcess,
    namespace: str,
    store: Store,
    postgres: PostgresServer,
    condition: Callable[[Alerts, Desk, PostgresServer], Awaitable[None]],
    kind: str,
) -> None:
    desk = await Desk.made(store)
    async with open_alerts(namespace, "worker") as alerts:
        await condition(alerts, desk, postgres)
        while not kinds(moto, namespace):  # noqa: ASYNC110 - a busy machine outlasts the flush at the end
            await asyncio.sleep(0.1)
    assert kinds(moto, namespace) == [kind]
    assert moto.metrics(namespace) == {"": 1, kind: 1}


@pytest.mark.parametrize("outcome", [Outcome.SOLD, Outcome.STOP_LOSS, Outcome.STOPPED, Outcome.SKIPPED])
async def test_a_day_that_ended_as_it_should_alarms_nobody(
    moto: MotoProcess, namespace: str, store: Store, postgres: PostgresServer, outcome: Outcome
) -> None:
    async with open_alerts(namespace, "worker") as alerts:
        await ends_as(outcome)(alerts, await Desk.made(store), postgres)
    assert kinds(moto, namespace) == []

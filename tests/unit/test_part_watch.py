"""Parts watched: one alarm when one is away, one when it is back, none for what is no outage."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from adapters.process.clock import SystemClock
from adapters.telemetry.dependency_watch import (
    ANSWER_SECONDS,
    DependencyWatch,
    postgres_dependency,
    redis_dependency,
)
from domain.errors import CacheUnavailable, StoreUnavailable
from domain.run import Alarm
from tests.fakes.alerts import MemoryAlerts
from tests.fakes.manual_clock import ManualClock


class Floor:
    """A watch over parts that answer as a test says; `answers` maps a part to what asking it does."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.alerts = MemoryAlerts()
        self.redis: Exception | None = None
        self.postgres: Exception | None = None
        self.before_redis: Callable[[], Awaitable[None]] | None = None
        parts = [redis_dependency(self._ask_redis), postgres_dependency(self._ask_postgres)]
        self.watch = DependencyWatch(parts, self.alerts, self.clock)

    async def _ask_redis(self) -> None:
        if self.before_redis is not None:
            await self.before_redis()
        if self.redis is not None:
            raise self.redis

    async def _ask_postgres(self) -> None:
        if self.postgres is not None:
            raise self.postgres

    def told(self) -> list[str]:
        return [alarm.kind for alarm in self.alerts.raised]


@pytest.fixture
async def floor() -> AsyncIterator[Floor]:
    made = Floor()
    running = asyncio.create_task(made.watch.run())
    await made.clock.settle()
    yield made
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_outage_is_told_within_five_seconds_and_once(floor: Floor) -> None:
    floor.redis = CacheUnavailable("Redis did not answer")
    await floor.clock.advance(5)
    assert floor.told() == ["redis_down"]
    await floor.clock.advance(600)
    assert floor.told() == ["redis_down"]
    assert "Nothing is bought until it is back" in floor.alerts.raised[0].text
    assert floor.alerts.raised[0].user_id is None


async def test_part_that_is_back_is_told_and_its_next_outage_too(floor: Floor) -> None:
    floor.postgres = StoreUnavailable("Postgres did not answer")
    await floor.clock.advance(60)
    floor.postgres = None
    await floor.clock.advance(5)
    floor.postgres = StoreUnavailable("Postgres did not answer")
    await floor.clock.advance(5)
    assert floor.told() == ["postgres_down", "postgres_back", "postgres_down"]
    assert "after 58 s" in floor.alerts.raised[1].text


async def test_one_part_away_hides_no_other(floor: Floor) -> None:
    floor.redis = CacheUnavailable("Redis did not answer")
    floor.postgres = StoreUnavailable("Postgres did not answer")
    await floor.clock.advance(5)
    assert sorted(floor.told()) == ["postgres_down", "redis_down"]


async def test_one_lost_answer_is_no_outage(floor: Floor) -> None:
    asked = 0

    async def fail_every_other() -> None:
        nonlocal asked
        asked += 1
        if asked % 2:
            raise CacheUnavailable("Redis did not answer")

    floor.before_redis = fail_every_other
    await floor.clock.advance(60)
    assert asked > 20
    assert floor.told() == []


async def test_no_part_is_blamed_when_this_process_stood_still(floor: Floor) -> None:
    async def suspended() -> None:
        # What a process sees that was stopped while it waited: much later at once, and its deadline gone by.
        await floor.clock.sleep(ANSWER_SECONDS + 9)
        raise TimeoutError

    floor.before_redis = suspended
    await floor.clock.advance(120)
    assert floor.told() == []


async def test_part_that_fails_in_an_odd_way_counts_as_away(floor: Floor) -> None:
    floor.redis = ValueError("a bug in a driver")
    await floor.clock.advance(5)
    assert floor.told() == ["redis_down"]


async def test_part_whose_driver_clings_to_its_question_is_still_told() -> None:
    told = asyncio.Event()

    async def cling() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(5)  # a connection to a frozen server, which is closed in good order
            raise

    class Told(MemoryAlerts):
        async def raise_(self, alarm: Alarm) -> None:
            await MemoryAlerts.raise_(self, alarm)
            told.set()

    alerts = Told()
    running = asyncio.create_task(DependencyWatch([postgres_dependency(cling)], alerts, SystemClock()).run())
    await asyncio.wait_for(told.wait(), 60)
    assert [alarm.kind for alarm in alerts.raised] == ["postgres_down"]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

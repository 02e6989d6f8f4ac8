"""What every queue of hit stops promises to those who put and those who take: in Valkey and in memory."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest

from adapters.process.clock import SystemClock
from adapters.redis.fast_stops import RedisFastStops
from adapters.redis.stop_queue import RedisStopQueue
from domain.errors import CacheUnavailable
from domain.ports import FastStops, StopQueue
from tests.fakes.stops import MemoryFastStops, MemoryStopQueue
from tests.valkey_process import NOWHERE, ValkeyProcess


@dataclass(frozen=True, slots=True)
class Subject:
    """The end of the listener, and those of two workers."""

    stops: FastStops
    workers: tuple[StopQueue, StopQueue]

    async def taken(self, enough: int, worker: int = 0) -> Sequence[UUID]:
        """Return what a worker takes, until it has enough."""
        found: list[UUID] = []
        async with asyncio.timeout(20):
            while len(found) < enough:
                found += await self.workers[worker].take()
        return found


@pytest.fixture
def in_memory() -> Subject:
    stops = MemoryFastStops(SystemClock())
    first = MemoryStopQueue(stops)
    return Subject(stops, (first, first.another()))


@pytest.fixture
async def in_valkey(empty_valkey: ValkeyProcess) -> AsyncIterator[Subject]:
    url = empty_valkey.url
    stops = RedisFastStops.connect(url)
    first, second = RedisStopQueue.connect(url, "first"), RedisStopQueue.connect(url, "second")
    await first.take()  # the first look makes the group
    yield Subject(stops, (first, second))
    for one in (stops, first, second):
        await one.close()


@pytest.fixture(params=["in_memory", "in_valkey"])
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = request.getfixturevalue(request.param)
    return found


async def test_stops_are_taken_in_the_order_they_were_put(subject: Subject) -> None:
    first, second, third = uuid4(), uuid4(), uuid4()
    await subject.stops.put([second, first])
    await subject.stops.put([third])
    assert await subject.taken(3) == [second, first, third]


async def test_each_stop_is_taken_once_among_all_workers(subject: Subject) -> None:
    one, other = uuid4(), uuid4()
    await subject.stops.put([one])
    assert await subject.taken(1) == [one]
    await subject.stops.put([other])
    assert await subject.taken(1, worker=1) == [other]


async def test_a_stop_that_was_put_twice_together_is_one(subject: Subject) -> None:
    one, other = uuid4(), uuid4()
    await subject.stops.put([one, one, other])
    assert await subject.taken(2) == [one, other]


async def test_nothing_put_is_nothing_to_take(subject: Subject) -> None:
    await subject.stops.put([])
    assert list(await subject.workers[0].take()) == []


async def test_a_queue_that_is_away_is_not_an_empty_one(in_memory: Subject) -> None:
    stops, queue = RedisFastStops.connect(NOWHERE), RedisStopQueue.connect(NOWHERE, "worker")
    assert isinstance(in_memory.stops, MemoryFastStops)
    in_memory.stops.away = True
    for away in (in_memory, Subject(stops, (queue, queue))):
        with pytest.raises(CacheUnavailable):
            await away.stops.put([uuid4()])
        with pytest.raises(CacheUnavailable):
            await away.workers[0].take()
    await stops.close()
    await queue.close()

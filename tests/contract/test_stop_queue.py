"""What every queue of hit stops promises to those who put and those who take: in Valkey and in memory."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from adapters.process.clock import SystemClock
from adapters.redis.fast_stops import RedisFastStops
from adapters.redis.stop_queue import RedisStopQueue
from adapters.secrets.stop_signatures import StopSignatures
from domain.errors import CacheUnavailable
from domain.hit_stop import HitStop
from domain.ports import FastStops, StopQueue
from tests.fakes.stops import MemoryFastStops, MemoryStopQueue
from tests.valkey_process import NOWHERE, ValkeyProcess

SIGNATURES = StopSignatures("-" * 43)


def hit(strategy_id: UUID, price: str = "3499.95") -> HitStop:
    now = datetime.now(UTC)
    return HitStop(strategy_id, Decimal(price), now.replace(microsecond=now.microsecond // 1000 * 1000))


@dataclass(frozen=True, slots=True)
class Subject:
    """The end of the listener, and those of two workers."""

    stops: FastStops
    workers: tuple[StopQueue, StopQueue]

    async def put(self, *strategy_ids: UUID) -> None:
        await self.stops.put([hit(one) for one in strategy_ids])

    async def taken(self, enough: int, worker: int = 0) -> Sequence[UUID]:
        """Return the strategies of what a worker takes, until it has enough."""
        return [stop.strategy_id for stop in await self.events(enough, worker)]

    async def events(self, enough: int, worker: int = 0) -> Sequence[HitStop]:
        found: list[HitStop] = []
        async with asyncio.timeout(20):
            while len(found) < enough:
                found += (await self.workers[worker].take()).stops
        return found


@pytest.fixture
def in_memory() -> Subject:
    stops = MemoryFastStops(SystemClock())
    first = MemoryStopQueue(stops)
    return Subject(stops, (first, first.another()))


@pytest.fixture
async def in_valkey(empty_valkey: ValkeyProcess) -> AsyncIterator[Subject]:
    url = empty_valkey.url
    stops = RedisFastStops.connect(url, SIGNATURES)
    first, second = (RedisStopQueue.connect(url, name, SIGNATURES) for name in ("first", "second"))
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
    await subject.put(second, first)
    await subject.put(third)
    assert await subject.taken(3) == [second, first, third]


async def test_each_stop_is_taken_once_among_all_workers(subject: Subject) -> None:
    one, other = uuid4(), uuid4()
    await subject.put(one)
    assert await subject.taken(1) == [one]
    await subject.put(other)
    assert await subject.taken(1, worker=1) == [other]


async def test_a_stop_that_was_put_twice_together_is_one(subject: Subject) -> None:
    one, other = uuid4(), uuid4()
    await subject.put(one, one, other)
    assert await subject.taken(2) == [one, other]


async def test_nothing_put_is_nothing_to_take(subject: Subject) -> None:
    await subject.put()
    taken = await subject.workers[0].take()
    assert (list(taken.stops), dict(taken.dropped)) == ([], {})


async def test_an_event_says_by_which_price_and_when(subject: Subject) -> None:
    said = [hit(uuid4(), "0.05"), hit(uuid4(), "1E+3"), hit(uuid4(), "3499.95")]
    await subject.stops.put(said)
    assert await subject.events(3) == said


async def test_a_queue_that_is_away_is_not_an_empty_one(in_memory: Subject) -> None:
    stops = RedisFastStops.connect(NOWHERE, SIGNATURES)
    queue = RedisStopQueue.connect(NOWHERE, "worker", SIGNATURES)
    assert isinstance(in_memory.stops, MemoryFastStops)
    in_memory.stops.away = True
    for away in (in_memory, Subject(stops, (queue, queue))):
        with pytest.raises(CacheUnavailable):
            await away.put(uuid4())
        with pytest.raises(CacheUnavailable):
            await away.workers[0].take()
    await stops.close()
    await queue.close()

"""What every mark of a filled cache promises: the one in Valkey and the one in memory."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest
from redis.asyncio import Redis

from adapters.redis.cache_mark import RedisMark
from domain.errors import CacheUnavailable
from domain.ports import CacheMark
from tests.fakes.cache_mark import MemoryMark
from tests.valkey_process import NOWHERE, ValkeyProcess


@dataclass(frozen=True, slots=True)
class Subject:
    """A mark, and what loses the cache it stands in."""

    mark: CacheMark
    flush: Callable[[], Awaitable[None]]

    async def filled(self) -> None:
        await self.mark.done(await self.mark.begin())


@pytest.fixture
def in_memory() -> Subject:
    mark = MemoryMark()

    async def flush() -> None:
        mark.flush()

    return Subject(mark, flush)


@pytest.fixture
async def in_valkey(empty_valkey: ValkeyProcess) -> AsyncIterator[Subject]:
    mark = RedisMark.connect(empty_valkey.url)

    async def flush() -> None:
        async with Redis.from_url(empty_valkey.url) as client:
            await client.flushall()

    yield Subject(mark, flush)
    await mark.close()


@pytest.fixture(params=["in_memory", "in_valkey"])
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = request.getfixturevalue(request.param)
    return found


async def test_a_cache_that_was_never_filled_is_not_whole(subject: Subject) -> None:
    assert not await subject.mark.stands()


async def test_a_cache_is_whole_when_it_was_filled_and_not_before(subject: Subject) -> None:
    filling = await subject.mark.begin()
    assert not await subject.mark.stands()
    await subject.mark.done(filling)
    await subject.mark.done(filling)
    assert await subject.mark.stands()


async def test_a_flush_takes_the_mark_away(subject: Subject) -> None:
    await subject.filled()
    await subject.flush()
    assert not await subject.mark.stands()


async def test_what_was_flushed_while_it_was_filled_is_not_whole(subject: Subject) -> None:
    filling = await subject.mark.begin()
    await subject.flush()
    await subject.mark.done(filling)
    assert not await subject.mark.stands()


async def test_the_last_to_begin_sets_the_mark(subject: Subject) -> None:
    await subject.filled()
    early, late = await subject.mark.begin(), await subject.mark.begin()
    await subject.mark.done(early)
    assert not await subject.mark.stands()
    await subject.mark.done(late)
    assert await subject.mark.stands()


async def test_a_cache_that_is_away_is_neither_whole_nor_lost() -> None:
    away = RedisMark.connect(NOWHERE)
    for mark in (MemoryMark(away=True), away):
        with pytest.raises(CacheUnavailable):
            await mark.stands()
        with pytest.raises(CacheUnavailable):
            await mark.begin()
        with pytest.raises(CacheUnavailable):
            await mark.done("filling|x|y")
    await away.close()

"""What every watch list promises the listener: the one in Postgres and the one in memory."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol
from uuid import UUID, uuid4

import pytest

from adapters.postgres.engine import Store
from adapters.postgres.notify_listener import NotifyListener
from adapters.postgres.watch_list import PostgresWatchList
from domain.errors import StoreUnavailable
from domain.ports import Digest, WatchList
from domain.run import ActivateRun
from domain.strategy import Position
from tests.fakes.watch_list import MemoryWatchList, watched
from tests.store_rows import NOWHERE, Desk


class Strategies(Protocol):
    """Strategies that a test starts, lets buy, and ends."""

    async def start(self) -> UUID: ...

    async def buy(self, strategy_id: UUID) -> None: ...

    async def end(self, strategy_id: UUID) -> None: ...


class InMemory:
    """Strategies of a list in memory."""

    def __init__(self, watch: MemoryWatchList) -> None:
        self._watch = watch

    async def start(self) -> UUID:
        return self._watch.put(watched(position=Position.NONE)).strategy_id

    async def buy(self, strategy_id: UUID) -> None:
        self._watch.change(self._watch.running[strategy_id], position=Position.BOUGHT)

    async def end(self, strategy_id: UUID) -> None:
        self._watch.end(self._watch.running[strategy_id])


class InPostgres:
    """Strategies of a store, each with the START it runs by."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._desks: dict[UUID, tuple[Desk, ActivateRun]] = {}

    async def start(self) -> UUID:
        desk = await Desk.made(self._store)
        start = desk.start()
        await desk.runs.activate(start)
        self._desks[desk.strategy.strategy_id] = desk, start
        return desk.strategy.strategy_id

    async def buy(self, strategy_id: UUID) -> None:
        await self._desks[strategy_id][0].bought()

    async def end(self, strategy_id: UUID) -> None:
        desk, start = self._desks[strategy_id]
        await desk.runs.finish(desk.end(start))


@dataclass(frozen=True, slots=True)
class Subject:
    """A watch list, and its strategies."""

    watch: WatchList
    strategies: Strategies


@pytest.fixture
def in_memory() -> Subject:
    watch = MemoryWatchList()
    return Subject(watch, InMemory(watch))


@pytest.fixture
def in_postgres(database: str, store: Store) -> Subject:
    return Subject(PostgresWatchList(store, NotifyListener(database)), InPostgres(store))


@pytest.fixture(params=["in_memory", "in_postgres"])
def subject(request: pytest.FixtureRequest) -> Subject:
    found: Subject = request.getfixturevalue(request.param)
    return found


async def test_nothing_runs_in_a_fresh_store(subject: Subject) -> None:
    assert list(await subject.watch.all()) == []
    assert await subject.watch.digest() == Digest(0, 0)


async def test_a_strategy_is_watched_from_its_start_to_its_end(subject: Subject) -> None:
    one, other = await subject.strategies.start(), await subject.strategies.start()
    assert {row.strategy_id for row in await subject.watch.all()} == {one, other}
    await subject.strategies.end(one)
    assert [row.strategy_id for row in await subject.watch.all()] == [other]


async def test_only_those_that_were_asked_for_and_run_are_read(subject: Subject) -> None:
    one, _ = await subject.strategies.start(), await subject.strategies.start()
    assert [row.strategy_id for row in await subject.watch.some([one, uuid4()])] == [one]
    await subject.strategies.end(one)
    assert list(await subject.watch.some([one])) == []


async def test_its_triggers_are_watched_once_shares_are_held(subject: Subject) -> None:
    one = await subject.strategies.start()
    (before,) = await subject.watch.some([one])
    await subject.strategies.buy(one)
    (after,) = await subject.watch.some([one])
    assert (before.armed, after.armed) == (False, True)


async def test_the_digest_moves_with_every_change_and_adds_up_to_all_rows(subject: Subject) -> None:
    seen: list[Digest] = []
    one = await subject.strategies.start()
    seen.append(await subject.watch.digest())
    await subject.strategies.start()
    seen.append(await subject.watch.digest())
    await subject.strategies.buy(one)
    seen.append(await subject.watch.digest())
    assert len({(found.count, found.marks) for found in seen}) == 3
    rows = await subject.watch.all()
    assert seen[-1] == Digest(len(rows), sum(row.mark for row in rows))


async def test_news_begin_with_read_all_and_go_on_with_the_id_of_each_change(subject: Subject) -> None:
    changes = subject.watch.changes()
    assert await anext(changes) is None
    one = await subject.strategies.start()
    assert await heard(changes, one)
    await subject.strategies.end(one)
    assert await heard(changes, one)


async def heard(changes: AsyncIterator[UUID | None], strategy_id: UUID) -> bool:
    """Wait for news of a strategy; one change may be told more than once."""
    async with asyncio.timeout(20):
        while await anext(changes) != strategy_id:
            pass
    return True


async def test_a_store_that_is_away_is_not_an_empty_one() -> None:
    gone = Store.open(NOWHERE)
    in_memory = MemoryWatchList()
    in_memory.go_away()
    for watch in (in_memory, PostgresWatchList(gone, NotifyListener(NOWHERE))):
        for read in (watch.all, watch.digest, partial(watch.some, [uuid4()])):
            with pytest.raises(StoreUnavailable):
                await read()
        with pytest.raises(StoreUnavailable):
            await anext(watch.changes())
    await gone.close()

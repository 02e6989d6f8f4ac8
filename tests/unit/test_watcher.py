"""The listener knows what runs: at once when told, soon when not, and goes on when the store is away."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from uuid import UUID

import pytest

from domain.watched_strategy import WatchedStrategy
from listener.watch_list_reader import Watcher
from tests.fakes.manual_clock import ManualClock
from tests.fakes.watch_list import MemoryWatchList, watched


class Known:
    """What a watcher told so far."""

    def __init__(self) -> None:
        self.now: dict[UUID, WatchedStrategy] = {}

    def changed(self, before: WatchedStrategy | None, now: WatchedStrategy | None) -> None:
        if now is not None:
            assert self.now.get(now.strategy_id) == before
            self.now[now.strategy_id] = now
        else:
            assert before is not None
            assert self.now.pop(before.strategy_id) == before


@asynccontextmanager
async def watching(
    watch_list: MemoryWatchList,
    changed: Callable[[WatchedStrategy | None, WatchedStrategy | None], None],
) -> AsyncIterator[ManualClock]:
    clock = ManualClock()
    task = asyncio.create_task(Watcher(watch_list, changed, clock).run())
    await clock.settle()
    yield clock
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_everything_that_runs_is_known_at_start() -> None:
    one, other = watched(), watched("INFY")
    known = Known()
    async with watching(MemoryWatchList(one, other), known.changed):
        assert known.now == {one.strategy_id: one, other.strategy_id: other}


async def test_new_changed_and_ended_strategies_are_known_at_once_when_told() -> None:
    watch_list, known = MemoryWatchList(), Known()
    async with watching(watch_list, known.changed) as clock:
        one = watch_list.put(watched())
        await clock.settle()
        assert known.now == {one.strategy_id: one}

        moved = watch_list.change(one, stop_loss=Decimal(3400))
        await clock.settle()
        assert known.now == {one.strategy_id: moved}

        watch_list.end(one)
        await clock.settle()
        assert known.now == {}


async def test_lost_notice_is_made_up_for_within_five_seconds() -> None:
    watch_list, known = MemoryWatchList(), Known()
    async with watching(watch_list, known.changed) as clock:
        watch_list.deaf = True
        one = watch_list.put(watched())
        await clock.advance(5)
        assert known.now == {one.strategy_id: one}


async def test_stops_are_watched_on_while_the_store_is_away_and_corrected_when_it_is_back() -> None:
    one = watched()
    watch_list, known = MemoryWatchList(one), Known()
    async with watching(watch_list, known.changed) as clock:
        watch_list.go_away()
        await clock.advance(30)
        assert known.now == {one.strategy_id: one}

        del watch_list.running[one.strategy_id]
        other = watched("INFY")
        watch_list.running[other.strategy_id] = other
        watch_list.away = False
        await clock.advance(2)
        assert known.now == {other.strategy_id: other}

        told = watch_list.put(watched("SBIN"))
        await clock.settle()
        assert told.strategy_id in known.now


async def test_thousand_changes_at_once_are_read_together() -> None:
    watch_list, known = MemoryWatchList(), Known()
    async with watching(watch_list, known.changed) as clock:
        for _ in range(1_000):
            watch_list.put(watched())
        await clock.advance(0.1)
        assert len(known.now) == 1_000
        assert watch_list.partial_reads <= 16
        assert watch_list.full_reads <= 4


async def test_strategy_nobody_can_handle_does_not_hide_the_others() -> None:
    bad, good = watched(), watched("INFY")
    seen: list[WatchedStrategy] = []

    def changed(before: WatchedStrategy | None, now: WatchedStrategy | None) -> None:
        assert now is not None
        if now == bad:
            raise KeyError("no such thing")
        seen.append(now)

    async with watching(MemoryWatchList(bad, good), changed):
        assert seen == [good]


async def test_ten_thousand_that_rest_are_read_once() -> None:
    watch_list, known = MemoryWatchList(*(watched() for _ in range(10_000))), Known()
    async with watching(watch_list, known.changed) as clock:
        before = watch_list.full_reads
        await clock.advance(60)
        assert watch_list.full_reads == before <= 2
        assert watch_list.partial_reads == 0


@pytest.mark.parametrize("lost", ["began", "changed", "ended", "one ended and another began"])
async def test_whatever_notice_was_lost_is_made_up_for_within_five_seconds(lost: str) -> None:
    one, other = watched(), watched()
    watch_list, known = MemoryWatchList(one, other), Known()
    async with watching(watch_list, known.changed) as clock:
        await clock.advance(7)
        watch_list.deaf = True
        if lost == "changed":
            watch_list.change(one, stop_loss=Decimal(3400))
        if "ended" in lost:
            watch_list.end(one)
        if "began" in lost:
            watch_list.put(watched())
        await clock.advance(5)
        assert known.now == watch_list.running


async def test_notices_that_are_heard_make_no_full_read() -> None:
    many = [watched() for _ in range(100)]
    watch_list, known = MemoryWatchList(*many), Known()
    async with watching(watch_list, known.changed) as clock:
        before = watch_list.full_reads
        for one in many:
            watch_list.change(one, stop_loss=Decimal(3400))
            await clock.advance(0.3)
        assert known.now == watch_list.running
        assert watch_list.full_reads == before

"""Reads of one account that come together are one, and no read that began before the question answers it."""

import asyncio
from dataclasses import dataclass

import pytest

from adapters.kite.shared_reads import ReadPace, SharedRead, TurnPace
from domain.errors import BrokerUnavailable, StoreUnavailable
from domain.read_turns import APART, TURNS_AT_ONCE
from tests.fakes.manual_clock import ManualClock


class Book:
    """Counts its readings; each takes until it is let go."""

    def __init__(self) -> None:
        self.begun = 0
        self.fails = False
        self.go = asyncio.Event()

    async def read(self) -> int:
        self.begun += 1
        number = self.begun
        await self.go.wait()
        if self.fails:
            raise BrokerUnavailable("away")
        return number


async def turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_who_asks_during_a_reading_gets_the_next_one() -> None:
    book, clock = Book(), ManualClock()
    shared = SharedRead(book.read, ReadPace(clock))
    first = asyncio.ensure_future(shared.get())
    await turn()
    others = [asyncio.ensure_future(shared.get()) for _ in range(8)]
    await turn()
    book.go.set()
    assert await first == 1
    assert await asyncio.gather(*others) == [2] * 8


async def test_a_failed_reading_fails_for_those_who_share_it_and_no_other() -> None:
    book, clock = Book(), ManualClock()
    shared = SharedRead(book.read, ReadPace(clock))
    book.fails = True
    book.go.set()
    answers = await asyncio.gather(shared.get(), shared.get(), return_exceptions=True)
    assert [type(answer) for answer in answers] == [BrokerUnavailable] * 2
    book.fails = False
    assert await shared.get() == 2


async def test_a_caller_that_leaves_takes_the_reading_from_nobody() -> None:
    book, clock = Book(), ManualClock()
    shared = SharedRead(book.read, ReadPace(clock))
    leaves, stays = (asyncio.ensure_future(shared.get()) for _ in range(2))
    await turn()
    leaves.cancel()
    book.go.set()
    assert await stays == 1
    with pytest.raises(asyncio.CancelledError):
        await leaves


@dataclass
class Turns:
    """Grants what a test says, and counts the questions; the last grant is repeated."""

    grants: list[float | StoreUnavailable | None]
    asked: int = 0

    async def take(self, account: str) -> float | None:
        self.asked += 1
        grant = self.grants.pop(0) if len(self.grants) > 1 else self.grants[0]
        if isinstance(grant, StoreUnavailable):
            raise grant
        return grant


async def waits(pace: ReadPace, clock: ManualClock, times: int) -> list[float]:
    """Return when each of so many reads that follow each other has its turn, by the clock."""
    found = []
    for _ in range(times):
        waiting = asyncio.ensure_future(pace.turn())
        while not waiting.done():
            await turn()
            if not waiting.done():
                await clock.advance(0.05)
        found.append(clock.monotonic())
    return [at - found[0] for at in found]


async def test_a_process_alone_reads_an_account_so_often_a_second_and_no_more() -> None:
    clock = ManualClock()
    apart = APART.total_seconds()
    expected = [0] * TURNS_AT_ONCE + [apart, 2 * apart]
    assert await waits(ReadPace(clock), clock, TURNS_AT_ONCE + 2) == pytest.approx(expected, abs=0.051)


async def test_a_process_among_others_reads_once_without_asking_and_then_in_its_turn() -> None:
    clock, turns = ManualClock(), Turns([0.0, 0.2])
    pace = TurnPace(clock, turns, "account")
    assert await waits(pace, clock, 3) == pytest.approx([0, 0, 0.2], abs=0.051)
    assert turns.asked == 2
    await clock.advance(1)
    await pace.turn()
    assert turns.asked == 2


async def test_a_turn_that_is_too_far_ahead_is_asked_for_again_until_the_next_own_read_is_due() -> None:
    clock, turns = ManualClock(), Turns([None])
    assert await waits(TurnPace(clock, turns, "account"), clock, 2) == pytest.approx([0, 1], abs=0.16)
    assert 5 <= turns.asked <= 11


@pytest.mark.parametrize("own", [True, False])
async def test_a_store_that_is_away_makes_reads_seldom_and_not_impossible(own: bool) -> None:
    clock, turns = ManualClock(), Turns([StoreUnavailable("away")])
    found = await waits(TurnPace(clock, turns, "account", own=own), clock, 4)
    assert found == pytest.approx([0, 0, 1, 1] if own else [0, 1, 2, 3], abs=0.3)


async def test_who_has_no_reads_of_its_own_waits_for_a_turn() -> None:
    clock, turns = ManualClock(), Turns([None, None, 0.0])
    await waits(TurnPace(clock, turns, "account", own=False), clock, 1)
    assert turns.asked == 3

"""Reads of one account that come together are one, and no read that began before the question answers it."""

import asyncio

import pytest

from adapters.kite.shared_reads import A_SECOND, AT_ONCE, ReadPace, SharedRead
from domain.errors import BrokerUnavailable
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
    shared = SharedRead(book.read, ReadPace(clock), clock)
    first = asyncio.ensure_future(shared.get())
    await turn()
    others = [asyncio.ensure_future(shared.get()) for _ in range(8)]
    await turn()
    book.go.set()
    assert await first == 1
    assert await asyncio.gather(*others) == [2] * 8


async def test_a_failed_reading_fails_for_those_who_share_it_and_no_other() -> None:
    book, clock = Book(), ManualClock()
    shared = SharedRead(book.read, ReadPace(clock), clock)
    book.fails = True
    book.go.set()
    answers = await asyncio.gather(shared.get(), shared.get(), return_exceptions=True)
    assert [type(answer) for answer in answers] == [BrokerUnavailable] * 2
    book.fails = False
    assert await shared.get() == 2


async def test_a_caller_that_leaves_takes_the_reading_from_nobody() -> None:
    book, clock = Book(), ManualClock()
    shared = SharedRead(book.read, ReadPace(clock), clock)
    leaves, stays = (asyncio.ensure_future(shared.get()) for _ in range(2))
    await turn()
    leaves.cancel()
    book.go.set()
    assert await stays == 1
    with pytest.raises(asyncio.CancelledError):
        await leaves


async def test_an_account_is_read_so_often_a_second_and_no_more() -> None:
    clock = ManualClock()
    pace = ReadPace(clock)
    waits = [pace.take() for _ in range(AT_ONCE + 2)]
    assert waits == pytest.approx([0] * AT_ONCE + [1 / A_SECOND, 2 / A_SECOND])
    await clock.advance(10)
    assert pace.take() == 0

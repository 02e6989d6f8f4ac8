"""A worker collects all its garbage when no order is due, and otherwise only where there is too much.

An API process is never quiet: it looks at what is new, and sets the rest aside.
"""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest

from adapters.process.garbage_collection import (
    AGAIN,
    ENOUGH,
    TOO_MANY,
    collect_in_parts,
    collect_when_quiet,
    is_due,
)


@pytest.fixture
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


class Knot:
    """Garbage that only the collector finds."""

    alive = 0

    def __init__(self) -> None:
        self.itself = self
        Knot.alive += 1

    def __del__(self) -> None:
        Knot.alive -= 1


def age(collections: int) -> None:
    """Let the middle generation be collected so often."""
    for _ in range(collections):
        gc.collect(1)


@pytest.mark.parametrize(
    ("aged", "quiet", "due"),
    [
        (ENOUGH - 1, True, False),
        (ENOUGH, True, True),
        (ENOUGH, False, False),
        (TOO_MANY - 1, False, False),
        (TOO_MANY, False, True),
    ],
)
def test_full_collection_is_due_in_quiet_or_when_too_much_has_aged(aged: int, quiet: bool, due: bool) -> None:
    assert is_due(aged, lambda: quiet) is due


async def test_what_has_aged_is_collected_in_the_next_quiet_moment(thawed: None) -> None:
    quiet, before = asyncio.Event(), gc.get_threshold()
    collecting = asyncio.create_task(collect_when_quiet(quiet.is_set, 0.001))
    await asyncio.sleep(0.01)
    knot = Knot()
    age(2)
    del knot  # of the oldest generation now
    age(ENOUGH)
    await asyncio.sleep(0.05)
    assert Knot.alive == 1
    quiet.set()
    while Knot.alive:  # noqa: ASYNC110 - the collector tells nobody
        await asyncio.sleep(0.001)
    collecting.cancel()
    await asyncio.gather(collecting, return_exceptions=True)
    assert gc.get_threshold() == before


@asynccontextmanager
async def collecting_in_parts(again: float = AGAIN) -> AsyncIterator[None]:
    """Have each collection count as a long one; whatever lives is set aside when the context begins.

    `again`: as it is, a look at all of a suite's own heap would be due after minutes.
    """
    before = gc.get_threshold()
    collecting = asyncio.create_task(collect_in_parts(0.001, few=1, long=0, again=again))
    await asyncio.sleep(0)
    yield
    collecting.cancel()
    await asyncio.gather(collecting, return_exceptions=True)
    assert gc.get_threshold() == before


async def grown_old(holds: Callable[[], bool]) -> None:
    """Age what there is until something holds; the collector tells nobody."""
    while not holds():
        age(1)
        await asyncio.sleep(0.001)


async def test_what_lives_long_is_set_aside_where_collecting_takes_long(thawed: None) -> None:
    async with collecting_in_parts():
        frozen, living = gc.get_freeze_count(), [[number] for number in range(1000)]
        await grown_old(lambda: gc.get_freeze_count() >= frozen + len(living))


async def test_garbage_among_what_was_set_aside_is_found_in_the_end(thawed: None) -> None:
    async with collecting_in_parts(again=0.01):
        frozen, knot, some = gc.get_freeze_count(), Knot(), [[number] for number in range(1000)]
        await grown_old(lambda: gc.get_freeze_count() >= frozen + len(some))
        del knot
        gc.collect()
        assert Knot.alive == 1
        await grown_old(lambda: not Knot.alive)

"""What every clock promises: the host's, and those that tests move."""

import asyncio
from datetime import UTC, timedelta

import pytest

from adapters.process.clock import SystemClock
from domain.ports import Clock
from tests.fakes.clock import ElasticClock
from tests.fakes.edge import SetClock
from tests.fakes.manual_clock import ManualClock
from tests.moved_time import MovedTime

SHORT = timedelta(milliseconds=30)


async def nothing(ahead: timedelta) -> None:
    """Keep a moved time to itself."""


def moved() -> MovedTime:
    return MovedTime(nothing)


@pytest.fixture(params=[SystemClock, ManualClock, ElasticClock, SetClock, moved])
def clock(request: pytest.FixtureRequest) -> Clock:
    made: Clock = request.param()
    return made


async def pass_on(clock: Clock, sleep: asyncio.Task[None]) -> None:
    """Let time go by until the sleeper wakes: a clock that stands needs a push."""
    while not sleep.done():
        if isinstance(clock, ManualClock):
            await clock.advance(0.01)
        await asyncio.sleep(0.001)
    await sleep


def test_now_is_aware_and_utc(clock: Clock) -> None:
    assert clock.now().tzinfo is UTC


async def test_a_sleeper_wakes_at_its_instant_and_not_before(clock: Clock) -> None:
    instant = clock.now() + SHORT
    await pass_on(clock, asyncio.ensure_future(clock.sleep_until(instant)))
    assert clock.now() >= instant


async def test_an_instant_that_has_passed_is_not_waited_for(clock: Clock) -> None:
    async with asyncio.timeout(10):
        await clock.sleep_until(clock.now() - timedelta(days=1))


async def test_a_sleep_takes_its_seconds_by_the_clock_of_deadlines(clock: Clock) -> None:
    before = clock.monotonic()
    await pass_on(clock, asyncio.ensure_future(clock.sleep(SHORT.total_seconds())))
    assert clock.monotonic() - before >= SHORT.total_seconds() * 0.99


async def test_the_clock_of_deadlines_never_goes_back(clock: Clock) -> None:
    seen = [clock.monotonic()]
    for seconds in (0.0, 0.002, 0.0):
        await pass_on(clock, asyncio.ensure_future(clock.sleep(seconds)))
        seen.append(clock.monotonic())
    assert seen == sorted(seen)

"""A run that goes on beside a sold position is told of it until it has ended, whatever sold the shares."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import pytest

from domain.strategy import Phase, Position
from domain.watched_strategy import WatchedStrategy
from listener.sold_positions import AT_ONCE, GRACE, SoldPositions
from tests.fakes.feed import MemorySignals
from tests.fakes.manual_clock import ManualClock
from tests.fakes.watch_list import watched


class Teller:
    """Sold positions on a clock that the test moves; `owed` have a STOPLOSS signal on its way."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.signals = MemorySignals(self.clock)
        self.owed: set[UUID] = set()
        self.sold = SoldPositions(self.signals, self.owed.__contains__, self.clock)

    def told(self, one: WatchedStrategy) -> int:
        return sum(strategy_id == one.strategy_id for strategy_id, _ in self.signals.told_sold)


@pytest.fixture
async def teller() -> AsyncIterator[Teller]:
    teller = Teller()
    running = asyncio.create_task(teller.sold.run())
    yield teller
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def sold(phase: Phase = Phase.HOLDING) -> WatchedStrategy:
    return watched(position=Position.SOLD, phase=phase)


@pytest.mark.parametrize("phase", [Phase.ENTERING, Phase.HOLDING])
async def test_a_run_is_told_within_two_seconds_and_again_until_it_has_ended(
    teller: Teller, phase: Phase
) -> None:
    one = sold(phase)
    teller.sold.note(one)
    await teller.clock.advance(GRACE / 2)
    assert teller.told(one) == 0, "most runs end by themselves"
    await teller.clock.advance(1)
    assert teller.told(one) == 1
    await teller.clock.advance(20)
    assert teller.told(one) >= 4
    so_far = teller.told(one)
    teller.sold.forget(one.strategy_id)
    await teller.clock.advance(60)
    assert teller.told(one) == so_far


@pytest.mark.parametrize(
    ("position", "phase"),
    [
        (Position.BOUGHT, Phase.HOLDING),
        (Position.NONE, Phase.WAITING),
        (Position.SOLD, Phase.EXITING),
        (Position.SOLD, Phase.DONE),
    ],
)
async def test_a_run_that_holds_or_is_ending_is_not_told(
    teller: Teller, position: Position, phase: Phase
) -> None:
    one = watched(position=position, phase=phase)
    teller.sold.note(one)
    teller.sold.note(sold())
    teller.sold.note(one)
    await teller.clock.advance(30)
    assert teller.told(one) == 0


async def test_its_stop_loss_comes_first_where_that_is_still_to_arrive(teller: Teller) -> None:
    one = sold()
    teller.owed.add(one.strategy_id)
    teller.sold.note(one)
    await teller.clock.advance(5)
    assert teller.told(one) == 0
    teller.owed.clear()
    await teller.clock.advance(0.5)
    assert teller.told(one) == 1


async def test_a_run_is_told_when_temporal_is_back(teller: Teller) -> None:
    teller.signals.away = True
    one = sold()
    teller.sold.note(one)
    await teller.clock.advance(10)
    assert teller.told(one) == 0
    teller.signals.away = False
    await teller.clock.advance(2)
    assert teller.told(one)


async def test_the_next_run_of_a_strategy_is_another_one(teller: Teller) -> None:
    one = sold()
    teller.sold.note(one)
    await teller.clock.advance(5)
    before = teller.told(one)
    teller.sold.note(replace(one, run_id="the next"))
    await teller.clock.advance(GRACE / 2)
    assert teller.told(one) == before


async def test_a_thousand_that_are_sold_at_once_are_told_a_few_at_a_time(teller: Teller) -> None:
    many = [sold() for _ in range(1000)]
    for one in many:
        teller.sold.note(one)
    await teller.clock.advance(GRACE + 0.25)
    assert 0 < len(teller.signals.told_sold) <= 2 * AT_ONCE

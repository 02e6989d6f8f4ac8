"""Where a stop stands now is in Redis, for scripts."""

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

import pytest

from domain.terms import Distance, Terms, Trail, Unit
from domain.watched_strategy import WatchedStrategy
from tests.fakes.watch_list import watched
from tests.listener_in_memory import TCS, House

TWENTY = Distance(Decimal(20), Unit.POINTS)
TRAIL = Terms(trail=Trail(by=TWENTY))


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    house.quotes.prices[TCS] = Decimal(3640)  # what REST says beside the ticks hits no stop
    yield house
    await house.end()


def bought(terms: Terms, stop_loss: Decimal | None = Decimal(3500)) -> WatchedStrategy:
    """Return a strategy that was bought at 3600."""
    return replace(watched(), terms=terms, stop_loss=stop_loss, entry=Decimal(3600), tick=Decimal("0.05"))


async def test_stop_that_follows_the_price_is_shown_where_it_stands(house: House) -> None:
    trailing, fixed = bought(TRAIL), watched()
    await house.start(trailing, fixed)
    await house.tick("3640")
    await house.clock.advance(1)
    assert house.cache.stops == {trailing.strategy_id: Decimal(3620)}
    await house.tick("3650", "3640")
    await house.clock.advance(1)
    assert house.cache.stops == {trailing.strategy_id: Decimal(3630)}


async def test_stop_measured_from_the_fill_is_shown_before_any_price_moves_it(house: House) -> None:
    one = bought(Terms(stop=TWENTY), stop_loss=None)
    await house.start(one)
    await house.clock.advance(1)
    assert house.cache.stops == {one.strategy_id: Decimal(3580)}


async def test_stop_is_shown_again_after_redis_was_emptied_or_away(house: House) -> None:
    one = bought(TRAIL)
    await house.start(one)
    await house.tick("3640")
    await house.clock.advance(1)
    house.cache.stops.clear()
    await house.clock.advance(16)
    assert house.cache.stops == {one.strategy_id: Decimal(3620)}
    house.cache.away = True
    house.quotes.prices[TCS] = Decimal(3700)
    await house.tick("3700")
    await house.clock.advance(1)
    house.cache.away = False
    await house.clock.advance(1)
    assert house.cache.stops == {one.strategy_id: Decimal(3680)}

"""The minutes of a chart: what the listener keeps of each, and what happens while it cannot."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from domain.strategy import Phase, Position
from tests.fakes.watch_list import watched
from tests.listener_in_memory import TCS, House

MINUTE = 60


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    yield house
    await house.end()


async def test_each_minute_keeps_the_price_and_the_stop_of_what_is_watched(house: House) -> None:
    held = watched(stop_loss="3500")
    waiting = watched(position=Position.NONE, phase=Phase.WAITING)
    await house.start(held, waiting)
    await house.clock.advance(MINUTE)
    house.quotes.prices[TCS] = Decimal(3610)
    await house.tick("3610")
    await house.clock.advance(MINUTE)
    assert [one.price for one in house.minutes.kept[held.strategy_id]] == [Decimal(3600), Decimal(3610)]
    assert {one.stop for one in house.minutes.kept[held.strategy_id]} == {Decimal(3500)}
    assert {one.stop for one in house.minutes.kept[waiting.strategy_id]} == {None}
    assert all(one.at.second == one.at.microsecond == 0 for one in house.minutes.kept[held.strategy_id])


async def test_without_redis_the_chart_has_a_gap_and_the_stop_is_watched(house: House) -> None:
    held = watched(stop_loss="3500")
    await house.start(held)
    house.minutes.away = True
    await house.clock.advance(MINUTE)
    assert house.minutes.kept == {}
    house.minutes.away = False
    await house.clock.advance(MINUTE)
    assert len(house.minutes.kept[held.strategy_id]) == 1
    house.quotes.prices[TCS] = Decimal(3499)
    await house.tick("3499")
    assert house.stopped() == [held]

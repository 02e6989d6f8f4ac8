"""The prices a listener says for the limits of accounts: which, how old, and what happens without them."""

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal

import pytest

from domain.strategy import Phase, Position
from domain.watched_strategy import WatchedStrategy
from tests.fakes.watch_list import watched
from tests.listener_in_memory import TCS, House


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    yield house
    await house.end()


async def judged(house: House, one: WatchedStrategy) -> WatchedStrategy:
    """Start it, in an account that has a limit on its day."""
    house.stops.wanted.add(one.strategy_id)
    await house.start(one)
    return one


def said(house: House, one: WatchedStrategy) -> tuple[Decimal, timedelta]:
    price, seen_at = house.stops.prices[one.strategy_id]
    return price, house.clock.now() - seen_at


async def test_price_of_a_live_feed_is_said_each_second_as_of_now(house: House) -> None:
    one = await judged(house, watched(stop_loss="3000"))
    house.quotes.prices[TCS] = Decimal(3590)
    await house.tick("3590")
    await house.clock.advance(30)  # a quiet share has an old price that is true
    price, age = said(house, one)
    assert price == 3590
    assert age <= timedelta(seconds=1)


async def test_answer_of_rest_from_before_a_gap_is_no_price_of_now(house: House) -> None:
    one = await judged(house, watched(stop_loss="3000"))
    await house.clock.advance(25)  # asked for, since the share is quiet
    assert said(house, one)[1] <= timedelta(seconds=1)
    house.quotes.prices.pop(TCS)
    house.feed.lose()
    await house.clock.advance(0.5)
    house.feed.reconnect()
    await house.clock.advance(12)
    assert said(house, one)[1] > timedelta(seconds=5)


async def test_nothing_is_said_of_accounts_without_a_limit(house: House) -> None:
    await house.start(watched(stop_loss="3000"))
    await house.clock.advance(5)
    assert house.stops.prices == {}


async def test_price_grows_old_while_neither_feed_nor_rest_brings_one(house: House) -> None:
    one = await judged(house, watched(stop_loss="3000"))
    await house.tick("3590")
    await house.clock.advance(2)
    house.quotes.prices.pop(TCS)
    house.feed.lose()
    await house.clock.advance(20)
    assert said(house, one)[1] > timedelta(seconds=10)


async def test_price_of_rest_is_as_old_as_its_answer(house: House) -> None:
    one = await judged(house, watched(stop_loss="3000"))
    house.feed.lose()
    await house.clock.advance(8)
    price, age = said(house, one)
    assert price == 3600
    assert age <= timedelta(seconds=3)


async def test_shares_that_are_being_sold_are_still_priced(house: House) -> None:
    one = await judged(house, watched(stop_loss="3000", phase=Phase.EXITING))
    house.quotes.prices[TCS] = Decimal(3580)
    await house.tick("3580")
    await house.clock.advance(2)
    assert said(house, one)[0] == 3580


async def test_what_holds_nothing_asks_nothing_of_postgres(house: House) -> None:
    house.stops.away = True
    await judged(house, watched(position=Position.NONE, phase=Phase.WAITING))
    await house.clock.advance(5)
    assert house.stops.prices == {}


async def test_stops_fire_on_while_prices_cannot_be_written(house: House) -> None:
    one = await judged(house, watched(stop_loss="3500"))
    house.stops.away = True
    await house.clock.advance(3)
    await house.tick("3400")
    assert house.stopped() == [one]
    house.stops.away = False
    await house.clock.advance(2)
    assert said(house, one)[0] == 3400

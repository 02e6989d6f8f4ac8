"""What a listener that was away learns of the peaks that it missed, from the broker's minutes."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from domain.market_data import Minute
from domain.terms import Distance, Terms, Trail, Unit
from domain.watched_strategy import WatchedStrategy
from tests.fakes.watch_list import watched
from tests.listener_in_memory import TCS, House

TRAIL = Terms(trail=Trail(by=Distance(Decimal(20), Unit.POINTS)))


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    yield house
    await house.end()


def ago(house: House, minutes: float) -> datetime:
    """Return the beginning of a minute so long ago."""
    return (house.clock.now() - timedelta(minutes=minutes)).replace(second=0, microsecond=0)


def trailing(house: House, since_minutes: float | None, peak: str | None = "3610") -> WatchedStrategy:
    """Return a strategy that trails a peak which was last written so long ago."""
    since = None if since_minutes is None else ago(house, since_minutes) + timedelta(seconds=20)
    known = None if peak is None else Decimal(peak)
    held = replace(watched(stop_loss="3000"), terms=TRAIL, entry=Decimal(3600), tick=Decimal("0.05"))
    return replace(held, peak=known, peak_since=since)


async def started(house: House, one: WatchedStrategy) -> None:
    await house.start(one)
    await house.clock.advance(3)


async def test_a_high_of_a_minute_that_was_missed_is_the_peak(house: House) -> None:
    house.quotes.minutes = [
        Minute(ago(house, 4), Decimal(3650)),
        Minute(ago(house, 3), Decimal(3680)),
        Minute(ago(house, 2), Decimal(3640)),
    ]
    one = trailing(house, 5)
    await started(house, one)
    assert house.stops.peaks[one.strategy_id] == 3680
    await house.tick("3659")
    assert house.stopped() == [one], "3680 less 20, and it is below that"


async def test_the_minute_in_which_it_was_bought_and_the_one_under_way_do_not_count(house: House) -> None:
    house.quotes.minutes = [Minute(ago(house, 5), Decimal(3700)), Minute(ago(house, 0), Decimal(3690))]
    one = trailing(house, 5)
    await started(house, one)
    await house.tick("3600")
    assert house.stopped() == []


async def test_a_lower_high_changes_nothing(house: House) -> None:
    house.quotes.minutes = [Minute(ago(house, 3), Decimal(3605))]
    one = trailing(house, 5)
    await started(house, one)
    await house.tick("3591")
    assert house.stopped() == []
    await house.tick("3590")
    assert house.stopped() == [one]


@pytest.mark.parametrize("since", [None, 0.5])
async def test_what_was_watched_a_moment_ago_is_not_asked_for(house: House, since: float | None) -> None:
    await started(house, trailing(house, since))
    assert house.quotes.minutes_asked == []


async def test_a_stop_that_follows_no_peak_asks_for_none(house: House) -> None:
    one = replace(watched(stop_loss="3000"), peak_since=ago(house, 10))
    await started(house, one)
    assert house.quotes.minutes_asked == []


async def test_a_broker_that_does_not_answer_is_asked_again_and_given_up(house: House) -> None:
    one = trailing(house, 5)
    await house.start(one)
    house.quotes.away = True
    await house.clock.advance(20)
    asked = len(house.quotes.minutes_asked)
    assert 1 < asked <= 6
    house.quotes.away = False
    await house.tick("3590")
    assert house.stopped() == [one], "the stop that stands is watched all the same"


async def test_what_a_lost_feed_missed_is_looked_up_once_it_is_back(house: House) -> None:
    one = trailing(house, None)
    await started(house, one)
    house.feed.lose()
    lost = house.clock.now()
    await house.clock.advance(200)
    first = (lost + timedelta(minutes=1)).replace(second=0, microsecond=0)
    house.quotes.minutes = [Minute(first, Decimal(3680))]
    house.feed.reconnect()
    await house.clock.advance(3)
    assert house.stops.peaks[one.strategy_id] == 3680


async def test_one_question_serves_all_that_trail_a_symbol(house: House) -> None:
    house.quotes.minutes = [Minute(ago(house, 3), Decimal(3680))]
    for _ in range(3):
        await house.start(trailing(house, 5))
    await house.clock.advance(3)
    assert len(house.stops.peaks) == 3
    assert {token for token, _, _ in house.quotes.minutes_asked} == {house.instruments.token(TCS)}

"""A listener whose feed is down, silent or has a gap: it asks for prices, and alarms where there are none."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from domain.strategy import Phase, Position
from tests.fakes.watch_list import watched
from tests.listener_in_memory import TCS, House


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    yield house
    await house.end()


async def test_prices_are_asked_for_every_second_while_the_feed_is_down(house: House) -> None:
    one = watched(stop_loss="3500")
    await house.start(one)
    await house.tick("3600")
    house.feed.lose()
    await house.clock.advance(10)
    assert house.stopped() == []
    assert len(house.quotes.asked) >= 10
    house.quotes.prices[TCS] = Decimal(3499)
    await house.clock.advance(2)
    assert house.stopped() == [one]


async def test_lasting_loss_of_the_feed_is_alerted_once(house: House) -> None:
    await house.start(watched(), watched())
    house.feed.lose()
    await house.clock.advance(60)
    assert [alarm.kind for alarm in house.alerts.raised] == ["feed_lost"]
    assert "2 position(s)" in house.alerts.raised[0].text
    assert house.alerts.raised[0].user_id is None  # of two users: nobody's in particular
    house.feed.reconnect()
    await house.clock.advance(5)
    house.feed.lose()
    await house.clock.advance(10)
    assert len(house.alerts.raised) == 2


async def unwatched_at(house: House, seconds: int) -> list[str]:
    """Return the texts of the alarms that stops are not watched, after so many seconds."""
    await house.clock.advance(seconds)
    return [alarm.text for alarm in house.alerts.raised if alarm.kind == "stop_unwatched"]


async def test_a_stop_without_a_price_for_ten_seconds_is_alarmed_once_and_again_when_it_breaks_again(
    house: House,
) -> None:
    one, other = watched(stop_loss="3500"), watched("INFY", "3500")
    house.quotes.prices["NSE:INFY"] = Decimal(3600)
    await house.start(one, other)
    await house.tick("3600")
    house.feed.lose()
    assert await unwatched_at(house, 30) == [], "REST has prices"
    del house.quotes.prices[TCS]  # its row is null, or missing: absent either way
    assert await unwatched_at(house, 8) == []
    [text] = await unwatched_at(house, 4)
    assert "NSE:TCS" in text
    assert "INFY" not in text
    assert "no readable price" in text
    [alarm] = [alarm for alarm in house.alerts.raised if alarm.kind == "stop_unwatched"]
    assert (alarm.user_id, alarm.strategy_id) == (one.user_id, one.strategy_id)
    assert len(await unwatched_at(house, 60)) == 1
    house.quotes.prices[TCS] = Decimal(3600)
    await house.clock.advance(3)
    del house.quotes.prices[TCS]
    assert len(await unwatched_at(house, 8)) == 1
    assert len(await unwatched_at(house, 4)) == 2
    house.feed.reconnect()
    await house.tick("3600")
    await house.clock.advance(1)
    house.feed.lose()
    assert len(await unwatched_at(house, 8)) == 2
    assert len(await unwatched_at(house, 4)) == 3, "a feed that came back had mended it"


async def test_a_silent_feed_that_reconnects_again_and_again_watches_nothing(house: House) -> None:
    """Each new connection counts as alive until it has been silent for 5 s."""
    await house.start(watched(stop_loss="3500"))
    house.quotes.away = True
    for _ in range(3):
        house.feed.lose()
        house.feed.reconnect()
        await house.clock.advance(5)
    assert len(await unwatched_at(house, 0)) == 1
    assert len(await unwatched_at(house, 60)) == 1


async def test_stops_are_alarmed_together_when_every_question_fails_with_the_reason(house: House) -> None:
    many = [watched(f"S{number}", "3500") for number in range(12)]
    house.quotes.prices = {one.instrument: Decimal(3600) for one in many}
    await house.start(*many)
    house.quotes.away = True
    house.feed.lose()
    [text] = await unwatched_at(house, 12)
    assert "the broker did not answer" in text
    assert "12 STOP(S) ARE NOT WATCHED" in text
    assert "and 2 more" in text
    assert len(await unwatched_at(house, 60)) == 1


async def test_nobody_is_alarmed_of_a_stop_that_does_not_wait(house: House) -> None:
    waiting = watched(position=Position.NONE, phase=Phase.WAITING)
    await house.start(waiting)
    house.quotes.away = True
    house.feed.lose()
    assert await unwatched_at(house, 60) == []


async def test_a_quiet_share_is_no_unwatched_stop(house: House) -> None:
    await house.start(watched(stop_loss="3500"))
    await house.tick("3600")
    house.quotes.away = True
    assert await unwatched_at(house, 60) == [], "its connection is alive"


async def test_a_share_without_circuit_limits_is_not_watched_though_the_feed_delivers(house: House) -> None:
    """REST states the limits, once at the beginning: until then no price of the feed may act."""
    one = watched(stop_loss="3500")
    house.quotes.away = True
    await house.start(one)
    for _ in range(9):
        await house.tick("3400")
        assert await unwatched_at(house, 1) == []
    await house.tick("3400")
    [text] = await unwatched_at(house, 4)
    assert house.stopped() == []
    assert "NSE:TCS" in text
    assert "no circuit limits are known" in text
    assert "the broker did not answer" in text
    assert "1 STOP(S) ARE NOT WATCHED" in text
    house.quotes.away = False
    house.quotes.prices[TCS] = Decimal(3400)
    await house.clock.advance(2)
    assert house.stopped() == [one]


async def test_price_that_fell_in_a_gap_is_asked_for_after_it(house: House) -> None:
    one = watched(stop_loss="3500")
    await house.start(one)
    await house.tick("3600")
    await house.clock.advance(1)
    house.feed.connected = False
    house.quotes.prices[TCS] = Decimal(3400)
    house.feed.reconnect()  # no tick follows: nothing trades any more
    await house.clock.advance(1)
    assert house.stopped() == [one]


async def test_held_share_without_ticks_is_asked_for_though_the_connection_is_alive(house: House) -> None:
    one = watched(stop_loss="3500")
    await house.start(one)
    house.quotes.prices[TCS] = Decimal(3400)
    await house.clock.advance(12)
    assert house.stopped() == [one]

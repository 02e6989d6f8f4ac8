"""The listener as a whole: prices in, STOPLOSS out, and what it follows."""

import asyncio
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


async def test_tick_at_the_stop_signals_exactly_the_strategies_it_crosses(house: House) -> None:
    low, high, other = watched(stop_loss="3400"), watched(stop_loss="3500"), watched("INFY", "3500")
    await house.start(low, high, other)
    await house.tick("3500.05")
    assert house.stopped() == []
    await house.tick("3500")
    assert house.stopped() == [high]
    await house.tick("3399.95")
    assert house.stopped() == [high, low]


async def test_stop_crossed_while_nobody_listened_is_hit_at_start(house: House) -> None:
    house.quotes.prices[TCS] = Decimal(3400)
    one = watched(stop_loss="3500")
    await house.start(one)
    assert house.stopped() == [one]


@pytest.mark.parametrize("position", [Position.NONE, Position.SOLD])
async def test_strategy_that_holds_nothing_is_never_signalled(house: House, position: Position) -> None:
    await house.start(watched(position=position, phase=Phase.WAITING))
    await house.tick("3000")
    await house.clock.advance(30)
    assert house.signals.tried == 0


async def test_last_price_is_judged_the_moment_a_position_opens(house: House) -> None:
    one = watched(position=Position.NONE, phase=Phase.ENTERING)
    await house.start(one)
    await house.tick("3490")
    assert house.stopped() == []
    house.watch_list.change(one, position=Position.BOUGHT)
    await house.clock.advance(0.1)
    assert [sent.price for sent in house.signals.sent] == [Decimal(3490)]


async def test_price_is_asked_for_when_a_position_opens_and_none_may_act(house: House) -> None:
    one = watched(position=Position.NONE, phase=Phase.ENTERING)
    await house.start(one)
    await house.clock.advance(20)  # the price from REST is too old to act by now
    house.quotes.prices[TCS] = Decimal(3490)
    house.watch_list.change(one, position=Position.BOUGHT)
    await house.clock.advance(1)
    assert [sent.price for sent in house.signals.sent] == [Decimal(3490)]


@pytest.mark.parametrize("garbage", ["0.05", "2799.95"])
async def test_garbage_tick_sells_nothing_when_rest_knows_better(house: House, garbage: str) -> None:
    await house.start(watched(stop_loss="3500"))
    house.quotes.asked.clear()
    for _ in range(50):
        await house.tick(garbage)
    assert house.signals.tried == 0
    assert 4 <= len(house.quotes.asked) <= 6  # one question a second, not one a tick


async def test_price_outside_the_old_limits_sells_when_rest_says_the_same(house: House) -> None:
    one = watched(stop_loss="3500")
    await house.start(one)
    house.quotes.prices[TCS] = Decimal(2700)
    await house.tick("2700")
    await house.clock.advance(1)
    assert house.stopped() == [one]


async def test_one_unreadable_line_of_the_list_keeps_no_other_instrument_from_its_ticks(house: House) -> None:
    odd, one = watched("ODD", "3500"), watched(stop_loss="3500")
    house.instruments.unreadable = {"ODD"}
    house.quotes.prices["NSE:ODD"] = Decimal(3600)
    await house.start(odd, one)
    await house.listener.until_ready()
    await house.tick("3490")
    assert house.stopped() == [one]
    house.quotes.prices["NSE:ODD"] = Decimal(3490)
    await house.clock.advance(2)
    assert set(house.stopped()) == {one, odd}


async def test_ended_strategy_is_unsubscribed_and_never_signalled(house: House) -> None:
    one, other = watched(stop_loss="3500"), watched("INFY", "3500")
    await house.start(one, other)
    house.watch_list.end(one)
    await house.clock.advance(0.1)
    assert house.feed.tokens == {house.instruments.token("NSE:INFY")}
    await house.tick("3000")
    assert house.signals.tried == 0


async def test_instruments_are_subscribed_when_their_list_can_be_had_again(house: House) -> None:
    house.instruments.away = True
    one = watched(stop_loss="3500")
    await house.start(one)
    await house.clock.advance(3)
    house.instruments.away = False
    await house.clock.advance(1)
    await house.tick("3490")
    assert house.stopped() == [one]


async def test_unlisted_symbol_is_still_judged_by_prices_asked_for(house: House) -> None:
    one = watched("DELISTED", "3500")
    await house.start(one)
    house.quotes.prices["NSE:DELISTED"] = Decimal(3400)
    await house.clock.advance(2)
    assert house.stopped() == [one]


async def test_last_prices_reach_the_cache_once_a_second_and_never_stop_anything(house: House) -> None:
    one, waiting = watched(stop_loss="3500"), watched(position=Position.NONE, phase=Phase.WAITING)
    await house.start(one, waiting)
    for price in range(3600, 3620):
        house.feed.tick(house.instruments.token(TCS), str(price))
        await house.clock.settle()
    house.quotes.prices[TCS] = Decimal(3619)  # whoever asks over REST meanwhile hears the same
    await house.clock.advance(1)
    assert house.cache.prices == {one.strategy_id: Decimal(3619), waiting.strategy_id: Decimal(3619)}
    assert house.cache.writes <= 2

    house.cache.away = True
    await house.tick("3620")
    await house.clock.advance(30)
    assert [alarm.kind for alarm in house.alerts.raised] == ["redis_down"]
    house.quotes.prices[TCS] = Decimal(3499)
    await house.tick("3499")
    assert house.stopped() == [one]
    house.cache.away = False
    await house.clock.advance(1)
    assert house.cache.prices[one.strategy_id] == Decimal(3499)


async def test_listener_is_ready_when_everything_was_read_and_each_feed_has_tried(house: House) -> None:
    house.watch_list.away = True
    await house.start(watched())
    ready = asyncio.create_task(house.listener.until_ready())
    await house.clock.advance(3)
    assert not ready.done()
    house.watch_list.away = False
    await house.clock.advance(3)
    assert ready.done()


async def test_stop_between_two_prices_that_came_together_is_hit(house: House) -> None:
    high, low = watched(stop_loss="3500"), watched(stop_loss="3450")
    await house.start(high, low)
    await house.tick("3600", "3499", "3480", "3610")
    assert house.stopped() == [high]
    await house.clock.advance(0.5)
    assert house.cache.prices[high.strategy_id] == Decimal(3610)


async def test_thousands_of_instruments_are_followed_and_each_is_judged(house: House) -> None:
    many = [watched(f"S{number}", "3500") for number in range(3_000)]
    house.quotes.prices = {one.instrument: Decimal(3600) for one in many}
    await house.start(*many)
    await house.clock.advance(8)  # 500 limits a second
    last = many[-1]
    await house.tick("3499", name=last.instrument)
    assert house.stopped() == [last]

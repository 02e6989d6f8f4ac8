"""How a stop that was hit reaches its run: by the queue and by a signal, whatever is away."""

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


async def test_signalling_ends_when_the_run_has_taken_the_stop(house: House) -> None:
    one = watched(stop_loss="3500")
    await house.start(one)
    house.signals.away = True
    await house.tick("3400")
    await house.clock.advance(3)
    house.watch_list.change(one, phase=Phase.EXITING)
    house.signals.away = False
    await house.clock.advance(60)
    assert house.signals.sent == []


async def test_hit_stop_is_signalled_though_temporal_was_away_and_the_price_recovered(house: House) -> None:
    one = watched(stop_loss="3500")
    await house.start(one)
    house.signals.away = True
    await house.tick("3400")
    await house.tick("3600")
    await house.clock.advance(20)
    house.signals.away = False
    await house.clock.advance(2)
    assert house.stopped() == [one]


async def test_run_that_is_gone_is_left_alone_until_there_is_another(house: House) -> None:
    one = watched(stop_loss="3500")
    house.signals.ended.add(one.run_id)
    house.quotes.prices[TCS] = Decimal(3400)
    await house.start(one)
    await house.clock.advance(60)
    assert house.signals.tried == 1
    house.watch_list.change(one, run_id="adopted")
    await house.clock.advance(1)
    assert [sent.run_id for sent in house.signals.sent] == ["adopted"]


async def test_stops_of_one_price_reach_the_queue_together_the_most_endangered_first(house: House) -> None:
    stops = ["3500", "3600", "3550", "3300"]
    many = {stop: watched(stop_loss=stop) for stop in stops}
    house.quotes.prices[TCS] = Decimal(3700)
    await house.start(*many.values())
    await house.tick("3495")
    assert house.fast.put_together == [[many[stop].strategy_id for stop in ("3600", "3550", "3500")]]


async def test_event_is_put_once_while_the_stop_stays_crossed(house: House) -> None:
    one = watched(stop_loss="3500")
    await house.start(one)
    for _ in range(50):
        await house.tick("3400")
        await house.clock.advance(0.1)
    assert len(house.fast.times(one.strategy_id)) == 1


async def test_run_is_signalled_though_the_fast_path_has_sold_before_it(house: House) -> None:
    many = [watched(stop_loss="3500") for _ in range(100)]
    await house.start(*many)
    await house.tick("3400")
    assert house.signals.tried == 0
    for one in many:
        house.watch_list.change(one, position=Position.SOLD)
    await house.clock.advance(3)
    assert {sent.strategy_id for sent in house.signals.sent} == {one.strategy_id for one in many}


async def test_run_is_signalled_though_the_shares_were_sold_before_it_said_that_it_holds(
    house: House,
) -> None:
    one = watched(stop_loss="3500", phase=Phase.ENTERING)
    await house.start(one, *(watched(stop_loss="3500") for _ in range(10)))
    await house.tick("3400")
    assert house.signals.tried == 0, "the queue has its event, and the signal has time"
    house.watch_list.change(one, position=Position.SOLD)
    await house.clock.advance(3)
    assert one.strategy_id in {sent.strategy_id for sent in house.signals.sent}


async def test_nothing_is_left_to_the_queue_alone_when_it_is_away(house: House) -> None:
    house.fast.away = True
    many = [watched(stop_loss="3500") for _ in range(100)]
    await house.start(*many)
    await house.tick("3400")
    assert {sent.strategy_id for sent in house.signals.sent} == {one.strategy_id for one in many}


async def test_next_run_of_a_strategy_whose_stop_was_hit_is_told_at_once(house: House) -> None:
    one = watched(stop_loss="3500")
    await house.start(one)
    await house.tick("3400")
    house.watch_list.change(one, run_id="the next")
    await house.clock.advance(0.1)
    assert [sent.run_id for sent in house.signals.sent] == [one.run_id, "the next"]

"""Whose feed a listener reads: the operator's for all, or each user's own, with the orders that it names."""

from collections.abc import AsyncIterator

import pytest

from tests.fakes.watch_list import watched
from tests.listener_in_memory import House


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    yield house
    await house.end()


@pytest.fixture
async def own_house() -> AsyncIterator[House]:
    house = House(own_accounts=True)
    yield house
    await house.end()


async def test_operators_account_serves_every_user(house: House) -> None:
    one, other = watched(stop_loss="3500"), watched(stop_loss="3500")
    await house.start(one, other)
    await house.tick("3500")
    assert {sent.strategy_id for sent in house.signals.sent} == {one.strategy_id, other.strategy_id}
    assert list(house.feeds) == ["feed"]


async def test_users_own_account_serves_nobody_else(own_house: House) -> None:
    mine, yours = watched(stop_loss="3500"), watched(stop_loss="3500")
    await own_house.start(mine, yours)
    assert set(own_house.feeds) == {str(mine.user_id), str(yours.user_id)}
    await own_house.tick("3500", feed=own_house.feeds[str(mine.user_id)])
    await own_house.clock.advance(3)
    assert own_house.stopped() == [mine]


async def test_users_feed_is_closed_with_the_last_strategy_and_opened_with_the_next(own_house: House) -> None:
    one = watched(stop_loss="3500")
    await own_house.start(one)
    own_house.watch_list.end(one)
    await own_house.clock.advance(0.1)
    again = own_house.watch_list.put(watched(stop_loss="3500", user_id=one.user_id))
    await own_house.clock.advance(0.1)
    await own_house.tick("3500", feed=own_house.feeds[str(one.user_id)])
    assert own_house.stopped() == [again]


async def test_an_order_of_the_users_own_has_their_account_read(own_house: House) -> None:
    mine, yours = watched(), watched()
    await own_house.start(mine, yours)
    feed = own_house.feeds[str(mine.user_id)]
    feed.order("ABCDEFGHIJKLMNOP2345")
    await own_house.clock.advance(1)
    assert own_house.moves.moved_users == [], "an order of this product is followed in the order book"
    for _ in range(3):
        feed.order()
    await own_house.clock.advance(1)
    assert own_house.moves.moved_users == [mine.user_id]


async def test_an_order_that_could_not_be_passed_on_is_passed_on_later(own_house: House) -> None:
    mine = watched()
    await own_house.start(mine)
    own_house.moves.away = True
    own_house.feeds[str(mine.user_id)].order("by hand")
    await own_house.clock.advance(5)
    own_house.moves.away = False
    await own_house.clock.advance(1)
    assert own_house.moves.moved_users == [mine.user_id]


async def test_the_operators_feed_account_hears_of_no_users_orders(house: House) -> None:
    await house.start(watched())
    house.feed.order("by hand")
    await house.clock.advance(1)
    assert house.moves.moved_users == []

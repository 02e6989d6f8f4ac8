"""The listener as a whole: prices in, STOPLOSS out, whatever fails in between."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from domain.strategy import Phase, Position
from domain.watched_strategy import WatchedStrategy
from listener.accounts import Accounts, EachTheirOwn, OneForAll
from listener.service import Listener
from tests.fakes.alerts import MemoryAlerts
from tests.fakes.feed import (
    MemoryFeed,
    MemoryMembers,
    MemoryMinutes,
    MemoryMoves,
    MemoryPriceCache,
    MemoryQuotes,
    MemorySignals,
)
from tests.fakes.held_stops import MemoryHeldStops
from tests.fakes.instruments import EveryInstrument
from tests.fakes.manual_clock import ManualClock
from tests.fakes.stops import MemoryFastStops
from tests.fakes.watch_list import MemoryWatchList, watched

TCS = "NSE:TCS"


class House:
    """A listener with everything around it in memory. TCS trades at 3,600 between 2,800 and 4,200."""

    def __init__(self, own_accounts: bool = False) -> None:
        self.clock = ManualClock()
        self.watch_list = MemoryWatchList()
        self.quotes = MemoryQuotes(self.clock, {TCS: Decimal(3600)})
        self.signals = MemorySignals(self.clock)
        self.fast = MemoryFastStops(self.clock)
        self.instruments = EveryInstrument("DELISTED")
        self.cache = MemoryPriceCache()
        self.minutes = MemoryMinutes()
        self.alerts = MemoryAlerts()
        self.moves = MemoryMoves()
        self.stops = MemoryHeldStops(self.clock)
        accounts: Accounts = OneForAll(self.quotes.account())
        if own_accounts:
            accounts = EachTheirOwn(lambda user_id: self.quotes.account(str(user_id)))
        self.listener = Listener(
            self.watch_list,
            accounts,
            self.instruments,
            self.signals,
            self.fast,
            MemoryMembers(self.clock),
            "the only one",
            self.cache,
            self.minutes,
            self.alerts,
            self.clock,
            self.moves,
            self.stops,
        )

    @property
    def feeds(self) -> dict[str, MemoryFeed]:
        return self.quotes.feeds

    @property
    def feed(self) -> MemoryFeed:
        return self.feeds["feed"]

    async def start(self, *running: WatchedStrategy) -> None:
        for one in running:
            self.watch_list.running[one.strategy_id] = one
        self.task = asyncio.create_task(self.listener.run())
        await self.clock.advance(0.1)

    async def tick(self, *prices: str, name: str = TCS, feed: MemoryFeed | None = None) -> None:
        (feed or self.feed).tick(self.instruments.token(name), *prices)
        await self.clock.advance(0.1)

    def stopped(self) -> list[WatchedStrategy]:
        """Return who was signalled, each once."""
        ids = dict.fromkeys(sent.strategy_id for sent in self.signals.sent)
        return [self.watch_list.running[strategy_id] for strategy_id in ids]

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


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


async def test_thousands_of_instruments_are_followed_and_each_is_judged(house: House) -> None:
    many = [watched(f"S{number}", "3500") for number in range(3_000)]
    house.quotes.prices = {one.instrument: Decimal(3600) for one in many}
    await house.start(*many)
    await house.clock.advance(8)  # 500 limits a second
    last = many[-1]
    await house.tick("3499", name=last.instrument)
    assert house.stopped() == [last]


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

"""Several listeners share the instruments: each is watched by one, and never by none."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from domain.watched_strategy import WatchedStrategy
from listener.accounts import EachTheirOwn, OneForAll
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

SYMBOLS = [f"S{number}" for number in range(24)]


class One:
    """A listener of the hall, with a feed and a way to the broker of its own."""

    def __init__(self, hall: "Hall", name: str, *, blind: bool = False) -> None:
        self.hall = hall
        self.blind = blind
        self.quotes = MemoryQuotes(hall.clock, hall.prices, away=blind, connected=not blind)
        self.cache = MemoryPriceCache()
        self.listener = Listener(
            hall.watch_list,
            EachTheirOwn(lambda user_id: self.quotes.account(str(user_id)))
            if hall.own
            else OneForAll(self.quotes.account()),
            hall.instruments,
            hall.signals,
            hall.fast,
            hall.members,
            name,
            self.cache,
            MemoryMinutes(),
            MemoryAlerts(),
            hall.clock,
            MemoryMoves(),
            hall.stops,
        )
        self.task = asyncio.create_task(self.listener.run())

    @property
    def feeds(self) -> dict[str, MemoryFeed]:
        return self.quotes.feeds

    @property
    def alive(self) -> bool:
        return not self.task.done()

    def watches(self, one: WatchedStrategy) -> bool:
        return one.strategy_id in self.listener._followed and self.alive

    async def die(self) -> None:
        """End as SIGKILL does: without a word to the others."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


class Hall:
    """Any number of listeners around one watch list, one broker and one Postgres."""

    def __init__(self, own: bool = False) -> None:
        self.own = own
        self.clock = ManualClock()
        self.members = MemoryMembers(self.clock)
        self.stops = MemoryHeldStops(self.clock)
        self.held = [watched(symbol, "3500") for symbol in SYMBOLS]
        self.watch_list = MemoryWatchList(*self.held)
        self.prices = {one.instrument: Decimal(3600) for one in self.held}
        self.instruments = EveryInstrument()
        self.signals = MemorySignals(self.clock)
        self.fast = MemoryFastStops(self.clock)
        self.listeners: list[One] = []

    async def join(self, *, blind: bool = False) -> One:
        """Have one more; a blind one gets no price from anywhere."""
        one = One(self, f"{len(self.listeners):04}", blind=blind)
        self.listeners.append(one)
        await self.clock.settle()
        return one

    def watchers(self, one: WatchedStrategy) -> list[One]:
        return [listener for listener in self.listeners if listener.watches(one)]

    def shares(self) -> Counter[int]:
        """Return how many strategies each listener watches, by its number."""
        return Counter(
            number
            for number, listener in enumerate(self.listeners)
            for one in self.held
            if listener.watches(one)
        )

    async def never_unwatched(self, seconds: float) -> None:
        """Let time pass, and make sure at every moment of it that each strategy is watched."""
        for _ in range(int(seconds * 10)):
            assert all(self.watchers(one) for one in self.held)
            await self.clock.advance(0.1)

    async def fall(self, one: WatchedStrategy, price: str = "3400") -> None:
        """The share trades at this price from now on, and whoever is subscribed hears of it."""
        self.prices[one.instrument] = Decimal(price)
        token = self.instruments.token(one.instrument)
        for listener in self.listeners:
            for feed in listener.feeds.values():
                if listener.alive and token in feed.tokens:
                    feed.tick(token, price)
        await self.clock.settle()

    def stopped(self) -> set[str]:
        symbols = {one.strategy_id: one.symbol for one in self.held}
        return {symbols[sent.strategy_id] for sent in self.signals.sent}


@pytest.fixture(params=[False, True], ids=["one feed", "own feeds"])
async def hall(request: pytest.FixtureRequest) -> AsyncIterator[Hall]:
    hall = Hall(own=request.param)
    yield hall
    for listener in hall.listeners:
        await listener.die()


async def test_one_alone_watches_everything(hall: Hall) -> None:
    await hall.join()
    assert hall.shares() == {0: len(SYMBOLS)}


async def test_two_watch_each_their_part_and_nothing_twice(hall: Hall) -> None:
    await hall.join()
    await hall.join()
    await hall.clock.advance(10)
    shares = hall.shares()
    assert shares.total() == len(SYMBOLS)
    assert min(shares[0], shares[1]) >= len(SYMBOLS) // 4


async def test_nothing_is_unwatched_while_listeners_join_and_leave(hall: Hall) -> None:
    await hall.join()
    await hall.clock.advance(5)
    for _ in range(2):
        await hall.join()
        await hall.never_unwatched(10)
    leaving = hall.listeners[0]
    handing_over = asyncio.create_task(leaving.listener.hand_over())
    while not handing_over.done():
        await hall.never_unwatched(0.1)
    await leaving.die()
    await hall.never_unwatched(10)
    assert hall.shares().total() == len(SYMBOLS)


async def test_newcomer_that_has_no_prices_is_not_relied_on(hall: Hall) -> None:
    await hall.join()
    await hall.clock.advance(5)
    await hall.join(blind=True)
    for _ in range(20):
        await hall.clock.advance(1)
        assert hall.shares()[0] == len(SYMBOLS)


async def test_stops_of_a_listener_that_died_are_hit_within_five_seconds(hall: Hall) -> None:
    for _ in range(3):
        await hall.join()
        await hall.clock.advance(10)
    dead = hall.listeners[1]
    theirs = [one for one in hall.held if dead.watches(one)]
    assert theirs
    await dead.die()
    for one in theirs:
        await hall.fall(one)
    await hall.clock.advance(5)
    assert hall.stopped() == {one.symbol for one in theirs}


async def test_stop_is_hit_whenever_it_is_crossed_during_a_handover(hall: Hall) -> None:
    await hall.join()
    await hall.clock.advance(5)
    await hall.join()
    for one in hall.held:
        await hall.fall(one)
        await hall.fall(one, "3600")  # and recovers at once: only who watches now can have seen it
        await hall.clock.advance(0.15)
    await hall.clock.advance(10)
    assert hall.stopped() == set(SYMBOLS)


async def test_everything_is_watched_by_each_while_nobody_knows_who_lives(hall: Hall) -> None:
    await hall.join()
    await hall.join()
    await hall.clock.advance(10)
    hall.members.away = True
    await hall.never_unwatched(3)
    assert hall.shares() == {0: len(SYMBOLS), 1: len(SYMBOLS)}
    hall.members.away = False
    await hall.never_unwatched(10)
    assert hall.shares().total() == len(SYMBOLS)


async def test_listener_that_starts_while_redis_is_away_watches_everything(hall: Hall) -> None:
    hall.members.away = True
    await hall.join()
    assert hall.shares() == {0: len(SYMBOLS)}


async def test_listener_that_leaves_waits_until_the_others_have_prices_of_what_it_watches(hall: Hall) -> None:
    leaving = await hall.join()
    staying = await hall.join()
    await hall.clock.advance(10)
    staying.quotes.away = True
    handing_over = asyncio.create_task(leaving.listener.hand_over())
    await hall.clock.advance(2)
    assert not handing_over.done()
    staying.quotes.away = False
    await hall.never_unwatched(2.9)
    assert handing_over.done()
    await leaving.die()
    for one in hall.held:
        await hall.fall(one)
    await hall.clock.advance(3)
    assert hall.stopped() == set(SYMBOLS)


async def test_listeners_that_all_leave_do_not_wait_for_one_another(hall: Hall) -> None:
    await hall.join()
    await hall.join()
    await hall.clock.advance(10)
    leaving = [asyncio.create_task(one.listener.hand_over()) for one in hall.listeners]
    await hall.clock.advance(0.6)
    assert all(one.done() for one in leaving)


async def test_last_price_is_written_by_one_listener_only(hall: Hall) -> None:
    await hall.join()
    await hall.join()
    await hall.clock.advance(10)
    for listener in hall.listeners:
        listener.cache.prices.clear()
    for one in hall.held:
        await hall.fall(one, "3601")
    await hall.clock.advance(1.5)
    written = Counter(one for listener in hall.listeners for one in listener.cache.prices)
    assert written == Counter({one.strategy_id: 1 for one in hall.held})


async def test_hit_whose_signal_has_not_arrived_is_not_given_up_with_its_instrument(hall: Hall) -> None:
    await hall.join()
    await hall.clock.advance(5)
    hall.signals.away = True
    for one in hall.held:
        await hall.fall(one)
        await hall.fall(one, "3600")
    await hall.join()
    await hall.clock.advance(10)
    hall.signals.away = False
    await hall.clock.advance(5)
    assert hall.stopped() == set(SYMBOLS)


async def test_one_account_never_has_more_than_three_connections_and_the_fourth_listener_stands_by() -> None:
    hall = Hall()
    given = []
    for _ in range(4):
        await hall.join()
        await hall.clock.advance(10)
        given.append([feed.sockets for one in hall.listeners for feed in one.feeds.values()])
    assert given == [[3], [2, 1], [1, 1, 1], [1, 1, 1]]
    assert hall.shares()[3] == 0
    await hall.listeners[0].die()
    await hall.clock.advance(5)
    assert hall.shares()[3] > 0
    for listener in hall.listeners:
        await listener.die()


async def test_listeners_of_one_account_take_turns_at_asking() -> None:
    hall = Hall()
    for _ in range(3):
        await hall.join()
    await hall.clock.advance(10)
    for listener in hall.listeners:
        for feed in listener.feeds.values():
            feed.lose()
        listener.quotes.asked.clear()
    await hall.clock.advance(30)
    assert 25 <= sum(len(listener.quotes.asked) for listener in hall.listeners) <= 35
    for listener in hall.listeners:
        await listener.die()

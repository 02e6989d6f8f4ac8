"""A hit stop reaches its run: once when all is well, again and again when it is not."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

import pytest

from adapters.process.clock import SystemClock
from domain.hit_stop import HitStop
from domain.ports import Clock
from domain.watched_strategy import WatchedStrategy
from listener.crossing import Crossing
from listener.dispatcher import Dispatcher
from tests.fakes.feed import MemorySignals
from tests.fakes.manual_clock import ManualClock
from tests.fakes.stops import MemoryFastStops
from tests.fakes.watch_list import watched


def _crossing(one: WatchedStrategy, price: Decimal, clock: Clock) -> Crossing:
    return Crossing(one, one.measured.at(None).triggers[0], price, None, clock.now())


@dataclass
class Post:
    """A dispatcher on a clock that the test moves."""

    clock: ManualClock
    signals: MemorySignals
    fast: MemoryFastStops
    gone: list[WatchedStrategy] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dispatcher = Dispatcher(self.signals, self.fast, self.clock, self.gone.append)

    def hit(self, one: WatchedStrategy, price: str = "3490") -> None:
        self.dispatcher.hit([_crossing(one, Decimal(price), self.clock)])

    async def hit_for(self, one: WatchedStrategy, seconds: int) -> None:
        """Say every tenth of a second that the stop is crossed."""
        for _ in range(seconds * 10):
            self.hit(one)
            await self.clock.advance(0.1)


@pytest.fixture(params=["redis up", "redis away"])
async def post(request: pytest.FixtureRequest) -> AsyncIterator[Post]:
    clock = ManualClock()
    post = Post(clock, MemorySignals(clock), MemoryFastStops(clock))
    post.fast.away = request.param == "redis away"
    running = asyncio.create_task(post.dispatcher.run())
    yield post
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_hit_stop_is_signalled_within_a_moment_with_its_price(post: Post) -> None:
    one = watched()
    post.hit(one, "3490.05")
    await post.clock.advance(0.1)
    assert [(sent.strategy_id, sent.price) for sent in post.signals.sent] == [
        (one.strategy_id, Decimal("3490.05"))
    ]


async def test_signal_that_arrived_is_repeated_rarely_while_the_stop_stays_crossed(post: Post) -> None:
    await post.hit_for(watched(), 60)
    assert 2 <= len(post.signals.sent) <= 6
    gaps = [
        (b.at - a.at).total_seconds() for a, b in zip(post.signals.sent, post.signals.sent[1:], strict=False)
    ]
    assert min(gaps) >= 5


async def test_signal_that_arrived_is_not_repeated_when_the_price_recovers(post: Post) -> None:
    post.hit(watched())
    await post.clock.advance(600)
    assert len(post.signals.sent) == 1


async def test_signals_are_tried_once_a_second_until_temporal_is_back(post: Post) -> None:
    post.signals.away = True
    await post.hit_for(watched(), 10)
    assert 8 <= post.signals.tried <= 11
    assert post.dispatcher.waiting == 1

    post.signals.away = False
    await post.clock.advance(2)
    assert len(post.signals.sent) == 1
    assert post.dispatcher.waiting == 0


async def test_hit_stop_is_not_forgotten_when_the_price_recovers_while_temporal_is_away(post: Post) -> None:
    post.signals.away = True
    post.hit(watched())
    await post.clock.advance(30)
    post.signals.away = False
    await post.clock.advance(2)
    assert len(post.signals.sent) == 1


async def test_dropped_strategy_is_not_signalled_any_more(post: Post) -> None:
    one = watched()
    post.signals.away = True
    post.hit(one)
    await post.clock.advance(3)
    post.dispatcher.drop(one.strategy_id)
    post.signals.away = False
    await post.clock.advance(30)
    assert post.signals.sent == []


async def test_run_that_does_not_exist_is_told_of_once(post: Post) -> None:
    one = watched()
    post.signals.ended.add(one.run_id)
    post.hit(one)
    await post.clock.advance(60)
    assert post.gone == [one]
    assert post.signals.tried == 1


async def test_next_run_of_the_same_strategy_is_signalled_anew(post: Post) -> None:
    one = watched()
    post.hit(one)
    await post.clock.advance(0.1)
    again = replace(one, run_id="another")
    post.hit(again)
    await post.clock.advance(0.1)
    assert [sent.run_id for sent in post.signals.sent] == [one.run_id, "another"]


async def test_thousands_at_once_all_arrive_and_never_more_than_the_bound_on_the_way(post: Post) -> None:
    post.signals.takes = 0.005
    many = [watched() for _ in range(3_000)]
    for one in many:
        post.hit(one)
    await post.clock.advance(1 if post.fast.away else 22)
    assert {sent.strategy_id for sent in post.signals.sent} == {one.strategy_id for one in many}
    assert post.signals.most_on_the_way <= 64
    assert post.signals.most_on_the_way == 64 or not post.fast.away


async def test_stops_of_one_price_are_put_together_the_most_endangered_first(post: Post) -> None:
    post.fast.away = False
    stops = ["3500", "3700", "3600.05", "3490", "3699.95"]
    many = {stop: watched(stop_loss=stop) for stop in stops}
    penny = watched("PENNY", "1.10")  # ten paise, and 10 % of its price
    crossings = [_crossing(one, Decimal(3480), post.clock) for one in many.values()]
    post.dispatcher.hit([*crossings, _crossing(penny, Decimal(1), post.clock)])
    await post.clock.settle()
    deepest_first = ["3700", "3699.95", "3600.05", "3500", "3490"]
    assert post.fast.put_together == [
        [penny.strategy_id, *(many[stop].strategy_id for stop in deepest_first)]
    ]


async def test_event_is_put_once_however_long_the_stop_stays_crossed(post: Post) -> None:
    """A late one could meet a run that sells without Postgres; the signal goes on, the event does not."""
    post.fast.away = False
    one = watched()
    await post.hit_for(one, 10)
    assert len(post.fast.times(one.strategy_id)) == 1
    assert len(post.signals.sent) >= 2


async def test_burst_that_the_queue_took_is_signalled_later_and_steadily(post: Post) -> None:
    post.fast.away = False
    many = [watched() for _ in range(300)]
    began = post.clock.now()
    post.dispatcher.hit([_crossing(one, Decimal(3490), post.clock) for one in many])
    await post.clock.advance(0.5)
    assert len(post.fast.put_together[0]) == 300
    assert post.signals.sent == []
    await post.clock.advance(5)
    seconds = sorted((sent.at - began).total_seconds() for sent in post.signals.sent)
    assert len(seconds) == 300
    assert seconds[0] >= 0.75
    assert max(b - a for a, b in zip(seconds, seconds[100:], strict=False)) >= 0.5


async def test_burst_that_the_queue_did_not_take_is_signalled_at_once(post: Post) -> None:
    post.fast.away = True
    many = [watched() for _ in range(300)]
    post.dispatcher.hit([_crossing(one, Decimal(3490), post.clock) for one in many])
    await post.clock.settle()
    assert {sent.strategy_id for sent in post.signals.sent} == {one.strategy_id for one in many}


async def test_put_that_never_answers_delays_no_signal_for_longer_than_a_second(post: Post) -> None:
    async def never(stops: Sequence[HitStop]) -> None:
        await asyncio.Event().wait()

    post.fast.put = never  # type: ignore[method-assign]
    many = [watched() for _ in range(100)]
    post.dispatcher.hit([_crossing(one, Decimal(3490), post.clock) for one in many])
    await post.clock.advance(1.2)
    assert {sent.strategy_id for sent in post.signals.sent} == {one.strategy_id for one in many}


class BrokenSignals(MemorySignals):
    """Raises what nobody expects, once."""

    async def hit(self, *words: object) -> bool:
        if not self.tried:
            self.tried += 1
            raise ZeroDivisionError
        return await super().hit(*words)  # type: ignore[arg-type]


async def test_unexpected_failure_of_one_signal_loses_neither_it_nor_the_others() -> None:
    clock = ManualClock()
    post = Post(clock, BrokenSignals(clock), MemoryFastStops(clock))
    running = asyncio.create_task(post.dispatcher.run())
    first, second = watched(), watched()
    post.hit(first)
    post.hit(second)
    await clock.advance(3)
    assert {sent.strategy_id for sent in post.signals.sent} == {first.strategy_id, second.strategy_id}
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


class HangingSignals(MemorySignals):
    """Never answers while `away`."""

    async def hit(self, *words: object) -> bool:
        if self.away:
            self.tried += 1
            await asyncio.Event().wait()
        return await super().hit(*words)  # type: ignore[arg-type]


async def test_signal_that_hangs_is_given_up_and_sent_again() -> None:
    clock = SystemClock()
    signals = HangingSignals(clock)
    signals.away = True
    dispatcher = Dispatcher(signals, MemoryFastStops(clock), clock, lambda watched: None, at_once=1)
    running = asyncio.create_task(dispatcher.run())
    one = watched()
    dispatcher.hit([_crossing(one, Decimal(3490), clock)])
    async with asyncio.timeout(20):
        while not signals.tried:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        signals.away = False
        while not signals.sent:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

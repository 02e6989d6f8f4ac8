"""The trigger index finds exactly the stops that a price crosses."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from domain.strategy import Phase
from domain.terms import Distance, Target, Terms, Trail, Unit
from domain.trigger import stop_at
from domain.watched_strategy import WatchedStrategy
from listener.seen_price import SeenPrice
from listener.trigger_index import Bounds, TriggerIndex
from tests.fakes.watch_list import watched

NAMES = ("NSE:TCS", "BSE:TCS", "NSE:INFY")
prices = st.decimals(min_value="0.05", max_value="200000", places=2)
SEEN_AT = datetime(2026, 11, 20, 4, 30, tzinfo=UTC)
moves = st.lists(st.tuples(st.integers(0, 15), st.sampled_from(NAMES), prices, st.booleans()), max_size=60)


def held(strategy_id: UUID, instrument: str, stop: Decimal) -> WatchedStrategy:
    exchange, symbol = instrument.split(":")
    return replace(watched(symbol, str(stop), exchange=exchange), strategy_id=strategy_id)


def at(instrument: str, price: Decimal) -> list[tuple[str, SeenPrice]]:
    return [(instrument, SeenPrice(price, SEEN_AT))]


def crossed(index: TriggerIndex, instrument: str, price: Decimal) -> set[UUID]:
    return {one.watched.strategy_id for one in index.crossed(at(instrument, price))}


def fire(index: TriggerIndex, instrument: str, price: Decimal) -> list[UUID]:
    return [one.watched.strategy_id for one in index.fire(at(instrument, price))]


@given(moves, prices)
def test_index_agrees_with_asking_every_stop_when_stops_come_move_and_go(
    changes: list[tuple[int, str, Decimal, bool]], price: Decimal
) -> None:
    index, plain = TriggerIndex(), dict[UUID, tuple[str, Decimal]]()
    for number, instrument, stop, arms in changes:
        strategy_id = UUID(int=number)
        if arms:
            index.arm(held(strategy_id, instrument, stop))
            plain[strategy_id] = (instrument, stop)
        else:
            index.disarm(strategy_id)
            plain.pop(strategy_id, None)

    assert len(index) == len(plain)
    for instrument in NAMES:
        expected = {
            one for one, (name, stop) in plain.items() if name == instrument and stop_at(stop).is_hit(price)
        }
        assert crossed(index, instrument, price) == expected
        assert index.armed(instrument) == any(name == instrument for name, _ in plain.values())


def test_price_at_the_stop_crosses_it() -> None:
    index, one = TriggerIndex(), watched(stop_loss="3500.00")
    index.arm(one)
    (crossing,) = index.crossed(at("NSE:TCS", Decimal("3500")))
    assert (crossing.watched, crossing.trigger) == (one, stop_at(Decimal("3500.00")))
    assert index.crossed(at("NSE:TCS", Decimal("3500.05"))) == []


def test_same_symbol_on_another_exchange_is_not_touched() -> None:
    index = TriggerIndex()
    index.arm(watched("TCS", "3500"))
    assert index.crossed(at("BSE:TCS", Decimal(1))) == []


@given(moves, st.lists(prices, max_size=6))
def test_each_stop_fires_once_and_counts_as_crossed_for_as_long_as_it_is_armed(
    changes: list[tuple[int, str, Decimal, bool]], falls: list[Decimal]
) -> None:
    index, waiting = TriggerIndex(), dict[UUID, tuple[str, Decimal]]()
    for number, instrument, stop, _ in changes:
        index.arm(held(UUID(int=number), instrument, stop))
        waiting[UUID(int=number)] = (instrument, stop)
    everything = dict(waiting)
    for price in falls:
        for instrument in NAMES:
            stops = {one: stop for one, (name, stop) in waiting.items() if name == instrument}
            assert index.bounds(instrument).stop == max(stops.values(), default=None)
            hit = {one for one, stop in stops.items() if stop_at(stop).is_hit(price)}
            assert set(fire(index, instrument, price)) == hit
            waiting = {one: place for one, place in waiting.items() if one not in hit}
            expected = {
                one
                for one, (name, stop) in everything.items()
                if name == instrument and stop_at(stop).is_hit(price)
            }
            assert crossed(index, instrument, price) == expected
    for one in everything:
        index.disarm(one)
    assert not any(index.armed(instrument) for instrument in NAMES)


def test_stop_that_fired_and_is_moved_waits_again() -> None:
    index, one = TriggerIndex(), watched(stop_loss="3500")
    index.arm(one)
    assert fire(index, "NSE:TCS", Decimal(3490)) == [one.strategy_id]
    assert fire(index, "NSE:TCS", Decimal(3480)) == []
    index.arm(replace(one, stop_loss=Decimal(3400)))
    assert index.bounds("NSE:TCS").stop == Decimal(3400)
    assert fire(index, "NSE:TCS", Decimal(3390)) == [one.strategy_id]


def test_crossing_carries_the_strategy_as_it_is_known_now() -> None:
    index, one = TriggerIndex(), watched()
    index.arm(one)
    entering = replace(one, phase=Phase.ENTERING)
    index.arm(entering)
    (crossing,) = index.fire(at("NSE:TCS", Decimal(3490)))
    assert crossing.watched is entering


TRAIL = Terms(trail=Trail(by=Distance(Decimal(20), Unit.POINTS)))


def trailing(**changes: Any) -> WatchedStrategy:
    """Return a strategy that was bought at 3500 and trails the peak by twenty rupees."""
    held_at: dict[str, Any] = {"terms": TRAIL, "entry": Decimal(3500), "tick": Decimal("0.05")}
    return replace(watched(stop_loss="3400"), **(held_at | changes))


def test_a_peak_that_has_risen_is_told_once_though_the_fills_average_moves() -> None:
    index, one = TriggerIndex(), trailing()
    index.arm(one)
    assert fire(index, "NSE:TCS", Decimal(3550)) == []
    index.arm(replace(one, entry=Decimal(3510)))
    assert index.bounds("NSE:TCS") == Bounds(Decimal(3530), None, Decimal(3550))
    assert index.risen() == {one.strategy_id: Decimal(3550)}
    assert index.risen() == {}


def test_a_written_peak_that_is_higher_counts_and_a_lower_one_does_not() -> None:
    index, one = TriggerIndex(), trailing(peak=Decimal(3560))
    index.arm(one)
    assert index.bounds("NSE:TCS").stop == 3540
    index.arm(replace(one, peak=Decimal(3555)))
    assert index.bounds("NSE:TCS").stop == 3540
    index.arm(replace(one, peak=Decimal(3600)))
    assert index.bounds("NSE:TCS").stop == 3580


def test_a_target_that_fired_is_told_for_as_long_as_the_price_is_there() -> None:
    index = TriggerIndex()
    one = trailing(terms=Terms(target=Target(price=Decimal(3600))))
    index.arm(one)
    assert fire(index, "NSE:TCS", Decimal("3599.95")) == []
    assert fire(index, "NSE:TCS", Decimal(3600)) == [one.strategy_id]
    assert fire(index, "NSE:TCS", Decimal(3610)) == []
    assert crossed(index, "NSE:TCS", Decimal(3610)) == {one.strategy_id}
    assert crossed(index, "NSE:TCS", Decimal(3590)) == set()
    index.disarm(one.strategy_id)
    assert not index.armed("NSE:TCS")

"""The stop book finds exactly the stops that a price crosses."""

from decimal import Decimal
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from domain.trigger import stop_at
from listener.trigger_index import TriggerIndex

NAMES = ("NSE:TCS", "BSE:TCS", "NSE:INFY")
prices = st.decimals(min_value="0.05", max_value="200000", places=2)
moves = st.lists(st.tuples(st.integers(0, 15), st.sampled_from(NAMES), prices, st.booleans()), max_size=60)


@given(moves, prices)
def test_book_agrees_with_asking_every_stop_when_stops_come_move_and_go(
    changes: list[tuple[int, str, Decimal, bool]], price: Decimal
) -> None:
    book, plain = TriggerIndex(), dict[UUID, tuple[str, Decimal]]()
    for number, instrument, stop, arms in changes:
        strategy_id = UUID(int=number)
        if arms:
            book.arm(strategy_id, instrument, stop)
            plain[strategy_id] = (instrument, stop)
        else:
            book.disarm(strategy_id)
            plain.pop(strategy_id, None)

    assert len(book) == len(plain)
    for instrument in NAMES:
        expected = {
            one for one, (name, stop) in plain.items() if name == instrument and stop_at(stop).is_hit(price)
        }
        assert set(book.crossed(instrument, price)) == expected
        assert book.armed(instrument) == any(name == instrument for name, _ in plain.values())


def test_price_at_the_stop_crosses_it() -> None:
    book, strategy_id = TriggerIndex(), uuid4()
    book.arm(strategy_id, "NSE:TCS", Decimal("3500.00"))
    assert book.crossed("NSE:TCS", Decimal("3500")) == [strategy_id]
    assert book.crossed("NSE:TCS", Decimal("3500.05")) == []


def test_same_symbol_on_another_exchange_is_not_touched() -> None:
    book = TriggerIndex()
    book.arm(uuid4(), "NSE:TCS", Decimal(3500))
    assert book.crossed("BSE:TCS", Decimal(1)) == []


@given(moves, st.lists(prices, max_size=6))
def test_each_stop_is_pulled_once_and_counts_as_crossed_for_as_long_as_it_is_armed(
    changes: list[tuple[int, str, Decimal, bool]], falls: list[Decimal]
) -> None:
    book, waiting = TriggerIndex(), dict[UUID, tuple[str, Decimal]]()
    for number, instrument, stop, _ in changes:
        book.arm(UUID(int=number), instrument, stop)
        waiting[UUID(int=number)] = (instrument, stop)
    everything = dict(waiting)
    for price in falls:
        for instrument in NAMES:
            stops = {one: stop for one, (name, stop) in waiting.items() if name == instrument}
            assert book.highest(instrument) == max(stops.values(), default=None)
            hit = {one for one, stop in stops.items() if stop_at(stop).is_hit(price)}
            assert set(book.pull(instrument, price)) == hit
            waiting = {one: place for one, place in waiting.items() if one not in hit}
            expected = {
                one
                for one, (name, stop) in everything.items()
                if name == instrument and stop_at(stop).is_hit(price)
            }
            assert set(book.crossed(instrument, price)) == expected
    for one in everything:
        book.disarm(one)
    assert not any(book.armed(instrument) for instrument in NAMES)


def test_pulled_stop_that_is_moved_waits_again() -> None:
    book, strategy_id = TriggerIndex(), uuid4()
    book.arm(strategy_id, "NSE:TCS", Decimal(3500))
    assert book.pull("NSE:TCS", Decimal(3490)) == [strategy_id]
    book.arm(strategy_id, "NSE:TCS", Decimal(3400))
    assert book.highest("NSE:TCS") == Decimal(3400)
    assert book.pull("NSE:TCS", Decimal(3390)) == [strategy_id]

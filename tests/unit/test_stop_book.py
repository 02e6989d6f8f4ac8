"""The stop book finds exactly the stops that a price crosses."""

from decimal import Decimal
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from domain.stoploss import crossed
from listener.book import StopBook

NAMES = ("NSE:TCS", "BSE:TCS", "NSE:INFY")
prices = st.decimals(min_value="0.05", max_value="200000", places=2)
moves = st.lists(st.tuples(st.integers(0, 15), st.sampled_from(NAMES), prices, st.booleans()), max_size=60)


@given(moves, prices)
def test_book_agrees_with_asking_every_stop_when_stops_come_move_and_go(
    changes: list[tuple[int, str, Decimal, bool]], price: Decimal
) -> None:
    book, plain = StopBook(), dict[UUID, tuple[str, Decimal]]()
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
        expected = {one for one, (name, stop) in plain.items() if name == instrument and crossed(price, stop)}
        assert set(book.crossed(instrument, price)) == expected
        assert book.armed(instrument) == any(name == instrument for name, _ in plain.values())


def test_price_at_the_stop_crosses_it() -> None:
    book, strategy_id = StopBook(), uuid4()
    book.arm(strategy_id, "NSE:TCS", Decimal("3500.00"))
    assert book.crossed("NSE:TCS", Decimal("3500")) == [strategy_id]
    assert book.crossed("NSE:TCS", Decimal("3500.05")) == []


def test_same_symbol_on_another_exchange_is_not_touched() -> None:
    book = StopBook()
    book.arm(uuid4(), "NSE:TCS", Decimal(3500))
    assert book.crossed("BSE:TCS", Decimal(1)) == []

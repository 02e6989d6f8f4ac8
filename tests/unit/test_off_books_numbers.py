"""No two sends share a tag, whether Postgres was there or not."""

from domain.leg import Plan, next_step
from domain.order import NUMBERS, Leg, OrderStatus, off_books_number
from tests.unit.test_leg import EXIT, attempt


def test_ordinary_attempts_never_come_to_the_number_of_the_next_one_without_a_store() -> None:
    first, second = off_books_number(0), off_books_number(1)
    numbers = [first]
    while numbers[-1] < first + 200:
        step = next_step(Leg.EXIT, [attempt(EXIT, number, OrderStatus.NOT_PLACED) for number in numbers], 10)
        assert isinstance(step, Plan)
        numbers.append(step.attempt)
    assert second not in numbers


def test_what_was_sent_without_a_store_is_looked_for_with_all_that_followed_it() -> None:
    for tries in range(10):
        assert set(range(off_books_number(tries), off_books_number(tries) + 20)) <= set(NUMBERS)

"""The rules against sending twice, row by row."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from domain.leg import (
    Done,
    Follow,
    Horizons,
    LookUp,
    Plan,
    Send,
    average_price,
    entry_is_absent,
    exit_may_be_resent,
    next_step,
    sales_are_explained,
)
from domain.listing import Listing
from domain.order import (
    Attempt,
    BrokerOrder,
    BrokerPosition,
    Leg,
    LegKey,
    OrderStatus,
    OrderTerms,
    Side,
)
from domain.strategy import Product

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
ENTRY = LegKey(UUID(int=1), UUID(int=2), date(2026, 11, 23), 1, Leg.ENTRY)
EXIT = replace(ENTRY, leg=Leg.EXIT)
TERMS = OrderTerms("NSE", "TCS", Product.CNC)


def attempt(key: LegKey, number: int, status: OrderStatus, filled: int = 0, age: float = 0) -> Attempt:
    return Attempt(
        order_id=UUID(int=number),
        key=key,
        attempt=number,
        tag=key.tag(number),
        status=status,
        quantity=10,
        filled_quantity=filled,
        average_price=Decimal(100) if filled else None,
        sent_at=NOW - timedelta(seconds=age),
    )


def sale(quantity: int, tag: str = "SOMEBODYELSE") -> BrokerOrder:
    return BrokerOrder(
        "1", frozenset({tag}), "NSE", "TCS", "CNC", Side.SELL, quantity, quantity, Decimal(1),
        OrderStatus.COMPLETE,
    )  # fmt: skip


def position(net: int, sold: int) -> BrokerPosition:
    return BrokerPosition("NSE", "TCS", "CNC", net, net + sold, sold)


def test_first_step_is_to_write_the_intent() -> None:
    assert next_step(Leg.ENTRY, [], 10) == Plan(1)


def test_a_written_intent_is_sent() -> None:
    row = attempt(ENTRY, 1, OrderStatus.PLANNED)
    assert next_step(Leg.ENTRY, [row], 10) == Send(row)


@pytest.mark.parametrize("key", [ENTRY, EXIT])
def test_nothing_happens_before_an_unanswered_send_is_looked_up(key: LegKey) -> None:
    rows = [attempt(key, 1, OrderStatus.SENT), attempt(key, 2, OrderStatus.PLANNED)]
    assert next_step(key.leg, rows, 10) == LookUp((rows[0],))


@pytest.mark.parametrize("key", [ENTRY, EXIT])
def test_an_open_order_is_followed(key: LegKey) -> None:
    row = attempt(key, 1, OrderStatus.OPEN, filled=3)
    assert next_step(key.leg, [row], 10) == Follow(row)


@pytest.mark.parametrize(
    "status", [OrderStatus.COMPLETE, OrderStatus.CANCELLED, OrderStatus.REJECTED, OrderStatus.ABSENT]
)
def test_an_entry_that_was_or_may_have_been_an_order_is_never_sent_again(status: OrderStatus) -> None:
    row = attempt(ENTRY, 1, status)
    assert next_step(Leg.ENTRY, [row], 10) == Done(row)


def test_an_entry_gets_three_attempts() -> None:
    rows = [attempt(ENTRY, 1, OrderStatus.NOT_PLACED)]
    assert next_step(Leg.ENTRY, rows, 10) == Plan(2, rows[0])
    rows = [attempt(ENTRY, number, OrderStatus.NOT_PLACED) for number in (1, 2, 3)]
    assert next_step(Leg.ENTRY, rows, 10) == Done(rows[-1])


@pytest.mark.parametrize(
    "status", [OrderStatus.NOT_PLACED, OrderStatus.REJECTED, OrderStatus.CANCELLED, OrderStatus.ABSENT]
)
def test_an_exit_goes_on_while_shares_are_left(status: OrderStatus) -> None:
    row = attempt(EXIT, 7, status, filled=4 if status is OrderStatus.CANCELLED else 0)
    assert next_step(Leg.EXIT, [row], 10) == Plan(8, row)


def test_an_exit_is_done_when_everything_is_sold() -> None:
    rows = [attempt(EXIT, 1, OrderStatus.CANCELLED, 4), attempt(EXIT, 2, OrderStatus.COMPLETE, 6)]
    assert next_step(Leg.EXIT, rows, 10) == Done(rows[-1])
    assert average_price(rows) == 100


def test_an_entry_is_absent_only_after_its_horizon() -> None:
    assert not absent(age=119)
    assert absent(age=120)


def absent(age: float, *unread: str | None) -> bool:
    sent = attempt(ENTRY, 1, OrderStatus.SENT, age=age)
    return entry_is_absent(sent, Listing((), frozenset(unread)), TERMS, NOW, Horizons())


@pytest.mark.parametrize("symbol", [TERMS.symbol, None])
def test_nothing_is_absent_from_a_book_with_unread_rows_of_its_symbol(symbol: str | None) -> None:
    unread = frozenset({symbol})
    assert not absent(3600, symbol)
    assert not resend(book=Listing((), unread))
    assert not resend(positions=Listing((position(net=10, sold=0),), unread))
    assert not resend(positions=Listing((), unread))
    assert not sales_are_explained(Listing((), unread), Listing(), TERMS)
    assert not sales_are_explained(Listing(), Listing((), unread), TERMS)


def test_an_unread_row_of_another_symbol_blocks_nothing() -> None:
    unread = frozenset({"OTHER"})
    assert absent(120, "OTHER")
    assert resend(
        book=Listing((), unread), positions=Listing((position(net=10, sold=0),), frozenset({"OTHER"}))
    )


def test_a_conversion_does_not_keep_a_lost_sale_from_being_sent_again() -> None:
    """Four of ten were converted: a sale of four in one product, a purchase of four in the other."""
    assert resend(book=[bought(10)], positions=[position(net=6, sold=4), converted(4)])
    both_ways = [position(net=10, sold=4), BrokerPosition("NSE", "TCS", "MIS", 0, 4, 4)]
    assert resend(book=[bought(10)], positions=[replace(both_ways[0], day_buy_quantity=14), both_ways[1]])


def test_a_sale_that_the_order_book_hides_is_not_taken_for_a_conversion() -> None:
    """Six more were sold than the order book and the conversion of four explain."""
    assert not resend(book=[bought(10)], positions=[position(net=0, sold=10), converted(4)])
    assert not resend(book=[bought(10)], positions=[position(net=6, sold=4)])
    another = BrokerPosition("NSE", "INFY", "MIS", 4, 4, 0)
    assert not resend(book=[bought(10)], positions=[position(net=6, sold=4), another])


def converted(quantity: int) -> BrokerPosition:
    return BrokerPosition("NSE", "TCS", "MIS", quantity, quantity, 0)


def bought(quantity: int) -> BrokerOrder:
    tags, status = frozenset({"ENTRY"}), OrderStatus.COMPLETE
    return BrokerOrder("1", tags, "NSE", "TCS", "CNC", Side.BUY, quantity, quantity, Decimal(100), status)


def resend(**changes: object) -> bool:
    """Ask for a resend in the one situation that allows it, with changes."""
    situation: dict[str, Any] = {
        "attempts": [attempt(EXIT, 1, OrderStatus.SENT, age=20)],
        "book": [],
        "positions": [position(net=10, sold=0)],
        "terms": TERMS,
        "now": NOW,
        "horizons": Horizons(),
    }
    situation |= changes
    for name in ("book", "positions"):
        if isinstance(situation[name], list):
            situation[name] = Listing(tuple(situation[name]))
    return exit_may_be_resent(**situation)


def test_exit_is_sent_again_when_both_books_agree() -> None:
    assert resend()


def test_exit_is_sent_again_when_the_user_sold_other_shares_by_hand() -> None:
    assert resend(book=[sale(5)], positions=[position(net=10, sold=5)])


@pytest.mark.parametrize(
    "change",
    [
        {"attempts": [attempt(EXIT, 1, OrderStatus.SENT, age=19.9)]},
        {"book": [sale(0, EXIT.tag(1))]},
        {"attempts": [attempt(EXIT, 1, OrderStatus.ABSENT, age=90),
                      attempt(EXIT, 2, OrderStatus.SENT, age=30)],
         "book": [sale(0, EXIT.tag(1))]},
        {"positions": [position(net=0, sold=10)]},
        {"positions": [position(net=10, sold=10)]},
        {"book": [sale(5)]},
    ],
    ids=["too early", "tag in the book", "older tag in the book", "sold already", "a sale nobody shows",
         "books disagree"],
)  # fmt: skip
def test_exit_is_not_sent_again_when(change: dict[str, object]) -> None:
    assert not resend(**change)

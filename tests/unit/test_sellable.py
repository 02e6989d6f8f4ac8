"""What an exit may sell: the table of `domain.sellable`, row by row."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from domain.listing import Listing
from domain.order import BrokerOrder, BrokerPosition, OrderStatus, OrderTerms, Reason, Side
from domain.sellable import (
    Account,
    OtherClaims,
    books_agree,
    left_unread,
    net_position,
    patience,
    position_to_sell,
)
from domain.strategy import Product

TCS = OrderTerms("NSE", "TCS", Product.MIS)


def position(
    net: int, bought: int = 10, sold: int = 0, product: str = "MIS", symbol: str = "TCS"
) -> BrokerPosition:
    return BrokerPosition("NSE", symbol, product, net, bought, sold)


def order(side: Side, filled: int, product: str = "MIS", symbol: str = "TCS") -> BrokerOrder:
    return BrokerOrder(
        "1", frozenset(), "NSE", symbol, product, side, filled, filled, None, OrderStatus.COMPLETE
    )


@pytest.mark.parametrize(
    ("account", "unsold", "sellable"),
    [
        (Account(10), 10, 10),
        (Account(0), 10, 0),  # all of it was sold by hand, squared off or converted
        (Account(4), 10, 4),
        (Account(20), 10, 10),  # the user's own shares beside it are not ours to sell
        (Account(-10), 10, 0),
        (Account(-5, holdings=15), 10, 10),  # five of those held before were sold today
        (Account(0, holdings=10), 10, 10),  # bought on an earlier day
        (Account(20, claims=OtherClaims(10)), 10, 10),
        (Account(10, claims=OtherClaims(10)), 10, 0),  # what is left is the older strategy's
        (Account(13, claims=OtherClaims(10)), 10, 3),
    ],
)
def test_no_more_is_sold_than_the_account_still_shows(account: Account, unsold: int, sellable: int) -> None:
    assert account.sellable(unsold) == sellable


def test_a_sale_never_opens_a_short_nor_touches_an_older_claim_whatever_the_numbers() -> None:
    for net, holdings, older, unsold in product(range(-3, 7), range(4), range(4), range(5)):
        sold = Account(net, holdings, OtherClaims(older)).sellable(unsold)
        assert 0 <= sold <= unsold
        assert sold == 0 or net + holdings - sold >= older


def test_only_rows_of_the_symbol_and_the_product_count_as_its_position() -> None:
    rows = (position(4), position(7, product="CNC"), position(9, symbol="INFY"), position(3))
    assert net_position(Listing(rows), TCS) == 7


@pytest.mark.parametrize("unread", ["TCS", None])
def test_an_unread_row_is_not_a_position_of_zero(unread: str | None) -> None:
    assert net_position(Listing((position(10),), frozenset({unread})), TCS) is None
    assert net_position(Listing((position(10),), frozenset({"INFY"})), TCS) == 10


@pytest.mark.parametrize(
    ("rows", "unread", "known"),
    [
        ((position(10),), {None}, 10),  # its own row was read: the other one is another's
        ((position(10),), {None, "INFY"}, 10),
        ((position(10),), {"TCS"}, None),
        ((position(10),), {None, "TCS"}, None),
        ((position(10, product="CNC"),), {None}, None),  # its own row may be the one without a name
        ((position(10, symbol="INFY"),), {None}, None),
        ((), {None}, None),
        ((), {"INFY"}, 0),
        ((position(0),), {None}, 0),
    ],
)
def test_a_sale_is_not_held_up_by_a_row_that_cannot_be_its_own(
    rows: tuple[BrokerPosition, ...], unread: set[str | None], known: int | None
) -> None:
    assert position_to_sell(Listing(rows, frozenset(unread)), TCS) == known


@pytest.mark.parametrize(
    ("book", "positions", "agree"),
    [
        ([order(Side.BUY, 10)], [position(10)], True),
        ([order(Side.BUY, 10)], [], False),  # the position book lags behind the purchase
        ([order(Side.BUY, 10)], [position(0, bought=0), position(10, product="CNC")], True),  # converted
        ([order(Side.BUY, 10), order(Side.SELL, 10)], [position(0, sold=10)], True),  # sold by hand
        ([order(Side.BUY, 10)], [position(0, sold=10)], False),  # a sale that the order book hides
        ([order(Side.BUY, 10), order(Side.SELL, 10)], [position(10)], False),
        ([order(Side.BUY, 10), order(Side.SELL, 3, symbol="INFY")], [position(10)], True),
    ],
)
def test_books_agree_when_both_show_the_same_trades(
    book: list[BrokerOrder], positions: list[BrokerPosition], agree: bool
) -> None:
    assert books_agree(Listing(tuple(book)), Listing(tuple(positions)), TCS) is agree
    unread = frozenset({"TCS"})
    assert not books_agree(Listing(tuple(book), unread), Listing(tuple(positions)), TCS)
    assert not books_agree(Listing(tuple(book)), Listing(tuple(positions), unread), TCS)


def test_a_stop_waits_two_seconds_for_the_account_a_timed_sale_ten_and_all_else_until_it_is_read() -> None:
    soon, late = timedelta(seconds=1), timedelta(seconds=11)
    assert patience(Reason.STOPLOSS, soon) == 2
    assert patience(Reason.SELL, soon) == patience(Reason.TARGET, soon) == 10
    assert patience(Reason.STOP, soon) is None
    assert patience(Reason.SELL, late) is patience(Reason.STOPLOSS, late) is None


@pytest.mark.parametrize(
    ("net", "baseline", "older", "left"),
    [
        (20, 10, 0, 10),  # the user's own ten stay
        (10, 10, 0, 0),  # ten were sold by hand: they were the run's
        (14, 10, 0, 4),
        (30, 10, 10, 10),  # beside an older strategy
        (20, 10, 10, 0),
        (0, -10, 0, 10),  # bought beside a short of the user's own
        (-8, -18, 0, 10),  # the same, of a larger one
        (0, -18, 0, 0),  # both were squared off: a sale would open a short again
        (-3, -18, 0, 10),  # the user has bought some of it back
        (10, None, 0, 10),
    ],
)
def test_the_users_own_shares_are_never_sold(net: int, baseline: int | None, older: int, left: int) -> None:
    assert Account(net, 0, OtherClaims(older, baseline=baseline)).sellable(10) == left


@pytest.mark.parametrize(
    ("net", "later", "left"),
    [
        (10, 10, 0),  # ten were found missing, and another strategy has bought ten since
        (14, 10, 4),  # six were
        (20, 10, 10),  # they came back: a conversion was undone
        (10, 0, 10),
    ],
)
def test_what_others_bought_since_shares_went_missing_replaces_none_of_them(
    net: int, later: int, left: int
) -> None:
    assert Account(net, 0, OtherClaims(missing=10, later=later)).sellable(10) == left


BOUGHT_AT = datetime(2026, 11, 30, 4, 0, 0, 500_000, tzinfo=UTC)
BEFORE, AFTER = BOUGHT_AT - timedelta(minutes=1), BOUGHT_AT + timedelta(minutes=1)


def others(side: Side, filled: int, at: datetime | None = AFTER, **row: str) -> BrokerOrder:
    return replace(order(side, filled, **row), updated_at=at)


@pytest.mark.parametrize(
    ("missing", "book", "left"),
    [
        (0, None, 10),  # neither book can be read: an unread book is not an empty one
        (4, None, 6),  # what the account was last found to miss is known all the same
        (10, None, 0),
        (12, None, 0),
        (0, [], 10),
        (0, [others(Side.SELL, 4)], 6),  # sold by hand
        (4, [others(Side.SELL, 4)], 6),  # the same four
        (2, [others(Side.SELL, 10)], 0),
        (0, [others(Side.SELL, 4), others(Side.BUY, 4)], 10),
        (0, [others(Side.BUY, 4)], 10),
        (0, [others(Side.SELL, 4, BEFORE)], 10),  # before the purchase: of shares of the user's own
        (0, [others(Side.SELL, 4, BOUGHT_AT - timedelta(seconds=2))], 6),  # a fill is known a moment later
        (0, [others(Side.SELL, 4, None)], 6),  # its time is not known
        (0, [others(Side.SELL, 4, product="CNC")], 10),
        (0, [others(Side.SELL, 4, symbol="INFY")], 10),
    ],
)
def test_what_is_left_of_a_position_that_cannot_be_read(
    missing: int, book: list[BrokerOrder] | None, left: int
) -> None:
    read = None if book is None else Listing(tuple(book))
    claims = OtherClaims(missing=missing, since=BOUGHT_AT)
    assert left_unread(10, claims, read, TCS) == left


def test_own_sales_are_no_sales_by_others_and_an_unread_row_proves_none() -> None:
    claims = OtherClaims(since=BOUGHT_AT)
    own = replace(others(Side.SELL, 4), tags=frozenset({"ABCDEFGHIJKLMNOPQRST"}))
    assert left_unread(6, claims, Listing((own,)), TCS) == 6
    sold = Listing((others(Side.SELL, 4),), frozenset({"TCS"}))
    assert left_unread(10, claims, sold, TCS) == 10

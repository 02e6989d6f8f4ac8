"""What one reading of an account shows of strategies: the table of `domain.account_watch`, row by row."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest

from domain.account_alerts import difference_alarm, difference_line, noted
from domain.account_state import AccountState, Claim, Finding, Noted, Reading, Shown, WaitingEntry
from domain.account_watch import baseline, findings, judge, shares_to_look_up, unread
from domain.listing import Listing
from domain.order import BrokerOrder, BrokerPosition, Leg, LegKey, OrderStatus, OrderTerms, Side, is_foreign
from domain.sellable import STEADY
from domain.strategy import Product

USER = UUID(int=7)
TCS = OrderTerms("NSE", "TCS", Product.MIS)
DELIVERY = replace(TCS, product=Product.CNC)
FIRST, SECOND = UUID(int=1), UUID(int=2)


def claim(strategy_id: UUID = FIRST, held: int = 10, terms: OrderTerms = TCS, sold: int = 0) -> Claim:
    return Claim(strategy_id, USER, UUID(int=3), terms, held, sold)


def position(net: int, bought: int = 10, sold: int = 0, terms: OrderTerms = TCS) -> BrokerPosition:
    return BrokerPosition(terms.exchange, terms.symbol, terms.product, net, bought, sold)


def order(side: Side, filled: int, terms: OrderTerms = TCS) -> BrokerOrder:
    return BrokerOrder(
        *("1", frozenset(), terms.exchange, terms.symbol, terms.product, side, filled, filled),
        None,
        OrderStatus.COMPLETE,
    )


def reading(net: int, bought: int = 10, sold: int = 0, *, orders: bool = True) -> Reading:
    """Return a reading in which both books show the same trades, or with an order book that shows none."""
    book = (order(Side.BUY, bought), order(Side.SELL, sold)) if orders else ()
    return Reading(Listing((position(net, bought, sold),)), {}, Listing(book))


def missing(state: AccountState, read: Reading) -> dict[UUID, int]:
    return {strategy_id: found.missing for strategy_id, found in findings(state, read).items()}


@pytest.mark.parametrize(
    ("net", "older", "newer"),
    [
        (20, 0, 0),
        (25, 0, 0),  # the user bought more
        (10, 0, 10),  # the newer loses first
        (14, 0, 6),
        (4, 6, 10),
        (0, 10, 10),
        (-5, 10, 10),
    ],
)
def test_the_newest_strategy_loses_first(net: int, older: int, newer: int) -> None:
    state = AccountState((claim(FIRST), claim(SECOND)))
    assert missing(state, reading(net, 20)) == {FIRST: older, SECOND: newer}


@pytest.mark.parametrize(("net", "own", "lacks"), [(20, 10, 0), (10, 10, 10), (14, 10, 6), (0, -10, 0)])
def test_the_users_own_shares_are_not_the_strategys(net: int, own: int, lacks: int) -> None:
    state = AccountState((replace(claim(), baseline=own),))
    assert missing(state, reading(net, 20)) == {FIRST: lacks}


def test_shares_of_another_product_or_symbol_are_no_substitute() -> None:
    rows = (position(10, terms=DELIVERY), position(10, terms=replace(TCS, symbol="INFY")))
    assert missing(AccountState((claim(),)), Reading(Listing(rows))) == {FIRST: 10}


@pytest.mark.parametrize("unreadable", ["TCS", None])
def test_a_row_that_cannot_be_read_shows_nothing(unreadable: str | None) -> None:
    state = AccountState((claim(),))
    read = Reading(Listing((), frozenset({unreadable})))
    assert findings(state, read) == {}
    assert unread(state, read) == {"TCS"}
    other = Reading(Listing((position(10),), frozenset({"INFY"})))
    assert missing(state, other) == {FIRST: 0}
    assert not unread(state, other)


def test_an_order_under_way_shows_nothing() -> None:
    assert findings(AccountState((replace(claim(), in_flight=True),)), reading(0)) == {}


def test_holdings_are_asked_for_only_where_the_position_does_not_tell() -> None:
    delivery = claim(terms=DELIVERY)
    state = AccountState((delivery,))
    assert not shares_to_look_up(state, Listing((position(10, terms=DELIVERY),)))
    assert shares_to_look_up(state, Listing()) == {("NSE", "TCS")}
    own = AccountState((replace(delivery, baseline=10, holdings=10),))
    assert not shares_to_look_up(own, Listing((position(10, terms=DELIVERY),)))
    assert shares_to_look_up(own, Listing((position(0, terms=DELIVERY),))) == {("NSE", "TCS")}
    assert not shares_to_look_up(AccountState((claim(),)), Listing()), "an intraday position is no holding"


@pytest.mark.parametrize(("held_before", "lacks"), [(10, 0), (4, 6), (0, 10)])
def test_delivery_shares_of_an_earlier_day_are_holdings(held_before: int, lacks: int) -> None:
    state = AccountState((claim(terms=DELIVERY),))
    read = Reading(Listing(), {("NSE", "TCS"): held_before})
    assert missing(state, read) == {FIRST: lacks}


def test_holdings_that_were_asked_for_and_not_read_show_nothing() -> None:
    state = AccountState((claim(terms=DELIVERY),))
    assert findings(state, Reading(Listing())) == {}
    assert unread(state, Reading(Listing())) == {"TCS"}


def settled(
    state: AccountState, read: Reading, before: Mapping[UUID, Shown], now: float = 0
) -> list[Finding]:
    return [finding for _, finding in judge(state, read, before, now).settled]


def test_a_difference_is_settled_when_it_is_shown_twice_and_the_books_agree() -> None:
    state = AccountState((claim(),))
    first = judge(state, reading(0, sold=10), {}, 100)
    assert not first.settled
    assert first.unsettled == {FIRST: Shown(Finding(10), 100)}
    assert settled(state, reading(0, sold=10), first.unsettled, 101) == [Finding(10)]
    assert not settled(state, reading(4, sold=6), first.unsettled, 101), "it shows something else now"


def test_a_difference_against_an_order_book_that_disagrees_is_settled_when_it_lasts() -> None:
    state = AccountState((claim(),))
    converted = reading(0, sold=10, orders=False)
    before = judge(state, converted, {}, 100).unsettled
    assert not settled(state, converted, before, 100 + STEADY - 1)
    assert settled(state, converted, before, 100 + STEADY) == [Finding(10)]


def test_what_is_written_already_is_not_told_again() -> None:
    told = replace(claim(), noted=noted(claim(), Finding(10)))
    verdict = judge(AccountState((told,)), reading(0, sold=10), {}, 100)
    assert not verdict.settled
    assert not verdict.unsettled


def test_what_a_stopped_strategy_has_left_over_is_only_a_claim() -> None:
    left_over = replace(claim(FIRST), running=False)
    state = AccountState((left_over, claim(SECOND)))
    read = reading(0, 20, 20)
    first = judge(state, read, {}, 0).unsettled
    assert set(first) == {SECOND}
    assert not state.claims[0].running
    assert settled(state, read, first, 1) == [Finding(10)]


def test_shares_that_are_back_clear_the_difference() -> None:
    told = replace(claim(), noted=noted(claim(), Finding(10)))
    state = AccountState((told,))
    before = judge(state, reading(10, 20, 10), {}, 100).unsettled
    assert settled(state, reading(10, 20, 10), before, 101) == [Finding()]
    assert noted(told, Finding()) == Noted()
    assert difference_alarm(told, Finding()) is None
    assert "all 10 TCS" in str(difference_line(told, Finding()))


def test_both_of_two_strategies_are_told() -> None:
    state = AccountState((claim(FIRST), claim(SECOND)))
    read = reading(10, 20, 10)
    found = dict(judge(state, read, judge(state, read, {}, 0).unsettled, 1).settled)
    older, newer = (difference_alarm(one, found[one]) for one in state.claims)
    assert older is not None
    assert newer is not None
    assert (older.kind, newer.kind) == ("account_differs", "account_differs")
    assert "bought first and keeps its 10" in older.text
    assert "nothing is left to sell" in newer.text
    assert noted(claim(FIRST), found[claim(FIRST)]).missing == 0


@pytest.mark.parametrize(
    ("net", "own", "short"),
    [
        (0, 0, 0),
        (-10, 0, 10),  # sold by hand at the same moment
        (-4, 0, 4),
        (-30, 0, 10),  # more than this product sold is not its doing
        (-10, -10, 0),  # short before the purchase, by the user's own will
        (0, 10, 0),
        (-10, None, 10),
    ],
)
def test_a_short_position_after_a_sale_is_oversold(net: int, own: int | None, short: int) -> None:
    sold = replace(claim(held=0, sold=10), baseline=own)
    assert findings(AccountState((sold,)), reading(net, 10, 20))[FIRST].oversold == short


def test_a_short_position_beside_shares_that_are_still_held_is_oversold_as_well() -> None:
    state = AccountState((replace(claim(FIRST, 0, sold=10), baseline=0), claim(SECOND)))
    found = findings(state, reading(0, 20, 20))
    assert found[FIRST].oversold == 0, "one purchase was sold by hand: the newer has lost it"
    assert found[SECOND].missing == 10
    with_own_short = AccountState(
        (replace(claim(FIRST, 0, sold=10), baseline=0), replace(claim(SECOND), baseline=-10))
    )
    assert findings(with_own_short, reading(0, 20, 20))[FIRST].oversold == 10


def test_oversold_says_what_to_do_and_is_told_as_such() -> None:
    sold = claim(held=0, sold=10)
    alarm = difference_alarm(sold, Finding(oversold=10))
    assert alarm is not None
    assert (alarm.kind, alarm.strategy_id) == ("oversold", FIRST)
    assert "Buy them back" in alarm.text


KEY = LegKey(SECOND, USER, date(2026, 11, 23), 1, Leg.ENTRY)


@pytest.mark.parametrize(("net", "held", "own"), [(0, 0, 0), (10, 0, 10), (16, 10, 6), (-10, 0, -10)])
def test_what_no_strategy_holds_is_the_users_own(net: int, held: int, own: int) -> None:
    state = AccountState((claim(held=held),) if held else ())
    assert baseline(WaitingEntry(KEY, TCS), state, reading(net)) == (own, 0)


def test_a_baseline_counts_what_was_held_before_today() -> None:
    state, entry = AccountState((claim(terms=DELIVERY),)), WaitingEntry(KEY, DELIVERY)
    read = Reading(Listing((position(10, terms=DELIVERY),)), {("NSE", "TCS"): 7})
    assert baseline(entry, state, read) == (7, 7)
    assert shares_to_look_up(AccountState((), (entry,)), Listing()) == {("NSE", "TCS")}


def test_a_baseline_is_unknown_where_a_row_is_unread_or_an_order_is_under_way() -> None:
    entry = WaitingEntry(KEY, DELIVERY)
    read = Reading(Listing((), frozenset({"TCS"})), {("NSE", "TCS"): 7})
    assert baseline(entry, AccountState(), read) is None
    assert baseline(entry, AccountState(), Reading(Listing())) is None
    there = Reading(Listing(), {("NSE", "TCS"): 7})
    assert baseline(replace(entry, in_flight=True), AccountState(), there) is None
    assert baseline(entry, AccountState(), there) == (7, 7)


@pytest.mark.parametrize(
    ("tags", "foreign"),
    [
        ((), True),
        (("my own tag",), True),
        ((KEY.tag(1),), False),
        (("broker's", KEY.tag(1)), False),
        (("short",), True),
        (("a" * 20,), True),
    ],
)
def test_an_order_without_a_tag_of_this_product_is_foreign(tags: tuple[str, ...], foreign: bool) -> None:
    assert is_foreign(tags) is foreign


def test_what_a_newer_strategy_bought_since_makes_an_older_one_not_whole_again() -> None:
    lost = replace(claim(), noted=Noted(missing=10), later=10)
    bought = replace(claim(SECOND), baseline=-10)
    assert missing(AccountState((lost, bought)), reading(10, bought=20, sold=10)) == {FIRST: 10, SECOND: 0}
    assert missing(AccountState((lost, bought)), reading(20, bought=20)) == {FIRST: 0, SECOND: 0}

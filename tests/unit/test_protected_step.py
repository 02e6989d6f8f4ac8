"""What is done next about an exit whose stop rests at the exchange: the rows that a caller relies on."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from domain.order import Attempt, BrokerOrder, Leg, LegKey, OrderStatus, Side
from domain.protected_exit import (
    Aim,
    Bar,
    Cancel,
    Done,
    Follow,
    Modify,
    Place,
    ProtectedExit,
    Read,
    SellRest,
    ToMarket,
    Wait,
)
from domain.protected_step import bar, next_action, protection
from domain.resting_facts import Change, Ended
from domain.resting_stop import RestingOrder, Seen, State, seen_in, state_of, why_ended
from domain.stop_prices import OrderKind, StopPrices

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
KEY = LegKey(UUID(int=1), UUID(int=2), date(2026, 11, 23), 1, Leg.EXIT)
PRICES = StopPrices(OrderKind.SL, Decimal(100), Decimal("97.5"))
HIGHER = StopPrices(OrderKind.SL, Decimal(101), Decimal("98.45"))


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def order(status: OrderStatus = OrderStatus.OPEN, **changed: Any) -> RestingOrder:
    """Return a resting order of ten shares as the book showed it a second ago."""
    filled = changed.pop("filled", 0)
    attempt = Attempt(
        *(UUID(int=9), KEY, changed.pop("number", 1), "TAG", status),
        quantity=10,
        filled_quantity=filled,
        sent_at=ago(20),
    )
    seen = Seen(OrderKind.SL, True, Decimal(100), 10, ago(1)) if status is OrderStatus.OPEN else None
    return replace(RestingOrder(attempt, (Decimal(100),), seen), **changed)


def taken(times: int) -> tuple[RestingOrder, ...]:
    """Return a slice whose stop the exchange took away so often; its numbers count all slices of its leg."""
    ended = order(OrderStatus.CANCELLED, ended=Ended.SELF_TRADE, ended_at=ago(60))
    return (ended,) * times


def held(*orders: RestingOrder, **changed: Any) -> ProtectedExit:
    words: dict[str, Any] = {
        "slices": (orders,) if orders else (),
        "account": 10,
        "stop": PRICES,
        "since": NOW,
    }
    return ProtectedExit(bought=10, **({"aim": Aim.PROTECT} | words | changed))


def test_what_was_filled_is_protected_at_once() -> None:
    assert next_action(held(), NOW) == Place(0, 1, 10, PRICES)


def test_a_resting_order_is_left_alone_and_looked_at_each_minute() -> None:
    assert next_action(held(order()), NOW) == Follow(ago(1) + timedelta(minutes=1))


def test_a_later_fill_gets_an_order_of_its_own() -> None:
    later = replace(held(order(), account=14), bought=14)
    assert next_action(later, NOW) == Place(1, 1, 4, PRICES)


def test_later_fills_are_gathered_while_the_entry_is_open() -> None:
    resting = order()
    young = replace(resting, attempt=replace(resting.attempt, sent_at=ago(0.2)))
    later = replace(held(young, account=14, entry_open=True), bought=14)
    assert bar(later, NOW) == Wait(Bar.FILLING, ago(-0.3))


def test_an_order_above_the_freeze_quantity_rests_in_slices() -> None:
    assert next_action(held(most=6), NOW) == Place(0, 1, 6, PRICES)


def test_a_raised_stop_moves_the_order_and_a_hair_does_not() -> None:
    resting = order()
    assert next_action(held(resting, stop=HIGHER), NOW) == Modify(resting, 1, HIGHER)
    hair = replace(PRICES, trigger=Decimal("100.20"))
    assert isinstance(next_action(held(resting, stop=hair), NOW), Follow)


@pytest.mark.parametrize(("asked", "action"), [(19, Modify), (20, Follow)])
def test_the_last_changes_are_kept_for_the_exit(asked: int, action: type) -> None:
    moved = order(change=Change(asked, Decimal(100), ago(9)))
    assert isinstance(next_action(held(moved, stop=HIGHER), NOW), action)
    assert isinstance(next_action(held(moved, aim=Aim.SELL), NOW), ToMarket)


def test_the_exit_is_the_resting_order() -> None:
    resting = order()
    assert next_action(held(resting, aim=Aim.SELL), NOW) == ToMarket(resting, 1)


def test_a_change_that_the_book_does_not_show_is_asked_for_again_and_then_cancelled() -> None:
    asked = order(change=Change(1, None, ago(0.3)), market_tries=1)
    early = replace(asked, seen=Seen(OrderKind.SL, True, Decimal(100), 10, ago(0.1)))
    assert isinstance(next_action(held(early, aim=Aim.SELL), NOW), Follow)
    lost = replace(asked, change=Change(1, None, ago(3)))
    assert next_action(held(lost, aim=Aim.SELL), NOW) == ToMarket(lost, 2)
    often = replace(lost, market_tries=3)
    assert next_action(held(often, aim=Aim.SELL), NOW) == Cancel(often)


def test_a_refused_change_is_asked_for_again_once_the_book_was_read() -> None:
    refused = order(change=Change(1, None, ago(0.3), refused=True), market_tries=1)
    read = replace(refused, seen=Seen(OrderKind.SL, True, Decimal(100), 10, ago(0.1)))
    assert next_action(held(read, aim=Aim.SELL), NOW) == ToMarket(read, 2)


@pytest.mark.parametrize(
    ("acting", "since", "action"),
    [("100", 0.2, Follow), ("100", 0.3, ToMarket), ("100.05", 0.0, ToMarket), (None, 0.0, ToMarket)],
)
def test_the_exchange_is_first_for_300_ms_where_its_trigger_was_reached(
    acting: str | None, since: float, action: type
) -> None:
    price = None if acting is None else Decimal(acting)
    selling = held(order(), aim=Aim.SELL, acting=price, since=ago(since))
    assert isinstance(next_action(selling, NOW), action)


def test_a_new_sale_waits_for_the_proof_that_the_order_cannot_trade() -> None:
    asked = order(cancel_asked_at=ago(0.5), filled=4)
    assert isinstance(next_action(held(asked, aim=Aim.SELL, account=6), NOW), Follow)
    gone = order(OrderStatus.CANCELLED, filled=4, ended=Ended.ASKED)
    assert next_action(held(gone, aim=Aim.SELL, account=6), NOW) == SellRest(0, 2, 6)


def test_a_smaller_account_cancels_before_anything_else() -> None:
    resting = order()
    assert next_action(held(resting, account=6, stop=HIGHER), NOW) == Cancel(resting)
    assert next_action(held(resting, account=6, aim=Aim.SELL), NOW) == Cancel(resting)


def test_a_sale_reads_an_account_that_was_not_read_and_does_not_wait_for_ever() -> None:
    unread = held(order(), aim=Aim.SELL, account=None)
    assert next_action(unread, NOW) == Read()
    assert isinstance(next_action(replace(unread, patient=False), NOW), ToMarket)


def test_shares_that_are_kept_lose_their_stop_first() -> None:
    resting = order()
    assert next_action(held(resting, aim=Aim.RELEASE), NOW) == Cancel(resting)
    gone = order(OrderStatus.CANCELLED, ended=Ended.ASKED)
    assert next_action(held(gone, aim=Aim.RELEASE), NOW) == Done(0, 10)


def test_a_stop_that_the_exchange_has_filled_is_the_end() -> None:
    filled = order(OrderStatus.COMPLETE, filled=10)
    assert next_action(held(filled, account=0), NOW) == Done(10, 0)


@pytest.mark.parametrize(
    ("ended", "why", "at"),
    [
        (Ended.HAND, Bar.HAND, None),
        (Ended.SWEPT, Bar.SWEPT, None),
        (Ended.OUT_OF_RANGE, Bar.PAUSE, ago(-4)),
        (Ended.SELF_TRADE, Bar.PAUSE, ago(-4)),
    ],
)
def test_the_servers_stop_is_alone_where_the_exchanges_was_taken_away(
    ended: Ended, why: Bar, at: datetime | None
) -> None:
    taken = held(order(OrderStatus.CANCELLED, ended=ended, ended_at=ago(1)))
    assert next_action(taken, NOW) == Wait(why, at)
    assert state_of(taken.slices[0], NOW, taken.horizons) is State.TAKEN
    assert next_action(replace(taken, aim=Aim.SELL), NOW) == SellRest(0, 2, 10), "its sale waits for nothing"


def test_a_stop_that_the_user_wants_again_is_placed_again() -> None:
    taken = held(order(OrderStatus.CANCELLED, ended=Ended.HAND, ended_at=ago(1)), asked_again=True)
    assert next_action(taken, NOW) == Place(0, 2, 10, PRICES)


def test_a_stop_is_placed_six_times_at_the_most() -> None:
    assert next_action(held(slices=(taken(6),)), NOW) == Wait(Bar.TOO_OFTEN)
    assert next_action(held(slices=(taken(5),)), NOW) == Place(0, 6, 10, PRICES)


def test_without_the_store_an_order_is_sold_and_none_is_placed() -> None:
    assert isinstance(next_action(held(order(), aim=Aim.SELL, may_write=False), NOW), ToMarket)
    assert next_action(held(aim=Aim.SELL, may_write=False), NOW) == Wait(Bar.STORE)
    assert next_action(held(may_write=False), NOW) == Wait(Bar.STORE)


def test_without_the_broker_it_waits_until_the_day_is_over() -> None:
    away = held(order(), aim=Aim.SELL, reachable=False)
    assert next_action(away, NOW) == Wait(Bar.BROKER)
    assert next_action(replace(away, over=True), NOW) == Done(0, 10)


@pytest.mark.parametrize(
    ("message", "asked", "swept", "ended"),
    [
        ("17070 : The Price is out of the current execution range", False, False, Ended.OUT_OF_RANGE),
        ("Order cancelled by the exchange: self trade prevention.", True, False, Ended.SELF_TRADE),
        ("", True, False, Ended.ASKED),
        ("", False, True, Ended.SWEPT),
        ("", False, False, Ended.HAND),
        ("Some other words", False, False, Ended.OTHER),
    ],
)
def test_why_an_order_was_cancelled(message: str, asked: bool, swept: bool, ended: Ended) -> None:
    assert why_ended(message, asked, swept) is ended


def test_a_stop_lies_at_the_exchange_once_the_book_shows_all_of_it_waiting() -> None:
    assert protection(held(order()), NOW) is None
    assert protection(held(replace(order(), seen=None)), NOW) is Bar.PLACING
    assert protection(replace(held(order(), account=14), bought=14), NOW) is Bar.PLACING
    assert protection(held(stop=None), NOW) is Bar.PRICE
    assert protection(held(reachable=False), NOW) is Bar.BROKER
    by_hand = order(OrderStatus.CANCELLED, ended=Ended.HAND, ended_at=ago(1))
    assert protection(held(by_hand), NOW) is Bar.HAND
    assert protection(held(slices=(taken(6),)), NOW) is Bar.TOO_OFTEN


@pytest.mark.parametrize(
    ("order_type", "trigger", "waiting", "kind"),
    [
        ("SL", "100", True, OrderKind.SL),
        ("SL-M", "100", True, OrderKind.SL_M),
        ("LIMIT", None, False, OrderKind.LIMIT),
        ("", "100", True, OrderKind.SL),
        ("ODD", None, False, OrderKind.LIMIT),
    ],
)
def test_a_row_of_the_book_is_seen_as_what_can_trade(
    order_type: str, trigger: str | None, waiting: bool, kind: OrderKind
) -> None:
    level = None if trigger is None else Decimal(trigger)
    row = BrokerOrder(
        *("1", frozenset({"TAG"}), "NSE", "TCS", "MIS", Side.SELL, 10, 0, None, OrderStatus.OPEN),
        order_type=order_type,
        trigger=level,
        waiting=waiting,
    )
    seen = seen_in(row, NOW)
    assert seen == Seen(kind, waiting, level, 10, NOW)
    assert seen.at_market is (kind is OrderKind.LIMIT)

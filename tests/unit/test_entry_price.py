"""At what price a LIMIT entry is sent, and what a chase changes it to: worked examples, and every path."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import product
from uuid import UUID

import pytest

from domain.entry_price import BEFORE_SALE, MOVES, UNSHOWN, first_limit, may_move, next_price, rests_until
from domain.order import Attempt, BrokerOrder, Leg, LegKey, Limit, Move, OrderStatus, Side
from domain.terms import Distance, Entry, EntryKind, Unit

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
KEY = LegKey(UUID(int=1), UUID(int=2), date(2026, 11, 23), 1, Leg.ENTRY)
POINTS, PERCENT = Unit.POINTS, Unit.PERCENT


def chase(buffer: str = "1", most: str = "5", unit: Unit = POINTS, seconds: int = 60) -> Entry:
    distances = Distance(Decimal(buffer), unit), Distance(Decimal(most), unit)
    return Entry(EntryKind.CHASE, None, *distances, seconds)


def limit(price: str) -> Entry:
    return Entry(EntryKind.LIMIT, Decimal(price))


@pytest.mark.parametrize(
    ("entry", "last", "tick", "price", "ceiling"),
    [
        (limit("99.95"), "101", "0.05", "99.95", "99.95"),
        (chase("1", "5"), "100", "0.05", "101", "105"),
        (chase("0.5", "2", PERCENT), "101.35", "0.05", "101.85", "103.35"),  # 101.85675, 103.377: down
        (chase("0.5", "2", PERCENT), "101.35", "0.01", "101.85", "103.37"),
        (chase("0.5", "2", PERCENT), "24013", "5", "24130", "24490"),
        (chase("5", "5"), "100", "0.05", "105", "105"),
        (chase("0.01", "0.02"), "0.05", "0.01", "0.06", "0.07"),
    ],
)
def test_it_is_sent_at_its_limit_down_to_the_tick(
    entry: Entry, last: str, tick: str, price: str, ceiling: str
) -> None:
    assert first_limit(entry, Decimal(last), Decimal(tick)) == Limit(Decimal(price), Decimal(ceiling))


def attempt(price: str = "101", ceiling: str = "105", move: Move | None = None) -> Attempt:
    sent = Attempt(UUID(int=3), KEY, 1, KEY.tag(1), OrderStatus.OPEN, quantity=10, sent_at=NOW)
    return replace(sent, limit=Limit(Decimal(price), Decimal(ceiling)), move=move)


def row(price: str | None) -> BrokerOrder:
    tags = frozenset({KEY.tag(1)})
    shown = BrokerOrder("1", tags, "NSE", "TCS", "CNC", Side.BUY, 10, 0, None, OrderStatus.OPEN)
    return replace(shown, order_type="LIMIT", price=None if price is None else Decimal(price))


def moved(number: int, price: str, seconds_ago: float) -> Move:
    return Move(number, Decimal(price), NOW - timedelta(seconds=seconds_ago))


@pytest.mark.parametrize(
    ("rests_at", "move", "may"),
    [
        ("101", None, True),
        ("105", None, False),  # at its ceiling
        (None, None, False),  # its price cannot be read
        ("103", moved(1, "103", 1), True),  # shown
        ("103", moved(1, "103", 0.5), False),  # shown, and just now
        ("101", moved(1, "103", 1), False),  # asked, and not shown yet
        ("101", moved(1, "103", UNSHOWN.total_seconds()), True),
        ("103", moved(MOVES, "103", 60), False),  # the last one
    ],
)
def test_a_change_is_asked_for_once_the_last_one_is_shown_or_overdue(
    rests_at: str | None, move: Move | None, may: bool
) -> None:
    assert may_move(chase(), attempt(move=move), row(rests_at), NOW) is may


def test_a_limit_is_never_changed() -> None:
    assert not may_move(limit("101"), attempt("101", "101"), row("101"), NOW)


@pytest.mark.parametrize(
    ("last", "asked"),
    [("100", None), ("99", None), ("100.05", "101.05"), ("103", "104"), ("104.5", "105"), ("110", "105")],
)
def test_it_follows_the_price_up_to_its_ceiling_and_never_down(last: str, asked: str | None) -> None:
    found = next_price(chase(), attempt(), row("101"), Decimal(last), Decimal("0.05"))
    assert found == (None if asked is None else Decimal(asked))


def test_it_rests_for_its_seconds_from_when_it_was_sent_and_never_over_its_sale() -> None:
    assert rests_until(chase(seconds=90), NOW, None) == NOW + timedelta(seconds=90)
    sell_at = NOW + timedelta(seconds=60)
    assert rests_until(chase(seconds=90), NOW, sell_at) == sell_at - BEFORE_SALE


OUTCOMES = ("done", "shown late", "lost", "refused")


@pytest.mark.parametrize("steps", [4])
def test_on_every_path_there_is_one_order_below_its_ceiling_with_few_changes(steps: int) -> None:
    """Walk every path of prices and of answers: 4 steps of 4 prices and 4 outcomes."""
    entry, tick = chase("1", "3"), Decimal("0.05")
    first = Decimal(100)
    for path in product(product(("-2", "0.5", "1", "4"), OUTCOMES), repeat=steps):
        sent = first_limit(entry, first, tick)
        assert sent is not None
        order, rests, now, pending, last = attempt(), sent.price, NOW, None, first
        order = replace(order, limit=sent)
        for by, outcome in path:
            last, now = last + Decimal(by), now + timedelta(seconds=1)
            rests, pending = (pending, None) if pending is not None else (rests, None)
            assert rests <= sent.ceiling
            if rests >= last or not may_move(entry, order, row(str(rests)), now):
                continue
            wanted = next_price(entry, order, row(str(rests)), last, tick)
            if wanted is None:
                continue
            assert rests < wanted <= sent.ceiling == first + 3
            order = replace(order, move=Move((order.move.number if order.move else 0) + 1, wanted, now))
            rests, pending = (wanted, None) if outcome == "done" else (rests, pending)
            pending = wanted if outcome == "shown late" else None
        assert order.move is None or order.move.number <= MOVES

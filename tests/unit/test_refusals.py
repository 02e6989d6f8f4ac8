"""Refused sales: what lifts them, how often they are tried again, and what their user reads."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from adapters.kite.refusal_texts import kind_of
from domain.exit_obstacle import Obstacle, blocking, obstacle
from domain.order import Attempt, BrokerOrder, Leg, LegKey, OrderStatus, OrderTerms, Side
from domain.refusal import LAST_PAUSE, PAUSES, RULES, SELDOM, LiftedBy, Refusal, pause_after
from domain.strategy import Product

KEY = LegKey(UUID(int=1), UUID(int=2), date(2026, 11, 23), 1, Leg.EXIT)
TERMS = OrderTerms("NSE", "TCS", Product.CNC)
NOON = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
DAY = timedelta(hours=6, minutes=15)
AUTHORISATION = "10 quantity needs authorisation at depository."
PENDING = "Insufficient stock holding or there are pending sell orders for this stock. Check the orderbook"


def refused(number: int, refusal: Refusal | None, ago: float = 0, **changes: object) -> Attempt:
    attempt = Attempt(
        UUID(int=100 + number),
        KEY,
        number,
        KEY.tag(number),
        OrderStatus.REJECTED,
        quantity=10,
        sent_at=NOON - timedelta(seconds=ago),
        message=AUTHORISATION,
        refusal=refusal,
    )
    return replace(attempt, **changes)  # type: ignore[arg-type]


def a_sale(order_id: str = "2511", **changes: object) -> BrokerOrder:
    row = BrokerOrder(
        order_id,
        frozenset(),
        "NSE",
        "TCS",
        "CNC",
        Side.SELL,
        4,
        0,
        None,
        OrderStatus.OPEN,
        order_type="LIMIT",
        price=Decimal(3600),
    )
    return replace(row, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "words", "kind"),
    [
        (428, "Anything at all", Refusal.AUTHORISE),
        (400, AUTHORISATION, Refusal.AUTHORISE),
        (400, PENDING, Refusal.PENDING_SALE),
        (None, "RMS:Rule: Check holdings including BTST", Refusal.TRADE_TO_TRADE),
        (None, "RMS:Margin Exceeds, Required:100, Available:3", Refusal.FUNDS),
        (400, "Insufficient funds. Required margin is 95417.84 but available margin is 7.80.", Refusal.FUNDS),
        (403, "IP (1.2.3.4) is not allowed to place orders for this app.", Refusal.ADDRESS),
        (403, "No IPs configured for this app. Add allowed IPs on the console.", Refusal.ADDRESS),
        (403, "The user is not enabled for the app.", Refusal.SEGMENT),
        (403, "Insufficient permission for that call.", Refusal.SEGMENT),
        (400, "The client account is blocked for trading.", Refusal.SEGMENT),
        (400, "Trade-to-trade shares cannot be sold before delivery.", Refusal.TRADE_TO_TRADE),
        (400, "MIS (intraday) are blocked as the markets are not open for trading today.", Refusal.BLOCKED),
        (400, "The scrip is in the ban period.", Refusal.BLOCKED),
        (400, "Markets are closed right now. Use GTT or place an AMO.", Refusal.CLOSED),
        (400, "Tick size for this script is 0.05.", Refusal.UNKNOWN),
        (400, "", Refusal.UNKNOWN),
    ],
)
def test_a_refusal_is_known_by_its_words(status: int | None, words: str, kind: Refusal) -> None:
    assert kind_of(status, words) is kind


def test_every_kind_of_refusal_has_a_rule_and_what_a_person_lifts_has_advice() -> None:
    assert set(RULES) == set(Refusal)
    for rule in RULES.values():
        assert bool(rule.advice) == (rule.lifted_by is not LiftedBy.ITSELF)


@pytest.mark.parametrize("refusal", Refusal)
def test_a_day_of_refusals_is_a_few_hundred_orders_at_the_most(refusal: Refusal) -> None:
    if refusal is Refusal.LOGIN:
        return  # each try needs another login
    passed, tries = timedelta(0), 0
    while passed < DAY:
        tries += 1
        passed += pause_after(refusal, tries)
    assert tries <= (26 if RULES[refusal].seldom else 400)


def test_what_passes_by_itself_is_tried_at_once_and_then_more_slowly() -> None:
    pauses = [pause_after(Refusal.UNKNOWN, tries) for tries in range(1, 40)]
    assert pauses[: len(PAUSES)] == list(PAUSES)
    assert pauses == sorted(pauses)
    assert pauses[-1] == LAST_PAUSE


@pytest.mark.parametrize("refusal", [kind for kind, rule in RULES.items() if rule.seldom])
def test_what_a_person_or_a_day_must_lift_waits_a_quarter_of_an_hour(refusal: Refusal) -> None:
    found = obstacle([refused(1, refusal, ago=90), refused(2, refusal, ago=60)], NOON, 0)
    assert found is not None
    assert found.wait == SELDOM - timedelta(seconds=60)
    assert found.is_others
    assert obstacle([refused(1, refusal, ago=SELDOM.total_seconds())], NOON, 0) is None


def test_a_blocked_share_is_believed_to_be_blocked_when_it_was_said_twice() -> None:
    assert pause_after(Refusal.BLOCKED, 1) == PAUSES[0]
    assert pause_after(Refusal.BLOCKED, 2) == SELDOM
    assert pause_after(Refusal.AUTHORISE, 1) == SELDOM


def test_a_refusal_that_was_lifted_keeps_nothing_back_and_a_newer_one_does() -> None:
    attempts = [refused(1, Refusal.AUTHORISE, ago=60), refused(2, Refusal.AUTHORISE, ago=1)]
    assert obstacle(attempts[:1], NOON, 1) is None
    newer = obstacle(attempts, NOON, 1)
    assert newer is not None
    assert newer.attempt == 2
    assert obstacle(attempts, NOON, 2) is None


@pytest.mark.parametrize(
    "last",
    [
        refused(3, None, status=OrderStatus.CANCELLED),
        refused(3, None, status=OrderStatus.NOT_PLACED),
        refused(3, None, status=OrderStatus.PLANNED, sent_at=None),
        refused(3, None, status=OrderStatus.SENT),
        refused(3, Refusal.LOGIN, status=OrderStatus.NOT_PLACED),
    ],
)
def test_only_a_refusal_keeps_the_next_try_back(last: Attempt) -> None:
    before = [refused(1, Refusal.UNKNOWN), refused(2, Refusal.UNKNOWN)]
    assert obstacle([*before, last], NOON, 0) is None


def test_shares_that_were_sold_between_two_refusals_begin_the_pauses_anew() -> None:
    many = [refused(number, Refusal.UNKNOWN) for number in range(1, 7)]
    sold = refused(7, None, status=OrderStatus.COMPLETE, filled_quantity=4)
    again = obstacle([*many, sold, refused(8, Refusal.UNKNOWN)], NOON, 0)
    assert again is not None
    assert again.wait == PAUSES[0]


def test_a_clock_that_is_behind_the_stores_makes_no_wait_longer() -> None:
    found = obstacle([refused(1, Refusal.UNKNOWN, ago=-3600)], NOON, 0)
    assert found is not None
    assert found.wait == PAUSES[0]


@pytest.mark.parametrize(
    ("row", "blocks"),
    [
        (a_sale(), True),
        (a_sale(exchange="BSE"), True),
        (a_sale(product=""), True),
        (a_sale(order_type="SL", filled_quantity=1), True),
        (a_sale(tags=frozenset({"somebodys"})), True),
        (a_sale(side=Side.BUY), False),
        (a_sale(symbol="INFY"), False),
        (a_sale(product="MIS"), False),
        (a_sale(status=OrderStatus.CANCELLED), False),
        (a_sale(filled_quantity=4, status=OrderStatus.COMPLETE), False),
        (a_sale(tags=frozenset({KEY.tag(3)})), False),
    ],
)
def test_an_open_sale_of_the_same_shares_is_in_the_way(row: BrokerOrder, blocks: bool) -> None:
    assert blocking([row], KEY, TERMS) == ((row,) if blocks else ())


def test_the_order_in_the_way_is_named_with_number_quantity_type_and_price() -> None:
    found = Obstacle(Refusal.PENDING_SALE, 1, SELDOM, PENDING, (a_sale(filled_quantity=1),))
    said = found.words("10 TCS")
    assert "your order 2511 (SELL 3 TCS, LIMIT at 3600.00)" in said
    assert PENDING.rstrip(".") in said
    assert found.is_others


def test_a_pending_sale_without_an_open_order_passes_by_itself() -> None:
    found = obstacle([refused(1, Refusal.PENDING_SALE, ago=5)], NOON, 0)
    assert found is not None
    assert found.wait == timedelta(0)
    assert not found.is_others


def test_each_order_in_the_way_and_each_reason_is_told_of_once() -> None:
    one = Obstacle(Refusal.PENDING_SALE, 1, SELDOM, blocking=(a_sale("1"), a_sale("2")))
    same = Obstacle(Refusal.PENDING_SALE, 9, SELDOM, blocking=(a_sale("2"), a_sale("1")))
    other = Obstacle(Refusal.PENDING_SALE, 9, SELDOM, blocking=(a_sale("3"),))
    assert one.name == same.name
    assert len({one.name, other.name, Obstacle(Refusal.FUNDS, 9, SELDOM).name}) == 3


def test_advice_that_the_message_gives_already_is_not_said_twice() -> None:
    advice = RULES[Refusal.AUTHORISE].advice
    said = Obstacle(Refusal.AUTHORISE, 1, SELDOM, f"{AUTHORISATION} {advice}").words("10 TCS")
    assert said.count("Portfolio, Holdings, Authorisation") == 1
    assert "every 15 minutes" in said

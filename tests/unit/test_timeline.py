"""The timeline's words, as a user reads them."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from domain import timeline
from domain.money import price_text
from domain.order import Attempt, Leg, LegKey, OrderStatus, OrderTerms, Reason
from domain.run import Release, StartRun
from domain.session import DayPlan
from domain.strategy import Outcome, Product, Strategy

DUE = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
KEY = LegKey(UUID(int=1), UUID(int=2), date(2026, 11, 23), 1, Leg.ENTRY)
TERMS = OrderTerms("NSE", "TCS", Product.CNC)
BOUGHT = Attempt(
    UUID(int=3),
    KEY,
    1,
    KEY.tag(1),
    OrderStatus.COMPLETE,
    Reason.BUY,
    quantity=10,
    filled_quantity=10,
    average_price=Decimal("3501.250000"),
    broker_order_id="2511230001",
    due_at=DUE,
    sent_at=DUE + timedelta(milliseconds=3),
)
SOLD = replace(BOUGHT, key=replace(KEY, leg=Leg.EXIT), reason=Reason.STOPLOSS)
STRATEGY = Strategy(UUID(int=1), UUID(int=2), "TCS", time(9, 30), time(15, 14), Decimal("3500.5"), 10)


def test_a_fill_says_what_was_asked_and_how_late_it_was() -> None:
    assert timeline.filled_text(BOUGHT, TERMS) == (
        "Bought 10 TCS at 3501.25 (asked 10), 3 ms after 09:30:00."
    )


def test_an_exit_says_why_when_the_stop_was_hit() -> None:
    assert timeline.filled_text(SOLD, TERMS).startswith("Stop hit: sold 10 TCS at 3501.25")
    assert timeline.filled_text(replace(SOLD, reason=None), TERMS).startswith("Sold 10 TCS")


def test_a_fill_says_no_price_and_no_time_when_they_are_unknown() -> None:
    unknown = replace(BOUGHT, average_price=None, sent_at=None, quantity=None)
    assert timeline.filled_text(unknown, TERMS) == "Bought 10 TCS."


@pytest.mark.parametrize(
    ("price", "said"),
    [("3501.250000", "3501.25"), ("3501", "3501.00"), ("0.052500", "0.0525"), ("1E+3", "1000.00")],
)
def test_a_price_has_two_decimals_and_more_where_there_are_any(price: str, said: str) -> None:
    assert price_text(Decimal(price)) == said


@pytest.mark.parametrize(
    ("milliseconds", "said"),
    [(3, "3 ms after"), (0, "0 ms after"), (-4, "4 ms before"), (1200, "1.2 s after")],
)
def test_lateness_is_said_in_its_own_unit(milliseconds: int, said: str) -> None:
    assert timeline.lateness_text(timedelta(milliseconds=milliseconds)) == said


def test_a_start_says_what_it_will_do() -> None:
    plan = DayPlan(KEY.trading_day, DUE, DUE + timedelta(hours=5, minutes=44), DUE, DUE)
    start = StartRun(KEY.strategy_id, STRATEGY, plan)
    assert timeline.started_text(start, 0) == "Started: buys Monday 23 Nov 09:30, sells 15:14, stop 3500.50."
    assert timeline.started_text(replace(start, sell_only=True), 4) == (
        "Started: sells the 4 TCS it still holds, Monday 23 Nov 15:14."
    )
    keeps = replace(start, sell_only=True, release=Release.KEEP)
    assert timeline.started_text(keeps, 4) == "Asked to keep the 4 TCS that are still held."


def test_the_end_says_what_is_left() -> None:
    assert timeline.stopped_text(Outcome.SOLD, "", 0) == "Stopped: sold at its time."
    stopped = timeline.stopped_text(Outcome.STOPPED, "stopped by the user before anything was bought", 0)
    assert stopped == "Stopped by the user before anything was bought."
    assert timeline.stopped_text(Outcome.KEPT, "kept on your word.", 4) == (
        "Stopped: kept on your word. 4 shares are still held."
    )


def test_doubt_is_never_called_a_failure() -> None:
    said = timeline.unknown_text(BOUGHT, TERMS, "timed out.")
    assert said.startswith("No clear answer to the order to buy 10 TCS (timed out).")
    assert "fail" not in said


def test_every_outcome_has_words() -> None:
    for outcome in Outcome:
        assert timeline.stopped_text(outcome, "", 0) != "Stopped: ."

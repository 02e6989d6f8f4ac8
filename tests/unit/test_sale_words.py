"""What is said of a sale that left shares: how many are sold, why, and when it is tried again."""

import asyncio
from datetime import date, timedelta
from uuid import UUID

import pytest
from temporalio.exceptions import ActivityError, ApplicationError, RetryState

from domain.exit_obstacle import Obstacle, left_words
from domain.order import Attempt, Leg, LegKey, OrderRequest, OrderStatus, OrderTerms, Reason, Side
from domain.refusal import SELDOM, Refusal
from domain.run import ExitOrder
from domain.session import span_text
from domain.strategy import Product
from execution.order_intent import HeldUp, NotPlaced
from execution.order_path import OrderPath
from tests.fakes.alerts import MemoryAlerts
from tests.fakes.broker import Answer, MemoryBroker, MemoryBrokers
from tests.fakes.clock import ElasticClock
from tests.fakes.house import MemoryCache, MemoryOrderLog
from tests.fakes.resting_stops import MemoryRestingStops
from tests.fakes.trading_days import MemoryTradingDays
from workflows.run_exit import _why

KEY = LegKey(UUID(int=1), UUID(int=2), date(2026, 11, 23), 1, Leg.EXIT)
TERMS = OrderTerms("NSE", "TCS", Product.CNC)


def attempt(number: int, status: OrderStatus, filled: int = 0, message: str = "") -> Attempt:
    return Attempt(
        UUID(int=number), KEY, number, KEY.tag(number), status, filled_quantity=filled, message=message
    )


@pytest.mark.parametrize(
    ("attempts", "words"),
    [
        ([attempt(1, OrderStatus.REJECTED, message="No stock.")], "none of 10 sold: No stock."),
        (
            [attempt(1, OrderStatus.CANCELLED, 4), attempt(2, OrderStatus.NOT_PLACED, message="Busy.")],
            "4 of 10 sold: Busy.",
        ),
        (
            [attempt(1, OrderStatus.CANCELLED, 4)],
            "4 of 10 sold: its last order was cancelled before all of it was filled",
        ),
        ([attempt(1, OrderStatus.COMPLETE, 6)], "6 of 10 sold: its last order has sold all it was for"),
        (
            [attempt(1, OrderStatus.REJECTED)],
            "none of 10 sold: the broker did not take its last order, and gave no reason",
        ),
    ],
)
def test_a_sale_that_left_shares_says_what_is_sold_and_why(attempts: list[Attempt], words: str) -> None:
    assert left_words(attempts, 10) == words


@pytest.mark.parametrize("status", OrderStatus)
def test_its_reason_is_never_empty(status: OrderStatus) -> None:
    assert not left_words([attempt(1, status)], 10).endswith((": ", ":"))


async def test_a_sale_of_which_half_is_filled_fails_with_what_is_sold() -> None:
    clock = ElasticClock()
    broker = MemoryBroker(clock)
    log, alerts = MemoryOrderLog(clock), MemoryAlerts()
    path = OrderPath.on(
        log, MemoryCache(), MemoryBrokers(broker), clock, MemoryTradingDays(), alerts, MemoryRestingStops()
    )
    await broker.place(OrderRequest(TERMS, Side.BUY, 10, "bought"), 5, 1)
    broker.script.append(Answer.HALF)
    order = ExitOrder(KEY, TERMS, 10, Reason.STOP, clock.now())
    with pytest.raises(NotPlaced, match="5 of 10 sold: its last order was cancelled"):
        await path.exits.exit(order, asyncio.Event(), "run")


def test_a_refusal_without_words_is_said_to_be_one() -> None:
    found = Obstacle(Refusal.UNKNOWN, 1, SELDOM)
    assert str(HeldUp(found)) == "the broker did not take its last order, and gave no reason"
    assert str(HeldUp(found, "4 of 10 sold: Busy.")) == "4 of 10 sold: Busy."


def failed(message: str) -> ActivityError:
    error = ActivityError(
        "failed",
        scheduled_event_id=1,
        started_event_id=2,
        identity="",
        activity_type="exit",
        activity_id="1",
        retry_state=RetryState.NON_RETRYABLE_FAILURE,
    )
    error.__cause__ = ApplicationError(message)
    return error


@pytest.mark.parametrize(
    ("message", "said"),
    [("4 of 10 sold: Busy.", " (4 of 10 sold: Busy.)"), ("still holding: ", " (still holding)"), ("", "")],
)
def test_brackets_are_never_empty(message: str, said: str) -> None:
    assert _why(failed(message)) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (4.9284, "5 s"),
        (0, "1 s"),
        (5, "5 s"),
        (60, "60 s"),
        (119.2, "2 min"),
        (300, "5 min"),
        (1190, "20 min"),
    ],
)
def test_a_pause_is_said_as_people_say_it(seconds: float, said: str) -> None:
    assert span_text(timedelta(seconds=seconds)) == said

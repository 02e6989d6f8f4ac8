"""When a strategy buys again: every combination of what must hold, and the price that is waited for."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import product
from uuid import UUID

import pytest

from domain.day import Day
from domain.reentry import Again, AwaitedPrice, RoundEnd, again_words, awaited, buys_again, until
from domain.run import StartRun
from domain.run_texts import entry_summary, phase_words
from domain.session import DayPlan
from domain.strategy import Move, Outcome
from domain.terms import After, Reenter, Terms, When
from tests.fakes.starts import a_strategy

DAY = date(2026, 11, 23)
BUY = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)  # 09:30 in India
PLAN = DayPlan(DAY, BUY, BUY + timedelta(hours=5), BUY - timedelta(minutes=15), BUY + timedelta(hours=6))
ENTRY = Decimal("3500.05")


def reenter(
    times: int = 2, after: After = After.BOTH, when: When = When.AT_ENTRY_PRICE, last: time = time(13, 0)
) -> Reenter:
    return Reenter(times, after, when, last)


def end(
    outcome: Outcome = Outcome.STOP_LOSS, price: Decimal | None = ENTRY, certain: bool = True
) -> RoundEnd:
    return RoundEnd(outcome, "sold 10 TCS", price, certain)


BEFORE = (None, Again(1, Outcome.TARGET), Again(2, Outcome.TARGET))
MOMENTS = (BUY + timedelta(hours=1), BUY + timedelta(hours=3, minutes=30), BUY + timedelta(hours=5))


@pytest.mark.parametrize("after", After)
@pytest.mark.parametrize("when", When)
def test_it_buys_again_only_where_all_of_the_table_holds(after: After, when: When) -> None:
    """Walk every outcome, price, certainty, number and moment."""
    asked = {After.STOP: {Outcome.STOP_LOSS}, After.TARGET: {Outcome.TARGET}}.get(
        after, {Outcome.STOP_LOSS, Outcome.TARGET}
    )
    terms = reenter(after=after, when=when)
    for outcome, price, certain, before, now in product(
        Outcome, (ENTRY, None), (True, False), BEFORE, MOMENTS
    ):
        found = buys_again(terms, PLAN, before, end(outcome, price, certain), now)
        number = 1 if before is None else before.number + 1
        allowed = (
            outcome in asked
            and certain
            and number <= 2
            and now == MOMENTS[0]
            and (price is not None or when is When.AT_ONCE)
        )
        assert found == (Again(number, outcome, price, "sold 10 TCS") if allowed else None)


def test_without_the_term_a_day_is_one_round() -> None:
    assert buys_again(None, PLAN, None, end(), MOMENTS[0]) is None


def test_nothing_is_bought_again_from_the_sale_on() -> None:
    assert until(reenter(last=time(13, 0)), PLAN) == BUY + timedelta(hours=3, minutes=30)
    assert until(reenter(last=time(23, 0)), PLAN) == PLAN.sell_at


@pytest.mark.parametrize(
    ("after", "last", "reached"),
    [
        (Outcome.STOP_LOSS, "3500", False),
        (Outcome.STOP_LOSS, "3500.05", True),
        (Outcome.STOP_LOSS, "3510", True),
        (Outcome.TARGET, "3510", False),
        (Outcome.TARGET, "3500.05", True),
        (Outcome.TARGET, "3400", True),
    ],
)
def test_after_a_stop_the_price_must_come_back_up_and_after_a_target_down(
    after: Outcome, last: str, reached: bool
) -> None:
    waits = awaited(reenter(), PLAN, Again(1, after, ENTRY))
    assert waits is not None
    assert waits.is_reached(Decimal(last)) is reached


def test_at_once_waits_for_no_price() -> None:
    assert awaited(reenter(when=When.AT_ONCE), PLAN, Again(1, Outcome.STOP_LOSS, ENTRY)) is None


def test_the_line_says_what_came_before_and_what_is_waited_for() -> None:
    words = again_words(reenter(), PLAN, Again(1, Outcome.STOP_LOSS, ENTRY, "sold 10 TCS at 3450.00"))
    assert words == (
        "sold 10 TCS at 3450.00. Bought again when the price is at or above 3500.05, until 13:00 "
        "(number 1 of 2)."
    )


@pytest.mark.parametrize(
    ("after", "when", "why"),
    [
        (Outcome.STOP_LOSS, When.AT_ONCE, "at once, after the stop (number 1 of 2)"),
        (Outcome.TARGET, When.AT_ONCE, "at once, after the target (number 1 of 2)"),
        (
            Outcome.STOP_LOSS,
            When.AT_ENTRY_PRICE,
            "now that the price is at or above 3500.05 (number 1 of 2)",
        ),
        (Outcome.TARGET, When.AT_ENTRY_PRICE, "now that the price is at or below 3500.05 (number 1 of 2)"),
    ],
)
def test_the_line_of_a_purchase_that_follows_a_round_says_why_it_is_made_now(
    after: Outcome, when: When, why: str
) -> None:
    terms = Terms(reenter=reenter(when=when))
    start = StartRun(UUID(int=1), replace(a_strategy(), terms=terms), PLAN)
    again = replace(start, again=Again(1, after, ENTRY, "sold 10 TCS"))
    assert said(start) == "Getting ready to buy 10 TCS at 09:30."
    assert said(again) == f"Getting ready to buy 10 TCS again, {why}."
    assert entry_summary(again) == f"buy 10 TCS again, {why}"


def said(start: StartRun) -> str:
    """Return the line of the purchase that a START is about to make."""
    day = Day(start)
    day.move(Move.BUY_DUE)
    return phase_words(day)[1]


def test_a_price_that_is_awaited_has_an_end() -> None:
    waits = awaited(reenter(), PLAN, Again(1, Outcome.TARGET, ENTRY))
    assert waits == AwaitedPrice(ENTRY, False, BUY + timedelta(hours=3, minutes=30))

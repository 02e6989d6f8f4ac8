"""Which ends of a run are a line of the books, on rows in memory."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from adapters.postgres.run_ends import write_end
from adapters.postgres.tables import StrategyRow
from adapters.postgres.unit_of_work import UnitOfWork
from domain.run import FinishRun, RunRef
from domain.strategy import Outcome, Position
from tests.fakes.starts import a_strategy

EVENING = datetime(2026, 12, 1, 12, tzinfo=UTC)
BUY_AT = datetime(2026, 12, 2, 4, tzinfo=UTC)
STRATEGY = a_strategy(UUID(int=2), UUID(int=1))


def ended(outcome: Outcome, now: datetime) -> UnitOfWork:
    """End a day that waits for its purchase on Wednesday, 09:30."""
    row = StrategyRow(
        strategy_id=STRATEGY.strategy_id,
        user_id=STRATEGY.user_id,
        symbol="TCS",
        exchange="NSE",
        product="CNC",
        trading_day=date(2026, 12, 2),
        round=1,
        buy_at=BUY_AT,
        bought_quantity=0,
        sold_quantity=0,
    )
    unit = UnitOfWork(row, now)
    ref = RunRef(STRATEGY.strategy_id, STRATEGY.user_id, "a workflow", "a run", UUID(int=3))
    write_end(unit, FinishRun(ref, STRATEGY, outcome, "because", Position.NONE))
    return unit


@pytest.mark.parametrize("outcome", [Outcome.STOPPED, Outcome.CANCELLED, Outcome.TERMINATED])
def test_a_day_that_was_ended_before_it_came_is_not_in_the_books(outcome: Outcome) -> None:
    assert ended(outcome, EVENING).ended == []
    assert [row["outcome"] for row in ended(outcome, BUY_AT + timedelta(seconds=1)).ended] == [outcome.value]


def test_a_day_that_is_skipped_shortly_before_it_buys_is_in_the_books() -> None:
    unit = ended(Outcome.SKIPPED, BUY_AT - timedelta(seconds=20))
    assert [(row["outcome"], row["trading_day"]) for row in unit.ended] == [("skipped", date(2026, 12, 2))]

"""STARTs as tests press them: a strategy's plan of one day, from now on."""

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

from domain.run import StartRun, workflow_id
from domain.session import DayPlan
from domain.strategy import Strategy


def a_strategy(user_id: UUID | None = None, strategy_id: UUID | None = None) -> Strategy:
    owner = user_id or uuid4()
    return Strategy(strategy_id or uuid4(), owner, "TCS", time(9, 30), time(15, 14), Decimal(3500), 10)


def a_start(strategy: Strategy | None = None, now: datetime | None = None) -> StartRun:
    """Return a START that buys in two hours and sells an hour later."""
    strategy, now = strategy or a_strategy(), now or datetime.now(UTC)
    buy_at = now + timedelta(hours=2)
    plan = DayPlan(now.date(), buy_at, buy_at + timedelta(hours=1), now, buy_at + timedelta(hours=2))
    return StartRun(uuid4(), strategy, plan)


def id_of(start: StartRun) -> str:
    """Return the id of the workflow that carries a START out."""
    return workflow_id(start.strategy.strategy_id, start.plan.trading_day)

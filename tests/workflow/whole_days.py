"""What the tests of a whole day ask of its run."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeAlias

from temporalio.testing import WorkflowEnvironment

from domain.order import Reason, Side
from domain.run import RunView
from tests.workflow.day import Run, TestDay, in_phase

Record: TypeAlias = Callable[[Run], Awaitable[None]]
HOUR = timedelta(hours=1)
HIT = {"price": "3399.95", "tick_at": None, "seen_at": None}


async def holding(env: WorkflowEnvironment, day: TestDay) -> Run:
    """Start a day and go on to where the shares are held."""
    run = await day.start(env, buy_in=HOUR)
    await env.sleep(HOUR + timedelta(seconds=2))
    await in_phase(run, "holding")
    return run


async def ended(run: Run, record: Record) -> RunView:
    view = await run.result()
    await record(run)
    return view


def sold_once(day: TestDay, reason: Reason) -> None:
    """One BUY, one SELL, everything sold, for this reason."""
    assert [order.side for order in day.broker.sent] == [Side.BUY, Side.SELL]
    assert day.broker.filled(Side.SELL) == day.broker.filled(Side.BUY) == 10
    exits = [row for row in day.log.rows.values() if row.key.leg == "exit"]
    assert [row.reason for row in exits] == [reason]


async def alerted(day: TestDay, kind: str) -> bool:
    return kind in {alarm.kind for alarm in day.alerts.raised}


async def finished(day: TestDay) -> bool:
    return bool(day.store.finished)

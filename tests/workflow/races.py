"""What the tests of things that happen at the same time ask of a run, and what no race may break."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TypeAlias
from uuid import UUID, uuid4

from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowFailureError
from temporalio.testing import WorkflowEnvironment

from domain.order import FINAL, OrderStatus, Side
from domain.run import RUN_VERSION, FinishRun, RunView, StartRun
from domain.session import DayPlan
from tests.workflow.day import Run, TestDay, in_phase, until
from workflows.client import TemporalOpenRuns
from workflows.strategy_run import StrategyRun

Record: TypeAlias = Callable[[Run], Awaitable[None]]
NOW = timedelta(0)
HOUR = timedelta(hours=1)
UNTIL_SELL_TIME = timedelta(hours=5)
HIT = {"price": "3399.95", "tick_at": None, "seen_at": None}
DEEPER = {"price": "3350", "tick_at": None, "seen_at": None}
WAKES_LAST = UUID(int=1000 << 90)
"""A strategy that wakes six seconds before its instants, later than any other."""


def traded(day: TestDay) -> tuple[int, int]:
    """Return shares bought and sold, after checking what no race may break."""
    bought, sold = day.broker.filled(Side.BUY), day.broker.filled(Side.SELL)
    entries = [row for row in day.broker.book if row.side is Side.BUY]
    assert len(entries) <= 1, "bought twice"
    assert sold <= bought <= (day.strategy.quantity or 0), "sold more than was bought"
    assert all(row.status in FINAL for row in day.broker.book), "an order was left open"
    tags = [order.tag for order in day.broker.sent]
    assert len(set(tags)) == len(tags), "one intent was sent twice"
    unresolved = {OrderStatus.PLANNED, OrderStatus.SENT, OrderStatus.OPEN}
    entry_rows = [row for row in day.log.rows.values() if row.key.leg == "entry"]
    assert not unresolved & {row.status for row in entry_rows}, "an entry was left unresolved"
    return bought, sold


async def holding(env: WorkflowEnvironment, day: TestDay) -> Run:
    run = await day.start(env, buy_in=NOW)
    await in_phase(run, "holding")
    return run


async def ended(day: TestDay, run: Run, record: Record | None = None) -> FinishRun:
    """Wait for the end, cancelled or not, and return what was written of it: once."""
    with suppress(WorkflowFailureError):  # a cancelled run ends as cancelled; its row says how
        await run.result()
    if record is not None:
        await record(run)
    [finish] = day.store.finished
    assert day.cache.loaded == set()
    return finish


def sent(day: TestDay, side: Side, count: int = 1) -> Callable[[], Awaitable[bool]]:
    async def there() -> bool:
        return [order.side for order in day.broker.sent].count(side) >= count

    return there


def asked_to_leave(run: Run, day: TestDay, how: str) -> Awaitable[object]:
    """Ask for the way out; an update returns a future of its answer."""
    if how == "STOPLOSS":
        return run.signal("STOPLOSS", HIT)
    if how == "cancel":
        return run.cancel()
    if how == "operator":
        assert run.result_run_id is not None
        return TemporalOpenRuns(run._client, day.task_queue).sell(run.id, run.result_run_id, by_operator=True)
    message = {"STOP": None, "exit": {"on_stop": "exit"}, "keep": {"on_stop": "keep"}}[how]
    return asyncio.ensure_future(run.execute_update("stop", message, result_type=RunView))


async def stopped_out_and_after(env: WorkflowEnvironment, run: Run, timer: datetime, first: str) -> None:
    """Signal the stop and let a timer fire; the signal first, or the timer.

    Time does not skip while a run is at work: the timer's last second is a real one.
    """
    if first == "timer":
        await until(lambda: past(env, timer))
    await run.signal("STOPLOSS", HIT)
    await until(lambda: past(env, timer))


async def past(env: WorkflowEnvironment, instant: datetime) -> bool:
    return await env.get_current_time() > instant + timedelta(seconds=0.1)


async def all_asked(run: Run, day: TestDay, ways: tuple[str, ...]) -> list["asyncio.Future[RunView]"]:
    """Ask in this order, each admitted by the server before the next; return the answers still to come."""
    answers = []
    for way in ways:
        asked = asked_to_leave(run, day, way)
        if isinstance(asked, asyncio.Future):
            answers.append(asked)
            await asyncio.sleep(0.05)  # nothing tells that the server has it before the run does
        else:
            await asked
    return answers


def press(day: TestDay, plan: DayPlan) -> StartRun:
    return StartRun(uuid4(), day.strategy, plan, version=RUN_VERSION)


async def plan_for(env: WorkflowEnvironment) -> DayPlan:
    now = await env.get_current_time()
    return DayPlan(now.date(), now, now + UNTIL_SELL_TIME, now - HOUR, now + UNTIL_SELL_TIME + HOUR)


def run_of(env: WorkflowEnvironment, day: TestDay, plan: DayPlan) -> Run:
    """Return the handle of the day's run."""
    workflow_id = f"strategy-{day.strategy.strategy_id}-{plan.trading_day}"
    return env.client.get_workflow_handle_for(StrategyRun.run, workflow_id)


async def order_is_called_off(run: Run) -> bool:
    """Tell whether the server has the run's word to cancel its order activity.

    The time-skipping server, unlike Temporal, fails a run that calls off an activity which has just ended.
    """
    events = (await run.fetch_history()).events
    return any(event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED for event in events)

"""A day that turns out closed: the run ends without an order, or sells what it holds already."""

from datetime import timedelta

from temporalio.testing import WorkflowEnvironment

from domain.errors import CalendarUnknown
from domain.order import Side
from domain.session import ClosedDay, DaySource
from domain.strategy import Outcome, Position
from tests.workflow.day import TestDay, in_phase, worker_for

HOUR = timedelta(hours=1)


async def test_nothing_is_bought_on_a_day_that_was_closed_while_its_run_slept(
    env: WorkflowEnvironment,
) -> None:
    day = TestDay()
    async with worker_for(env, day):
        run = await day.start(env, buy_in=HOUR)
        day.days.says = ClosedDay((await env.get_current_time()).date(), DaySource.EXCHANGE)
        view = await run.result()
    assert (view.outcome, view.position) == (Outcome.SKIPPED, Position.NONE)
    assert "by the exchange's own list" in view.detail
    assert day.broker.sent == []


async def test_what_is_held_is_sold_whatever_the_calendar_says_since(env: WorkflowEnvironment) -> None:
    day = TestDay()
    async with worker_for(env, day):
        run = await day.start(env, buy_in=HOUR)
        await env.sleep(HOUR + timedelta(seconds=2))
        await in_phase(run, "holding")
        day.days.says = CalendarUnknown("the override file cannot be read")
        view = await run.result()
    assert (view.outcome, view.position) == (Outcome.SOLD, Position.SOLD)
    assert [order.side for order in day.broker.sent] == [Side.BUY, Side.SELL]

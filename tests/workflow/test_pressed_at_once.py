"""START or STOP pressed twice, or one while the other is under way: one run, one end."""

import asyncio

import pytest
from temporalio.testing import WorkflowEnvironment

from domain.errors import NoSuchRun
from domain.order import Side
from domain.run import StopRequest
from domain.strategy import OnStop, Outcome
from tests.workflow.day import TestDay, in_phase, until, worker_for
from tests.workflow.races import (
    all_asked,
    plan_for,
    press,
    run_of,
    sent,
    traded,
)
from workflows.client import TemporalRuns


async def test_one_run_when_start_is_pressed_twice_at_once(env: WorkflowEnvironment) -> None:
    day, plan = TestDay(), await plan_for(env)
    runs = TemporalRuns(env.client, day.task_queue)
    async with worker_for(env, day):
        views = await asyncio.gather(*(runs.start(press(day, plan)) for _ in range(2)))
        run = run_of(env, day, plan)
        await in_phase(run, "holding")
        await all_asked(run, day, ("exit",))
        await run.result()
    assert len(day.store.activations) == 1
    assert {(view.status, view.round) for view in views} == {("running", 1)}
    assert traded(day) == (10, 10)


async def test_start_joins_the_ending_run_when_pressed_while_it_stops(env: WorkflowEnvironment) -> None:
    day, plan = TestDay(), await plan_for(env)
    day.broker.holds[Side.SELL] = asyncio.Event()
    runs = TemporalRuns(env.client, day.task_queue)
    async with worker_for(env, day):
        await runs.start(press(day, plan))
        run = run_of(env, day, plan)
        await in_phase(run, "holding")
        answers = await all_asked(run, day, ("exit",))
        await until(sent(day, Side.SELL))
        again = await runs.start(press(day, plan))
        day.broker.holds[Side.SELL].set()
        await asyncio.gather(*answers)
    assert again.phase == "exiting", "the answer says that this day is ending"
    assert len(day.store.activations) == 1
    assert traded(day) == (10, 10)
    [finish] = day.store.finished
    assert finish.outcome is Outcome.STOPPED


async def test_two_stops_are_one_when_pressed_at_once(env: WorkflowEnvironment) -> None:
    day, plan = TestDay(), await plan_for(env)
    runs = TemporalRuns(env.client, day.task_queue)
    async with worker_for(env, day):
        await runs.start(press(day, plan))
        run = run_of(env, day, plan)
        await in_phase(run, "holding")
        run_id = (await run.describe()).run_id
        stops = (StopRequest(OnStop.EXIT), StopRequest(None))
        views = await asyncio.gather(*(runs.stop(run.id, run_id, stop, 10) for stop in stops))
        with pytest.raises(NoSuchRun):
            await runs.stop(run.id, run_id, StopRequest(OnStop.KEEP), 10)
    assert {view.outcome for view in views if view} == {Outcome.STOPPED}
    assert None not in views
    assert traded(day) == (10, 10)

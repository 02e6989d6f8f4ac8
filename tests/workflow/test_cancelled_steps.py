"""A run that is cancelled at each step of its orders, of its start and of its end."""

import pytest
from temporalio.testing import WorkflowEnvironment

from domain.strategy import Outcome
from tests.fakes.broker import Answer
from tests.workflow.day import TestDay, until, worker_for
from tests.workflow.pause import paused_at
from tests.workflow.races import HIT, HOUR, NOW, Record, ended, holding, traded

BEFORE_THE_SEND = ("entry.holding", "entry.planned")
AFTER_THE_CLAIM = ("entry.claimed", "entry.sent", "entry.answered", "entry.seen", "entry.written")
EXIT_STEPS = ("exit.holding", "exit.claimed", "exit.sent", "exit.answered", "exit.seen", "exit.written")


@pytest.mark.parametrize("step", [*BEFORE_THE_SEND, *AFTER_THE_CLAIM])
async def test_cancelled_at_a_step_of_the_entry(env: WorkflowEnvironment, step: str) -> None:
    day = TestDay()
    with paused_at(step) as pause:
        async with worker_for(env, day):
            run = await day.start(env, buy_in=NOW)
            await pause.reached.wait()
            await run.cancel()
            await pause.called_off.wait()
            pause.go.set()
            finish = await ended(day, run)
    assert traded(day) == ((0, 0) if step in BEFORE_THE_SEND else (10, 10))
    assert finish.outcome is Outcome.CANCELLED


@pytest.mark.parametrize("step", EXIT_STEPS)
async def test_cancelled_at_a_step_of_the_exit(env: WorkflowEnvironment, step: str) -> None:
    day = TestDay()
    with paused_at(step) as pause:
        async with worker_for(env, day):
            run = await holding(env, day)
            await run.signal("STOPLOSS", HIT)
            await pause.reached.wait()
            await run.cancel()
            pause.go.set()
            finish = await ended(day, run)
    assert traded(day) == (10, 10)
    assert len(day.broker.sent) == 2
    assert finish.outcome is Outcome.STOP_LOSS


@pytest.mark.parametrize("step", ["finish.begun", "finish.dropped", "finish.written"])
async def test_cancelled_while_the_end_is_written(env: WorkflowEnvironment, step: str) -> None:
    day = TestDay()
    with paused_at(step) as pause:
        async with worker_for(env, day):
            run = await holding(env, day)
            await run.signal("STOPLOSS", HIT)
            await pause.reached.wait()
            await run.cancel()
            pause.go.set()
            finish = await ended(day, run)
    assert traded(day) == (10, 10)
    assert finish.outcome is Outcome.STOP_LOSS


async def test_cancelled_while_the_start_is_written(env: WorkflowEnvironment) -> None:
    day = TestDay()
    with paused_at("activate.written") as pause:
        async with worker_for(env, day):
            run = await day.start(env, buy_in=HOUR)
            await pause.reached.wait()
            await run.cancel()
            pause.go.set()
            finish = await ended(day, run)
    assert day.broker.sent == []
    assert finish.outcome is Outcome.CANCELLED


async def test_cancelled_during_an_emergency_exit_goes_on_until_it_is_sold(
    env: WorkflowEnvironment, record: Record
) -> None:
    day = TestDay()
    day.broker.script.extend([Answer.FILL, *[Answer.REFUSE] * 4])
    async with worker_for(env, day):
        run = await holding(env, day)
        await run.signal("STOPLOSS", HIT)
        await until(lambda: _alerted(day, "emergency_exit"))
        await run.cancel()
        finish = await ended(day, run, record)
    assert traded(day) == (10, 10)
    assert finish.outcome is Outcome.STOP_LOSS


async def _alerted(day: TestDay, kind: str) -> bool:
    return kind in {alarm.kind for alarm in day.alerts.raised}

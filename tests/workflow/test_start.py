"""The first step of a run writes its START down; where it cannot, it is written like everything else."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from temporalio.client import WorkflowHistory
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Replayer, WorkflowRunner

from adapters.temporal.connection import DATA_CONVERTER
from domain.errors import AnotherRun, StoreUnavailable
from domain.run import ActivateRun, Activation, RunView
from tests.workflow.day import Run, TestDay, until, worker_for
from workflows.sandbox import fast_runner, workflow_runner
from workflows.strategy_run import StrategyRun

Record = Callable[[Run], Awaitable[None]]


async def replays(run: Run) -> None:
    """A worker that takes the run over comes to the same steps, with the sandbox and without."""
    history: WorkflowHistory = await run.fetch_history()
    for runner in (workflow_runner(), fast_runner()):
        replayer = Replayer(workflows=[StrategyRun], data_converter=DATA_CONVERTER, workflow_runner=runner)
        await replayer.replay_workflow(history)


@pytest.mark.parametrize("runner", [workflow_runner, fast_runner])
async def test_start_is_written_later_where_it_cannot_be_at_once(
    env: WorkflowEnvironment, runner: Callable[[], WorkflowRunner], record: Record
) -> None:
    day = TestDay()
    write, tries = day.store.activate, 0

    async def away_at_first(request: ActivateRun) -> Activation:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise StoreUnavailable("Postgres did not answer")
        return await write(request)

    day.store.activate = away_at_first  # type: ignore[method-assign]

    async def written() -> bool:
        return tries == 3

    async with worker_for(env, day, runner()):
        run = await day.start(env, buy_in=timedelta(minutes=5))
        async with asyncio.timeout(20):
            await until(written)
            view = await run.execute_update("stop", {"on_stop": "exit"}, result_type=RunView)
        assert view.outcome == "stopped"
        await run.result()
        await record(run)
        await replays(run)


async def test_run_that_owns_nothing_stands_down_in_its_first_step(
    env: WorkflowEnvironment, record: Record
) -> None:
    day = TestDay()

    async def another(request: ActivateRun) -> Activation:
        raise AnotherRun("another run owns this strategy")

    day.store.activate = another  # type: ignore[method-assign]
    async with worker_for(env, day):
        run = await day.start(env, buy_in=timedelta(minutes=5))
        await run.result()
        await record(run)
        await replays(run)
    assert day.broker.sent == []

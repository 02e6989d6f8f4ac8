"""A run that fails in its own steps can tell nobody, so it is counted from outside, on a real Temporal."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest
from temporalio import workflow
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from adapters.temporal.connection import TemporalAddress, connect
from adapters.temporal.stuck_runs import counting_stuck_runs
from domain.errors import Unavailable

AFTER_ONE = "system.numConsecutiveWorkflowTaskProblemsToTriggerSearchAttribute=1"
"""Five, unless it is told: that is most of a minute."""


@workflow.defn
class Run:
    """Fails in its first step while `broken`: a bug, which another version mends."""

    broken = True

    @workflow.run
    async def run(self) -> None:
        if Run.broken:
            raise ValueError("a bug of ours")


async def until(count: Callable[[], Awaitable[int]], number: int) -> None:
    while await count() != number:  # noqa: ASYNC110 - the state is the server's
        await asyncio.sleep(0.1)


async def test_run_that_fails_in_its_own_steps_is_counted_until_it_goes_on(temporal_binary: str) -> None:
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=temporal_binary, dev_server_extra_args=["--dynamic-config-value", AFTER_ONE]
    ) as env:
        count, queue = counting_stuck_runs(env.client), uuid4().hex
        assert await count() == 0
        async with Worker(
            env.client, task_queue=queue, workflows=[Run], workflow_runner=UnsandboxedWorkflowRunner()
        ):
            run = await env.client.start_workflow(Run.run, id=uuid4().hex, task_queue=queue)
            await until(count, 1)
            Run.broken = False
            await run.result()
            await until(count, 0)


async def test_temporal_that_is_away_is_unknown_and_not_zero() -> None:
    client = await connect(TemporalAddress("127.0.0.1:1"), lazy=True)
    with pytest.raises(Unavailable):
        await counting_stuck_runs(client)()

"""START on a real Temporal, which answers updates of closed runs again; the test server does not."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from temporalio.testing import WorkflowEnvironment

from adapters.temporal.connection import DATA_CONVERTER
from domain.run import RunView
from tests.workflow.day import TestDay, worker_for
from tests.workflow.races import HOUR, plan_for, press, run_of
from workflows.client import SYMBOL, USER, TemporalRuns
from workflows.run_writes import PHASE


@pytest.fixture
async def temporal(temporal_binary: str) -> AsyncIterator[WorkflowEnvironment]:
    async with await WorkflowEnvironment.start_local(
        data_converter=DATA_CONVERTER,
        dev_server_existing_path=temporal_binary,
        search_attributes=[USER, SYMBOL, PHASE],
    ) as server:
        yield server


async def test_start_that_joined_an_ending_run_begins_one_when_it_is_asked_for_again(
    temporal: WorkflowEnvironment,
) -> None:
    """What an update has answered, under its id, is answered again by the closed run."""
    day, plan = TestDay(), await plan_for(temporal)
    later = replace(plan, buy_at=plan.buy_at + HOUR, sell_at=plan.sell_at + HOUR)
    runs = TemporalRuns(temporal.client, day.task_queue)
    async with worker_for(temporal, day):
        await runs.start(press(day, later))
        run = run_of(temporal, day, later)
        first, second = (await run.describe()).run_id, press(day, later)
        await runs.start(second)  # joins the first one
        await run.execute_update("stop", {"on_stop": "exit"}, result_type=RunView)
        await run.result()
        view = await runs.start(second)
        again = (await run.describe()).run_id
        await run.execute_update("stop", {"on_stop": "exit"}, result_type=RunView)
    assert (view.status, again != first) == ("running", True)
    assert [one.start.start_id for one in day.store.activations][1:] == [second.start_id]

"""A worker that is asked to end leaves in time, whatever its activities are doing."""

import asyncio
from datetime import timedelta
from uuid import uuid4

from temporalio import activity, workflow
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker
from temporalio.workflow import ActivityCancellationType

from activities.heartbeat import beating

QUEUE = "leaving"
GRACE = timedelta(seconds=1)
MUST_HAVE_LEFT = 20.0
"""Seconds; the work below would go on for an hour."""


@activity.defn
async def follow_an_order_in_doubt() -> bool:
    """Stand where an order is followed to its end: a stop is heard, and the order is still followed."""
    return await beating(_followed, GRACE)


async def _followed(halt: asyncio.Event) -> bool:
    await halt.wait()
    await asyncio.sleep(3600)
    return True


@workflow.defn(sandboxed=False)
class StoppedRun:
    """Asks its activity to halt and waits for its end, as a run does after a STOP."""

    @workflow.run
    async def run(self) -> None:
        following = workflow.start_activity(
            follow_an_order_in_doubt,
            start_to_close_timeout=timedelta(hours=1),
            heartbeat_timeout=timedelta(seconds=5),
            cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        )
        await workflow.sleep(0.5)
        following.cancel()
        await following


async def test_a_worker_leaves_an_order_that_a_stopped_run_still_follows(
    temporal_binary: str,
) -> None:
    async with await WorkflowEnvironment.start_local(dev_server_existing_path=temporal_binary) as env:
        worker = Worker(
            env.client,
            task_queue=QUEUE,
            workflows=[StoppedRun],
            activities=[follow_an_order_in_doubt],
            graceful_shutdown_timeout=GRACE,
            max_heartbeat_throttle_interval=timedelta(seconds=0.5),
        )
        async with asyncio.timeout(MUST_HAVE_LEFT + 5):
            async with worker:
                await env.client.start_workflow(StoppedRun.run, id=str(uuid4()), task_queue=QUEUE)
                await asyncio.sleep(3)
                left_at = asyncio.get_running_loop().time()
            assert asyncio.get_running_loop().time() - left_at < MUST_HAVE_LEFT

"""What never ends belongs to no version: it goes over to the current one, on a real Temporal."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import uuid4

import pytest
from temporalio import activity
from temporalio.api.workflowservice.v1 import SetWorkerDeploymentCurrentVersionRequest
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker, WorkerDeploymentConfig

from adapters.temporal.connection import DATA_CONVERTER
from domain.reconciler import Look, Reconciled
from domain.worker_version import DEPLOYMENT
from workflows.client import RECONCILER_ID, start_reconciler
from workflows.reconciler import Reconciler
from workflows.sandbox import fast_runner
from workflows.versions import carried_out, deployment

WITHIN = 20.0
"""Seconds until the next round: they come five seconds apart, and Temporal tells its queues within one."""


class Rounds:
    """Stands where a worker's rounds are made, and counts them."""

    def __init__(self) -> None:
        self.made = 0

    @activity.defn
    async def reconcile(self, look: Look | None = None) -> Reconciled:
        self.made += 1
        return Reconciled()

    async def next(self) -> None:
        before = self.made
        await until(lambda: _is(self.made > before))


async def _is(true: bool) -> bool:
    return true


async def until(what: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(WITHIN):
        while not await what():  # noqa: ASYNC110 - the state is the server's
            await asyncio.sleep(0.1)


@pytest.fixture
async def client(temporal_binary: str) -> AsyncIterator[Client]:
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=temporal_binary, data_converter=DATA_CONVERTER
    ) as env:
        yield env.client


@asynccontextmanager
async def working(
    client: Client, queue: str, config: WorkerDeploymentConfig | None, build_id: str
) -> AsyncIterator[Rounds]:
    """Let a worker of that version work meanwhile, the current one."""
    rounds = Rounds()
    async with Worker(
        client,
        task_queue=queue,
        workflows=carried_out(build_id) if config else [Reconciler],
        activities=[rounds.reconcile],
        workflow_runner=fast_runner(),
        deployment_config=config or as_before(build_id),
    ):
        await make_current(client, build_id)
        yield rounds


def as_before(build_id: str) -> WorkerDeploymentConfig:
    """Return what a worker of an older build is to Temporal."""
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(DEPLOYMENT, build_id),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.PINNED,
    )


async def make_current(client: Client, build_id: str) -> None:
    request = SetWorkerDeploymentCurrentVersionRequest(
        namespace=client.namespace, deployment_name=DEPLOYMENT, build_id=build_id
    )
    for _ in range(100):
        try:
            await client.workflow_service.set_worker_deployment_current_version(request)
        except RPCError:  # its workers have not been seen yet
            await asyncio.sleep(0.1)
        else:
            return
    raise AssertionError(f"version {build_id} was not seen")


async def test_the_reconciler_goes_over_with_the_version(client: Client) -> None:
    queue = uuid4().hex
    async with AsyncExitStack() as beside:
        async with working(client, queue, deployment("one"), "one") as old:
            await start_reconciler(client, queue)
            await old.next()
            new = await beside.enter_async_context(working(client, queue, deployment("two"), "two"))
        await new.next()


async def test_a_reconciler_that_an_older_build_has_pinned_is_let_go(client: Client) -> None:
    queue = uuid4().hex
    async with working(client, queue, None, "old") as old:
        await start_reconciler(client, queue)
        await old.next()
        run = await client.get_workflow_handle(RECONCILER_ID).describe()
    async with working(client, queue, deployment("new"), "new") as new:
        await start_reconciler(client, queue)  # as each worker does once a minute
        await new.next()
        await start_reconciler(client, queue)
        await new.next()
    after = await client.get_workflow_handle(RECONCILER_ID).describe()
    assert after.run_id == run.run_id, "it goes on where it was"


def test_a_day_stays_with_the_version_that_began_it_and_nothing_else_does() -> None:
    config = deployment("one")
    assert config is not None
    assert config.default_versioning_behavior is VersioningBehavior.AUTO_UPGRADE
    definitions = [getattr(kind, "__temporal_workflow_definition") for kind in carried_out("one")]
    pinned = {one.name for one in definitions if one.versioning_behavior is VersioningBehavior.PINNED}
    assert pinned == {"StrategyRun"}


def test_a_worker_without_a_version_names_none() -> None:
    """Temporal refuses a versioning behaviour there."""
    assert deployment("") is None
    definitions = [getattr(kind, "__temporal_workflow_definition") for kind in carried_out("")]
    assert {one.versioning_behavior for one in definitions} == {VersioningBehavior.UNSPECIFIED}

"""Versioning: a trading day stays with the version that began it; endless runs move to the newest.

Only a worker that names its version (STOPWATCH_BUILD_ID) may declare it: Temporal refuses a versioning
behaviour of a worker without one. So the pinned day is a class of its own, which such a worker registers in
place of the other; name, steps and messages are the same.
"""

from collections.abc import Sequence

from temporalio import workflow
from temporalio.api.enums.v1 import VersioningBehavior as Behavior
from temporalio.api.workflow.v1 import WorkflowExecutionVersioningInfo
from temporalio.api.workflowservice.v1 import UpdateWorkflowExecutionOptionsRequest
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import WorkerDeploymentConfig

from domain.run import RunView, StartRun
from domain.worker_version import DEPLOYMENT
from workflows.broker_login import BrokerLogin
from workflows.notifications import NotificationRun
from workflows.reconciler import Reconciler
from workflows.strategy_check import StrategyCheck
from workflows.strategy_run import StrategyRun


@workflow.defn(name="StrategyRun", versioning_behavior=VersioningBehavior.PINNED)
class PinnedStrategyRun(StrategyRun):
    """The same day, pinned to the version that began it."""

    @workflow.run
    async def run(self, start: StartRun) -> RunView:
        """Trade the day."""
        return await super().run(start)


def carried_out(build_id: str) -> Sequence[type]:
    """Return the workflows that a worker of this version registers; `build_id` is empty without versions."""
    day = PinnedStrategyRun if build_id else StrategyRun
    return [day, BrokerLogin, StrategyCheck, Reconciler, NotificationRun]


def deployment(build_id: str) -> WorkerDeploymentConfig | None:
    """Return the deployment options of a worker of this version; None without versions.

    Pinned, the reconciler and the notifications would stop with their version's last worker, silently.
    """
    if not build_id:
        return None
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(DEPLOYMENT, build_id),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.AUTO_UPGRADE,
    )


async def free_of_its_version(client: Client, workflow_id: str) -> None:
    """Move a run that is pinned, by an older worker or by an operator, to the current version."""
    found = await client.get_workflow_handle(workflow_id).describe()
    if not _is_pinned(found.raw_description.workflow_execution_info.versioning_info):
        return
    request = UpdateWorkflowExecutionOptionsRequest(namespace=client.namespace)
    request.workflow_execution.workflow_id = workflow_id
    override = request.workflow_execution_options.versioning_override
    override.auto_upgrade = True
    override.behavior = Behavior.VERSIONING_BEHAVIOR_AUTO_UPGRADE  # what servers before 1.28 read
    request.update_mask.paths.append("versioning_override")
    await client.workflow_service.update_workflow_execution_options(request)


def _is_pinned(info: WorkflowExecutionVersioningInfo) -> bool:
    override = info.versioning_override
    if override.auto_upgrade:
        return False
    return Behavior.VERSIONING_BEHAVIOR_PINNED in (override.behavior, info.behavior)

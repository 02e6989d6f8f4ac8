"""Chooses the workflow runner: a sandbox in tests and replays, none in the worker.

The sandbox imports the workflow file anew for every run: 9 ms of processor and 0.2 MB a run (measured). A
thousand runs that wake for one second cannot afford that. The tests, which replay whole days in the sandbox,
have already refused whatever it refuses.
"""

from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import SandboxImportNotificationPolicy

from workflows.unreadable_input import ReadingRunner


def fast_runner() -> ReadingRunner:
    """Return the worker's runner; it ends runs whose input cannot be read."""
    return ReadingRunner()


def workflow_runner() -> SandboxedWorkflowRunner:
    """Return a sandbox that refuses what a workflow file imports beyond its pass-through block."""
    return SandboxedWorkflowRunner(
        restrictions=SandboxRestrictions.default.with_import_notification_policy(
            SandboxImportNotificationPolicy.RAISE_ON_UNINTENTIONAL_PASSTHROUGH
            | SandboxImportNotificationPolicy.WARN_ON_DYNAMIC_IMPORT
        )
    )

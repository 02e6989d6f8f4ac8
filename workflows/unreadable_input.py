"""Ends runs whose input cannot be read: any client that reaches Temporal's port can start such runs.

The SDK reads the input before any code of the workflow runs, and fails the workflow task where it cannot: the
run would be tried again and again until it is terminated. So the runner reads it first, and has a run that it
cannot read carried out by `UnreadableRun`.

A run that has a history already never ends so: another version of the code that cannot read its input any
more comes to other steps than those in its history, and that fails the task only. It goes on once it is read.
"""

import asyncio
import dataclasses
import inspect
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.bridge.proto.workflow_activation import InitializeWorkflow, WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.converter import PayloadConverter, SerializationContext, StorageDriverStoreContext
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, WorkflowInstance, WorkflowInstanceDetails

from activities.runs import RunActivities
from domain.operator_alerts import unreadable_run_alarm
from workflows import policies
from workflows.run_failures import UNREADABLE

_PATIENCE = timedelta(seconds=30)
"""How long the alarm is tried: the run does not stay open because no alarm can be stored."""


@workflow.defn(name="Unreadable")
class UnreadableRun:
    """Raises the operator's alarm, and fails: it trades nothing, since it knows no strategy."""

    @workflow.run
    async def run(self, why: str) -> None:
        """Fail for good. Cancellation ends it at once."""
        info = workflow.info()
        try:
            await workflow.execute_activity_method(
                RunActivities.alarm,
                unreadable_run_alarm(info.workflow_type, info.workflow_id, info.run_id, why),
                schedule_to_close_timeout=_PATIENCE,
                start_to_close_timeout=policies.WRITE_TIMEOUT,
                heartbeat_timeout=policies.HEARTBEAT,
                retry_policy=policies.WRITE_RETRY,
                summary="alert: foreign_start",
            )
        except ActivityError as failed:
            workflow.logger.warning("no alarm could be raised for this run: %s", failed.cause)
        raise ApplicationError(f"{info.workflow_type}: {why}", type=UNREADABLE, non_retryable=True)


_UNREADABLE = workflow._Definition.must_from_class(UnreadableRun)


class ReadingRunner(UnsandboxedWorkflowRunner):
    """Carries workflows out without a sandbox, once their input is read."""

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """Return an instance that reads its input with its first activation."""
        return _ReadFirst(det, super().create_instance)


class _ReadFirst(WorkflowInstance):
    def __init__(
        self,
        details: WorkflowInstanceDetails,
        create: Callable[[WorkflowInstanceDetails], WorkflowInstance],
    ) -> None:
        self._details = details
        self._create = create
        self._instance = create(details)

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        for job in act.jobs:
            if job.HasField("initialize_workflow"):
                self._read(job.initialize_workflow)
        return self._instance.activate(act)

    def _read(self, init: InitializeWorkflow) -> None:
        converter = self._details.payload_converter_factory()
        why = why_unreadable(self._details.defn, init.arguments, converter)
        if why is not None:
            self._instance = asyncio.run(self._unreadable())  # the SDK makes instances within a loop
            del init.arguments[:]
            init.arguments.extend(converter.to_payloads([why]))

    async def _unreadable(self) -> WorkflowInstance:
        return self._create(dataclasses.replace(self._details, defn=_UNREADABLE))

    def get_serialization_context(self, command_info: Any) -> SerializationContext | None:
        return self._instance.get_serialization_context(command_info)

    def get_external_store_context(self, command_info: Any) -> StorageDriverStoreContext:
        return self._instance.get_external_store_context(command_info)

    def get_info(self) -> workflow.Info:
        return self._instance.get_info()

    def get_thread_id(self) -> int | None:
        return self._instance.get_thread_id()


def why_unreadable(
    definition: workflow._Definition, payloads: Sequence[Payload], converter: PayloadConverter
) -> str | None:
    """Say why a workflow cannot be begun with these payloads; None where it can."""
    least, most = _inputs(definition.run_fn)
    if not least <= len(payloads) <= most:
        return f"it was started with {len(payloads)} inputs, and takes {most}"
    kinds = (definition.arg_types or [])[: len(payloads)]
    try:
        read = converter.from_payloads(payloads, kinds)
    except Exception as unread:  # whatever a converter raises for what strangers send
        kind = unread.type if isinstance(unread, ApplicationError) else None
        return f"its input cannot be read ({kind or type(unread).__name__})"
    if not all(map(isinstance, read, kinds)):
        return "its input is none of its workflow's"
    return None


def _inputs(run: Callable[..., object]) -> tuple[int, int]:
    """Return how many inputs a workflow needs, and how many it takes."""
    own = list(inspect.signature(run).parameters.values())[1:]
    return sum(each.default is inspect.Parameter.empty for each in own), len(own)

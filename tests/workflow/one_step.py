"""Several events in one workflow task: what a busy server does to a run, made to happen."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails, WorkflowRunner
from temporalio.workflow import Info

from tests.workflow.day import Run
from workflows.sandbox import workflow_runner


class SlowSteps(WorkflowRunner):
    """The product's runner, whose runs can be held inside a step: what comes meanwhile waits for the next.

    For less than two seconds: then the SDK takes it for a deadlock.
    """

    def __init__(self) -> None:
        self._runner = workflow_runner()
        self.go = threading.Event()
        self.go.set()
        self.waiting = threading.Event()

    def prepare_workflow(self, defn: Any) -> None:
        self._runner.prepare_workflow(defn)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        return _SlowInstance(self._runner.create_instance(det), self)

    def set_worker_level_failure_exception_types(self, types: Any) -> None:
        self._runner.set_worker_level_failure_exception_types(types)

    @asynccontextmanager
    async def one_step(self, run: Run) -> AsyncIterator[None]:
        """Have the run hear of everything that comes meanwhile in one workflow task, in this order."""
        self.waiting.clear()
        self.go.clear()
        try:
            await run.signal("STOPLOSS", "a message that means nothing, to begin a step")
            while not self.waiting.is_set():  # noqa: ASYNC110 - another thread sets it
                await asyncio.sleep(0.01)
            yield
        finally:
            self.go.set()


class _SlowInstance(WorkflowInstance):
    def __init__(self, instance: WorkflowInstance, steps: SlowSteps) -> None:
        self._instance = instance
        self._steps = steps

    def activate(self, act: Any) -> Any:
        if not self._steps.go.is_set():
            self._steps.waiting.set()
            self._steps.go.wait()
        return self._instance.activate(act)

    def get_serialization_context(self, command_info: Any) -> Any:
        return self._instance.get_serialization_context(command_info)

    def get_external_store_context(self, command_info: Any) -> Any:
        return self._instance.get_external_store_context(command_info)

    def get_info(self) -> Info:
        return self._instance.get_info()
